"""Platform event traps: an event as BMCs send it to SNMP managers (IPMI Platform Event Trap Format 1.0)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.snmp_trap import MAX_BINDING, SnmpTrap
from conduit.ipmi.records.timestamps import PRE_INIT_END, UNSPECIFIED

EPOCH: Final = 883_612_800  # 1998-01-01 in seconds since 1970: where trap times count from
NO_TIME: Final = 0
NO_OFFSET: Final = 0xFFFF
IPMI_SOURCE: Final = 0x20  # trap and event source type: IPMI
NO_MORE_FIELDS: Final = b"\xc1"  # ends the OEM custom fields
TEXT_TYPE: Final = 0xC0
MAX_TEXT: Final = 0x3F
FIXED_SIZE: Final = 46  # bytes before the OEM custom fields
MAX_CUSTOM: Final = MAX_BINDING - FIXED_SIZE
EVENT_DATA_SIZE: Final = 8
DEASSERTED: Final = 0x80  # in the specific trap's lowest byte


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformEventTrap:
    """What a trap says, apart from SNMP's own; tables 2 and 3. Its numbers travel most significant byte first."""

    guid: bytes
    "The system's, 16 bytes."
    sequence: int
    "Cookie by which the trap is acknowledged, 0 to 0xFFFF."
    timestamp: int = NO_TIME
    "Seconds since 1998, 0 to 0xFFFFFFFF; 0 is unspecified."
    utc_offset: int = NO_OFFSET
    "Minutes, two's complement, 0 to 0xFFFF; FFFFh is unspecified."
    trap_source: int = IPMI_SOURCE
    "Type of what sends the trap, 0 to 255."
    event_source: int = IPMI_SOURCE
    "Type of what found the event, 0 to 255."
    severity: int = 0
    "As filters have it (table 17-2), 0 to 255."
    sensor_device: int = 0x20
    "Slave address or software ID of what found the event, 0 to 255."
    sensor_type: int
    "0 to 255."
    event_type: int
    "0 to 127."
    offset: int
    "0 to 15."
    asserted: bool = True
    sensor_number: int = 0
    "0 to 255."
    entity: int = 0
    "0 to 255; 0 is unspecified."
    entity_instance: int = 0
    "0 to 255."
    event_data: bytes
    "Up to 8 bytes, of which IPMI fills 3."
    language: int = 0x19
    "0 to 255, as in FRU areas; 19h is English, FFh unspecified."
    manufacturer_id: int = 0
    "0 to 0xFFFFFFFF; 0 is unspecified."
    system_id: int = 0
    "The manufacturer's, 0 to 0xFFFF."
    custom: bytes = NO_MORE_FIELDS
    "OEM custom fields as they travel, 0 to 209 bytes."

    def __post_init__(self) -> None:
        check_size("the GUID", self.guid, 16, 16)
        check_size("event data", self.event_data, 0, EVENT_DATA_SIZE)
        check_size("OEM custom fields", self.custom, 0, MAX_CUSTOM)
        for name, bits in _BITS.items():
            check_range(name.replace("_", " "), getattr(self, name), 0, (1 << bits) - 1)

    @property
    def specific(self) -> int:
        """The number of the SNMP trap: sensor type, event type, offset and direction (table 1)."""
        low = self.offset | (0 if self.asserted else DEASSERTED)
        return self.sensor_type << 16 | self.event_type << 8 | low

    def encode(self) -> bytes:
        """The variable's bytes: 46 and the custom fields."""
        return b"".join(
            (
                self.guid,
                self.sequence.to_bytes(2, "big"),
                self.timestamp.to_bytes(4, "big"),
                self.utc_offset.to_bytes(2, "big"),
                bytes((self.trap_source, self.event_source, self.severity, self.sensor_device, self.sensor_number)),
                bytes((self.entity, self.entity_instance)),
                self.event_data.ljust(EVENT_DATA_SIZE, b"\0"),
                bytes((self.language,)),
                self.manufacturer_id.to_bytes(4, "big"),
                self.system_id.to_bytes(2, "big"),
                self.custom,
            )
        )

    def to_snmp(self, *, agent: IPv4Address, community: bytes = b"public", uptime: int = 0) -> SnmpTrap:
        """The trap that carries it."""
        return SnmpTrap(agent=agent, community=community, uptime=uptime, specific=self.specific, data=self.encode())

    @classmethod
    def decode(cls, data: bytes, specific: int = 0) -> Self:
        """The opposite.

        :param specific: the number of the SNMP trap.
        :raises DecodeError: and nothing else, whatever *data* holds.
        """
        reader = Reader(data[:MAX_BINDING])
        guid, sequence, timestamp = reader.take(16, "GUID"), reader.u16be("sequence"), reader.u32be("timestamp")
        utc_offset = reader.u16be("UTC offset")
        trap_source, event_source, severity, device, number, entity, instance = reader.take(7, "event source")
        return cls(
            guid=guid,
            sequence=sequence,
            timestamp=timestamp,
            utc_offset=utc_offset,
            trap_source=trap_source,
            event_source=event_source,
            severity=severity,
            sensor_device=device,
            sensor_type=specific >> 16 & 0xFF,
            event_type=specific >> 8 & 0x7F,
            offset=specific & 0x0F,
            asserted=not specific & DEASSERTED,
            sensor_number=number,
            entity=entity,
            entity_instance=instance,
            event_data=reader.take(EVENT_DATA_SIZE, "event data"),
            language=reader.u8("language"),
            manufacturer_id=reader.u32be("manufacturer ID"),
            system_id=reader.u16be("system ID"),
            custom=reader.rest(),
        )

    @property
    def event(self) -> Event:
        """The event that it is about."""
        return Event(
            sensor_type=self.sensor_type,
            sensor_number=self.sensor_number,
            event_type=self.event_type,
            asserted=self.asserted,
            data=self.event_data.ljust(3, b"\0")[:3],
        )


def text_field(text: bytes) -> bytes:
    """OEM custom fields that hold a text, of which 63 bytes fit; the type/length byte is that of FRU fields."""
    if not text:
        return NO_MORE_FIELDS
    kept = text[:MAX_TEXT] if len(text) > 1 else text + b"\0"  # a length of one would be the end mark
    return bytes((TEXT_TYPE | len(kept),)) + kept + NO_MORE_FIELDS


def trap_time(timestamp: int) -> int:
    """The time of a SEL record as traps count it; 0 where it is unspecified or from a clock that nobody had set."""
    known = PRE_INIT_END <= timestamp < UNSPECIFIED and timestamp >= EPOCH
    return timestamp - EPOCH if known else NO_TIME


_BITS: Final = {
    "sequence": 16, "timestamp": 32, "utc_offset": 16, "trap_source": 8, "event_source": 8, "severity": 8,
    "sensor_device": 8, "sensor_type": 8, "event_type": 7, "offset": 4, "sensor_number": 8, "entity": 8,
    "entity_instance": 8, "language": 8, "manufacturer_id": 32, "system_id": 16,
}  # fmt: skip
