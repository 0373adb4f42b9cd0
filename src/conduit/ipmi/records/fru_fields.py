"""Type/length fields of the FRU information storage definition: one text in one of four encodings (section 13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_size

MAX_FIELD: Final = 63  # bytes
END_OF_FIELDS: Final = 0xC1
ENGLISH: Final = 25  # language code (section 15)
ENGLISH_CODES: Final = (0, ENGLISH)
BCD_PLUS: Final = "0123456789 -.:,_"  # Dh to Fh; the last two are reserved and shown so that no two look alike
SIX_BIT_START: Final = 0x20  # the 6-bit code of "!" is 1


class FieldEncoding(IntEnum):
    """Type codes; bits 7:6 of the type/length byte."""

    BINARY = 0
    BCD_PLUS = 1
    SIX_BIT = 2
    "Capitals, digits and punctuation, four characters in three bytes."
    TEXT = 3
    "Eight-bit Latin-1 if the area's language is English, else UTF-16, least significant byte first."


@dataclass(frozen=True, slots=True)
class FruField:
    """One field as it is stored. :meth:`of` makes it from text, :meth:`text` reads it."""

    raw: bytes = b""
    "0 to 63 bytes; never a single one if encoded as TEXT, for that is the mark of the end."
    encoding: FieldEncoding = FieldEncoding.TEXT

    def __post_init__(self) -> None:
        check_size("a FRU field", self.raw, 0, MAX_FIELD)
        if self.encoding is FieldEncoding.TEXT and len(self.raw) == 1:
            raise LocalProtocolError("a FRU field of one 8-bit character cannot be told from the end of the fields")

    @classmethod
    def of(cls, text: str, language: int = ENGLISH) -> Self:
        """The field that holds *text*: Latin-1 or UTF-16, as the language wants; a lone character gets a space.

        :raises LocalProtocolError: too long, or not in Latin-1 where the language is English.
        """
        if language not in ENGLISH_CODES:
            return cls(text.encode("utf-16-le"))
        try:
            raw = text.encode("latin-1")
        except UnicodeEncodeError:
            raise LocalProtocolError(f"{text!r} has characters that an English FRU area cannot hold") from None
        return cls(raw + b" " if len(raw) == 1 else raw)

    def text(self, language: int = ENGLISH) -> str:
        """The text to show; binary is shown in hex. Padding at the end, NULs and spaces, is left out."""
        match self.encoding:
            case FieldEncoding.BINARY:
                return self.raw.hex(" ")
            case FieldEncoding.BCD_PLUS:
                return "".join(BCD_PLUS[byte >> 4] + BCD_PLUS[byte & 0x0F] for byte in self.raw).rstrip()
            case FieldEncoding.SIX_BIT:
                return _six_bit_text(self.raw)
        wide = language not in ENGLISH_CODES and len(self.raw) % 2 == 0  # vendors do write Latin-1 in other languages
        text = self.raw.decode("utf-16-le", "backslashreplace") if wide else self.raw.decode("latin-1")
        return text.rstrip("\0 ")

    def encode(self) -> bytes:
        """The type/length byte and the field."""
        return bytes((self.encoding << 6 | len(self.raw),)) + self.raw


EMPTY: Final = FruField()


def six_bit(text: str) -> FruField:
    """*text* packed in six bits a character.

    :raises LocalProtocolError: too long, or not all from space to underscore.
    """
    codes = [ord(character) - SIX_BIT_START for character in text]
    if not all(0 <= code < 0x40 for code in codes):
        raise LocalProtocolError(f"{text!r} has characters that six bits cannot hold")
    packed = sum(code << 6 * place for place, code in enumerate(codes))
    return FruField(packed.to_bytes((len(codes) * 6 + 7) // 8, "little"), FieldEncoding.SIX_BIT)


def bcd_plus(text: str) -> FruField:
    """*text* packed in four bits a character, with a space after an odd number of them.

    :raises LocalProtocolError: too long, or not all digits, spaces, dashes and full stops.
    """
    codes = [BCD_PLUS.find(character) for character in text + " " * (len(text) % 2)]
    if not all(0 <= code <= BCD_PLUS.index(".") for code in codes):
        raise LocalProtocolError(f"{text!r} has characters that BCD plus cannot hold")
    raw = bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))
    return FruField(raw, FieldEncoding.BCD_PLUS)


def encode_fields(fields: Iterable[FruField]) -> bytes:
    """The fields and the mark of their end."""
    return b"".join(field.encode() for field in fields) + bytes((END_OF_FIELDS,))


def decode_fields(data: bytes) -> tuple[tuple[FruField, ...], str]:
    """All fields up to the end mark, and what was wrong with them: empty, or why the last ones are missing."""
    reader, fields = Reader(data), list[FruField]()
    while reader.remaining:
        kind = reader.u8()
        if kind == END_OF_FIELDS:
            return tuple(fields), ""
        size = kind & MAX_FIELD
        if size > reader.remaining:
            return tuple(fields), f"field {len(fields) + 1} runs past the end of the area"
        fields.append(FruField(reader.take(size), FieldEncoding(kind >> 6)))
    return tuple(fields), "the end of the fields is not marked (C1h is missing)"


def _six_bit_text(raw: bytes) -> str:
    packed = int.from_bytes(raw, "little")
    count = len(raw) * 8 // 6
    return "".join(chr(SIX_BIT_START + (packed >> 6 * place & 0x3F)) for place in range(count)).rstrip()
