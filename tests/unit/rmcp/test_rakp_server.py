from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rmcp.accounts import Account
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.misbehaviour import Misbehaviour
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_client import Established, RakpClient
from conduit.rmcp.rakp_messages import (
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
)
from conduit.rmcp.rakp_server import TRANSITIONS, RakpPolicy, RakpServer, State, reply_to_malformed
from tests.wired import seeded_entropy

GUID = bytes(range(16))
ACCOUNT = Account(user_id=2, username=b"admin", password=b"secret", limit=Privilege.OPERATOR)
EVERY_SUITE = dict.fromkeys(SUITES, Privilege.ADMINISTRATOR)
CONSOLE_ID = 0xA0A1A2A3
BMC_ID = 0x11223344


class FakeDoorkeeper:
    def __init__(self, accounts: Iterable[Account] = (ACCOUNT,), *, rooms: Iterable[bool] = ()) -> None:
        self.accounts = {account.username: account for account in accounts}
        self._rooms = list(rooms)
        self.looked_up: list[tuple[bytes, int | None]] = []
        self.recorded: list[bool] = []

    def find(self, username: bytes, privilege: int | None, now: float) -> Account | None:
        self.looked_up.append((username, privilege))
        return self.accounts.get(username)

    def has_room_for(self, account: Account) -> bool:
        return self._rooms.pop(0) if self._rooms else True

    def record(self, account: Account, now: float, *, succeeded: bool) -> None:
        self.recorded.append(succeeded)


def make_server(doorkeeper: FakeDoorkeeper | None = None, **changes: Any) -> RakpServer:
    policy = RakpPolicy(**{"guid": GUID, "suites": EVERY_SUITE, **changes})
    return RakpServer(policy, doorkeeper or FakeDoorkeeper(), bmc_id=BMC_ID, entropy=seeded_entropy())


def make_client(suite: int = 3, **changes: Any) -> RakpClient:
    changes = {"username": b"admin", "password": b"secret", "privilege": Privilege.OPERATOR, **changes}
    return RakpClient(Credentials(**changes), suite, console_id=CONSOLE_ID, entropy=seeded_entropy(7))


def open_request(suite: int = 3, **changes: Any) -> OpenSessionRequest:
    parts = SUITES[suite]
    algorithms = Algorithms(
        authentication=parts.authentication, integrity=parts.integrity, confidentiality=parts.confidentiality
    )
    return replace(OpenSessionRequest(tag=1, privilege=0, console_id=CONSOLE_ID, algorithms=algorithms), **changes)


def rakp1(**changes: Any) -> Rakp1:
    return replace(Rakp1(tag=2, bmc_id=BMC_ID, console_random=bytes(16), role=0x13, username=b"admin"), **changes)


def server_in(state: State, doorkeeper: FakeDoorkeeper | None = None, **changes: Any) -> RakpServer:
    """A server that has come as far as *state* the ordinary way."""
    server = make_server(doorkeeper, **changes)
    client = make_client()
    request: Request = client.start()
    while server.state is not state:
        if state is State.FAILED and isinstance(request, Rakp3):
            request = replace(request, code=bytes(20))
        reply = server.receive(request, 0.0)
        assert reply is not None
        if server.state is state:
            break
        answer = client.receive(reply)
        assert answer is not None
        assert not isinstance(answer, Established)
        request = answer
    return server


def status_of(reply: Reply | None) -> int:
    assert reply is not None
    return reply.status


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_console_and_a_bmc_agree_with_every_suite(suite: int) -> None:
    server, client = make_server(), make_client(suite)
    message: Any = client.start()
    while not isinstance(message, Established):
        reply = server.receive(message, 0.0)
        assert reply is not None
        message = client.receive(reply)
    assert server.opened is not None
    assert (server.opened.suite, server.opened.limit) == (suite, Privilege.OPERATOR)
    datagram = message.session.seal(0, b"question")
    assert server.opened.session.open(datagram) == (0, b"question")
    assert message.session.open(server.opened.session.seal(0, b"answer")) == (0, b"answer")


MESSAGES: dict[type[Request], Request] = {
    OpenSessionRequest: open_request(tag=77, console_id=5),
    Rakp1: rakp1(tag=77, console_random=b"r" * 16),
    Rakp3: Rakp3(tag=77, bmc_id=BMC_ID, code=b"c" * 20),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", list(MESSAGES))
def test_every_pair_of_state_and_message(state: State, kind: type[Request]) -> None:
    server = server_in(state)
    reply = server.receive(MESSAGES[kind], 0.0)
    if (state, kind) in TRANSITIONS:
        forged = kind is Rakp3
        assert status_of(reply) == (Status.INVALID_INTEGRITY_CHECK_VALUE if forged else Status.NO_ERRORS)
        assert server.state is (State.FAILED if forged else TRANSITIONS[state, kind])
        return
    assert server.state is state
    assert server.stale_requests == 1
    if state is State.FAILED:
        assert status_of(reply) == Status.INACTIVE_SESSION_ID
    else:
        assert reply is None


@pytest.mark.parametrize("state", [State.AWAIT_RAKP1, State.AWAIT_RAKP3, State.ACTIVE, State.FAILED])
def test_a_repeated_message_gets_the_same_reply_under_its_own_tag(state: State) -> None:
    server = server_in(state)
    assert server._last is not None
    request, reply = server._last
    assert reply is not None
    again = server.receive(replace(request, tag=200), 9.0)
    assert again == replace(reply, tag=200)
    assert server.state is state
    assert server.stale_requests == 0


def test_a_repeated_rakp3_counts_once_for_the_lock_out() -> None:
    doorkeeper = FakeDoorkeeper()
    server = server_in(State.FAILED, doorkeeper)
    assert server._last is not None
    server.receive(replace(server._last[0], tag=9), 0.0)
    assert doorkeeper.recorded == [False]


def test_a_successful_log_in_is_recorded() -> None:
    doorkeeper = FakeDoorkeeper()
    server_in(State.ACTIVE, doorkeeper)
    assert doorkeeper.recorded == [True]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (open_request(console_id=0), Status.INVALID_SESSION_ID),
        (open_request(privilege=6), Status.INVALID_ROLE),
        (open_request(4), Status.NO_CIPHER_SUITE_MATCH),
        (
            open_request(algorithms=Algorithms(authentication=4, integrity=0, confidentiality=0)),
            Status.INVALID_AUTHENTICATION_ALGORITHM,
        ),
        (
            open_request(algorithms=Algorithms(authentication=0, integrity=5, confidentiality=0)),
            Status.INVALID_INTEGRITY_ALGORITHM,
        ),
        (
            open_request(algorithms=Algorithms(authentication=0, integrity=0, confidentiality=4)),
            Status.INVALID_CONFIDENTIALITY_ALGORITHM,
        ),
        (
            open_request(algorithms=Algorithms(authentication=1, integrity=0, confidentiality=1)),
            Status.NO_CIPHER_SUITE_MATCH,
        ),
    ],
)
def test_open_session_says_what_is_wrong(request_: OpenSessionRequest, status: Status) -> None:
    server = make_server(suites={3: Privilege.ADMINISTRATOR})
    reply = server.receive(request_, 0.0)
    assert isinstance(reply, OpenSessionResponse)
    assert (reply.status, reply.console_id, len(reply.encode())) == (status, request_.console_id, 8)
    assert server.state is State.FAILED


@pytest.mark.parametrize("asked", range(6))
def test_open_session_names_the_most_that_the_suite_allows(asked: int) -> None:
    reply = make_server(suites={3: Privilege.OPERATOR}).receive(open_request(privilege=asked), 0.0)
    assert isinstance(reply, OpenSessionResponse)
    assert reply.privilege == Privilege.OPERATOR


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (rakp1(role=0x10), Status.INVALID_ROLE),
        (rakp1(role=0x16), Status.INVALID_ROLE),
        (rakp1(role=0x14), Status.UNAUTHORIZED_ROLE),
        (rakp1(username=b"nobody"), Status.UNAUTHORIZED_NAME),
    ],
)
def test_rakp2_says_what_is_wrong(request_: Rakp1, status: Status) -> None:
    reply = server_in(State.AWAIT_RAKP1).receive(request_, 0.0)
    assert isinstance(reply, Rakp2)
    assert (reply.status, reply.console_id, len(reply.encode())) == (status, CONSOLE_ID, 8)


def test_a_suite_with_a_lower_limit_holds_the_user_back() -> None:
    server = make_server(suites={3: Privilege.USER})
    server.receive(open_request(), 0.0)
    assert status_of(server.receive(rakp1(role=0x13), 0.0)) == Status.UNAUTHORIZED_ROLE


@pytest.mark.parametrize(("role", "privilege"), [(0x13, None), (0x03, 3)])
def test_bit_4_of_the_role_decides_how_the_user_is_looked_up(role: int, privilege: int | None) -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper)
    server.receive(open_request(), 0.0)
    server.receive(rakp1(role=role), 0.0)
    assert doorkeeper.looked_up == [(b"admin", privilege)]


def test_no_room_for_the_user_is_said_in_rakp2_and_too_late_in_rakp4() -> None:
    server = server_in(State.AWAIT_RAKP1, FakeDoorkeeper(rooms=[False]))
    assert status_of(server.receive(rakp1(), 0.0)) == Status.INSUFFICIENT_RESOURCES_FOR_ROLE
    server, client = make_server(FakeDoorkeeper(rooms=[True, False])), make_client()
    message: Any = client.start()
    while not isinstance(message, Rakp3):
        reply = server.receive(message, 0.0)
        assert reply is not None
        message = client.receive(reply)
    assert status_of(server.receive(message, 0.0)) == Status.INSUFFICIENT_RESOURCES
    assert server.opened is None


def test_a_console_that_gives_up_gets_no_answer() -> None:
    server = server_in(State.AWAIT_RAKP3)
    give_up = Rakp3(tag=9, status=Status.INVALID_INTEGRITY_CHECK_VALUE, bmc_id=BMC_ID)
    assert server.receive(give_up, 0.0) is None
    assert server.state is State.FAILED
    assert server.receive(give_up, 0.0) is None


@pytest.mark.parametrize("suite", [3, 8, 17])
def test_a_hidden_user_gets_a_rakp2_like_any_other_and_never_a_session(suite: int) -> None:
    doorkeeper = FakeDoorkeeper([])
    server = make_server(doorkeeper, hide_unknown_users=True)
    server.receive(open_request(suite), 0.0)
    reply = server.receive(rakp1(), 0.0)
    assert isinstance(reply, Rakp2)
    assert (reply.status, bool(reply.code)) == (Status.NO_ERRORS, True)
    rakp4 = server.receive(Rakp3(tag=3, bmc_id=BMC_ID, code=reply.code), 0.0)
    assert status_of(rakp4) == Status.INVALID_INTEGRITY_CHECK_VALUE
    assert doorkeeper.recorded == []


def proof_of(server: RakpServer, **changes: Any) -> Rakp3:
    """What a console that knows the password sends last."""
    client = make_client(**changes)
    message: Any = client.start()
    while not isinstance(message, Rakp3):
        reply = server.receive(message, 0.0)
        assert reply is not None
        message = client.receive(reply)
    return message


@pytest.mark.parametrize(("hidden", "status"), [(False, Status.UNAUTHORIZED_NAME), (True, 0x0F)])
def test_who_may_not_try_any_more_is_refused_before_the_proof_is_looked_at(hidden: bool, status: int) -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper, hide_unknown_users=hidden)
    proof = proof_of(server)
    doorkeeper.accounts.clear()  # locked out by guesses made side by side, or disabled
    assert status_of(server.receive(proof, 0.0)) == status
    assert server.opened is None
    assert doorkeeper.recorded == []


@pytest.mark.parametrize("changed", [{"password": b"new"}, {"limit": Privilege.USER}])
def test_a_user_who_changed_during_the_log_in_has_to_start_over(changed: dict[str, Any]) -> None:
    doorkeeper = FakeDoorkeeper()
    server = make_server(doorkeeper)
    proof = proof_of(server)
    doorkeeper.accounts[b"admin"] = replace(ACCOUNT, **changed)
    assert status_of(server.receive(proof, 0.0)) == Status.UNAUTHORIZED_NAME


@pytest.mark.parametrize(
    ("doorkeeper", "role", "status"),
    [
        (FakeDoorkeeper(), Privilege.ADMINISTRATOR, Status.UNAUTHORIZED_ROLE),
        (FakeDoorkeeper(rooms=[False]), Privilege.OPERATOR, Status.INSUFFICIENT_RESOURCES),
    ],
)
def test_where_users_are_hidden_only_who_proved_the_password_learns_what_else_is_wrong(
    doorkeeper: FakeDoorkeeper, role: Privilege, status: Status
) -> None:
    server = make_server(doorkeeper, hide_unknown_users=True)
    assert status_of(server.receive(proof_of(server, privilege=role), 0.0)) == status
    assert server.opened is None
    server = make_server(hide_unknown_users=True)
    wrong = replace(proof_of(server, privilege=role), code=bytes(20))
    assert status_of(server.receive(wrong, 0.0)) == Status.INVALID_INTEGRITY_CHECK_VALUE


def test_a_role_beyond_the_suites_limit_is_refused_alike_for_those_who_exist_and_those_who_do_not() -> None:
    for accounts in ([], [ACCOUNT]):
        server = make_server(FakeDoorkeeper(accounts), hide_unknown_users=True)
        server.receive(open_request(), 0.0)
        assert status_of(server.receive(rakp1(role=0x15), 0.0)) == Status.UNAUTHORIZED_ROLE


def test_without_authentication_nobody_can_be_hidden() -> None:
    server = make_server(FakeDoorkeeper([]), hide_unknown_users=True)
    server.receive(open_request(0), 0.0)
    assert status_of(server.receive(rakp1(), 0.0)) == Status.UNAUTHORIZED_NAME


def test_misbehaviours_show_where_they_should() -> None:
    reply = make_server(misbehaviours=frozenset({Misbehaviour.WRONG_SUITE})).receive(open_request(), 0.0)
    assert isinstance(reply, OpenSessionResponse)
    assert reply.algorithms != open_request().algorithms
    reply = make_server(misbehaviours=frozenset({Misbehaviour.ECHOES_PRIVILEGE})).receive(open_request(), 0.0)
    assert isinstance(reply, OpenSessionResponse)
    assert reply.privilege == 0
    server = make_server(misbehaviours=frozenset({Misbehaviour.CHECK_IN_SUITE_0}))
    server.receive(open_request(0), 0.0)
    server.receive(rakp1(), 0.0)
    reply = server.receive(Rakp3(tag=3, bmc_id=BMC_ID), 0.0)
    assert isinstance(reply, Rakp4)
    assert reply.check


@given(st.lists(st.sampled_from(list(MESSAGES.values())), max_size=12))
def test_whatever_comes_in_any_order_only_the_password_opens_the_session(messages: list[Request]) -> None:
    server = make_server()
    for message in messages:
        server.receive(message, 0.0)
    assert server.opened is None


def test_malformed_messages_are_refused_where_there_is_a_status_for_it() -> None:
    name_too_long = bytes(27) + b"\x11" + bytes(17)
    reply = reply_to_malformed(PayloadType.RAKP_1, name_too_long)
    assert status_of(reply) == Status.INVALID_NAME_LENGTH
    assert reply_to_malformed(PayloadType.RAKP_1, bytes(27)) is None
    assert reply_to_malformed(PayloadType.RAKP_1, bytes(28)) is None
    whole = b"\x07" + bytes(31)
    assert status_of(reply_to_malformed(PayloadType.OPEN_SESSION_REQUEST, whole)) == Status.INVALID_PAYLOAD_TYPE
    assert status_of(reply_to_malformed(PayloadType.OPEN_SESSION_REQUEST, whole[:-1])) == Status.ILLEGAL_PARAMETER
    assert reply_to_malformed(PayloadType.OPEN_SESSION_REQUEST, whole[:7]) is None
    assert reply_to_malformed(PayloadType.RAKP_3, whole) is None


def test_secrets_do_not_show() -> None:
    policy = RakpPolicy(guid=GUID, kg=b"topsecret", suites=EVERY_SUITE)
    assert "topsecret" not in repr(policy)
    assert "secret" not in repr(ACCOUNT)


def test_the_console_id_is_known_once_it_was_given() -> None:
    server = make_server()
    assert server.console_id == 0
    server.receive(open_request(), 0.0)
    assert server.console_id == CONSOLE_ID
