"""The firmware firewall (section 21): which commands there are, which can be switched off, which are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

LUNS: Final = 4
PAIRS: Final = 32  # network functions, each with its response's
MASK_SIZE: Final = 16  # bytes: a bit for each of 128 commands
SUBFUNCTIONS_SIZE: Final = 4  # bytes


class LunSupport(IntEnum):
    """What is behind a LUN (table 21-2)."""

    NONE = 0
    BASE = 1
    "Commands as the IPMI specification has them."
    RESTRICTED = 2
    "Commands that have functions which are switched off."


@dataclass(frozen=True, slots=True, kw_only=True)
class NetFnSupport:
    """Which network functions have commands; section 21.2."""

    luns: tuple[LunSupport | int, ...]
    "Four, each 0 to 3."
    pairs: tuple[int, ...]
    "Four masks of 32 bits: bit N is network function 2N and its response's."

    def __post_init__(self) -> None:
        check_range("number of LUNs", len(self.luns), LUNS, LUNS)
        check_range("number of masks", len(self.pairs), LUNS, LUNS)
        for lun, mask in zip(self.luns, self.pairs, strict=True):
            check_range("LUN support", lun, 0, 3)
            check_range("mask", mask, 0, (1 << PAIRS) - 1)

    def netfns(self, lun: int = 0) -> list[int]:
        """The network functions of requests that have commands at *lun*."""
        return [2 * pair for pair in range(PAIRS) if self.pairs[lun] >> pair & 1]

    def encode(self) -> bytes:
        """Seventeen bytes."""
        head = sum(support << 2 * lun for lun, support in enumerate(self.luns))
        return bytes((head,)) + b"".join(mask.to_bytes(4, "little") for mask in self.pairs)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        head = reader.u8("LUN support")
        luns = tuple(_lun(head >> 2 * lun & 3) for lun in range(LUNS))
        return cls(luns=luns, pairs=tuple(reader.u32le("network function support") for _ in range(LUNS)))


def _lun(bits: int) -> LunSupport | int:
    return LunSupport(bits) if bits < 3 else bits


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNetFnSupport(Command[NetFnSupport]):
    """Get NetFn Support; section 21.2."""

    netfn = NetFn.APP
    command = 0x09
    privilege = Privilege.USER
    safe = True
    response = NetFnSupport

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.channel,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(channel=Reader(data).u8("channel") & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMask:
    """A bit for each of 128 commands. What a bit means, the request says."""

    mask: bytes
    "Sixteen bytes; the lowest bit of the first is the first command."

    def __post_init__(self) -> None:
        check_size("a command mask", self.mask, MASK_SIZE, MASK_SIZE)

    def bit(self, place: int) -> bool:
        """The *place*-th of them."""
        return bool(self.mask[place // 8] >> place % 8 & 1)

    def encode(self) -> bytes:
        """Sixteen bytes."""
        return self.mask

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(mask=Reader(data).take(MASK_SIZE, "command mask"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsAddress:
    """Whose commands: channel, network function and LUN, as the requests here begin."""

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    netfn: int
    "0 to 63."
    upper: bool = False
    "Commands 80h to FFh, not 00h to 7Fh."
    lun: int = 0
    "0 to 3."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("network function", self.netfn, 0, 0x3F)
        check_range("LUN", self.lun, 0, 3)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.channel, self.upper << 6 | self.netfn, self.lun))

    @classmethod
    def take(cls, reader: Reader) -> Self:
        """The next three bytes. :raises DecodeError: there are fewer."""
        channel, netfn, lun = reader.take(3, "firewall request")
        return cls(channel=channel & 0x0F, netfn=netfn & 0x3F, upper=bool(netfn & 0x40), lun=lun & 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommandsRequest(Command[CommandMask]):
    """A question about 128 commands."""

    netfn = NetFn.APP
    privilege = Privilege.USER
    safe = True
    response = CommandMask

    of: CommandsAddress
    body: bytes = b""
    "The group's byte if the network function is 2Ch, the manufacturer's three if it is 2Eh, else none."

    def __post_init__(self) -> None:
        check_size("a group or manufacturer", self.body, 0, 3)

    def encode(self) -> bytes:
        """Three bytes, and whose."""
        return self.of.encode() + self.body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(of=CommandsAddress.take(reader), body=reader.rest()[:3])


class GetCommandSupport(_CommandsRequest):
    """Get Command Support; section 21.3. A bit that is set means that there is no such command."""

    __slots__ = ()
    command = 0x0A


class GetConfigurableCommands(_CommandsRequest):
    """Get Configurable Commands; section 21.5. A bit that is set means that the command can be switched off."""

    __slots__ = ()
    command = 0x0C


class GetCommandEnables(_CommandsRequest):
    """Get Command Enables; section 21.8. A bit that is set means that the command is on."""

    __slots__ = ()
    command = 0x61


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCommandEnables(Command[NoData]):
    """Set Command Enables; section 21.7."""

    netfn = NetFn.APP
    command = 0x60
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {0x80: "a command that cannot be switched off was to be"}

    of: CommandsAddress
    mask: bytes
    "Sixteen bytes; a bit that is set switches the command on."
    body: bytes = b""
    "As with the questions."

    def __post_init__(self) -> None:
        check_size("a command mask", self.mask, MASK_SIZE, MASK_SIZE)
        check_size("a group or manufacturer", self.body, 0, 3)

    def encode(self) -> bytes:
        """Nineteen bytes, and whose."""
        return self.of.encode() + self.mask + self.body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        of = CommandsAddress.take(reader)
        return cls(of=of, mask=reader.take(MASK_SIZE, "command mask"), body=reader.rest()[:3])


@dataclass(frozen=True, slots=True, kw_only=True)
class SubfunctionMask:
    """A bit for each of 32 subfunctions. What a bit means, the request says."""

    mask: bytes
    "Four bytes, or eight where the specification's own errata come first."

    def __post_init__(self) -> None:
        check_size("a subfunction mask", self.mask, SUBFUNCTIONS_SIZE, 2 * SUBFUNCTIONS_SIZE)

    def encode(self) -> bytes:
        """The mask."""
        return self.mask

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        mask = reader.take(SUBFUNCTIONS_SIZE, "subfunction mask")
        return cls(mask=mask + reader.rest()[:SUBFUNCTIONS_SIZE])


@dataclass(frozen=True, slots=True, kw_only=True)
class _SubfunctionsRequest(Command[SubfunctionMask]):
    """A question about the subfunctions of one command."""

    netfn = NetFn.APP
    privilege = Privilege.USER
    safe = True
    response = SubfunctionMask

    of: CommandsAddress
    number: int
    "The command, 0 to 255."

    def __post_init__(self) -> None:
        check_range("command", self.number, 0, 0xFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.of.encode() + bytes((self.number,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(of=CommandsAddress.take(reader), number=reader.u8("command"))


class GetSubfunctionSupport(_SubfunctionsRequest):
    """Get Command Sub-function Support; section 21.4. A bit that is set means that there is no such function."""

    __slots__ = ()
    command = 0x0B


class GetConfigurableSubfunctions(_SubfunctionsRequest):
    """Get Configurable Command Sub-functions; section 21.6."""

    __slots__ = ()
    command = 0x0D


class GetSubfunctionEnables(_SubfunctionsRequest):
    """Get Command Sub-function Enables; section 21.10."""

    __slots__ = ()
    command = 0x63


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSubfunctionEnables(Command[NoData]):
    """Set Command Sub-function Enables; section 21.9."""

    netfn = NetFn.APP
    command = 0x62
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {0x80: "a sub-function that cannot be switched was to be"}

    of: CommandsAddress
    number: int
    "The command, 0 to 255."
    mask: bytes
    "Four bytes, or eight; a bit that is set switches the sub-function on."

    def __post_init__(self) -> None:
        check_range("command", self.number, 0, 0xFF)
        check_size("a subfunction mask", self.mask, SUBFUNCTIONS_SIZE, 2 * SUBFUNCTIONS_SIZE)

    def encode(self) -> bytes:
        """Four bytes and the mask."""
        return self.of.encode() + bytes((self.number,)) + self.mask

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        of, number = CommandsAddress.take(reader), reader.u8("command")
        mask = reader.take(SUBFUNCTIONS_SIZE, "subfunction mask")
        return cls(of=of, number=number, mask=mask + reader.rest()[:SUBFUNCTIONS_SIZE])


__all__ = [
    "CommandMask",
    "GetCommandEnables",
    "GetCommandSupport",
    "GetConfigurableCommands",
    "GetConfigurableSubfunctions",
    "GetNetFnSupport",
    "GetSubfunctionEnables",
    "GetSubfunctionSupport",
    "LunSupport",
    "NetFnSupport",
    "SetCommandEnables",
    "SetSubfunctionEnables",
    "SubfunctionMask",
]
