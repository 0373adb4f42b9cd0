"""What a server says, as far as its size is known before its pixels are (RFC 6143, sections 7.3.2 and 7.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Self

from conduit.errors import DecodeError
from conduit.rfb.messages import Data, unpack
from conduit.rfb.names import Encoding, QemuKind, ServerKind
from conduit.rfb.pixel_format import PixelFormat

MAX_NAME: Final = 4096  # bytes of a desktop's name
MAX_SIDE: Final = 16384  # pixels of a framebuffer's width or height
MAX_PIXELS: Final = 8192 * 4320  # of a framebuffer


@dataclass(frozen=True, slots=True)
class ServerInit:
    """The size of the screen, how its pixels are, and its name."""

    width: int
    height: int
    pixel_format: PixelFormat
    name: str

    # width | height | pixel format | length of the name
    HEAD: ClassVar[struct.Struct] = struct.Struct(">HH16sI")

    @classmethod
    def needed(cls, data: Data) -> int:
        """Bytes that the whole message has, as far as *data*, its beginning, tells.

        :raises DecodeError: the name is too long.
        """
        if len(data) < cls.HEAD.size:
            return cls.HEAD.size
        length: int = cls.HEAD.unpack_from(data)[3]
        if length > MAX_NAME:
            raise DecodeError(f"a desktop's name of {length} bytes, where {MAX_NAME} are allowed", offset=20)
        return cls.HEAD.size + length

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says."""
        size = cls.needed(data)
        if len(data) != size:
            raise DecodeError(f"a ServerInit of {len(data)} bytes that has {size}", offset=len(data))
        width, height, pixel_format, _ = cls.HEAD.unpack_from(data)
        name = bytes(data[cls.HEAD.size :]).decode(errors="replace")
        return cls(width, height, PixelFormat.decode(pixel_format), name)

    def encode(self) -> bytes:
        """Twenty-four bytes, and the name."""
        name = self.name.encode()
        return self.HEAD.pack(self.width, self.height, self.pixel_format.encode(), len(name)) + name

    def check_size(self) -> None:
        """Whether it may have a framebuffer here; see :func:`check_size`."""
        check_size(self.width, self.height)


def check_size(width: int, height: int) -> None:
    """Whether a framebuffer may be that big, before memory is taken for it.

    :raises DecodeError: it may not.
    """
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise DecodeError(f"a screen of {width} x {height} pixels")


class RectangleHeader(NamedTuple):
    """What comes before a rectangle's pixels; the encoding may be one that nobody knows."""

    x: int
    y: int
    width: int
    height: int
    encoding: int

    @classmethod
    def decode(cls, data: Data, offset: int = 0) -> Self:
        """The one at *offset*, twelve bytes.

        :raises DecodeError: fewer are there.
        """
        if len(data) - offset < RECTANGLE.size:
            raise DecodeError("truncated rectangle", offset=len(data))
        return cls(*RECTANGLE.unpack_from(data, offset))

    def encode(self) -> bytes:
        """Twelve bytes."""
        return RECTANGLE.pack(*self)


RECTANGLE: Final = struct.Struct(">HHHHi")
LAST_RECT: Final = RectangleHeader(0, 0, 0, 0, Encoding.LAST_RECT)
UNKNOWN_COUNT: Final = 0xFFFF  # rectangles of an update that LastRect ends
UPDATE: Final = struct.Struct(">BxH")
COLOUR_MAP: Final = struct.Struct(">BxHH")  # first colour | number of colours; six bytes each follow
COLOUR: Final = struct.Struct(">HHH")
BELL: Final = bytes((ServerKind.BELL,))
END_OF_CONTINUOUS_UPDATES: Final = bytes((ServerKind.END_OF_CONTINUOUS_UPDATES,))
AUDIO: Final = struct.Struct(">BBH")  # of QEMU; the operation 2 has a U32 and that many bytes behind it
AUDIO_DATA: Final = 2


def encode_update(rectangles: int) -> bytes:
    """How a FramebufferUpdate of so many rectangles begins."""
    return UPDATE.pack(ServerKind.FRAMEBUFFER_UPDATE, rectangles)


def decode_update(data: Data) -> int:
    """The number of rectangles in a FramebufferUpdate. :raises DecodeError: these are not four bytes."""
    return unpack(UPDATE, data, "FramebufferUpdate")[1]


@dataclass(frozen=True, slots=True)
class SetColourMapEntries:
    """Colours for pixels that are indices, each a triple of 16 bits."""

    first: int
    colours: tuple[tuple[int, int, int], ...]

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says."""
        if len(data) < COLOUR_MAP.size:
            raise DecodeError("truncated colour map", offset=len(data))
        _, first, count = COLOUR_MAP.unpack_from(data)
        if len(data) != COLOUR_MAP.size + count * COLOUR.size:
            raise DecodeError(f"a colour map of {len(data)} bytes for {count} colours", offset=4)
        return cls(first, tuple(COLOUR.iter_unpack(data[COLOUR_MAP.size :])))

    def encode(self) -> bytes:
        """Six bytes, and six for each colour."""
        head = COLOUR_MAP.pack(ServerKind.SET_COLOUR_MAP_ENTRIES, self.first, len(self.colours))
        return head + b"".join(COLOUR.pack(*each) for each in self.colours)


@dataclass(frozen=True, slots=True)
class AudioHead:
    """How a piece of QEMU's sound begins."""

    operation: int

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not four bytes, or is about something else."""
        _, kind, operation = unpack(AUDIO, data, "audio message")
        if kind != QemuKind.AUDIO:
            raise DecodeError(f"message {kind} of QEMU", offset=1)
        return cls(operation)

    def encode(self) -> bytes:
        """Four bytes."""
        return AUDIO.pack(ServerKind.QEMU, QemuKind.AUDIO, self.operation)
