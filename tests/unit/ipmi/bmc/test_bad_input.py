"""Whatever arrives, it is counted by reason and dropped, or refused with a code; nothing raises."""

from __future__ import annotations

import random  # noqa: TID251 - chance that repeats is what a test wants

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.ipmi.bmc import Drop, VirtualBmc
from conduit.ipmi.bmc.config import Faults, LanConfig, PlusConfig
from conduit.ipmi.commands import GetDeviceId
from conduit.rmcp.credentials import Interface
from conduit.rmcp.lan_message import encode_frame
from conduit.rmcp.packets import PayloadType, PresencePing, PresencePong, encode_lan_packet, encode_plus_packet
from conduit.rmcp.session_commands import ActivateSession, GetSessionChallenge
from tests.wired import CONSOLE, Wire, make_bmc


def conversation(interface: Interface) -> list[bytes]:
    """Every datagram that a console sends from its first to its last."""
    wire = Wire(make_bmc())
    wire.connect(interface=interface).ask(GetDeviceId())
    return wire.sent


TALKS = [data for interface in (Interface.LAN, Interface.LANPLUS) for data in conversation(interface)]


def feed(bmc: VirtualBmc, data: bytes) -> int:
    """How many datagrams are dropped, or else answered, because of *data*."""
    before = sum(bmc.drops.values())
    bmc.receive_datagram(data, CONSOLE, 0.0)
    return sum(bmc.drops.values()) - before + len(bmc.datagrams_to_send())


@pytest.mark.parametrize("data", TALKS, ids=range(len(TALKS)))
def test_every_truncation_of_every_datagram_is_counted(data: bytes) -> None:
    for length in range(len(data)):
        assert feed(make_bmc(), data[:length]), length


@pytest.mark.parametrize("data", TALKS, ids=range(len(TALKS)))
def test_every_flipped_bit_of_every_datagram_is_counted_or_answered(data: bytes) -> None:
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert feed(make_bmc(), bytes(flipped)), bit


@given(st.binary(max_size=80))
def test_garbage_is_counted(data: bytes) -> None:
    assert feed(make_bmc(), data)


@given(st.sampled_from([b"\x06\x00\xff\x07", b"\x06\x00\xff\x07\x06", b"\x06\x00\xff\x06"]), st.binary(max_size=80))
def test_garbage_behind_a_good_header_is_counted(header: bytes, data: bytes) -> None:
    assert feed(make_bmc(), header + data)


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_garbage_in_the_middle_of_a_session_does_not_end_it(interface: Interface) -> None:
    wire = Wire(make_bmc())
    console = wire.connect(interface=interface)
    (session,) = wire.bmc.state.sessions
    chance = random.Random(5)
    good = console.connection.session.seal(PayloadType.IPMI, encode_frame(6, 1, b"", sequence=9))
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            bad[chance.randrange(4, len(bad))] = chance.randrange(256)
        if bytes(bad) != good:
            wire.deliver(bytes(bad))
    assert wire.bmc.state.sessions.get(session.session_id) is session
    assert console.ask(GetDeviceId())


@pytest.mark.parametrize("interface", [Interface.LAN, Interface.LANPLUS])
def test_replays_and_reflections_are_dropped(interface: Interface) -> None:
    wire = Wire(make_bmc())
    console = wire.connect(interface=interface)
    datagram = console.connection.session.seal(PayloadType.IPMI, encode_frame(6, 1, b"", sequence=9))
    (answer,) = wire.deliver(datagram)
    assert wire.deliver(datagram) == []
    assert wire.bmc.drops[Drop.NOT_AUTHENTIC] == 1
    assert wire.deliver(answer) == []
    assert sum(wire.bmc.drops.values()) == 2


def test_each_reason_is_counted_under_its_name() -> None:
    frame = encode_frame(6, 1, b"", sequence=1)
    wrong_checksum = frame[:-1] + bytes([frame[-1] ^ 1])
    response = encode_frame(7, 1, b"\0", sequence=1)
    activate = ActivateSession(auth_type=2, want=4, challenge=bytes(16), outbound_sequence=1).encode()
    activation = encode_frame(6, 0x3A, activate, sequence=1)
    for data, reason in (
        (b"", Drop.NOT_RMCP),
        (b"\x05\x00\xff\x07", Drop.NOT_RMCP),
        (b"\x06\x00\x01\x86", Drop.ACKNOWLEDGE),
        (b"\x06\x00\xff\x08", Drop.UNKNOWN_CLASS),
        (b"\x06\x00\xff\x06", Drop.BAD_ASF),
        (PresencePong().encode(), Drop.BAD_ASF),
        (b"\x06\x00\xff\x07", Drop.BAD_PACKET),
        (encode_lan_packet(wrong_checksum), Drop.BAD_MESSAGE),
        (encode_lan_packet(response), Drop.BAD_MESSAGE),
        (encode_plus_packet(0, response), Drop.BAD_MESSAGE),
        (encode_plus_packet(0x3F, b""), Drop.UNKNOWN_PAYLOAD),
        (encode_plus_packet(0x10, b""), Drop.BAD_HANDSHAKE),
        (encode_lan_packet(frame, session_id=9), Drop.UNKNOWN_SESSION),
        (encode_lan_packet(activation, session_id=9), Drop.UNKNOWN_SESSION),
        (encode_lan_packet(wrong_checksum, session_id=9), Drop.BAD_MESSAGE),
    ):
        bmc = make_bmc()
        bmc.receive_datagram(data, CONSOLE, 0.0)
        assert bmc.drops == {reason: 1}, data.hex()


def test_what_is_off_is_not_answered() -> None:
    off = make_bmc(plus=PlusConfig(enabled=False))
    off.receive_datagram(encode_plus_packet(0x10, bytes(32)), CONSOLE, 0.0)
    no_lan = make_bmc(lan=LanConfig(enabled=False))
    no_lan.receive_datagram(encode_lan_packet(encode_frame(6, 1, b"", sequence=1), session_id=5), CONSOLE, 0.0)
    assert off.drops == no_lan.drops == {Drop.DISABLED: 1}
    challenge = encode_frame(6, 0x39, GetSessionChallenge(auth_type=2).encode(), sequence=1)
    assert feed(no_lan, encode_lan_packet(challenge)) == 1


def test_a_session_takes_no_other_payload_and_no_response() -> None:
    wire = Wire(make_bmc())
    session = wire.connect().connection.session
    wire.deliver(session.seal(PayloadType.SOL, b"sol"))
    wire.deliver(session.seal(PayloadType.OEM_EXPLICIT, b"oem"))
    wire.deliver(session.seal(PayloadType.IPMI, encode_frame(7, 1, b"\0", sequence=1)))
    assert wire.bmc.drops == {Drop.BAD_SOL: 1, Drop.UNKNOWN_PAYLOAD: 1, Drop.BAD_MESSAGE: 1}


def test_a_short_challenge_request_is_refused_by_length() -> None:
    wire = Wire(make_bmc())
    (answer,) = wire.deliver(encode_lan_packet(encode_frame(6, 0x39, b"\x02", sequence=1)))
    assert answer[-2] == 0xC7


@pytest.mark.parametrize(
    ("netfn", "command", "data", "answer"),
    [
        (0x2C, 0x01, b"", (0xC7, b"")),
        (0x2C, 0x01, b"\xaa", (0xC1, b"\xaa")),
        (0x2C, 0x01, b"\xaa\x01\x02", (0xC1, b"\xaa")),
        (0x2C, 0x7F, b"\xdc", (0xC1, b"\xdc")),
        (0x2C, 0x01, b"\xdc", (0xC7, b"\xdc")),  # Get DCMI Capabilities without its parameter
        (0x2E, 0x01, b"", (0xC7, b"")),
        (0x2E, 0x01, b"\x57\x01", (0xC7, b"")),
        (0x2E, 0x01, b"\x57\x01\x00\x05", (0xC1, b"\x57\x01\x00")),
        (0x30, 0x01, b"", (0xC1, b"")),
    ],
)
def test_a_refusal_says_whose_command_it_was_and_one_that_is_nobodys_is_too_short(
    netfn: int, command: int, data: bytes, answer: tuple[int, bytes]
) -> None:
    console = Wire(make_bmc()).connect()
    assert console.raw(netfn, command, data) == answer


def test_pings_get_pongs_and_acknowledges_where_they_are_wanted() -> None:
    wire = Wire(make_bmc())
    ping = PresencePing(tag=9).encode()
    (pong,) = wire.deliver(ping)
    assert PresencePong.decode(pong).tag == 9
    acknowledge, pong = wire.deliver(ping[:2] + b"\x05" + ping[3:])
    assert acknowledge == b"\x06\x00\x05\x86"
    assert PresencePong.decode(pong).ipmi


def test_losses_are_counted_and_repeat_with_the_seed() -> None:
    def losses(seed: int) -> list[int]:
        bmc = make_bmc(faults=Faults(drop_rate=0.5, seed=seed))
        return [feed(bmc, PresencePing().encode()) and bmc.drops[Drop.LOST] for _ in range(50)]

    assert losses(1) == losses(1) != losses(2)
    assert 20 < losses(1)[-1] < 60
