"""The SNMPv1 trap that carries a platform event (RFC 1157, section 4.1.6; IPMI PET 1.0, table 1): BER, and no more of
it than that takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.ipmi._fields import check_range, check_size

TRAP_PORT: Final = 162
MAX_TRAP: Final = 484  # bytes that every receiver of SNMP takes (RFC 1157, section 4)
MAX_BINDING: Final = 255  # bytes of trap data; so all of a trap fits MAX_TRAP

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OBJECT: Final = 0x06
SEQUENCE: Final = 0x30
IP_ADDRESS: Final = 0x40
TIME_TICKS: Final = 0x43
TRAP: Final = 0xA4

VERSION_1: Final = 0
ENTERPRISE_SPECIFIC: Final = 6
PET_ENTERPRISE: Final = bytes.fromhex("2b06010401986f0101")  # 1.3.6.1.4.1.3183.1.1
PET_BINDING: Final = PET_ENTERPRISE + b"\x01"
LONG: Final = 0x80  # in a length: how many bytes of length follow


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpTrap:
    """A trap of the enterprise 1.3.6.1.4.1.3183.1.1 with one octet string."""

    community: bytes = b"public"
    "0 to 255 bytes."
    agent: IPv4Address
    "Who sends it."
    specific: int
    "The specific trap, 0 to 0x7FFFFFFF."
    uptime: int = 0
    "Hundredths of a second since the sender started, 0 to 0xFFFFFFFF."
    data: bytes
    "The octet string, 0 to 255 bytes."

    def __post_init__(self) -> None:
        check_size("an SNMP community", self.community, 0, 0xFF)
        check_range("specific trap", self.specific, 0, 0x7FFF_FFFF)
        check_range("uptime", self.uptime, 0, 0xFFFF_FFFF)
        check_size("trap data", self.data, 0, MAX_BINDING)

    def encode(self) -> bytes:
        """The whole message."""
        binding = _wrap(SEQUENCE, _wrap(OBJECT, PET_BINDING), _wrap(OCTETS, self.data))
        trap = _wrap(
            TRAP,
            _wrap(OBJECT, PET_ENTERPRISE),
            _wrap(IP_ADDRESS, self.agent.packed),
            _number(INTEGER, ENTERPRISE_SPECIFIC),
            _number(INTEGER, self.specific),
            _number(TIME_TICKS, self.uptime),
            _wrap(SEQUENCE, binding),
        )
        return _wrap(SEQUENCE, _number(INTEGER, VERSION_1), _wrap(OCTETS, self.community), trap)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Of the variables the first counts. :raises DecodeError: and nothing else, whatever *data* holds."""
        message = _open(Reader(data), SEQUENCE, "SNMP message")
        _expect(_integer(message, INTEGER, "version"), VERSION_1, "SNMP version")
        community = _value(message, OCTETS, "community")
        trap = _open(message, TRAP, "trap")
        _expect(_value(trap, OBJECT, "enterprise"), PET_ENTERPRISE, "enterprise")
        agent = _value(trap, IP_ADDRESS, "agent address")
        _expect(len(agent), 4, "size of the agent address")
        _expect(_integer(trap, INTEGER, "generic trap"), ENTERPRISE_SPECIFIC, "generic trap")
        specific, uptime = _integer(trap, INTEGER, "specific trap"), _integer(trap, TIME_TICKS, "uptime")
        binding = _open(_open(trap, SEQUENCE, "variables"), SEQUENCE, "variable")
        _expect(_value(binding, OBJECT, "variable's name"), PET_BINDING, "variable")
        payload = _value(binding, OCTETS, "trap data")
        if specific > 0x7FFF_FFFF or max(len(community), len(payload)) > MAX_BINDING:
            raise DecodeError("a specific trap, community or trap data that no platform event has")
        return cls(community=community, agent=IPv4Address(agent), specific=specific, uptime=uptime, data=payload)


def _wrap(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, LONG | len(length))) + length + content


def _number(tag: int, value: int) -> bytes:
    """Two's complement, so one bit more than the number has."""
    return _wrap(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _value(reader: Reader, tag: int, what: str) -> bytes:
    """The content of the next element. :raises DecodeError: it is another, or not all there."""
    _expect(reader.u8(what), tag, f"tag of the {what}")
    size = reader.u8(what)
    if size >= LONG:
        size = int.from_bytes(reader.take(size - LONG, what), "big")
    return reader.take(size, what)


def _open(reader: Reader, tag: int, what: str) -> Reader:
    return Reader(_value(reader, tag, what))


def _integer(reader: Reader, tag: int, what: str) -> int:
    """Up to 32 bits without a sign. :raises DecodeError: something else."""
    content = _value(reader, tag, what)
    value = int.from_bytes(content, "big") if content else -1
    if not 0 <= value <= 0xFFFF_FFFF:
        raise DecodeError(f"{what} is no 32-bit number")
    return value


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise DecodeError(f"{what} is {found!r}, not {wanted!r}")
