"""The chassis, board and product areas of FRU information (sections 10 to 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.records.fru_fields import EMPTY, ENGLISH, FruField, decode_fields, encode_fields

FORMAT_VERSION: Final = 1
UNIT: Final = 8  # bytes in which offsets and lengths count
MAX_AREA: Final = 0xFF * UNIT  # bytes
EPOCH: Final = datetime(1996, 1, 1, tzinfo=UTC)
MAX_MINUTES: Final = 0xFFFFFF


class ChassisType(IntEnum):
    """SMBIOS's enclosure types (its table 17)."""

    OTHER = 1
    UNKNOWN = 2
    DESKTOP = 3
    LOW_PROFILE_DESKTOP = 4
    PIZZA_BOX = 5
    MINI_TOWER = 6
    TOWER = 7
    PORTABLE = 8
    LAPTOP = 9
    NOTEBOOK = 10
    HAND_HELD = 11
    DOCKING_STATION = 12
    ALL_IN_ONE = 13
    SUB_NOTEBOOK = 14
    SPACE_SAVING = 15
    LUNCH_BOX = 16
    MAIN_SERVER_CHASSIS = 17
    EXPANSION_CHASSIS = 18
    SUB_CHASSIS = 19
    BUS_EXPANSION_CHASSIS = 20
    PERIPHERAL_CHASSIS = 21
    RAID_CHASSIS = 22
    RACK_MOUNT_CHASSIS = 23
    SEALED_CASE_PC = 24
    MULTI_SYSTEM_CHASSIS = 25
    COMPACT_PCI = 26
    ADVANCED_TCA = 27
    BLADE = 28
    BLADE_ENCLOSURE = 29
    TABLET = 30
    CONVERTIBLE = 31
    DETACHABLE = 32
    IOT_GATEWAY = 33
    EMBEDDED_PC = 34
    MINI_PC = 35
    STICK_PC = 36


class _Area:
    """What the three areas have in common: a head, fields of text in a fixed order, and custom ones after those."""

    __slots__ = ()

    FIELDS: ClassVar[tuple[str, ...]]
    "Names of the predefined fields in their order."
    custom: tuple[FruField, ...]

    def named(self) -> Mapping[str, FruField]:
        """The predefined fields by name."""
        return MappingProxyType({name: getattr(self, name) for name in self.FIELDS})

    def with_field(self, name: str, field: FruField) -> Self:
        """The area with another predefined field.

        :raises LocalProtocolError: it has none of this *name*.
        """
        if name not in self.FIELDS:
            raise LocalProtocolError(f"there is no field {name!r} here, only {', '.join(self.FIELDS)}")
        changed: Self = replace(self, **{name: field})  # type: ignore[type-var]  # our subclasses are dataclasses
        return changed

    def _fields(self) -> tuple[FruField, ...]:
        return (*self.named().values(), *self.custom)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisArea(_Area):
    """The enclosure; section 10. Its text is always English."""

    FIELDS = ("part_number", "serial_number")
    language: ClassVar[int] = ENGLISH

    chassis_type: ChassisType | int = ChassisType.UNKNOWN
    "0 to 255."
    part_number: FruField = EMPTY
    serial_number: FruField = EMPTY
    custom: tuple[FruField, ...] = ()
    "The manufacturer's own fields."

    def __post_init__(self) -> None:
        check_range("chassis type", self.chassis_type, 0, 0xFF)

    @property
    def type_text(self) -> str:
        """E.g. ``rack mount chassis``."""
        return label(self.chassis_type)

    def encode(self, least: int = 0) -> bytes:
        """The area with its checksum, of *least* bytes or more."""
        return seal_area(bytes((self.chassis_type,)) + encode_fields(self._fields()), least)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls.decode_with_notes(data)[0]

    @classmethod
    def decode_with_notes(cls, data: bytes, *, verify: bool = True) -> tuple[Self, list[str]]:
        """The area, and what was wrong with it that did not keep it from being read.

        :param verify: refuse a wrong checksum.
        :raises DecodeError: it is no area that we know.
        """
        content, notes = open_area(data, verify=verify)
        reader = Reader(content)
        kind = known(ChassisType, reader.u8("chassis type"))
        named, custom = _take_fields(cls.FIELDS, reader, notes)
        return cls(chassis_type=kind, custom=custom, **named), notes


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardArea(_Area):
    """The board; section 11."""

    FIELDS = ("manufacturer", "product_name", "serial_number", "part_number", "file_id")

    language: int = ENGLISH
    "Language code, 0 to 255; 0 and 25 are English."
    minutes: int = 0
    "Since 1996-01-01 00:00 when it was made, 0 to 0xFFFFFF; 0 is unspecified."
    manufacturer: FruField = EMPTY
    product_name: FruField = EMPTY
    serial_number: FruField = EMPTY
    part_number: FruField = EMPTY
    file_id: FruField = EMPTY
    "Which file the FRU information was made from."
    custom: tuple[FruField, ...] = ()
    "The manufacturer's own fields."

    def __post_init__(self) -> None:
        check_range("language code", self.language, 0, 0xFF)
        check_range("minutes since 1996", self.minutes, 0, MAX_MINUTES)

    @property
    def manufactured(self) -> datetime | None:
        """When it was made, or None. The definition names no time zone; everybody takes UTC."""
        return EPOCH + timedelta(minutes=self.minutes) if self.minutes else None

    def encode(self, least: int = 0) -> bytes:
        """The area with its checksum, of *least* bytes or more."""
        head = bytes((self.language,)) + self.minutes.to_bytes(3, "little")
        return seal_area(head + encode_fields(self._fields()), least)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls.decode_with_notes(data)[0]

    @classmethod
    def decode_with_notes(cls, data: bytes, *, verify: bool = True) -> tuple[Self, list[str]]:
        """As for the chassis. :raises DecodeError: it is no area that we know."""
        content, notes = open_area(data, verify=verify)
        reader = Reader(content)
        language, minutes = reader.u8("language code"), reader.u24le("manufacturing date")
        named, custom = _take_fields(cls.FIELDS, reader, notes)
        return cls(language=language, minutes=minutes, custom=custom, **named), notes


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductArea(_Area):
    """The product that is sold; section 12."""

    FIELDS = ("manufacturer", "name", "part_number", "version", "serial_number", "asset_tag", "file_id")

    language: int = ENGLISH
    "Language code, 0 to 255; 0 and 25 are English."
    manufacturer: FruField = EMPTY
    name: FruField = EMPTY
    part_number: FruField = EMPTY
    "Or model number."
    version: FruField = EMPTY
    serial_number: FruField = EMPTY
    asset_tag: FruField = EMPTY
    file_id: FruField = EMPTY
    "Which file the FRU information was made from."
    custom: tuple[FruField, ...] = ()
    "The manufacturer's own fields."

    def __post_init__(self) -> None:
        check_range("language code", self.language, 0, 0xFF)

    def encode(self, least: int = 0) -> bytes:
        """The area with its checksum, of *least* bytes or more."""
        return seal_area(bytes((self.language,)) + encode_fields(self._fields()), least)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls.decode_with_notes(data)[0]

    @classmethod
    def decode_with_notes(cls, data: bytes, *, verify: bool = True) -> tuple[Self, list[str]]:
        """As for the chassis. :raises DecodeError: it is no area that we know."""
        content, notes = open_area(data, verify=verify)
        reader = Reader(content)
        language = reader.u8("language code")
        named, custom = _take_fields(cls.FIELDS, reader, notes)
        return cls(language=language, custom=custom, **named), notes


def minutes_of(when: datetime) -> int:
    """The minutes that :attr:`BoardArea.minutes` counts.

    :raises LocalProtocolError: before 1996 or after 2027, where the three bytes end.
    """
    minutes = (when - EPOCH) // timedelta(minutes=1)
    check_range("minutes since 1996", minutes, 0, MAX_MINUTES)
    return minutes


def area_length(data: bytes) -> int:
    """Bytes of the area that starts in *data*, by its second byte. :raises DecodeError: there is none."""
    version, units = Reader(data).take(2, "area")
    if version & 0x0F != FORMAT_VERSION:
        raise DecodeError(f"unknown area format version {version & 0x0F}")
    if not units:
        raise DecodeError("an area of no length", offset=1)
    return units * UNIT


def seal_area(content: bytes, least: int = 0) -> bytes:
    """*content* between the area's two first bytes and its checksum, padded to a multiple of eight.

    :raises LocalProtocolError: it is too long.
    """
    size = max(-(-(len(content) + 3) // UNIT) * UNIT, least)
    if size > MAX_AREA or size % UNIT:
        raise LocalProtocolError(f"a FRU area has a multiple of 8 bytes, at most {MAX_AREA}, not {size}")
    body = (bytes((FORMAT_VERSION, size // UNIT)) + content).ljust(size - 1, b"\0")
    return body + bytes((checksum(body),))


def open_area(data: bytes, *, verify: bool) -> tuple[bytes, list[str]]:
    """The content of an area, and a note on a wrong checksum. :raises DecodeError: as the areas do."""
    area = Reader(data).take(area_length(data), "area")
    if not sum(area) & 0xFF:
        return area[2:-1], []
    if verify:
        raise DecodeError("wrong checksum", offset=len(area) - 1)
    return area[2:-1], ["wrong checksum"]


def checksum(data: bytes) -> int:
    """The byte that makes the sum 0 modulo 256."""
    return -sum(data) & 0xFF


def _take_fields(
    names: Sequence[str], reader: Reader, notes: list[str]
) -> tuple[dict[str, FruField], tuple[FruField, ...]]:
    """Predefined fields by name, and the custom ones; a note is added if something is wrong with them."""
    fields, fault = decode_fields(reader.rest())
    if fault:
        notes.append(fault)
    return dict(zip(names, fields, strict=False)), fields[len(names) :]
