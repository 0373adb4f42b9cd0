"""Sensor data records of every type: one decoder for all of them (section 43)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.records.sdr_associations import DeviceRelativeAssociation, EntityAssociation
from conduit.ipmi.records.sdr_fields import MAX_BODY, RecordType, SdrHeader, encode_record, open_record
from conduit.ipmi.records.sdr_locators import (
    Controller,
    ControllerConfirmation,
    FruDevice,
    GenericDevice,
    MessageChannels,
)
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor

MAX_OEM: Final = MAX_BODY - 3  # bytes after the manufacturer


@dataclass(frozen=True, slots=True, kw_only=True)
class OemRecord:
    """A record that only its manufacturer understands; section 43.12."""

    record_id: int = 0
    manufacturer_id: int
    "IANA private enterprise number."
    data: bytes = b""
    "0 to 252 bytes."

    record_type: ClassVar[int] = RecordType.OEM

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_range("manufacturer ID", self.manufacturer_id, 0, 0xFF_FFFF)
        check_size("OEM data", self.data, 0, MAX_OEM)

    def encode(self) -> bytes:
        """The whole record."""
        return encode_record(self.record_id, self.record_type, self.manufacturer_id.to_bytes(3, "little") + self.data)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        return cls(record_id=record_id, manufacturer_id=reader.u24le("manufacturer ID"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRecord:
    """A record of a type that has no name."""

    record_id: int = 0
    record_type: int
    "0 to 255."
    data: bytes = b""
    "0 to 255 bytes."

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)
        check_range("record type", self.record_type, 0, 0xFF)
        check_size("a record", self.data, 0, MAX_BODY)

    def encode(self) -> bytes:
        """The whole record."""
        return encode_record(self.record_id, self.record_type, self.data)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        header = SdrHeader.read(reader)
        body = reader.take(min(header.length, reader.remaining))
        return cls(record_id=header.record_id, record_type=header.record_type, data=body)


Sensor = FullSensor | CompactSensor | EventOnlySensor
Named = Sensor | GenericDevice | FruDevice | Controller
Record = (
    Named
    | EntityAssociation
    | DeviceRelativeAssociation
    | ControllerConfirmation
    | MessageChannels
    | OemRecord
    | UnknownRecord
)

RECORD_CLASSES: Final[Mapping[int, type[Record]]] = MappingProxyType(
    {
        RecordType.FULL_SENSOR: FullSensor,
        RecordType.COMPACT_SENSOR: CompactSensor,
        RecordType.EVENT_ONLY: EventOnlySensor,
        RecordType.ENTITY_ASSOCIATION: EntityAssociation,
        RecordType.DEVICE_RELATIVE_ASSOCIATION: DeviceRelativeAssociation,
        RecordType.GENERIC_DEVICE: GenericDevice,
        RecordType.FRU_DEVICE: FruDevice,
        RecordType.CONTROLLER: Controller,
        RecordType.CONTROLLER_CONFIRMATION: ControllerConfirmation,
        RecordType.MESSAGE_CHANNELS: MessageChannels,
        RecordType.OEM: OemRecord,
    }
)


def decode_record(data: bytes) -> Record:
    """A record of any type.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    header = SdrHeader.read(Reader(data))
    return RECORD_CLASSES.get(header.record_type, UnknownRecord).decode(data)
