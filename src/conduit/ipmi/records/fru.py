"""FRU information as a whole (IPMI Platform Management FRU Information Storage Definition 1.0): header and areas.

:func:`decode_fru` never raises: what is broken is left out, and said in the notes; the rest is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.fru_areas import (
    FORMAT_VERSION,
    UNIT,
    BoardArea,
    ChassisArea,
    ProductArea,
    area_length,
    checksum,
)
from conduit.ipmi.records.fru_multi import MultiRecord, decode_records, encode_records

HEADER_SIZE: Final = 8  # bytes
MAX_FRU: Final = 0xFFFF  # bytes, or words
MAX_OFFSET: Final = 0xFF * UNIT  # bytes; where an area may start
ERASED: Final = (0x00, 0xFF)  # what an empty memory is full of

AreaT = TypeVar("AreaT", ChassisArea, BoardArea, ProductArea)


@dataclass(frozen=True, slots=True, kw_only=True)
class FruHeader:
    """Where the areas start, in bytes; 0 for those that are not there (section 8)."""

    internal: int = 0
    chassis: int = 0
    board: int = 0
    product: int = 0
    records: int = 0

    def __post_init__(self) -> None:
        for offset in self.offsets:
            if offset % UNIT or not 0 <= offset <= MAX_OFFSET:
                raise LocalProtocolError(f"a FRU area starts at a multiple of 8 up to {MAX_OFFSET}, not at {offset}")

    @property
    def offsets(self) -> tuple[int, int, int, int, int]:
        """All five, in the header's order."""
        return self.internal, self.chassis, self.board, self.product, self.records

    def encode(self) -> bytes:
        """Eight bytes."""
        head = bytes((FORMAT_VERSION, *(offset // UNIT for offset in self.offsets), 0))
        return head + bytes((checksum(head),))

    @classmethod
    def decode(cls, data: bytes) -> FruHeader:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        header, fault = _decode_header(data)
        if fault:
            raise DecodeError(fault)
        return header


@dataclass(frozen=True, slots=True, kw_only=True)
class FruInventory:
    """What a field replaceable unit says of itself."""

    internal: bytes | None = None
    "The internal use area without its version byte: nobody's but the manufacturer's."
    chassis: ChassisArea | None = None
    board: BoardArea | None = None
    product: ProductArea | None = None
    records: tuple[MultiRecord, ...] = ()
    notes: tuple[str, ...] = ()
    "What was broken, a line each; empty for sound information, and not encoded."
    header: FruHeader = FruHeader()
    "Where the areas were found; :meth:`encode` finds its own places."

    def encode(self) -> bytes:
        """Header and areas, in the header's order and close together.

        :raises LocalProtocolError: an area is too long, or starts too far from the start.
        """
        parts = (
            b"" if self.internal is None else _pad(bytes((FORMAT_VERSION,)) + self.internal),
            *(b"" if area is None else area.encode() for area in (self.chassis, self.board, self.product)),
            encode_records(self.records),
        )
        offsets, place = [], HEADER_SIZE
        for part in parts:
            offsets.append(place if part else 0)
            place += len(part)
        internal, chassis, board, product, records = offsets
        header = FruHeader(internal=internal, chassis=chassis, board=board, product=product, records=records)
        return header.encode() + b"".join(parts)


def decode_fru(data: bytes, *, verify: bool = True) -> FruInventory:
    """All that can be read of *data*.

    :param verify: leave out what has a wrong checksum; without, it is read and noted.
    """
    try:
        header, fault = _decode_header(data)
    except DecodeError as error:
        return FruInventory(notes=(f"header: {error.what}",))
    notes = [f"header: {fault}"] if fault else []
    if fault and verify:
        return FruInventory(notes=tuple(notes))
    internal = _internal(data, header, notes)
    records: tuple[MultiRecord, ...] = ()
    if header.records:
        records, faults = decode_records(data[header.records :], verify=verify)
        notes += [f"multirecords: {record_fault}" for record_fault in faults]
    return FruInventory(
        internal=internal,
        chassis=_area("chassis", ChassisArea.decode_with_notes, data, header.chassis, notes, verify=verify),
        board=_area("board", BoardArea.decode_with_notes, data, header.board, notes, verify=verify),
        product=_area("product", ProductArea.decode_with_notes, data, header.product, notes, verify=verify),
        records=records,
        notes=tuple(notes),
        header=header,
    )


def replace_area(data: bytes, name: str, area: ChassisArea | BoardArea | ProductArea) -> bytes:
    """FRU information *data* with another chassis, board or product area, changed as little as can be.

    The area stays where it is if it fits there. If not, all areas are put together anew, which only sound information
    allows: what cannot be read would be lost.

    :raises LocalProtocolError: it does not fit, and information is broken; or it does not fit at all.
    """
    inventory = decode_fru(data)
    offset: int = getattr(inventory.header, name)
    if not offset:
        raise LocalProtocolError(f"this FRU has no {name} area")
    room = area_length(data[offset:])
    encoded = area.encode(room)
    if len(encoded) > room:
        encoded, offset = _repack(inventory, name, area), 0
    if offset + len(encoded) > len(data):
        raise LocalProtocolError(f"the {name} area has no room for this: the FRU has {len(data)} bytes")
    return data[:offset] + encoded + data[offset + len(encoded) :]


def _repack(inventory: FruInventory, name: str, area: ChassisArea | BoardArea | ProductArea) -> bytes:
    if inventory.notes:
        raise LocalProtocolError(f"the {name} area has no room for this, and broken areas cannot be moved")
    areas = {"chassis": inventory.chassis, "board": inventory.board, "product": inventory.product, name: area}
    return FruInventory(
        internal=inventory.internal,
        records=inventory.records,
        **areas,  # type: ignore[arg-type]  # each is under its own name
    ).encode()


def _decode_header(data: bytes) -> tuple[FruHeader, str]:
    """The header, and a note on its checksum. :raises DecodeError: there is none."""
    if len(data) < HEADER_SIZE:
        raise DecodeError("truncated FRU header", offset=len(data))
    head = data[:HEADER_SIZE]
    if len(set(head)) == 1 and head[0] in ERASED:
        raise DecodeError("nothing was ever written here")
    if head[0] & 0x0F != FORMAT_VERSION:
        raise DecodeError(f"unknown format version {head[0] & 0x0F}")
    internal, chassis, board, product, records = (unit * UNIT for unit in head[1:6])
    header = FruHeader(internal=internal, chassis=chassis, board=board, product=product, records=records)
    return header, "wrong checksum" if sum(head) & 0xFF else ""


def _internal(data: bytes, header: FruHeader, notes: list[str]) -> bytes | None:
    """The internal use area, which has no length: it ends where the next one starts."""
    if not header.internal:
        return None
    end = min((offset for offset in header.offsets if offset > header.internal), default=len(data))
    content = data[header.internal : end]
    if not content:
        notes.append("internal use: starts past the end")
        return None
    return content[1:]


def _area(
    name: str,
    decode: Callable[..., tuple[AreaT, list[str]]],
    data: bytes,
    offset: int,
    notes: list[str],
    *,
    verify: bool,
) -> AreaT | None:
    if not offset:
        return None
    try:
        area, faults = decode(data[offset:], verify=verify)
    except DecodeError as error:
        notes.append(f"{name}: {error.what}")
        return None
    notes += [f"{name}: {fault}" for fault in faults]
    return area


def _pad(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // UNIT) * UNIT, b"\0")
