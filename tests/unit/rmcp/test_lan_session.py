"""A live IPMI 1.5 session: every rule it may have been given, and attackers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import LocalProtocolError
from conduit.rmcp.lan_session import LanRules, LanSession
from conduit.rmcp.md2 import md2
from tests.fakes.reference import u32
from tests.fakes.scripted_bmc import lan_packet

ID = 0x1A2B3C4D
PADDED = b"secret" + bytes(10)
FRAME = bytes(range(9))


def session_of(auth_type: int = 2, *, send: int | None = None, inbound: int = 100, **rules: bool) -> LanSession:
    kind = auth_type if send is None else send
    return LanSession(
        session_id=ID,
        auth_type=auth_type,
        password=b"secret",
        rules=LanRules(send_auth_type=kind, **rules),
        outbound=6,
        inbound=inbound,
    )


def packet(sequence: int, auth_type: int = 2, *, session_id: int = ID, password: bytes = PADDED) -> bytes:
    data = password + u32(session_id) + FRAME + u32(sequence) + password
    codes = {0: b"", 1: md2(data), 2: hashlib.md5(data).digest(), 4: password, 5: password}  # noqa: S324
    return lan_packet(FRAME, auth_type=auth_type, session_id=session_id, sequence=sequence, code=codes[auth_type])


def counters(session: LanSession) -> tuple[int, int, int]:
    return session.bad_datagrams, session.wrong_macs, session.replays


@pytest.mark.parametrize("auth_type", [0, 1, 2, 4, 5])
def test_sealed_packets_are_authenticated_and_numbered_as_agreed(auth_type: int) -> None:
    session = session_of(auth_type)
    assert [session.seal(0, FRAME) for _ in range(3)] == [packet(number, auth_type) for number in (7, 8, 9)]


@pytest.mark.parametrize("auth_type", [0, 1, 2, 4, 5])
def test_packets_of_the_peer_are_opened(auth_type: int) -> None:
    session = session_of(auth_type)
    assert [session.open(packet(number, auth_type)) for number in (100, 101)] == [(0, FRAME), (0, FRAME)]
    assert counters(session) == (0, 0, 0)


@pytest.mark.parametrize("auth_type", [1, 2])
def test_no_change_to_authentication_id_sequence_or_message_is_opened(auth_type: int) -> None:
    session = session_of(auth_type)
    sent = packet(100, auth_type)
    for place in range(4, len(sent)):
        changed = bytearray(sent)
        changed[place] ^= 0x01
        assert session.open(bytes(changed)) is None, place
    assert session.open(sent) == (0, FRAME)


@pytest.mark.parametrize("auth_type", [0, 2])
def test_packet_cut_short_is_dropped(auth_type: int) -> None:
    session = session_of(auth_type)
    sent = packet(100, auth_type)
    assert [session.open(sent[:length]) for length in range(len(sent))] == [None] * len(sent)
    assert session.bad_datagrams == len(sent)


@pytest.mark.parametrize("weaker", [0, 1, 4, 5])
def test_other_auth_type_than_agreed_is_dropped(weaker: int) -> None:
    session = session_of(2)
    assert session.open(packet(100, weaker)) is None
    assert counters(session) == (1, 0, 0)


def test_unprotected_packet_is_taken_where_the_bmc_said_that_it_sends_such() -> None:
    session = session_of(2, accept_unauthenticated=True)
    assert session.open(packet(100, 0)) == (0, FRAME)
    assert session.open(packet(101, 2)) == (0, FRAME)
    assert session.open(packet(102, 1)) is None


def test_packets_go_out_unprotected_where_that_was_agreed() -> None:
    assert session_of(2, send=0).seal(0, FRAME) == packet(7, 0)


def test_wrong_code_is_counted_as_forged_unless_codes_are_not_checked() -> None:
    forged = packet(100, password=bytes(16))
    session = session_of()
    assert session.open(forged) is None
    assert counters(session) == (0, 1, 0)
    assert session_of(verify=False).open(forged) == (0, FRAME)


def test_session_id_zero_is_taken_only_under_its_workaround() -> None:
    assert session_of().open(packet(100, session_id=0)) is None
    assert session_of(accept_zero_id=True).open(packet(100, session_id=0)) == (0, FRAME)
    assert session_of(accept_zero_id=True).open(packet(100, session_id=7)) is None


def test_swapped_sequence_numbers_are_read_under_their_workaround() -> None:
    swapped = int.from_bytes((100).to_bytes(4, "little"), "big")
    session = session_of(swap_received=True)
    assert session.open(packet(swapped)) == (0, FRAME)
    assert session.open(packet(swapped)) is None
    assert session.replays == 1


def test_replay_and_a_packet_from_before_the_session_are_dropped() -> None:
    session = session_of()
    assert session.open(packet(100)) == (0, FRAME)
    assert session.open(packet(100)) is None
    assert session.open(packet(91)) is None
    assert session.replays == 2


@pytest.mark.parametrize(("rules", "far"), [({}, True), ({"accept_unauthenticated": True}, False)])
def test_far_jump_of_the_sequence_is_believed_only_where_every_packet_is_authenticated(
    rules: dict[str, bool], far: bool
) -> None:
    session = session_of(**rules)
    assert (session.open(packet(1_000)) is not None) == far
    assert session.open(packet(1_001 if far else 107)) == (0, FRAME)


def test_rmcp_plus_packet_is_counted_as_bad() -> None:
    session = session_of()
    assert session.open(bytes.fromhex("0600ff0706") + bytes(40)) is None
    assert counters(session) == (1, 0, 0)


def test_both_ends_have_one_id() -> None:
    session = session_of()
    assert (session.local_id, session.remote_id, session.is_plus) == (ID, ID, False)


def test_password_too_long_for_ipmi_15_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="at most 16 bytes"):
        LanSession(
            session_id=1, auth_type=2, password=bytes(17), rules=LanRules(send_auth_type=2), outbound=0, inbound=1
        )


@pytest.mark.property
@given(auth_type=st.sampled_from([1, 2]), data=st.binary(max_size=80), known=st.booleans())
def test_garbage_is_counted_and_never_opened(auth_type: int, data: bytes, known: bool) -> None:
    session = session_of(auth_type)
    head = bytes([6, 0, 0xFF, 7, auth_type]) + u32(100) + u32(ID)
    assert session.open(head + data if known else data) is None
    assert sum(counters(session)) == 1
