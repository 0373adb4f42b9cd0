"""The console's side of RAKP: every message in every state, every lie, every dialect and the hint that names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conduit.errors import AuthenticationError, ConduitError, NegotiationError, SessionRefused
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.packets import decode_plus_packet, encode_plus_packet
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_client import HINTS, TRANSITIONS, UNSUPPORTED_SUITE, Established, RakpClient, State
from conduit.rmcp.rakp_messages import (
    REPLIES,
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
    Reply,
    Request,
    Status,
    status_name,
)
from conduit.rmcp.workarounds import Workaround
from tests.fakes import reference
from tests.fakes.entropy import CountedEntropy
from tests.fakes.scripted_bmc import GUID, Script, ScriptedBmc

CONSOLE_ID = 0x0A0B0C0D
ADMIN = Credentials(username=b"admin", password=b"secret")
ALL = tuple(range(20))
STATES = {State.OPENING: 0, State.AWAIT_RAKP2: 1, State.AWAIT_RAKP4: 2, State.ACTIVE: 3}
KINDS: tuple[type[Reply], ...] = (OpenSessionResponse, Rakp2, Rakp4)


class Duel:
    """A client and a BMC, message by message."""

    def __init__(self, suite: int = 3, credentials: Credentials = ADMIN, **script: Any) -> None:
        self.bmc = ScriptedBmc(Script(suites=ALL, **script))
        self.client = RakpClient(credentials, suite, console_id=CONSOLE_ID, entropy=CountedEntropy())
        self.request: Request = self.client.start()

    def reply(self) -> Reply:
        (datagram,) = self.bmc.receive(encode_plus_packet(self.request.payload_type, self.request.encode()))
        packet = decode_plus_packet(datagram)
        return REPLIES[packet.payload_type].decode(packet.payload)

    def step(self) -> Established | None:
        answer = self.client.receive(self.reply())
        if isinstance(answer, Established):
            return answer
        assert answer is not None
        self.request = answer
        return None

    def steps(self, count: int) -> Established | None:
        done = None
        for _ in range(count):
            done = self.step()
        return done

    def finish(self) -> Established:
        done = self.steps(3)
        assert done is not None
        return done


def sampled(kind: type[Reply], tag: int) -> Reply:
    algorithms = Algorithms(authentication=1, integrity=1, confidentiality=1)
    samples: dict[type[Reply], Reply] = {
        OpenSessionResponse: OpenSessionResponse(tag=tag, console_id=CONSOLE_ID, bmc_id=5, algorithms=algorithms),
        Rakp2: Rakp2(tag=tag, console_id=CONSOLE_ID, bmc_random=bytes(16), guid=GUID, code=bytes(20)),
        Rakp4: Rakp4(tag=tag, console_id=CONSOLE_ID, check=bytes(12)),
    }
    return samples[kind]


@pytest.mark.parametrize("suite", ALL)
def test_right_password_opens_a_session_that_the_bmc_understands(suite: int) -> None:
    duel = Duel(suite)
    established = assert_understood(duel)
    assert established.guid == GUID
    assert established.limit == 4


def assert_understood(duel: Duel) -> Established:
    """The log-in succeeds, and both sides read what the other seals."""
    established = duel.finish()
    assert duel.client.state is State.ACTIVE
    assert duel.bmc.keys is not None
    assert reference.unseal(duel.bmc.keys, established.session.seal(0, b"hello")).payload == b"hello"
    assert established.session.open(duel.bmc._seal_plus(b"hi")) == (0, b"hi")
    return established


@pytest.mark.parametrize("suite", [3, 8, 11, 17])
def test_kg_makes_the_keys_where_the_bmc_has_one(suite: int) -> None:
    assert_understood(Duel(suite, replace(ADMIN, kg=b"master"), kg=b"master"))


def test_name_and_privilege_look_up_is_asked_for_and_proved() -> None:
    duel = Duel(3, replace(ADMIN, name_only=False, privilege=Privilege.OPERATOR))
    duel.finish()
    assert duel.bmc.rakp1[24] == 0x03


def test_null_user_with_an_empty_password_logs_in() -> None:
    assert_understood(Duel(17, Credentials(), username=b"", password=b""))


def test_longest_name_and_password_log_in() -> None:
    long = Credentials(username=b"n" * 16, password=b"p" * 20)
    assert_understood(Duel(17, long, username=b"n" * 16, password=b"p" * 20))


ABSENT = [(state, kind) for state in STATES for kind in KINDS if (state, kind) not in TRANSITIONS]


@pytest.mark.parametrize(("state", "kind"), ABSENT)
def test_message_without_a_transition_is_counted_and_changes_nothing(state: State, kind: type[Reply]) -> None:
    duel = Duel()
    duel.steps(STATES[state])
    assert duel.client.receive(sampled(kind, duel.request.tag)) is None
    assert (duel.client.state, duel.client.stale_replies) == (state, 1)
    for _ in range(3 - STATES[state]):
        duel.step()
    assert duel.client.state is State.ACTIVE


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_believed_after_a_failure(kind: type[Reply]) -> None:
    duel = Duel(refuse={"open": 1})
    with pytest.raises(SessionRefused):
        duel.step()
    assert duel.client.state is State.FAILED
    assert duel.client.receive(sampled(kind, duel.request.tag)) is None
    assert duel.client.state is State.FAILED


def test_table_has_one_move_per_message() -> None:
    assert sorted(kind.__name__ for _, kind in TRANSITIONS) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize("done", range(3))
@pytest.mark.parametrize("difference", [{"tag": 0}, {"console_id": CONSOLE_ID ^ 1}, {"tag": 0, "status": 1}])
def test_reply_with_another_tag_or_session_id_is_not_believed(done: int, difference: dict[str, int]) -> None:
    duel = Duel()
    duel.steps(done)
    state, honest = duel.client.state, duel.reply()
    lie = dict(difference)
    if "tag" in lie:
        lie["tag"] = honest.tag ^ 0x80
    assert duel.client.receive(replace(honest, **lie)) is None  # type: ignore[arg-type]  # ints
    assert (duel.client.state, duel.client.stale_replies) == (state, 1)
    assert duel.client.receive(honest) is not None


def test_refusal_without_session_id_is_believed_by_its_tag() -> None:
    duel = Duel()
    with pytest.raises(SessionRefused, match="insufficient resources"):
        duel.client.receive(OpenSessionResponse(tag=duel.request.tag, status=1, console_id=None))


def test_each_new_message_has_a_new_tag() -> None:
    duel = Duel()
    tags = []
    for _ in range(3):
        tags.append(duel.request.tag)
        duel.step()
    assert len(set(tags)) == 3


@pytest.mark.parametrize("step", ["open", "rakp1", "rakp3"])
@pytest.mark.parametrize("status", [*list(Status)[1:], 0x40, 0xFF])
def test_every_status_is_named(step: str, status: int) -> None:
    duel = Duel(refuse={step: status})
    with pytest.raises((SessionRefused, AuthenticationError)) as caught:
        duel.finish()
    assert f"{status:#04x}" in str(caught.value)
    if isinstance(caught.value, SessionRefused):
        assert caught.value.status == status
        assert caught.value.name == status_name(status)
        assert caught.value.hint == HINTS.get(status, "")
    else:
        assert status in (Status.UNAUTHORIZED_NAME, Status.INVALID_INTEGRITY_CHECK_VALUE)
    assert duel.client.state is State.FAILED


def test_statuses_about_algorithms_let_another_suite_be_tried() -> None:
    assert {status.name for status in map(Status, UNSUPPORTED_SUITE)} == {
        "INVALID_AUTHENTICATION_ALGORITHM",
        "INVALID_INTEGRITY_ALGORITHM",
        "NO_MATCHING_AUTHENTICATION_PAYLOAD",
        "NO_MATCHING_INTEGRITY_PAYLOAD",
        "INVALID_CONFIDENTIALITY_ALGORITHM",
        "NO_CIPHER_SUITE_MATCH",
    }


@pytest.mark.parametrize("chosen", [(0, 0, 0), (1, 1, 0), (1, 0, 1), (2, 1, 1), (3, 4, 1), (1, 1, 2), (63, 63, 63)])
def test_algorithm_that_nobody_offered_is_refused(chosen: tuple[int, int, int]) -> None:
    duel = Duel(algorithms=chosen)
    with pytest.raises(NegotiationError, match=r"though only cipher suite RAKP-HMAC-SHA1/.* was offered"):
        duel.step()
    assert not duel.client.half_open  # its session ID was not even noted


def test_session_id_zero_is_refused() -> None:
    duel = Duel()
    opened = duel.reply()
    assert isinstance(opened, OpenSessionResponse)
    with pytest.raises(NegotiationError, match="session ID 0"):
        duel.client.receive(replace(opened, bmc_id=0))


def test_wrong_password_is_told_by_the_proof_of_the_bmc() -> None:
    duel = Duel(password=b"other")
    with pytest.raises(AuthenticationError, match="RAKP 2 does not match: wrong password"):
        duel.finish()
    assert duel.client.half_open
    farewell = duel.client.give_up()
    assert (farewell.status, farewell.bmc_id, farewell.code) == (0x0F, duel.bmc.bmc_id, b"")


def test_unknown_user_is_an_authentication_error() -> None:
    with pytest.raises(AuthenticationError, match=r"unauthorized name \(0x0d\)"):
        Duel(username=b"somebody").finish()


@pytest.mark.parametrize(("kg", "bmc_kg"), [(b"", b"master"), (b"master", b""), (b"master", b"other")])
def test_wrong_kg_is_told_apart_from_a_wrong_password(kg: bytes, bmc_kg: bytes) -> None:
    with pytest.raises(AuthenticationError, match=r"missing or needless BMC key Kg \(-k\)"):
        Duel(3, replace(ADMIN, kg=kg), kg=bmc_kg).finish()


@pytest.mark.parametrize("place", range(20))
def test_no_forged_proof_in_rakp2_is_believed(place: int) -> None:
    duel = Duel()
    duel.step()
    honest = duel.reply()
    assert isinstance(honest, Rakp2)
    forged = bytearray(honest.code)
    forged[place] ^= 1
    with pytest.raises(AuthenticationError):
        duel.client.receive(replace(honest, code=bytes(forged)))


@pytest.mark.parametrize("field", ["bmc_random", "guid"])
def test_proof_covers_the_random_number_and_the_guid(field: str) -> None:
    duel = Duel()
    duel.step()
    with pytest.raises(AuthenticationError):
        duel.client.receive(replace(duel.reply(), **{field: bytes(16)}))  # type: ignore[arg-type]  # bytes, both


@pytest.mark.parametrize("length", [0, 1, 11, 13, 20])
def test_check_in_rakp4_of_another_length_is_not_believed(length: int) -> None:
    duel = Duel()
    duel.steps(2)
    honest = duel.reply()
    assert isinstance(honest, Rakp4)
    check = (honest.check * 2)[:length]
    with pytest.raises(AuthenticationError, match="integrity check in RAKP 4 does not match"):
        duel.client.receive(replace(honest, check=check))


@pytest.mark.parametrize("place", range(12))
def test_no_forged_check_in_rakp4_opens_the_session(place: int) -> None:
    duel = Duel()
    duel.steps(2)
    honest = duel.reply()
    assert isinstance(honest, Rakp4)
    forged = bytearray(honest.check)
    forged[place] ^= 0x80
    with pytest.raises(AuthenticationError):
        duel.client.receive(replace(honest, check=bytes(forged)))
    assert duel.client.state is State.FAILED


def test_privilege_less_than_asked_is_refused_with_the_workaround_for_bmcs_that_lie() -> None:
    with pytest.raises(SessionRefused, match=r"privilege 2 at most.*try workaround opensesspriv") as caught:
        Duel(limit=2).step()
    assert caught.value.status == Status.UNAUTHORIZED_ROLE


@pytest.mark.parametrize("workaround", [Workaround.OPENSESSPRIV, Workaround.SUN20])
def test_privilege_less_than_asked_is_not_believed_under_the_workaround(workaround: Workaround) -> None:
    surplus = workaround is Workaround.SUN20
    duel = Duel(3, replace(ADMIN, workarounds=frozenset({workaround})), limit=2, surplus_byte=surplus)
    assert duel.finish().limit == 2


def test_privilege_that_the_bmc_leaves_open_is_no_refusal() -> None:
    assert Duel(limit=0).finish().limit == 0


# suite, what the BMC does, the workaround that opens a session with it, and the hint without it
DIALECTS: list[tuple[int, dict[str, Any], Workaround, str]] = [
    (3, {"surplus_byte": True}, Workaround.SUPERMICRO20, "try workaround supermicro20 or sun20"),
    (17, {"surplus_byte": True}, Workaround.SUPERMICRO20, "try workaround supermicro20 or sun20"),
    (3, {"surplus_byte": True}, Workaround.SUN20, "try workaround supermicro20 or sun20"),
    (3, {"bare_role_in_rakp3": True}, Workaround.INTELPLUS, "try workaround intelplus"),
    (2, {"bare_role_in_rakp3": True, "check_by_integrity": True}, Workaround.INTELPLUS, "try workaround intelplus"),
    (
        3,
        {"padded_name": True, "bare_role_in_rakp3": True, "check_by_integrity": True},
        Workaround.INTEL20,
        "unauthorized name",  # RAKP 1 with the plain name is refused before anything could be noticed
    ),
    (3, {"bare_role": True}, Workaround.I82571SPT, "try workaround i82571spt"),
    (0, {"needless_check": True}, Workaround.INTEGRITYCHECKVALUE, "try workaround integritycheckvalue"),
]


@pytest.mark.parametrize(("suite", "deviation", "workaround", "hint"), DIALECTS)
def test_dialect_is_spoken_under_its_workaround(
    suite: int, deviation: dict[str, Any], workaround: Workaround, hint: str
) -> None:
    duel = Duel(suite, replace(ADMIN, workarounds=frozenset({workaround})), **deviation)
    duel.finish()
    if workaround is Workaround.I82571SPT:
        assert len(duel.bmc.rakp1) == 44


@pytest.mark.parametrize(("suite", "deviation", "workaround", "hint"), DIALECTS)
def test_dialect_without_its_workaround_fails_and_points_at_it(
    suite: int, deviation: dict[str, Any], workaround: Workaround, hint: str
) -> None:
    with pytest.raises(ConduitError, match=hint):
        Duel(suite, **deviation).finish()


def test_intel20_cuts_the_password_where_the_hash_is_md5() -> None:
    long = Credentials(username=b"admin", password=b"p" * 20, workarounds=frozenset({Workaround.INTEL20}))
    deviation = {"padded_name": True, "bare_role_in_rakp3": True, "check_by_integrity": True, "short_password": True}
    assert_understood(Duel(7, long, password=b"p" * 20, **deviation))


def test_proof_that_fits_intel20_is_noticed() -> None:
    duel = Duel(3)
    duel.step()
    duel.bmc.script.padded_name = True
    duel.bmc.rakp1 = b""
    assert isinstance(duel.request, Rakp1)
    padded = replace(duel.request, username=b"admin".ljust(16, b"\0"))
    (datagram,) = duel.bmc.receive(encode_plus_packet(0x12, padded.encode()))
    proof = Rakp2.decode(decode_plus_packet(datagram).payload)
    with pytest.raises(AuthenticationError, match="try workaround intel20"):
        duel.client.receive(proof)


def test_surplus_byte_is_cut_only_when_there_is_one() -> None:
    assert_understood(Duel(3, replace(ADMIN, workarounds=frozenset({Workaround.SUPERMICRO20}))))


def test_rakp3_refused_after_a_right_proof_points_at_intelplus() -> None:
    with pytest.raises(AuthenticationError, match=r"refused our proof though its own was right \(0x0f\)"):
        Duel(refuse={"rakp3": 0x0F}).finish()


def test_suite_that_proves_nothing_sends_no_codes() -> None:
    duel = Duel(0, replace(ADMIN, password=b""))
    duel.steps(2)
    assert isinstance(duel.request, Rakp3)
    assert duel.request.code == b""


def test_requests_are_those_of_the_specification() -> None:
    duel = Duel(17)
    kinds = []
    for _ in range(3):
        kinds.append(type(duel.request))
        duel.step()
    assert kinds == [OpenSessionRequest, Rakp1, Rakp3]


@pytest.mark.parametrize(("done", "half_open"), [(0, False), (1, True), (2, True), (3, False)])
def test_session_is_half_open_between_the_first_reply_and_the_last(done: int, half_open: bool) -> None:
    duel = Duel()
    duel.steps(done)
    assert duel.client.half_open == half_open
