from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conduit.rmcp.accounts import Account
from conduit.rmcp.auth_codes import AUTH_CODES, pad_password
from conduit.rmcp.challenge_server import (
    TRANSITIONS,
    ChallengePolicy,
    ChallengeServer,
    Denial,
    State,
    find_account,
)
from conduit.rmcp.packets import AuthType, LanPacket
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import ActivateSession, GetSessionChallenge, SessionActivated
from tests.unit.rmcp.test_rakp_server import FakeDoorkeeper
from tests.wired import EVERY_AUTH_TYPE, seeded_entropy

ACCOUNT = Account(user_id=2, username=b"admin", password=b"secret", limit=Privilege.OPERATOR)
POLICY = ChallengePolicy(auth_types=frozenset(map(int, EVERY_AUTH_TYPE)))


def make_server(
    doorkeeper: FakeDoorkeeper | None = None, *, auth_type: int = AuthType.MD5, **changes: Any
) -> ChallengeServer:
    return ChallengeServer(
        replace(POLICY, **changes),
        doorkeeper or FakeDoorkeeper(),
        ACCOUNT,
        auth_type=auth_type,
        temporary_id=0x10,
        session_id=0x20,
        entropy=seeded_entropy(),
    )


def activation(server: ChallengeServer, **changes: Any) -> ActivateSession:
    request = ActivateSession(
        auth_type=AuthType.MD5, want=3, challenge=server.challenge.challenge, outbound_sequence=0x55
    )
    return replace(request, **changes)


def packet(password: bytes = b"secret", auth_type: int = AuthType.MD5) -> LanPacket:
    code = AUTH_CODES[auth_type](pad_password(password), 0x10, 0, b"frame")
    return LanPacket(auth_type, 0, 0x10, code, b"frame")


def test_the_right_challenge_opens_the_session() -> None:
    server = make_server()
    assert server.is_authentic(packet(), 0.0)
    answer = server.receive(activation(server))
    assert isinstance(answer, SessionActivated)
    assert (answer.session_id, answer.auth_type, answer.limit) == (0x20, AuthType.MD5, Privilege.OPERATOR)
    assert server.state is State.ACTIVE
    assert server.activated is not None
    assert server.activated.session.local_id == 0x20
    assert server.outbound_sequence == 0x55


@pytest.mark.parametrize(
    ("changes", "denial"),
    [
        ({"challenge": bytes(16)}, Denial.INVALID_FIELD),
        ({"auth_type": AuthType.MD2}, Denial.INVALID_FIELD),
        ({"want": 0}, Denial.INVALID_FIELD),
        ({"want": 6}, Denial.INVALID_FIELD),
        ({"want": 4}, Denial.PRIVILEGE_EXCEEDED),
        ({"outbound_sequence": 0}, Denial.SEQUENCE_OUT_OF_RANGE),
    ],
)
def test_an_activation_that_is_wrong_is_refused_and_may_be_put_right(changes: dict[str, Any], denial: Denial) -> None:
    server = make_server()
    assert server.receive(activation(server, **changes)) == denial
    assert isinstance(server.receive(activation(server)), SessionActivated)


def test_no_room_for_the_user() -> None:
    server = make_server(FakeDoorkeeper(rooms=[False]))
    assert server.receive(activation(server)) == Denial.NO_SLOT_FOR_USER


def test_a_repeated_activation_gets_the_same_answer_and_no_second_session() -> None:
    server = make_server()
    first = server.receive(activation(server))
    opened = server.activated
    assert server.receive(activation(server)) == first
    assert server.activated is opened
    assert server.is_authentic(packet(), 0.0)


@pytest.mark.parametrize("state", [State.ACTIVE, State.FAILED])
def test_no_other_activation_is_legal_in_any_other_state(state: State) -> None:
    server = make_server()
    if state is State.ACTIVE:
        server.receive(activation(server))
    else:
        server.is_authentic(packet(b"wrong"), 0.0)
    assert (state, ActivateSession) not in TRANSITIONS
    assert server.receive(activation(server, outbound_sequence=0x66)) == Denial.UNKNOWN_SESSION
    assert server.state is state


def test_a_challenge_is_good_for_one_guess_that_counts_once() -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper)
    assert not server.is_authentic(packet(b"wrong"), 0.0)
    assert not server.is_authentic(packet(b"wrong"), 0.0)
    assert not server.is_authentic(packet(), 0.0)
    assert doorkeeper.recorded == [False]


def test_a_packet_of_another_auth_type_is_no_guess() -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper)
    assert not server.is_authentic(packet(auth_type=AuthType.NONE), 0.0)
    assert server.is_authentic(packet(), 0.0)
    assert doorkeeper.recorded == [True]


def test_without_authentication_nothing_is_recorded() -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper, auth_type=AuthType.NONE)
    assert server.is_authentic(packet(auth_type=AuthType.NONE), 0.0)
    assert doorkeeper.recorded == []


@pytest.mark.parametrize(("per_message", "later"), [(True, AuthType.MD5), (False, AuthType.NONE)])
def test_the_answer_says_how_later_packets_are_protected(per_message: bool, later: AuthType) -> None:
    server = make_server(per_message=per_message)
    answer = server.receive(activation(server))
    assert isinstance(answer, SessionActivated)
    assert answer.auth_type == later


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (GetSessionChallenge(auth_type=AuthType.MD5, username=b"admin"), ACCOUNT),
        (GetSessionChallenge(auth_type=AuthType.MD2, username=b"admin"), Denial.INVALID_FIELD),
        (GetSessionChallenge(auth_type=AuthType.OEM, username=b"admin"), Denial.INVALID_FIELD),
        (GetSessionChallenge(auth_type=AuthType.MD5, username=b"nobody"), Denial.UNKNOWN_USER),
        (GetSessionChallenge(auth_type=AuthType.MD5, username=b""), Denial.NO_NULL_USER),
        (GetSessionChallenge(auth_type=AuthType.MD5, username=b"long"), Denial.UNKNOWN_USER),
    ],
)
def test_who_gets_a_challenge(request_: GetSessionChallenge, expected: Account | Denial) -> None:
    long = Account(user_id=3, username=b"long", password=b"x" * 17, limit=Privilege.USER)
    policy = ChallengePolicy(auth_types=frozenset({AuthType.MD5}))
    assert find_account(request_, policy, FakeDoorkeeper([ACCOUNT, long]), 0.0) == expected


def test_codes_of_answers_are_those_of_the_auth_type() -> None:
    server = make_server(auth_type=AuthType.STRAIGHT_PASSWORD)
    assert server.wrap_code(1, 2, b"frame") == server.password == b"secret".ljust(16, b"\0")
    assert server.outbound_sequence == 0


@pytest.mark.parametrize("auth_type", [AuthType.MD5, AuthType.NONE])
def test_who_may_not_try_any_more_is_refused_before_the_code_is_looked_at(auth_type: int) -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper, auth_type=auth_type)
    doorkeeper.accounts.clear()  # locked out by guesses made side by side, or disabled
    assert not server.is_authentic(packet(auth_type=auth_type), 0.0)
    assert doorkeeper.recorded == []
    assert server.state is State.CHALLENGED


def test_who_is_in_may_repeat_the_activation_whatever_has_changed_since() -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper)
    assert server.is_authentic(packet(), 0.0)
    first = server.receive(activation(server))
    doorkeeper.accounts.clear()
    assert server.is_authentic(packet(), 0.0)
    assert server.receive(activation(server)) == first
