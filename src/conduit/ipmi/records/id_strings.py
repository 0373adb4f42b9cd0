"""ID strings of sensor data records: a type/length byte, and text in one of four codings (section 43.15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_size

MAX_ID_BYTES: Final = 31  # what the length field holds; a record of the specification has no more than 16
_LENGTH: Final = 0x1F
_BCD_PLUS: Final = "0123456789 -.:,_"
_SIX_BIT_BASE: Final = 0x20  # code of the first character
_SIX_BIT_CHARACTERS: Final = frozenset(map(chr, range(_SIX_BIT_BASE, _SIX_BIT_BASE + 64)))


class IdCoding(IntEnum):
    """How an ID string is written."""

    UNICODE = 0
    BCD_PLUS = 1
    SIX_BIT_ASCII = 2
    LATIN_1 = 3


@dataclass(frozen=True, slots=True)
class IdString:
    """A name in a record. Bytes are kept as they came, so that a record is written as it was read."""

    coding: IdCoding = IdCoding.LATIN_1
    raw: bytes = b""
    "0 to 31 bytes."

    def __post_init__(self) -> None:
        check_size("an ID string", self.raw, 0, MAX_ID_BYTES)

    @classmethod
    def of(cls, text: str, coding: IdCoding = IdCoding.LATIN_1) -> Self:
        """*text* in this coding.

        :raises LocalProtocolError: the coding has not these characters, or the text is too long.
        """
        try:
            return cls(coding, _ENCODERS[coding](text))
        except ValueError as error:
            raise LocalProtocolError(f"{text!r} cannot be written as {coding.name.lower()}") from error

    @property
    def text(self) -> str:
        """It for people, without padding."""
        return self.stem.rstrip(" ")

    @property
    def stem(self) -> str:
        """What a number is put behind, where sensors share a record: spaces at the end count."""
        return _DECODERS[self.coding](self.raw).rstrip("\0")

    def encode(self) -> bytes:
        """Type/length byte and text."""
        return bytes((self.coding << 6 | len(self.raw),)) + self.raw

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The string at the end of a record. One that claims to be longer than its record ends with the record.

        :raises DecodeError: not even the type/length byte is there.
        """
        kind = reader.u8("ID string")
        length = min(kind & _LENGTH, reader.remaining)
        return cls(IdCoding(kind >> 6), reader.take(length, "ID string"))


def _decode_unicode(raw: bytes) -> str:
    """Type 0 is said to be Unicode, which coding nobody says; in practice it is UTF-16 or, as often, ASCII."""
    return raw.decode("utf-16-le", errors="replace") if 0 in raw.rstrip(b"\0") else raw.decode("latin-1")


def _decode_bcd_plus(raw: bytes) -> str:
    return "".join(_BCD_PLUS[byte >> 4] + _BCD_PLUS[byte & 0x0F] for byte in raw)


def _encode_bcd_plus(text: str) -> bytes:
    digits = [_BCD_PLUS.index(char) for char in text + " " * (len(text) % 2)]
    return bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _decode_six_bit(raw: bytes) -> str:
    """Four characters in three bytes, the first in the least significant bits."""
    packed = int.from_bytes(raw, "little")
    return "".join(chr(_SIX_BIT_BASE + (packed >> 6 * place & 0x3F)) for place in range(len(raw) * 8 // 6))


def _encode_six_bit(text: str) -> bytes:
    if not _SIX_BIT_CHARACTERS.issuperset(text):
        raise ValueError("a character that six bits do not hold")
    packed = sum((ord(char) - _SIX_BIT_BASE) << 6 * place for place, char in enumerate(text))
    return packed.to_bytes((len(text) * 6 + 7) // 8, "little")


_DECODERS: Final[Mapping[IdCoding, Callable[[bytes], str]]] = {
    IdCoding.UNICODE: _decode_unicode,
    IdCoding.BCD_PLUS: _decode_bcd_plus,
    IdCoding.SIX_BIT_ASCII: _decode_six_bit,
    IdCoding.LATIN_1: lambda raw: raw.decode("latin-1"),
}
_ENCODERS: Final[Mapping[IdCoding, Callable[[str], bytes]]] = {
    IdCoding.UNICODE: lambda text: text.encode("utf-16-le"),
    IdCoding.BCD_PLUS: _encode_bcd_plus,
    IdCoding.SIX_BIT_ASCII: _encode_six_bit,
    IdCoding.LATIN_1: lambda text: text.encode("latin-1"),
}
