"""DCMI: the machine's asset tag and the BMC's name (DCMI 1.5, section 6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.commands.dcmi import GROUP
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

CHUNK: Final = 16  # bytes of an asset tag or of a name that one command carries
MAX_ASSET_TAG: Final = 63  # bytes
MAX_CONTROLLER_ID: Final = 64  # bytes, the zero at its end included


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A part of an asset tag or name."""

    total: int
    "Bytes that all of it has, 0 to 255."
    text: bytes = b""
    "As asked for."

    def encode(self) -> bytes:
        """A byte and the text."""
        return bytes((self.total,)) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(total=reader.u8("length"), text=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class _GetText(Command[TextPart]):
    netfn = NetFn.GROUP_EXTENSION
    command = 0x06
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = TextPart

    offset: int = 0
    "0 to 255."
    size: int = CHUNK
    "1 to 16 bytes."

    def __post_init__(self) -> None:
        check_range("offset", self.offset, 0, 0xFF)
        check_range("size", self.size, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.offset, self.size))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        offset, size = Reader(data).take(2, "offset and size")
        return cls(offset=offset, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SetText(Command[TextPart]):
    netfn = NetFn.GROUP_EXTENSION
    command = 0x08
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = TextPart

    offset: int = 0
    "0 to 255."
    text: bytes = b""
    "At most 16 bytes."

    def __post_init__(self) -> None:
        check_range("offset", self.offset, 0, 0xFF)
        check_size("a part of the text", self.text, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes and the text."""
        return bytes((self.offset, len(self.text))) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        offset, size = reader.take(2, "offset and size")
        return cls(offset=offset, text=reader.take(size, "text"))


class GetAssetTag(_GetText):
    """Get Asset Tag; section 6.4.2."""

    __slots__ = ()
    errors: ClassVar[dict[int, str]] = {
        0x80: "the asset tag is binary",
        0x81: "the asset tag is in BCD",
        0x82: "the asset tag is 6-bit ASCII",
        0x83: "the asset tag is in another character set",
    }


class SetAssetTag(_SetText):
    """Set Asset Tag; section 6.4.3. The tag ends where the last part ends."""

    __slots__ = ()


class GetControllerId(_GetText):
    """Get Management Controller Identifier String; section 6.4.6.1. It ends with a zero."""

    __slots__ = ()
    command = 0x09


class SetControllerId(_SetText):
    """Set Management Controller Identifier String; section 6.4.6.2. Its last part ends with a zero."""

    __slots__ = ()
    command = 0x0A
    privilege = Privilege.ADMINISTRATOR


__all__ = [
    "GetAssetTag",
    "GetControllerId",
    "SetAssetTag",
    "SetControllerId",
    "TextPart",
]
