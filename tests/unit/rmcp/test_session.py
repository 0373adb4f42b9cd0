"""A live RMCP+ session against packets made and read by another implementation, and against attackers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rmcp.ciphers import SUITES, SessionKeys
from conduit.rmcp.session import PlusSession
from tests.fakes import reference
from tests.fakes.entropy import CountedEntropy
from tests.fakes.reference import Keys
from tests.fakes.scripted_bmc import SUITE_ALGORITHMS

LOCAL, REMOTE = 0x11223344, 0x55667788
K1, K2, PASSWORD = bytes(range(20)), bytes(range(20, 52)), b"secret"
PROTECTED = [number for number in range(20) if SUITES[number].integrity]
ENCRYPTED = [number for number in range(20) if SUITES[number].confidentiality]


def session_of(suite: int, *, icts: bool = False) -> PlusSession:
    keys = SessionKeys(k1=K1, k2=K2)
    return PlusSession(
        SUITES[suite], keys, password=PASSWORD, local_id=LOCAL, remote_id=REMOTE, entropy=CountedEntropy(), icts=icts
    )


def keys_of(suite: int) -> Keys:
    _, integrity, confidentiality = SUITE_ALGORITHMS[suite]
    return Keys(integrity, confidentiality, K1, K2, PASSWORD)


def counters(session: PlusSession) -> tuple[int, int, int]:
    return session.bad_datagrams, session.wrong_macs, session.replays


@pytest.mark.parametrize("suite", range(20))
def test_what_is_sealed_is_read_by_the_other_implementation(suite: int) -> None:
    session = session_of(suite)
    for number, length in enumerate((7, 0, 1, 16, 255, 2, 3, 4), start=1):
        opened = reference.unseal(keys_of(suite), session.seal(0x01, bytes(length)))
        assert opened == reference.Opened(0x01, REMOTE, number, bytes(length))


@pytest.mark.parametrize("suite", range(20))
def test_what_the_other_implementation_seals_is_opened(suite: int) -> None:
    session = session_of(suite)
    for number, length in enumerate((7, 1, 16, 255, 2, 3, 4), start=1):
        assert session.open(reference.seal(keys_of(suite), LOCAL, number, bytes(length))) == (0, bytes(length))
    assert counters(session) == (0, 0, 0)


@pytest.mark.parametrize("suite", PROTECTED)
def test_no_change_to_a_byte_under_the_mac_is_opened(suite: int) -> None:
    session = session_of(suite)
    packet = reference.seal(keys_of(suite), LOCAL, 1, b"power off")
    for place in range(4, len(packet)):
        for bit in (0x01, 0x80):
            changed = bytearray(packet)
            changed[place] ^= bit
            assert session.open(bytes(changed)) is None, place
    assert sum(counters(session)) == 2 * (len(packet) - 4)
    assert session.open(packet) == (0, b"power off")


@pytest.mark.parametrize("suite", PROTECTED)
def test_rmcp_header_is_outside_the_mac_and_changes_nothing_that_is_opened(suite: int) -> None:
    packet = reference.seal(keys_of(suite), LOCAL, 1, b"power off")
    for place in range(4):
        changed = bytearray(packet)
        changed[place] ^= 0xFF
        assert session_of(suite).open(bytes(changed)) in (None, (0, b"power off"))


@pytest.mark.parametrize("suite", range(20))
def test_packet_cut_short_at_any_length_is_dropped_and_the_whole_one_opened(suite: int) -> None:
    session = session_of(suite)
    packet = reference.seal(keys_of(suite), LOCAL, 1, b"power off")
    for length in range(len(packet)):
        assert session.open(packet[:length]) is None
    assert sum(counters(session)) == len(packet)
    assert session.open(packet) == (0, b"power off")


@pytest.mark.parametrize("suite", PROTECTED)
def test_packet_with_bytes_after_its_mac_is_dropped(suite: int) -> None:
    session = session_of(suite)
    assert session.open(reference.seal(keys_of(suite), LOCAL, 1, b"power off") + b"\0") is None


@pytest.mark.parametrize(
    ("agreed", "sent"), [(3, 2), (3, 1), (2, 1), (3, 0), (1, 3), (2, 3), (17, 15), (17, 16), (4, 2)]
)
def test_protection_other_than_agreed_is_dropped(agreed: int, sent: int) -> None:
    session = session_of(agreed)
    assert session.open(reference.seal(keys_of(sent), LOCAL, 1, bytes(7))) is None
    assert counters(session) == (1, 0, 0)


@pytest.mark.parametrize("suite", [1, 3, 11, 17])
def test_packet_of_another_session_is_dropped(suite: int) -> None:
    session = session_of(suite)
    for session_id in (0, LOCAL ^ 1):
        assert session.open(reference.seal(keys_of(suite), session_id, 1, bytes(7))) is None
    assert counters(session) == (2, 0, 0)


@pytest.mark.parametrize("suite", [1, 3, 17])
def test_our_own_packet_reflected_is_dropped(suite: int) -> None:
    session = session_of(suite)
    assert session.open(session.seal(0, bytes(7))) is None


def test_packet_under_other_keys_is_counted_as_forged() -> None:
    session = session_of(3)
    forged = reference.seal(Keys(1, 1, b"other" * 4, K2), LOCAL, 1, bytes(7))
    assert session.open(forged) is None
    assert counters(session) == (0, 1, 0)


@pytest.mark.parametrize("suite", [1, 3, 17])
def test_replay_is_counted_and_dropped(suite: int) -> None:
    session = session_of(suite)
    packet = reference.seal(keys_of(suite), LOCAL, 5, bytes(7))
    assert session.open(packet) is not None
    assert session.open(packet) is None
    assert counters(session) == (0, 0, 1)


def test_forged_packet_does_not_move_the_window() -> None:
    session = session_of(3)
    forged = reference.seal(Keys(1, 1, b"other" * 4, K2), LOCAL, 0x7000_0000, bytes(7))
    session.open(forged)
    assert session.open(reference.seal(keys_of(3), LOCAL, 1, b"honest")) == (0, b"honest")


def test_unprotected_session_takes_no_far_jump_of_the_sequence() -> None:
    session = session_of(1)
    assert session.open(reference.seal(keys_of(1), LOCAL, 17, bytes(7))) is None
    assert session.open(reference.seal(keys_of(1), LOCAL, 16, bytes(7))) == (0, bytes(7))


def test_protected_session_survives_a_burst_of_losses() -> None:
    session = session_of(3)
    assert session.open(reference.seal(keys_of(3), LOCAL, 50_000, bytes(7))) == (0, bytes(7))


@pytest.mark.parametrize("suite", [3, 17])
def test_authentic_packet_that_cannot_be_decrypted_is_dropped(suite: int) -> None:
    session = session_of(suite)
    assert session.open(reference.seal(keys_of(suite), LOCAL, 1, b"", body=bytes(33))) is None
    assert counters(session) == (1, 0, 0)
    assert session.open(reference.seal(keys_of(suite), LOCAL, 2, b"next")) == (0, b"next")


def test_sequence_wraps_past_zero() -> None:
    session = session_of(3)
    session._sequence = 0xFFFF_FFFE
    numbers = [reference.unseal(keys_of(3), session.seal(0, b"x")).sequence for _ in range(3)]
    assert numbers == [0xFFFF_FFFF, 1, 2]


@pytest.mark.parametrize("length", range(8))
def test_icts_counts_the_pad_without_its_own_two_bytes(length: int) -> None:
    packet = session_of(2, icts=True).seal(0, bytes(length))
    signed = len(packet) - 12
    pad = packet[signed - 2]
    assert packet[16 + length : signed] == b"\xff" * pad + bytes([pad, 7])
    assert (signed - 2) % 4 == 0
    assert packet[signed:] == keys_of(2).mac(packet[4:signed])


@pytest.mark.parametrize("length", range(8))
def test_pads_of_icts_bmcs_are_read(length: int) -> None:
    sealed = session_of(2, icts=True)
    sealed.remote_id = LOCAL
    assert session_of(2).open(sealed.seal(0, bytes(length))) == (0, bytes(length))


@pytest.mark.property
@pytest.mark.parametrize("suite", range(20))
@given(data=st.binary(max_size=120))
def test_garbage_is_counted_and_never_opened(suite: int, data: bytes) -> None:
    session = session_of(suite)
    head = bytes.fromhex("0600ff0706") + bytes([session._flags]) + reference.u32(LOCAL)
    for datagram in (data, head + data):
        before = sum(counters(session))
        opened = session.open(datagram)
        assert sum(counters(session)) == before + (opened is None)
        assert opened is None or not SUITES[suite].integrity


@pytest.mark.property
@given(order=st.permutations(range(1, 17)), suite=st.sampled_from(PROTECTED))
def test_packets_in_any_order_and_doubled_are_opened_once_each(order: list[int], suite: int) -> None:
    session = session_of(suite)
    opened = []
    for number in order:
        packet = reference.seal(keys_of(suite), LOCAL, number, bytes([number]), vector=bytes([number]) * 16)
        opened += [session.open(packet), session.open(packet)]
    assert opened == [item for number in order for item in ((0, bytes([number])), None)]
    assert session.replays == 16
