"""The console's side of an IPMI 1.5 log-in: every answer in every state, and what each workaround permits."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from conduit.errors import LocalProtocolError, NegotiationError
from conduit.rmcp.challenge_client import TRANSITIONS, Activated, ChallengeClient, State
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.packets import LanPacket, decode_lan_packet
from conduit.rmcp.session_commands import (
    ActivateSession,
    ChannelAuthenticationCapabilities,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
)
from conduit.rmcp.workarounds import Workaround
from tests.fakes.entropy import CountedEntropy
from tests.fakes.reference import u32

CHALLENGE = SessionChallenge(session_id=0x11223344, challenge=bytes(range(16)))
PADDED = b"secret" + bytes(10)


def client_of(*workarounds: Workaround, auth_type: int = 2, **capabilities: Any) -> ChallengeClient:
    return ChallengeClient(
        Credentials(username=b"admin", password=b"secret", workarounds=frozenset(workarounds)),
        ChannelAuthenticationCapabilities(**capabilities),
        auth_type=auth_type,
        entropy=CountedEntropy(),
    )


def activated(**fields: int) -> SessionActivated:
    return SessionActivated(**{"auth_type": 2, "session_id": 7, "inbound_sequence": 9, "limit": 4, **fields})


def activate(client: ChallengeClient, answer: SessionActivated) -> Activated:
    client.receive(CHALLENGE)
    result = client.receive(answer)
    assert isinstance(result, Activated)
    return result


def test_challenge_is_answered_with_itself_and_a_random_sequence_number() -> None:
    client = client_of()
    assert client.start() == GetSessionChallenge(auth_type=2, username=b"admin")
    answer = client.receive(CHALLENGE)
    assert isinstance(answer, ActivateSession)
    assert (answer.challenge, answer.want, answer.auth_type) == (CHALLENGE.challenge, 4, 2)
    assert answer.outbound_sequence > 0
    assert (client.state, client.temporary_id) == (State.ACTIVATING, CHALLENGE.session_id)


def test_activation_travels_authenticated_in_the_temporary_session() -> None:
    client = client_of()
    client.receive(CHALLENGE)
    packet = decode_lan_packet(client.wrap(b"frame"))
    code = hashlib.md5(PADDED + u32(0x11223344) + b"frame" + u32(0) + PADDED).digest()  # noqa: S324
    assert packet == LanPacket(2, 0, 0x11223344, code, b"frame")


ANSWERS: dict[type[SessionChallenge | SessionActivated], SessionChallenge | SessionActivated] = {
    SessionChallenge: CHALLENGE,
    SessionActivated: activated(),
}
STATES = {State.CHALLENGING: 0, State.ACTIVATING: 1, State.ACTIVE: 2}


@pytest.mark.parametrize(
    ("state", "kind"), [(state, kind) for state in STATES for kind in ANSWERS if (state, kind) not in TRANSITIONS]
)
def test_answer_without_a_transition_changes_nothing(
    state: State, kind: type[SessionChallenge | SessionActivated]
) -> None:
    client = client_of()
    for answer in list(ANSWERS.values())[: STATES[state]]:
        client.receive(answer)
    assert client.state is state
    assert client.receive(ANSWERS[kind]) is None
    assert client.state is state


def test_session_starts_at_the_numbers_that_both_sides_named() -> None:
    client = client_of()
    request = client.receive(CHALLENGE)
    assert isinstance(request, ActivateSession)
    result = client.receive(activated())
    assert isinstance(result, Activated)
    assert result.limit == 4
    packet = decode_lan_packet(result.session.seal(0, bytes(7)))
    assert (packet.sequence, packet.session_id, packet.auth_type) == (9, 7, 2)
    assert result.session._window.highest == request.outbound_sequence - 1


@pytest.mark.parametrize("chosen", [0, 1, 4, 5])
def test_auth_type_that_was_not_agreed_is_refused(chosen: int) -> None:
    client = client_of()
    client.receive(CHALLENGE)
    with pytest.raises(NegotiationError, match=f"activated auth type {chosen} instead of 2"):
        client.receive(activated(auth_type=chosen))


def test_unauthenticated_packets_follow_where_the_bmc_said_so() -> None:
    result = activate(client_of(per_message_disabled=True), activated(auth_type=0))
    assert decode_lan_packet(result.session.seal(0, bytes(7))).auth_type == 0


def test_packets_stay_authenticated_where_the_activation_says_so_whatever_the_capabilities_said() -> None:
    result = activate(client_of(per_message_disabled=True), activated())
    assert decode_lan_packet(result.session.seal(0, bytes(7))).auth_type == 2


@pytest.mark.parametrize("chosen", [0, 2])
def test_forcepermsg_authenticates_every_packet_all_the_same(chosen: int) -> None:
    client = client_of(Workaround.FORCEPERMSG, per_message_disabled=True)
    result = activate(client, activated(auth_type=chosen))
    assert decode_lan_packet(result.session.seal(0, bytes(7))).auth_type == 2


def test_session_zero_is_taken_only_under_idzero() -> None:
    client = client_of()
    client.receive(CHALLENGE)
    with pytest.raises(NegotiationError, match="activated session 0; try workaround idzero"):
        client.receive(activated(session_id=0))
    assert activate(client_of(Workaround.IDZERO), activated(session_id=0)).session.session_id == 0


@pytest.mark.parametrize(
    ("packet", "per_message_disabled", "authentic"),
    [
        (LanPacket(2, 0, 1, hashlib.md5(PADDED + u32(1) + b"x" + u32(0) + PADDED).digest(), b"x"), False, True),  # noqa: S324
        (LanPacket(2, 0, 1, bytes(16), b"x"), False, False),
        (LanPacket(0, 0, 1, b"", b"x"), False, False),
        (LanPacket(0, 0, 1, b"", b"x"), True, True),
        (LanPacket(4, 0, 1, PADDED, b"x"), False, False),
    ],
)
def test_answer_to_the_activation_is_protected_as_agreed(
    packet: LanPacket, per_message_disabled: bool, authentic: bool
) -> None:
    client = client_of(per_message_disabled=per_message_disabled)
    assert client.is_authentic(packet) is authentic


def test_supermicro_answers_with_a_digest_and_an_empty_challenge() -> None:
    client = client_of(Workaround.SUPERMICRO, auth_type=5)
    answer = client.receive(CHALLENGE)
    assert isinstance(answer, ActivateSession)
    assert answer.challenge == bytes(16)
    mixed = bytes(a ^ b for a, b in zip(hashlib.md5(b"secret").digest(), CHALLENGE.challenge, strict=True))  # noqa: S324
    assert decode_lan_packet(client.wrap(b"x")).auth_code == hashlib.md5(mixed).digest()  # noqa: S324


def test_quanta_sends_the_password() -> None:
    client = client_of(Workaround.QUANTA, auth_type=5)
    answer = client.receive(CHALLENGE)
    assert isinstance(answer, ActivateSession)
    assert answer.challenge == CHALLENGE.challenge
    assert decode_lan_packet(client.wrap(b"x")).auth_code == PADDED


def test_password_too_long_for_ipmi_15_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(LocalProtocolError, match="at most 16 bytes"):
        ChallengeClient(
            Credentials(password=bytes(17)),
            ChannelAuthenticationCapabilities(),
            auth_type=2,
            entropy=CountedEntropy(),
        )
