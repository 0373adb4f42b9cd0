"""Records about devices: where they are, what they are (sections 43.7 to 43.11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr_fields import RecordType, encode_record, open_record

NO_NAME: Final = IdString()
SOMEWHERE: Final = Entity()
CHANNELS: Final = 8  # in a message channel record
GUID_SIZE: Final = 16
_CHECKED: Final = {"record_id": 0xFFFF, "channel": 0x0F, "access_lun": 3, "bus": 7}  # greatest values


def check_fields(record: object, *names: str) -> None:
    """Bytes, unless the table above says otherwise."""
    for name in names:
        check_range(name.replace("_", " "), getattr(record, name), 0, _CHECKED.get(name, 0xFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericDevice:
    """A device on a bus that is no controller and no FRU; section 43.7."""

    record_id: int = 0
    access_address: int
    "Slave address of the controller in front of it, 8-bit form."
    address: int
    "Its own slave address, 8-bit form."
    channel: int = 0
    access_lun: int = 0
    bus: int = 0
    "Private bus, 0 to 7."
    span: int = 0
    "Further addresses, 0 to 7."
    device_type: int = 0
    type_modifier: int = 0
    entity: Entity = SOMEWHERE
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.GENERIC_DEVICE

    def __post_init__(self) -> None:
        check_fields(self, "record_id", "access_address", "address", "channel", "access_lun", "bus")
        check_fields(self, "device_type", "type_modifier", "oem")
        check_range("address span", self.span, 0, 7)

    def encode(self) -> bytes:
        """The whole record."""
        address = self.address & 0xFE | self.channel >> 3
        where = (self.channel & 0x07) << 5 | self.access_lun << 3 | self.bus
        head = bytes((self.access_address, address, where, self.span, 0, self.device_type, self.type_modifier))
        tail = self.entity.encode() + bytes((self.oem,)) + self.name.encode()
        return encode_record(self.record_id, self.record_type, head + tail)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        access_address, address, where, span, _, device_type, modifier = reader.take(7, "device locator")
        entity, oem = Entity.read(reader), reader.u8("OEM byte")
        return cls(
            record_id=record_id,
            access_address=access_address,
            address=address & 0xFE,
            channel=(address & 0x01) << 3 | where >> 5,
            access_lun=where >> 3 & 0x03,
            bus=where & 0x07,
            span=span & 0x07,
            device_type=device_type,
            type_modifier=modifier,
            entity=entity,
            oem=oem,
            name=IdString.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FruDevice:
    """Where an inventory is to be found; section 43.8."""

    record_id: int = 0
    access_address: int = 0x20
    "Slave address of the controller in front of it, 8-bit form."
    fru_id: int
    "FRU device ID; a slave address where the device is not logical."
    logical: bool = True
    "The controller reads it for us (Read FRU Data)."
    access_lun: int = 0
    bus: int = 0
    channel: int = 0
    device_type: int = 0x10
    type_modifier: int = 0
    entity: Entity = SOMEWHERE
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.FRU_DEVICE

    def __post_init__(self) -> None:
        check_fields(self, "record_id", "access_address", "fru_id", "channel", "access_lun", "bus")
        check_fields(self, "device_type", "type_modifier", "oem")

    def encode(self) -> bytes:
        """The whole record."""
        where = (self.logical << 7 | self.access_lun << 3 | self.bus, self.channel << 4)
        head = bytes((self.access_address, self.fru_id, *where, 0, self.device_type, self.type_modifier))
        tail = self.entity.encode() + bytes((self.oem,)) + self.name.encode()
        return encode_record(self.record_id, self.record_type, head + tail)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        access_address, fru_id, where, channel, _, device_type, modifier = reader.take(7, "FRU locator")
        entity, oem = Entity.read(reader), reader.u8("OEM byte")
        return cls(
            record_id=record_id,
            access_address=access_address,
            fru_id=fru_id,
            logical=bool(where & 0x80),
            access_lun=where >> 3 & 0x03,
            bus=where & 0x07,
            channel=channel >> 4,
            device_type=device_type,
            type_modifier=modifier,
            entity=entity,
            oem=oem,
            name=IdString.read(reader),
        )


class ControllerSupport(IntFlag):
    """What a controller is, as Get Device ID says it too."""

    SENSORS = 0x01
    SDR_REPOSITORY = 0x02
    SEL = 0x04
    FRU = 0x08
    EVENT_RECEIVER = 0x10
    EVENT_GENERATOR = 0x20
    BRIDGE = 0x40
    CHASSIS = 0x80


NO_SUPPORT: Final = ControllerSupport(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A management controller; section 43.9."""

    record_id: int = 0
    address: int = 0x20
    "Slave address, 8-bit form."
    channel: int = 0
    notifications: int = 0
    "Power state notification and initialization, as the byte has it."
    support: ControllerSupport = NO_SUPPORT
    entity: Entity = SOMEWHERE
    oem: int = 0
    name: IdString = NO_NAME

    record_type: ClassVar[int] = RecordType.CONTROLLER

    def __post_init__(self) -> None:
        check_fields(self, "record_id", "address", "channel", "notifications", "oem")

    @property
    def is_static(self) -> bool:
        """Whether it is always there."""
        return bool(self.notifications & 0x20)

    def encode(self) -> bytes:
        """The whole record."""
        head = bytes((self.address, self.channel, self.notifications, self.support, 0, 0, 0))
        tail = self.entity.encode() + bytes((self.oem,)) + self.name.encode()
        return encode_record(self.record_id, self.record_type, head + tail)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        address, channel, notifications, support, _, _, _ = reader.take(7, "controller locator")
        entity, oem = Entity.read(reader), reader.u8("OEM byte")
        return cls(
            record_id=record_id,
            address=address,
            channel=channel & 0x0F,
            notifications=notifications,
            support=ControllerSupport(support),
            entity=entity,
            oem=oem,
            name=IdString.read(reader),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfirmation:
    """Which controller was found at an address; section 43.10."""

    record_id: int = 0
    address: int
    "Slave address, 8-bit form."
    device_id: int = 0
    channel: int = 0
    device_revision: int = 0
    "0 to 15."
    firmware_major: int = 0
    firmware_minor_bcd: int = 0
    ipmi_version: int = 0x02
    "BCD, the minor part in the high half."
    manufacturer_id: int = 0
    product_id: int = 0
    guid: bytes = bytes(GUID_SIZE)

    record_type: ClassVar[int] = RecordType.CONTROLLER_CONFIRMATION

    def __post_init__(self) -> None:
        check_fields(self, "record_id", "address", "device_id", "channel", "ipmi_version")
        check_fields(self, "firmware_major", "firmware_minor_bcd")
        check_range("device revision", self.device_revision, 0, 0x0F)
        check_range("manufacturer ID", self.manufacturer_id, 0, 0xFF_FFFF)
        check_range("product ID", self.product_id, 0, 0xFFFF)
        check_size("the GUID", self.guid, GUID_SIZE, GUID_SIZE)

    def encode(self) -> bytes:
        """The whole record."""
        firmware = (self.firmware_major, self.firmware_minor_bcd, self.ipmi_version)
        body = bytes((self.address, self.device_id, self.channel << 4 | self.device_revision, *firmware))
        body += self.manufacturer_id.to_bytes(3, "little") + self.product_id.to_bytes(2, "little") + self.guid
        return encode_record(self.record_id, self.record_type, body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        address, device_id, where, major, minor, version = reader.take(6, "controller confirmation")
        return cls(
            record_id=record_id,
            address=address,
            device_id=device_id,
            channel=where >> 4,
            device_revision=where & 0x0F,
            firmware_major=major,
            firmware_minor_bcd=minor,
            ipmi_version=version,
            manufacturer_id=reader.u24le("manufacturer ID"),
            product_id=reader.u16le("product ID"),
            guid=reader.take(GUID_SIZE, "GUID"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChannels:
    """Which channels the BMC has, and what they speak; section 43.11."""

    record_id: int = 0
    channels: bytes = bytes(CHANNELS)
    "A byte each: may it send, to which LUN does it receive, which protocol."
    message_interrupt: int = 0xFF
    event_interrupt: int = 0xFF

    record_type: ClassVar[int] = RecordType.MESSAGE_CHANNELS

    def __post_init__(self) -> None:
        check_fields(self, "record_id", "message_interrupt", "event_interrupt")
        check_size("channels", self.channels, CHANNELS, CHANNELS)

    def encode(self) -> bytes:
        """The whole record."""
        tail = bytes((self.message_interrupt, self.event_interrupt, 0))
        return encode_record(self.record_id, self.record_type, self.channels + tail)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        channels = reader.take(CHANNELS, "message channels")
        message_interrupt, event_interrupt = reader.take(2, "interrupts")
        return cls(
            record_id=record_id,
            channels=channels,
            message_interrupt=message_interrupt,
            event_interrupt=event_interrupt,
        )
