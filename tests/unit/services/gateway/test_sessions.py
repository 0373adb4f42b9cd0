"""Sessions at consoles and displays: tickets, whose they are, how they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from conduit.console.words import End
from conduit.errors import CallError
from conduit.services.gateway.access import Access, Grant
from conduit.services.gateway.sessions import (
    IDLE_LIFE,
    MAX_PER_CUSTOMER,
    TICKET_LIFE,
    Face,
    Session,
    Sessions,
)
from conduit.services.permissions import OWNER, Permission
from conduit.services.secret import Secret
from conduit.services.tokens import SESSION_LIFE, ServerClaims, ServerContext
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import Clock


def grant(
    customer: str = "c1", server: str = "db-01", permissions: frozenset[Permission] = OWNER, token_id: str = "t1"
) -> Grant:
    claims = ServerClaims(
        customer_id=customer,
        email="a@b.c",
        server_id=server,
        permissions=permissions,
        context="",
        token_id=token_id,
        issued_at=0.0,
        expires_at=0.0,
    )
    return Grant(claims, ServerContext(server_id=server, agent_id="a1", datacenter_id="dc1"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(Access(clock), clock)


def create(
    sessions: Sessions, who: Grant | None = None, *, read_only: bool = False, face: Face = Face.CONSOLE
) -> tuple[Session, Secret]:
    return sessions.create(who or grant(), "db-01", read_only=read_only, face=face)


def test_a_ticket_opens_its_session_once(sessions: Sessions) -> None:
    session, ticket = create(sessions)
    assert sessions.redeem(ticket, session.id) is session
    with pytest.raises(CallError, match="used up"):
        sessions.redeem(ticket, session.id)


def test_a_ticket_is_good_for_thirty_seconds_and_for_its_session_only(sessions: Sessions, clock: Clock) -> None:
    session, ticket = create(sessions)
    other, _ = create(sessions)
    late = sessions.ticket(session)
    for bad, target in ((ticket, other.id), (Secret("made up"), session.id), (Secret(""), session.id)):
        with pytest.raises(CallError):
            sessions.redeem(bad, target)
    clock.now += TICKET_LIFE + 1
    with pytest.raises(CallError):
        sessions.redeem(late, session.id)


@pytest.mark.parametrize(
    ("allows", "read_only", "allowed"),
    [
        ({"read", "write"}, False, True),
        ({"read"}, True, True),
        ({"read"}, False, False),
        ({"write"}, True, False),
        (set(), True, False),
    ],
)
@pytest.mark.parametrize(("face", "noun"), [(Face.CONSOLE, "console"), (Face.DISPLAY, "vnc")])
def test_who_types_may_write_and_who_looks_may_read(
    sessions: Sessions, face: Face, noun: str, allows: set[str], *, read_only: bool, allowed: bool
) -> None:
    own = {Permission(f"{noun}:{each}") for each in ("read", "write")}
    others = frozenset(Permission) - own  # which do not help

    def call() -> object:
        permissions = others | {Permission(f"{noun}:{each}") for each in allows}
        return create(sessions, grant(permissions=permissions), read_only=read_only, face=face)

    if allowed:
        call()
        return
    with pytest.raises(CallError) as refused:
        call()
    assert refused.value.code == Code.PERMISSION_DENIED


@pytest.mark.parametrize("face", Face)
def test_a_session_has_one_face(sessions: Sessions, face: Face) -> None:
    session, ticket = create(sessions, face=face)
    elsewhere = next(each for each in Face if each is not face)
    with pytest.raises(CallError) as hidden:
        sessions.find(grant(), session.id, elsewhere)
    with pytest.raises(CallError):
        sessions.close(grant(), session.id, elsewhere)
    with pytest.raises(CallError, match=f"open the {elsewhere} again") as refused:
        sessions.redeem(ticket, session.id, elsewhere)
    assert (hidden.value.code, refused.value.code) == (Code.NOT_FOUND, Code.UNAUTHENTICATED)
    assert sessions.find(grant(), session.id, face) is session


def test_sessions_of_both_faces_count_as_one_customers(sessions: Sessions) -> None:
    for number in range(MAX_PER_CUSTOMER):
        create(sessions, face=Face.DISPLAY if number % 2 else Face.CONSOLE)
    for face in Face:
        with pytest.raises(CallError) as refused:
            create(sessions, face=face)
        assert refused.value.code == Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("other", [grant(customer="c2"), grant(server="db-02")], ids=["customer", "server"])
def test_somebody_elses_session_does_not_exist(sessions: Sessions, other: Grant) -> None:
    session, _ = create(sessions)
    with pytest.raises(CallError) as refused:
        sessions.close(other, session.id)
    assert refused.value.code == Code.NOT_FOUND
    assert sessions.find(grant(), session.id) is session


async def ended(sessions: Sessions, end: Callable[[Session], object]) -> End:
    """Why a live stream ends."""
    session, _ = create(sessions)
    with sessions.viewing(session) as scope:
        end(session)
        await trio.lowlevel.checkpoint()
        await trio.sleep(1)
    assert scope.cancelled_caught
    assert session.viewers == 0
    with pytest.raises(CallError):
        sessions.find(grant(), session.id)
    return session.ended_because


async def test_closing_a_session_ends_its_live_streams(sessions: Sessions, autojump_clock: object) -> None:
    assert await ended(sessions, lambda session: sessions.close(grant(), session.id)) is End.CLOSED


async def test_a_session_expires_though_somebody_looks(
    sessions: Sessions, clock: Clock, autojump_clock: object
) -> None:
    def expire(session: Session) -> None:
        clock.now += SESSION_LIFE + 1
        sessions.sweep()

    assert await ended(sessions, expire) is End.EXPIRED


async def test_a_session_that_nobody_looks_at_is_ended(sessions: Sessions, clock: Clock) -> None:
    session, _ = create(sessions)
    with sessions.viewing(session):
        clock.now += IDLE_LIFE + 1
        sessions.sweep()
        assert sessions.find(grant(), session.id) is session
    clock.now += IDLE_LIFE + 1
    sessions.sweep()
    with pytest.raises(CallError):
        sessions.find(grant(), session.id)


def test_nobody_opens_sessions_without_end(sessions: Sessions) -> None:
    for _ in range(MAX_PER_CUSTOMER):
        create(sessions)
    with pytest.raises(CallError) as refused:
        create(sessions)
    assert refused.value.code == Code.RESOURCE_EXHAUSTED
    create(sessions, grant(customer="c2"))


async def test_a_session_that_was_left_makes_room_for_a_new_one(sessions: Sessions, clock: Clock) -> None:
    first, *others = [create(sessions)[0] for _ in range(MAX_PER_CUSTOMER)]
    for session in (others[7], first):
        clock.now += 1
        with sessions.viewing(session):
            pass
    newest, _ = create(sessions)
    assert sessions.find(grant(), first.id) is first
    with pytest.raises(CallError, match="no such session"):
        sessions.find(grant(), others[7].id)
    assert sessions.find(grant(), newest.id) is newest


def test_a_session_whose_ticket_was_not_used_in_time_makes_room(sessions: Sessions, clock: Clock) -> None:
    first, *_ = [create(sessions)[0] for _ in range(MAX_PER_CUSTOMER)]
    clock.now += TICKET_LIFE + 1
    create(sessions)
    with pytest.raises(CallError, match="no such session"):
        sessions.find(grant(), first.id)


@pytest.mark.parametrize(("face", "noun"), [(Face.CONSOLE, "console"), (Face.DISPLAY, "vnc")])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_colleagues_session_is_used_and_closed_with_ones_own_rights(
    sessions: Sessions, face: Face, noun: str, *, read_only: bool
) -> None:
    session, _ = create(sessions, face=face, read_only=read_only)
    watcher = grant(permissions=frozenset({Permission(f"{noun}:read")}))
    assert sessions.find(watcher, session.id, face) is session
    if read_only:
        assert sessions.find_to_use(watcher, session.id, face) is session
        sessions.close(watcher, session.id, face)
        return
    for use in (sessions.find_to_use, sessions.close):
        with pytest.raises(CallError) as refused:
            use(watcher, session.id, face)
        assert refused.value.code == Code.PERMISSION_DENIED
    assert sessions.find_to_use(grant(), session.id, face) is session
