"""Platform event traps: a vector that FreeIPMI's ipmi-pet has decoded, and traps that are none."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.pet import EPOCH, PlatformEventTrap, text_field, trap_time
from conduit.ipmi.records.snmp_trap import MAX_TRAP, SnmpTrap

# ipmi-pet says: Nov-24-2025 16:00:00, CPU Temp, Critical condition, Assertion Event, Upper Critical - going high,
# Sensor Reading = 96.00 C, Threshold = 85.00 C; hello. Its specific trap is 65801.
TRAP = PlatformEventTrap(
    guid=bytes(range(16)), sequence=7, timestamp=trap_time(1_764_000_000), severity=16, sensor_type=1, event_type=1,
    offset=9, sensor_number=1, entity=3, entity_instance=1, event_data=bytes.fromhex("596055"), language=0x19,
    manufacturer_id=343, system_id=1, custom=text_field(b"hello"),
)  # fmt: skip
VARIABLE = bytes.fromhex(
    "000102030405060708090a0b0c0d0e0f 0007 3479a480 ffff 20 20 10 20 01 03 01 5960550000000000 19 00000157 0001"
    "c568656c6c6fc1"
)


def test_the_variable_is_what_ipmi_pet_reads() -> None:
    assert (TRAP.encode(), TRAP.specific) == (VARIABLE, 65801)
    decoded = PlatformEventTrap.decode(VARIABLE, 65801)
    assert decoded.encode() == VARIABLE
    assert decoded.event == Event(sensor_type=1, sensor_number=1, event_type=1, data=bytes.fromhex("596055"))
    assert not PlatformEventTrap.decode(VARIABLE, 65801 | 0x80).asserted


def test_the_message_is_snmp_version_1() -> None:
    message = TRAP.to_snmp(agent=IPv4Address("192.0.2.1"), uptime=0x8000_0000).encode()
    assert message[:13].hex() == "30740201000406" + b"public".hex()
    assert (
        message[13:].hex()
        == (
            "a467 06092b06010401986f0101 4004c0000201 020106 0203010109 43050080000000"
            " 3045 3043 060a2b06010401986f010101 0435"
        ).replace(" ", "")
        + VARIABLE.hex()
    )
    trap = SnmpTrap.decode(message)
    assert (trap.community, trap.agent, trap.uptime) == (b"public", IPv4Address("192.0.2.1"), 0x8000_0000)
    assert PlatformEventTrap.decode(trap.data, trap.specific).encode() == VARIABLE


@pytest.mark.parametrize("size", [0, 60, 200, 255])
def test_lengths_of_any_size_come_back_and_fit_every_receiver(size: int) -> None:
    trap = SnmpTrap(community=b"c" * 18, agent=IPv4Address(1), specific=0, data=bytes(size))
    assert SnmpTrap.decode(trap.encode()) == trap
    assert len(trap.encode()) <= MAX_TRAP


@pytest.mark.parametrize(
    ("place", "byte"),
    [(0, 0x31), (4, 0x01), (13, 0xA0), (17, 0x2C), (26, 3), (33, 0x07), (36, 0x81), (36, 0)],
)
def test_another_message_is_no_trap(place: int, byte: int) -> None:
    message = bytearray(TRAP.to_snmp(agent=IPv4Address("192.0.2.1")).encode())
    message[place] = byte
    with pytest.raises(DecodeError):
        SnmpTrap.decode(bytes(message))


def test_every_truncation_is_a_decode_error() -> None:
    message = TRAP.to_snmp(agent=IPv4Address("192.0.2.1")).encode()
    for size in range(len(message)):
        with pytest.raises(DecodeError):
            SnmpTrap.decode(message[:size])
    for size in range(46):
        with pytest.raises(DecodeError):
            PlatformEventTrap.decode(VARIABLE[:size])


def test_numbers_that_no_platform_event_has_are_refused() -> None:
    good = SnmpTrap(agent=IPv4Address(1), specific=0x7FFF_FFFF, data=b"")
    raw = good.encode()
    with pytest.raises(DecodeError, match="no platform event has"):
        SnmpTrap.decode(raw.replace(bytes.fromhex("02047fffffff"), bytes.fromhex("0204ffffffff")))
    with pytest.raises(DecodeError, match="no 32-bit number"):
        SnmpTrap.decode(raw.replace(bytes.fromhex("0204 7fffffff 430100"), bytes.fromhex("0203 7fffff 4300 4300")))


def test_our_own_mistakes_are_ours() -> None:
    with pytest.raises(LocalProtocolError, match="GUID"):
        PlatformEventTrap(guid=b"", sequence=0, sensor_type=0, event_type=0, offset=0, event_data=b"")
    with pytest.raises(LocalProtocolError, match="event type"):
        PlatformEventTrap(guid=bytes(16), sequence=0, sensor_type=0, event_type=128, offset=0, event_data=b"")


def test_a_text_is_a_field_that_is_not_the_end_mark() -> None:
    assert text_field(b"") == b"\xc1"
    assert text_field(b"a") == b"\xc2a\0\xc1"
    assert text_field(b"x" * 64) == b"\xff" + b"x" * 63 + b"\xc1"


def test_times_count_from_1998_or_are_unspecified() -> None:
    assert [trap_time(one) for one in (EPOCH + 1, 5, 0xFFFF_FFFF, 0x2000_0000)] == [1, 0, 0, 0]
