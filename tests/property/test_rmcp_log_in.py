"""Log-ins under everything that a network and an attacker without the password can do to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import ConduitError, PeerTimeoutError
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.login import Phase
from conduit.rmcp.packets import decode_plus_packet, encode_plus_packet
from conduit.rmcp.rakp_client import Established, RakpClient, State
from conduit.rmcp.rakp_messages import REPLIES, Algorithms, OpenSessionResponse, Rakp2, Rakp4, Reply, Request
from conduit.rmcp.retry import RetryPolicy
from tests.fakes.entropy import CountedEntropy
from tests.fakes.log_in import CONSOLE_ID, Rehearsal
from tests.fakes.scripted_bmc import Script, ScriptedBmc

ADMIN = Credentials(username=b"admin", password=b"secret", retry=RetryPolicy(timeout=1.0, retries=6))
pytestmark = pytest.mark.property

tags = st.integers(0, 255)
ids = st.sampled_from([CONSOLE_ID, CONSOLE_ID, 0, 1])
statuses = st.sampled_from([0, 0, 0, 1, 0x0D, 0x0F, 0x11, 0xFF])
algorithms = st.builds(
    Algorithms, authentication=st.integers(0, 3), integrity=st.integers(0, 4), confidentiality=st.integers(0, 3)
)
forged_replies = st.one_of(
    st.builds(
        OpenSessionResponse, tag=tags, status=statuses, console_id=ids, bmc_id=st.integers(1, 9), algorithms=algorithms
    ),
    st.builds(
        Rakp2,
        tag=tags,
        status=statuses,
        console_id=ids,
        bmc_random=st.binary(min_size=16, max_size=16),
        guid=st.binary(min_size=16, max_size=16),
        code=st.binary(max_size=33),
    ),
    st.builds(Rakp4, tag=tags, status=statuses, console_id=ids, check=st.binary(max_size=17)),
)


def honest_reply(bmc: ScriptedBmc, request: Request) -> Reply:
    (datagram,) = bmc.receive(encode_plus_packet(request.payload_type, request.encode()))
    packet = decode_plus_packet(datagram)
    return REPLIES[packet.payload_type].decode(packet.payload)


def state_of(client: RakpClient) -> State:
    return client.state


@given(moves=st.lists(st.one_of(st.just("honest"), forged_replies), max_size=12), right_tag=st.booleans())
def test_only_a_keyed_rakp4_opens_the_session(moves: list[Any], right_tag: bool) -> None:
    bmc = ScriptedBmc()
    client = RakpClient(ADMIN, 17, console_id=CONSOLE_ID, entropy=CountedEntropy())
    request: Request = client.start()
    honest = 0
    for move in moves:
        if state_of(client) in (State.ACTIVE, State.FAILED):
            break
        reply = honest_reply(bmc, request) if move == "honest" else move
        if move != "honest" and right_tag:
            reply = replace(reply, tag=request.tag)
        try:
            answer = client.receive(reply)
        except ConduitError:
            assert state_of(client) is State.FAILED
            continue
        honest += move == "honest"
        if isinstance(answer, Established):
            assert move == "honest"
            assert isinstance(reply, Rakp4)
        elif answer is not None:
            request = answer
    assert client.state is not State.ACTIVE or honest >= 2


@given(lost=st.sets(st.integers(0, 60)), plus=st.booleans())
def test_any_pattern_of_losses_ends_in_a_session_or_a_timeout(lost: set[int], plus: bool) -> None:
    rehearsal = Rehearsal(ADMIN, ScriptedBmc(Script(plus=plus)), lose=lambda number: number in lost)
    try:
        logged_in = rehearsal.run()
    except PeerTimeoutError:
        assert rehearsal.login.phase is Phase.FAILED
    else:
        assert logged_in.session.is_plus == plus
    assert rehearsal.now < 300


@given(data=st.data(), plus=st.booleans())
def test_doubled_late_and_reordered_answers_do_no_harm(data: st.DataObject, plus: bool) -> None:
    bmc = ScriptedBmc(Script(plus=plus))
    rehearsal = Rehearsal(ADMIN, bmc)
    history: list[bytes] = []
    events: list[Any] = []
    for _ in range(200):
        fresh = rehearsal.deliver()
        history += fresh
        again = data.draw(st.lists(st.sampled_from(history), max_size=2)) if history else []
        for answer in data.draw(st.permutations([*fresh, *again])):
            events += rehearsal.login.receive_datagram(answer, rehearsal.now)
        deadline = rehearsal.login.next_deadline()
        if deadline is None:
            break
        if not fresh:
            rehearsal.now = deadline
            events += rehearsal.login.handle_deadline(deadline)
    assert len(events) == 1
    assert rehearsal.login.phase is Phase.OPEN


@given(password=st.binary(min_size=1, max_size=16), kg=st.binary(max_size=20), suite=st.sampled_from([2, 3, 8, 11, 17]))
def test_another_password_or_kg_never_opens_a_session(password: bytes, kg: bytes, suite: int) -> None:
    same = password.rstrip(b"\0") == b"secret" and kg.rstrip(b"\0") == b""
    bmc = ScriptedBmc(Script(suites=(suite,), password=password, kg=kg))
    rehearsal = Rehearsal(replace(ADMIN, cipher_suite=suite), bmc)
    if same:
        rehearsal.run()
        return
    with pytest.raises(ConduitError):
        rehearsal.run()
    assert rehearsal.login.phase is Phase.FAILED
