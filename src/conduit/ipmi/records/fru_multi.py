"""The multirecord area of FRU information (sections 16 and 18): records in a chain, each with two checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar, Final, Protocol, Self

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.manufacturers import manufacturer_name
from conduit.ipmi.records.fru_areas import checksum
from conduit.ipmi.records.fru_power import DcLoad, DcOutput, PowerSupply

RECORD_VERSION: Final = 2
HEADER_SIZE: Final = 5  # bytes
END_OF_LIST: Final = 0x80
MAX_BODY: Final = 0xFF  # bytes
OEM_TYPES: Final = range(0xC0, 0x100)


class RecordType(IntEnum):
    """Table 16-2; C0h to FFh are OEM."""

    POWER_SUPPLY = 0x00
    DC_OUTPUT = 0x01
    DC_LOAD = 0x02
    MANAGEMENT_ACCESS = 0x03
    BASE_COMPATIBILITY = 0x04
    EXTENDED_COMPATIBILITY = 0x05
    ASF_FIXED_SMBUS_DEVICE = 0x06
    ASF_LEGACY_DEVICE_ALERTS = 0x07
    ASF_REMOTE_CONTROL = 0x08
    EXTENDED_DC_OUTPUT = 0x09
    EXTENDED_DC_LOAD = 0x0A


class AccessType(IntEnum):
    """What a management access record names (table 18-6)."""

    SYSTEM_URL = 1
    SYSTEM_NAME = 2
    SYSTEM_PING_ADDRESS = 3
    COMPONENT_URL = 4
    COMPONENT_NAME = 5
    COMPONENT_PING_ADDRESS = 6
    SYSTEM_UNIQUE_ID = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementAccess:
    """How to reach what manages the system or the component; section 18.4."""

    TYPE: ClassVar = RecordType.MANAGEMENT_ACCESS

    access_type: AccessType | int
    "0 to 255."
    value: bytes
    "Text, or the 16 bytes of the unique ID."

    def __post_init__(self) -> None:
        check_range("access type", self.access_type, 0, 0xFF)
        check_size("a management access record", self.value, 0, MAX_BODY - 1)

    @property
    def text(self) -> str:
        """The value to show: the ID in hex, anything else as Latin-1."""
        if self.access_type == AccessType.SYSTEM_UNIQUE_ID:
            return self.value.hex()
        return self.value.decode("latin-1").rstrip("\0 ")

    def encode(self) -> bytes:
        """One byte and the value's."""
        return bytes((self.access_type,)) + self.value

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(access_type=known(AccessType, reader.u8("access type")), value=reader.rest()[: MAX_BODY - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compatibility:
    """Which units this one can stand in for."""

    manufacturer_id: int
    "IANA private enterprise number, 0 to 0xFFFFFF."
    entity_id: int
    "0 to 255; table 43-13 of the IPMI specification."
    base: int
    "Compatibility base, 0 to 255."
    code_start: int
    "0 to 127."
    mask: bytes = b""
    "A bit for each code from *code_start* on."

    def __post_init__(self) -> None:
        check_range("manufacturer ID", self.manufacturer_id, 0, 0xFFFFFF)
        check_range("entity ID", self.entity_id, 0, 0xFF)
        check_range("compatibility base", self.base, 0, 0xFF)
        check_range("code start", self.code_start, 0, 0x7F)
        check_size("code range mask", self.mask, 0, MAX_BODY - 6)

    def encode(self) -> bytes:
        """Six bytes and the mask's."""
        return (
            self.manufacturer_id.to_bytes(3, "little") + bytes((self.entity_id, self.base, self.code_start)) + self.mask
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        manufacturer_id = reader.u24le("manufacturer ID")
        entity_id, base, start = reader.take(3, "compatibility record")
        return cls(
            manufacturer_id=manufacturer_id,
            entity_id=entity_id,
            base=base,
            code_start=start & 0x7F,
            mask=reader.rest()[: MAX_BODY - 6],
        )


class BaseCompatibility(_Compatibility):
    """Section 18.5."""

    __slots__ = ()
    TYPE: ClassVar = RecordType.BASE_COMPATIBILITY


class ExtendedCompatibility(_Compatibility):
    """Section 18.6."""

    __slots__ = ()
    TYPE: ClassVar = RecordType.EXTENDED_COMPATIBILITY


@dataclass(frozen=True, slots=True, kw_only=True)
class OemRecord:
    """A manufacturer's own; section 18.7. Its type tells nothing without its manufacturer."""

    manufacturer_id: int
    "IANA private enterprise number, 0 to 0xFFFFFF."
    data: bytes = b""

    def __post_init__(self) -> None:
        check_range("manufacturer ID", self.manufacturer_id, 0, 0xFFFFFF)
        check_size("an OEM record", self.data, 0, MAX_BODY - 3)

    @property
    def manufacturer(self) -> str | None:
        """The manufacturer's name if we know it."""
        return manufacturer_name(self.manufacturer_id)

    def encode(self) -> bytes:
        """Three bytes and the data's."""
        return self.manufacturer_id.to_bytes(3, "little") + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(manufacturer_id=reader.u24le("manufacturer ID"), data=reader.rest()[: MAX_BODY - 3])


class RecordBody(Protocol):
    """What all bodies that have a class can do."""

    def encode(self) -> bytes:
        """The body's bytes."""
        ...

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        ...


BODIES: Final[Mapping[int, type[RecordBody]]] = MappingProxyType(
    {
        RecordType.POWER_SUPPLY: PowerSupply,
        RecordType.DC_OUTPUT: DcOutput,
        RecordType.DC_LOAD: DcLoad,
        RecordType.MANAGEMENT_ACCESS: ManagementAccess,
        RecordType.BASE_COMPATIBILITY: BaseCompatibility,
        RecordType.EXTENDED_COMPATIBILITY: ExtendedCompatibility,
        **dict.fromkeys(OEM_TYPES, OemRecord),
    }
)
_TYPES: Final = {kind: number for number, kind in BODIES.items() if number not in OEM_TYPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiRecord:
    """One record as it is stored. :meth:`of` makes it from a body, :attr:`record` reads it."""

    record_type: RecordType | int
    "0 to 255."
    body: bytes = b""
    "0 to 255 bytes."
    version: int = RECORD_VERSION
    "Of the record's format, 0 to 15; 2 in this definition."

    def __post_init__(self) -> None:
        check_range("record type", self.record_type, 0, 0xFF)
        check_range("record version", self.version, 0, 0x0F)
        check_size("a multirecord", self.body, 0, MAX_BODY)

    @classmethod
    def of(cls, record: RecordBody, record_type: int | None = None) -> Self:
        """The record that carries *record*; an OEM record needs its type."""
        number = _TYPES.get(type(record), OEM_TYPES[0]) if record_type is None else record_type
        return cls(record_type=known(RecordType, number), body=record.encode())

    @property
    def record(self) -> RecordBody | bytes:
        """The body as an object, or its bytes if the type has no class.

        :raises DecodeError: the body is too short.
        """
        kind = BODIES.get(self.record_type)
        return self.body if kind is None else kind.decode(self.body)

    def encode(self, *, last: bool = True) -> bytes:
        """Five bytes and the body's."""
        head = bytes((self.record_type, END_OF_LIST * last | self.version, len(self.body), checksum(self.body)))
        return head + bytes((checksum(head),)) + self.body


def encode_records(records: tuple[MultiRecord, ...]) -> bytes:
    """The records in a chain."""
    return b"".join(
        record.encode(last=record_number == len(records)) for record_number, record in enumerate(records, 1)
    )


def decode_records(data: bytes, *, verify: bool = True) -> tuple[tuple[MultiRecord, ...], list[str]]:
    """All records of the chain at the start of *data*, and notes on those that were left out.

    A record whose body is damaged is skipped; one whose header is ends the chain, for nobody knows where the next is.

    :param verify: skip what has a wrong checksum.
    """
    reader, records, notes = Reader(data), list[MultiRecord](), list[str]()
    number = 0
    while True:
        number += 1
        try:
            record, last, fault = _take_record(reader, verify=verify)
        except DecodeError as error:
            return tuple(records), [*notes, f"record {number} and those after it: {error.what}"]
        if fault:
            notes.append(f"record {number}: {fault}")
        if not fault or not verify:
            records.append(record)
        if last:
            return tuple(records), notes


def _take_record(reader: Reader, *, verify: bool) -> tuple[MultiRecord, bool, str]:
    """The next record, whether it is the last one, and what is wrong with its body. :raises DecodeError: cut, or a
    header that is none.
    """
    head = reader.take(HEADER_SIZE, "multirecord header")
    if verify and sum(head) & 0xFF:
        raise DecodeError("wrong checksum of a header", offset=reader.offset)
    kind, flags, size, body_checksum, _ = head
    body = reader.take(size, "multirecord")
    record = MultiRecord(record_type=known(RecordType, kind), body=body, version=flags & 0x0F)
    return record, bool(flags & END_OF_LIST), _fault(record, body_checksum)


def _fault(record: MultiRecord, body_checksum: int) -> str:
    if checksum(record.body) != body_checksum:
        return "wrong checksum"
    try:
        record.record  # noqa: B018 - only whether it can be read
    except DecodeError as error:
        return error.what
    return ""
