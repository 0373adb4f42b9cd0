"""Configuration parameters: what Set and Get of LAN, SOL, PEF, boot options and system info have in common.

All of them have a lock (parameter 0, "set in progress"), a number that names the parameter, selectors for a part of
it, and a value that only its number explains (sections 22.14, 23.1, 23.2, 26.2, 26.3, 28.12, 28.13, 30.3 and 30.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.messages import PRESENT_CHANNEL

PARAMETER_REVISION: Final = 0x11


class SetProgress(IntEnum):
    """Whether somebody is half way through setting parameters."""

    COMPLETE = 0
    IN_PROGRESS = 1
    COMMIT_WRITE = 2
    "Only for BMCs that keep what was set aside until now."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressShape:
    """A lock among those who set parameters."""

    state: SetProgress | int = SetProgress.COMPLETE
    "0 to 3."

    def __post_init__(self) -> None:
        check_range("set in progress", self.state, 0, 3)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.state,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(state=known(SetProgress, Reader(data).u8("set in progress") & 0x03))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterValue:
    """One parameter's bytes. Which parameter it is, only the request says."""

    revision: int = PARAMETER_REVISION
    "Of the parameter: bits 7:4 the present one, 3:0 the oldest that it is compatible with."
    data: bytes = b""
    "The parameter's bytes; none if only the revision was asked for."

    def __post_init__(self) -> None:
        check_range("parameter revision", self.revision, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.revision,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(revision=reader.u8("parameter revision"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParameter:
    """A request that sets a parameter of the BMC as a whole."""

    WHAT: ClassVar[str]
    "What errors call the parameter."
    NUMBERS: ClassVar[type[IntEnum]]
    "The numbers that have a name."
    LAST: ClassVar[int] = 0xFF
    "The greatest number, all bits set."

    parameter: int
    data: bytes
    "The parameter's bytes."

    def __post_init__(self) -> None:
        check_range(self.WHAT, self.parameter, 0, self.LAST)

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.parameter,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(parameter=known(cls.NUMBERS, reader.u8(cls.WHAT) & cls.LAST), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """Which part of a parameter a request asks for."""

    set_selector: int = 0
    "Which one of a parameter that there are several of; 0 to 255."
    block_selector: int = 0
    "0 to 255; 0 if the parameter has no such thing."

    def __post_init__(self) -> None:
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("block selector", self.block_selector, 0, 0xFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChannelParameter:
    """A request that sets a parameter of a channel."""

    WHAT: ClassVar[str]
    "What errors call the parameter."
    NUMBERS: ClassVar[type[IntEnum]]
    "The numbers that have a name."
    NUMBER_FIELD: ClassVar[str] = "parameter"
    "Which field of the subclass has the number, 0 to 255."

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    data: bytes
    "The parameter's bytes."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range(self.WHAT, getattr(self, self.NUMBER_FIELD), 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes and the parameter's."""
        return bytes((self.channel, getattr(self, self.NUMBER_FIELD))) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, number = reader.take(2, cls.WHAT)
        named: dict[str, Any] = {cls.NUMBER_FIELD: known(cls.NUMBERS, number)}  # Any: a field of the subclass
        return cls(channel=channel & 0x0F, data=reader.rest(), **named)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelParameter(Selectors):
    """A request that asks for a parameter of a channel."""

    WHAT: ClassVar[str]
    "What errors call the parameter."
    NUMBERS: ClassVar[type[IntEnum]]
    "The numbers that have a name."
    NUMBER_FIELD: ClassVar[str] = "parameter"
    "Which field of the subclass has the number, 0 to 255."

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    revision_only: bool = False
    "Ask for the parameter's revision and not for its value."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range(self.WHAT, getattr(self, self.NUMBER_FIELD), 0, 0xFF)
        Selectors.__post_init__(self)

    def encode(self) -> bytes:
        """Four bytes."""
        number = getattr(self, self.NUMBER_FIELD)
        return bytes((self.revision_only << 7 | self.channel, number, self.set_selector, self.block_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        head, number, set_selector, block_selector = Reader(data).take(4, f"{cls.WHAT} request")
        named: dict[str, Any] = {cls.NUMBER_FIELD: known(cls.NUMBERS, number)}  # Any: a field of the subclass
        return cls(
            channel=head & 0x0F,
            revision_only=bool(head & 0x80),
            set_selector=set_selector,
            block_selector=block_selector,
            **named,
        )


__all__ = ["SetProgress"]
