"""Versions of RFB (RFC 6143, section 7.1.1), and those that servers say beside them."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from conduit.errors import DecodeError, NegotiationError


class Version(IntEnum):
    """The minor number, as the major one is 3."""

    V3_3 = 3
    V3_7 = 7
    V3_8 = 8

    @property
    def line(self) -> bytes:
        """Twelve bytes."""
        return f"RFB 003.{self.value:03}\n".encode()

    def __str__(self) -> str:
        return f"3.{self.value}"


LINE: Final = 12  # bytes
_SHAPE: Final = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_ODD: Final = {(3, 889), (4, 0), (4, 1), (5, 0)}  # Apple, Intel AMT, RealVNC: they mean 3.8
_ATEN: Final = (55, 8)
REPEATER: Final = (0, 0)
"A repeater of UltraVNC (mode II): it wants to know whom to connect us with."


def decode_version(line: bytes) -> tuple[int, int]:
    """Major and minor number. :raises DecodeError: these are none."""
    found = _SHAPE.fullmatch(line)
    if found is None:
        raise DecodeError("the peer does not speak RFB: its first bytes are no version")
    return int(found[1]), int(found[2])


def agree(server: tuple[int, int]) -> Version:
    """What a client answers.

    :raises NegotiationError: nobody knows what such a server speaks.
    """
    if server in _ODD:
        return Version.V3_8
    major, minor = server
    if server == _ATEN:
        raise NegotiationError("the server speaks ATEN's own protocol (version 55.8), not RFB; use its IPMI console")
    if major != 3 or minor < Version.V3_3:
        raise NegotiationError(f"the server speaks version {major}.{minor} of RFB; 3.3 to 3.8 are known")
    if minor >= Version.V3_8:
        return Version.V3_8
    return Version.V3_7 if minor == Version.V3_7 else Version.V3_3
