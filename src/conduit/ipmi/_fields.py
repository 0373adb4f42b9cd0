"""What every command module does with fields: name numbers, check ranges, blame the right side for bad ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Final, ParamSpec, TypeVar

from conduit.errors import DecodeError, LocalProtocolError

P = ParamSpec("P")
T = TypeVar("T")
EnumT = TypeVar("EnumT", bound=IntEnum)
SHARED: Final = 1024  # values kept of each kind that many records have in common: a thousand BMCs share them


def known(kind: type[EnumT], value: int) -> EnumT | int:
    """The member of *kind* with this value, or the number itself: BMCs do send reserved and OEM values."""
    try:
        return kind(value)
    except ValueError:
        return value


def label(value: int) -> str:
    """Words for what :func:`known` returned: ``soft shutdown`` or ``unknown (0x2b)``."""
    if isinstance(value, Enum):
        return str(value.name).lower().replace("_", " ")
    return f"unknown ({value:#04x})"


def check_range(what: str, value: float, low: float, high: float) -> None:
    """:raises LocalProtocolError: *value* is not from *low* to *high*, both included, or not a number (NaN)."""
    if not low <= value <= high:
        wanted = f"{low} or more" if high == math.inf else f"{low} to {high}"
        raise LocalProtocolError(f"{what} is {value}, not {wanted}")


def check_size(what: str, data: bytes, least: int, most: int) -> None:
    """:raises LocalProtocolError: *data* has not *least* to *most* bytes; the message does not quote it."""
    if not least <= len(data) <= most:
        raise LocalProtocolError(f"{what} has {len(data)} bytes, not {least} to {most}")


def from_wire(build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Build a message out of received fields: values that our own caller may not give are the peer's fault here.

    :raises DecodeError: *build* raised LocalProtocolError.
    """
    try:
        return build(*args, **kwargs)
    except LocalProtocolError as error:
        raise DecodeError(str(error)) from error
