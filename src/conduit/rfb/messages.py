"""What a client says to an RFB server once it is in (RFC 6143, section 7.5, and the extensions that are used).

``decode`` takes one whole message, its first byte included; :mod:`conduit.rfb.client_messages` finds where they end.
What a server says is in :mod:`conduit.rfb.server_heads`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, Self

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.names import AudioOperation, ClientKind, QemuKind
from conduit.rfb.pixel_format import PixelFormat

MAX_FENCE: Final = 64  # bytes of payload that a fence may have
MAX_ENCODINGS: Final = 1024  # that a client may name
MAX_SCREENS: Final = 255  # what one byte can count
EXTENDED_BUTTONS: Final = 0x80  # in a mask of buttons: another byte of them follows

Data = bytes | bytearray | memoryview


def unpack(shape: struct.Struct, data: Data, what: str) -> tuple[int, ...]:
    """The numbers that *data* is.

    :raises DecodeError: it is longer or shorter.
    """
    if len(data) != shape.size:
        raise DecodeError(f"{what} of {len(data)} bytes", offset=min(len(data), shape.size))
    return shape.unpack(data)


class Area(NamedTuple):
    """A rectangle of the screen, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> int:
        """How many pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class ClientInit:
    """Whether others may stay connected."""

    shared: bool = True

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not one byte."""
        if len(data) != 1:
            raise DecodeError(f"a ClientInit of {len(data)} bytes")
        return cls(bool(data[0]))

    def encode(self) -> bytes:
        """One byte."""
        return b"\x01" if self.shared else b"\x00"


@dataclass(frozen=True, slots=True)
class SetPixelFormat:
    """How the client wants its pixels."""

    pixel_format: PixelFormat

    SIZE: ClassVar[int] = 20

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not twenty bytes."""
        return cls(PixelFormat.decode(data[4:]))

    def encode(self) -> bytes:
        """Twenty bytes."""
        return bytes((ClientKind.SET_PIXEL_FORMAT, 0, 0, 0)) + self.pixel_format.encode()


@dataclass(frozen=True, slots=True)
class SetEncodings:
    """What the client understands, best first; unknown numbers are kept."""

    encodings: tuple[int, ...]

    HEAD: ClassVar[struct.Struct] = struct.Struct(">BxH")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says."""
        if len(data) < cls.HEAD.size:
            raise DecodeError("truncated SetEncodings", offset=len(data))
        _, count = cls.HEAD.unpack_from(data)
        return cls(unpack(struct.Struct(f">4x{count}i"), data, "SetEncodings"))

    def encode(self) -> bytes:
        """Four bytes, and four for each encoding."""
        count = len(self.encodings)
        return struct.pack(f">BxH{count}i", ClientKind.SET_ENCODINGS, count, *self.encodings)


@dataclass(frozen=True, slots=True)
class FramebufferUpdateRequest:
    """The client wants to see an area; an incremental one only when something has changed there."""

    area: Area
    incremental: bool = True

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBHHHH")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not ten bytes."""
        _, incremental, *area = unpack(cls.STRUCT, data, "FramebufferUpdateRequest")
        return cls(Area(*area), bool(incremental))

    def encode(self) -> bytes:
        """Ten bytes."""
        return self.STRUCT.pack(ClientKind.FRAMEBUFFER_UPDATE_REQUEST, self.incremental, *self.area)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key goes down or up."""

    keysym: int = field(repr=False)  # what is typed may be a password
    down: bool

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBxxI")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not eight bytes."""
        _, down, keysym = unpack(cls.STRUCT, data, "KeyEvent")
        return cls(keysym, bool(down))

    def encode(self) -> bytes:
        """Eight bytes."""
        return self.STRUCT.pack(ClientKind.KEY_EVENT, self.down, self.keysym)


@dataclass(frozen=True, slots=True)
class PointerEvent:
    """Where the pointer is, and which buttons are down."""

    x: int
    y: int
    buttons: int = 0
    "Bit 0 is the left button, 1 the middle one, 2 the right one, 3 and 4 the wheel; from 7 on with the extension."

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBHH")
    EXTENDED: ClassVar[struct.Struct] = struct.Struct(">BBHHB")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """Six bytes, or seven with more buttons (ExtendedMouseButtons).

        :raises DecodeError: it has another size.
        """
        if len(data) == cls.EXTENDED.size:
            _, low, x, y, high = cls.EXTENDED.unpack(data)
            return cls(x, y, low & ~EXTENDED_BUTTONS | high << 7)
        _, low, x, y = unpack(cls.STRUCT, data, "PointerEvent")
        return cls(x, y, low)

    def encode(self, *, extended: bool = False) -> bytes:
        """Six bytes.

        :param extended: the server understands seven, and gets them where there are more buttons.
        """
        if not extended or self.buttons < EXTENDED_BUTTONS:
            return self.STRUCT.pack(ClientKind.POINTER_EVENT, self.buttons & 0xFF, self.x, self.y)
        low, high = self.buttons & 0x7F | EXTENDED_BUTTONS, self.buttons >> 7 & 0xFF
        return self.EXTENDED.pack(ClientKind.POINTER_EVENT, low, self.x, self.y, high)


@dataclass(frozen=True, slots=True)
class CutText:
    """What a clipboard holds; either side says it, ``kind`` says which.

    Latin-1; or, *extended*, what :mod:`conduit.rfb.clipboard` reads.
    """

    data: bytes = field(repr=False)
    extended: bool = False
    kind: int = ClientKind.CUT_TEXT

    HEAD: ClassVar[struct.Struct] = struct.Struct(">Bxxxi")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says."""
        if len(data) < cls.HEAD.size:
            raise DecodeError("truncated CutText", offset=len(data))
        kind, length = cls.HEAD.unpack_from(data)
        if len(data) != cls.HEAD.size + abs(length):
            raise DecodeError(f"a CutText of {len(data)} bytes that says {length}", offset=4)
        return cls(bytes(data[cls.HEAD.size :]), length < 0, kind)

    def encode(self) -> bytes:
        """Eight bytes, and the data."""
        length = -len(self.data) if self.extended else len(self.data)
        return self.HEAD.pack(self.kind, length) + self.data


@dataclass(frozen=True, slots=True)
class EnableContinuousUpdates:
    """The client wants an area without asking each time, or no more."""

    enable: bool
    area: Area

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBHHHH")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not ten bytes."""
        _, enable, *area = unpack(cls.STRUCT, data, "EnableContinuousUpdates")
        return cls(bool(enable), Area(*area))

    def encode(self) -> bytes:
        """Ten bytes."""
        return self.STRUCT.pack(ClientKind.ENABLE_CONTINUOUS_UPDATES, self.enable, *self.area)


@dataclass(frozen=True, slots=True)
class FenceMessage:
    """A fence, from either side: what was asked before it is done before it is answered."""

    flags: int
    "Of :class:`~conduit.rfb.names.Fence`; unknown ones are kept."
    payload: bytes = b""

    HEAD: ClassVar[struct.Struct] = struct.Struct(">BxxxIB")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says, or longer than may be."""
        if len(data) < cls.HEAD.size:
            raise DecodeError("truncated Fence", offset=len(data))
        _, flags, length = cls.HEAD.unpack_from(data)
        if length > MAX_FENCE or len(data) != cls.HEAD.size + length:
            raise DecodeError(f"a Fence of {len(data)} bytes that says {length}", offset=8)
        return cls(flags, bytes(data[cls.HEAD.size :]))

    def encode(self) -> bytes:
        """Nine bytes, and the payload."""
        if len(self.payload) > MAX_FENCE:
            raise LocalProtocolError(f"a Fence of more than {MAX_FENCE} bytes")
        return self.HEAD.pack(ClientKind.FENCE, self.flags, len(self.payload)) + self.payload


@dataclass(frozen=True, slots=True)
class Xvp:
    """Power control of a virtual machine, and its answer."""

    code: int
    version: int = 1

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BxBB")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not four bytes."""
        _, version, code = unpack(cls.STRUCT, data, "xvp")
        return cls(code, version)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.STRUCT.pack(ClientKind.XVP, self.version, self.code)


class Screen(NamedTuple):
    """One of the screens that a desktop is made of (ExtendedDesktopSize)."""

    id: int
    x: int
    y: int
    width: int
    height: int
    flags: int = 0


SCREEN: Final = struct.Struct(">IHHHHI")


def decode_screens(data: Data) -> tuple[Screen, ...]:
    """:raises DecodeError: these are not whole screens."""
    if len(data) % SCREEN.size:
        raise DecodeError("part of a screen", offset=len(data))
    return tuple(Screen(*each) for each in SCREEN.iter_unpack(data))


def encode_screens(screens: tuple[Screen, ...]) -> bytes:
    """Sixteen bytes each."""
    return b"".join(SCREEN.pack(*screen) for screen in screens)


@dataclass(frozen=True, slots=True)
class SetDesktopSize:
    """The client wants another size."""

    width: int
    height: int
    screens: tuple[Screen, ...]

    HEAD: ClassVar[struct.Struct] = struct.Struct(">BxHHBx")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it is not as long as it says."""
        if len(data) < cls.HEAD.size:
            raise DecodeError("truncated SetDesktopSize", offset=len(data))
        _, width, height, count = cls.HEAD.unpack_from(data)
        screens = decode_screens(data[cls.HEAD.size :])
        if len(screens) != count:
            raise DecodeError(f"{len(screens)} screens that are said to be {count}", offset=6)
        return cls(width, height, screens)

    def encode(self) -> bytes:
        """Eight bytes, and sixteen for each screen."""
        head = self.HEAD.pack(ClientKind.SET_DESKTOP_SIZE, self.width, self.height, len(self.screens))
        return head + encode_screens(self.screens)


@dataclass(frozen=True, slots=True)
class ExtendedKeyEvent:
    """A key with its scan code (QEMU), which wins over the keysym."""

    keysym: int = field(repr=False)
    keycode: int = field(repr=False)
    "XT scan code, set 1; an extended one has bit 7 in place of its first byte, 0xE0."
    down: bool

    STRUCT: ClassVar[struct.Struct] = struct.Struct(">BBHII")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not twelve bytes."""
        _, _, down, keysym, keycode = unpack(cls.STRUCT, data, "extended KeyEvent")
        return cls(keysym, keycode, bool(down))

    def encode(self) -> bytes:
        """Twelve bytes."""
        return self.STRUCT.pack(ClientKind.QEMU, QemuKind.EXTENDED_KEY, self.down, self.keysym, self.keycode)


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """QEMU's sound: on, off, or how."""

    operation: int
    sample_format: int = 0
    channels: int = 0
    frequency: int = 0

    SHORT: ClassVar[struct.Struct] = struct.Struct(">BBH")
    LONG: ClassVar[struct.Struct] = struct.Struct(">BBHBBI")

    @classmethod
    def decode(cls, data: Data) -> Self:
        """:raises DecodeError: it has not the size that its operation has."""
        if len(data) == cls.LONG.size and data[3] == AudioOperation.SET_FORMAT and not data[2]:
            return cls(*cls.LONG.unpack(data)[2:])
        _, _, operation = unpack(cls.SHORT, data, "audio request")
        return cls(operation)

    def encode(self) -> bytes:
        """Four bytes, or ten with a format."""
        if self.operation != AudioOperation.SET_FORMAT:
            return self.SHORT.pack(ClientKind.QEMU, QemuKind.AUDIO, self.operation)
        return self.LONG.pack(
            ClientKind.QEMU, QemuKind.AUDIO, self.operation, self.sample_format, self.channels, self.frequency
        )


ClientMessage = (
    SetPixelFormat
    | SetEncodings
    | FramebufferUpdateRequest
    | KeyEvent
    | PointerEvent
    | CutText
    | EnableContinuousUpdates
    | FenceMessage
    | Xvp
    | SetDesktopSize
    | ExtendedKeyEvent
    | AudioRequest
)
