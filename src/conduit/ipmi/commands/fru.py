"""The memories that hold FRU information: their size, reading and writing (section 34)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

MAX_CHUNK: Final = 0xFF  # bytes, or words, in one request
BUSY: Final = 0x81  # completion code: somebody else uses the memory's bus
PROTECTED: Final = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class FruAreaInfo:
    """How big a FRU's memory is; section 34.1."""

    size: int
    "Bytes, 0 to 65535, also where access is by words."
    by_words: bool = False
    "Offsets and counts are in words of two bytes."

    def __post_init__(self) -> None:
        check_range("FRU size", self.size, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Three bytes."""
        return self.size.to_bytes(2, "little") + bytes((self.by_words,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(size=reader.u16le("FRU size"), by_words=bool(reader.u8("FRU access") & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFruInventoryAreaInfo(Command[FruAreaInfo]):
    """Get FRU Inventory Area Info; section 34.1."""

    netfn = NetFn.STORAGE
    command = 0x10
    privilege = Privilege.USER
    safe = True
    response = FruAreaInfo

    fru_id: int = 0
    "0 to 254; 0 is the BMC's own."

    def __post_init__(self) -> None:
        check_range("FRU ID", self.fru_id, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.fru_id,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(fru_id=Reader(data).u8("FRU ID"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FruData:
    """A piece of a FRU's memory; section 34.2."""

    returned: int
    "How much this is, in bytes or words, 0 to 255."
    data: bytes
    "The bytes."

    def __post_init__(self) -> None:
        check_range("FRU count", self.returned, 0, MAX_CHUNK)

    def encode(self) -> bytes:
        """One byte and the data."""
        return bytes((self.returned,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(returned=reader.u8("FRU count"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFruData(Command[FruData]):
    """Read FRU Data; section 34.2."""

    netfn = NetFn.STORAGE
    command = 0x11
    privilege = Privilege.USER
    safe = True
    response = FruData
    errors: ClassVar[dict[int, str]] = {BUSY: "the FRU is busy, its bus is in use"}

    fru_id: int = 0
    "0 to 254."
    offset: int
    "Bytes or words, 0 to 65535."
    count: int
    "Bytes or words, 1 to 255."

    def __post_init__(self) -> None:
        check_range("FRU ID", self.fru_id, 0, 0xFF)
        check_range("FRU offset", self.offset, 0, 0xFFFF)
        check_range("FRU count", self.count, 0, MAX_CHUNK)

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.fru_id,)) + self.offset.to_bytes(2, "little") + bytes((self.count,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(fru_id=reader.u8("FRU ID"), offset=reader.u16le("FRU offset"), count=reader.u8("FRU count"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FruWritten:
    """How much was written; section 34.3."""

    written: int
    "Bytes or words, 0 to 255."

    def __post_init__(self) -> None:
        check_range("FRU count", self.written, 0, MAX_CHUNK)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.written,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(written=Reader(data).u8("FRU count"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFruData(Command[FruWritten]):
    """Write FRU Data; section 34.3."""

    netfn = NetFn.STORAGE
    command = 0x12
    privilege = Privilege.OPERATOR
    safe = True
    response = FruWritten
    errors: ClassVar[dict[int, str]] = {
        PROTECTED: "this part of the FRU is write-protected",
        BUSY: "the FRU is busy, its bus is in use",
    }

    fru_id: int = 0
    "0 to 254."
    offset: int
    "Bytes or words, 0 to 65535."
    data: bytes
    "What to write; an even number of bytes where access is by words."

    def __post_init__(self) -> None:
        check_range("FRU ID", self.fru_id, 0, 0xFF)
        check_range("FRU offset", self.offset, 0, 0xFFFF)
        check_size("what to write to a FRU", self.data, 0, 2 * MAX_CHUNK)

    def encode(self) -> bytes:
        """Three bytes and the data."""
        return bytes((self.fru_id,)) + self.offset.to_bytes(2, "little") + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(fru_id=reader.u8("FRU ID"), offset=reader.u16le("FRU offset"), data=reader.rest()[: 2 * MAX_CHUNK])


__all__ = ["FruAreaInfo", "FruData", "FruWritten", "GetFruInventoryAreaInfo", "ReadFruData", "WriteFruData"]
