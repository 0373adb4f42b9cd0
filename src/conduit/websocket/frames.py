"""Frames of WebSocket, RFC 6455, section 5, whose binary messages are one stream of bytes.

Where a message begins and ends means nothing here, so payload is handed on as it comes and never gathered.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from conduit.errors import DecodeError

MAX_FRAME: Final = 1 << 20  # bytes of payload that the peer may put into one frame
MAX_CONTROL: Final = 125  # bytes of payload of a control frame (section 5.5)
MASKED_AT_ONCE: Final = 8 << 10  # bytes; a multiple of a key's
_FIXED: Final = 2  # bytes that every header has
_KEY: Final = 4  # bytes of a masking key
_SHORT: Final = 125  # bytes whose count fits in the header's second byte
_MEDIUM: Final = 0xFFFF  # and in two more
_LONG: Final = 127  # what the second byte says where eight follow
_EXTENDED: Final = {126: 2, _LONG: 8}  # bytes that hold the length, by what the second byte says
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_OPCODE: Final = 0x0F
_CONTROL: Final = 0x08
_MASKED: Final = 0x80
_SIZE: Final = 0x7F


class Opcode(IntEnum):
    """Section 11.8."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Section 7.4.1; those that we say."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003


_KNOWN: Final = frozenset(Opcode)
_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015)})
NO_CODE: Final = 1005  # a Close frame without a code


class Ping(NamedTuple):
    """The peer wants *payload* back."""

    payload: bytes


class Close(NamedTuple):
    """The peer sends nothing more."""

    code: int
    ":data:`NO_CODE` where it says none."


def mask(payload: bytes | memoryview, key: bytes, skip: int = 0) -> bytes:
    """*payload* XOR *key*, over and over, from its byte *skip* on: as numbers that are big, but fit into a cache."""
    size = len(payload)
    skip %= 4
    pad = (key[skip:] + key[:skip]) * (-(-min(size, MASKED_AT_ONCE) // 4))
    if size <= MASKED_AT_ONCE:
        return _xor(payload, int.from_bytes(pad[:size], "little"))
    number, whole = int.from_bytes(pad, "little"), size - size % MASKED_AT_ONCE
    pieces = [_xor(payload[at : at + MASKED_AT_ONCE], number) for at in range(0, whole, MASKED_AT_ONCE)]
    rest = payload[whole:]
    return b"".join([*pieces, _xor(rest, int.from_bytes(pad[: len(rest)], "little"))])


def _xor(piece: bytes | memoryview, pad: int) -> bytes:
    return (int.from_bytes(piece, "little") ^ pad).to_bytes(len(piece), "little")


def encode_frame(opcode: Opcode, payload: bytes | memoryview, key: bytes | None) -> tuple[bytes, bytes | memoryview]:
    """Header and payload of a whole message.

    :param key: four bytes that nobody can guess, from the client; None from the server.
    """
    size = len(payload)
    masked = 0 if key is None else _MASKED
    first = _FIN | opcode
    if size <= _SHORT:
        header = bytes((first, masked | size))
    elif size <= _MEDIUM:
        header = struct.pack(">BBH", first, masked | 126, size)
    else:
        header = struct.pack(">BBQ", first, masked | 127, size)
    return (header, payload) if key is None else (header + key, mask(payload, key))


def encode_close(code: CloseCode) -> bytes:
    """Payload of a Close frame."""
    return struct.pack(">H", code)


class FrameReader:
    """Takes the peer's frames apart.

    :param masked: whether the peer is the client, which must mask.
    """

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._held = bytearray()  # a header, or a control frame, that is not whole yet
        self._left = 0  # bytes of payload to come in the present frame
        self._key = b""
        self._skip = 0  # bytes of the present frame that have been unmasked, modulo 4
        self._in_message = False
        self._closed = False

    def receive_data(self, data: memoryview) -> tuple[list[bytes | memoryview], list[Ping | Close]]:
        """Pieces of the stream, some of them slices of *data*, and what control frames say.

        What follows a Close is not read.

        :raises DecodeError: the peer breaks the rules.
        """
        pieces: list[bytes | memoryview] = []
        told: list[Ping | Close] = []
        at, end = 0, len(data)
        while at < end and not self._closed:
            if self._left:
                taken = min(self._left, end - at)
                pieces.append(self._unmask(data[at : at + taken]))
                self._left -= taken
            else:
                taken = self._take_header(data[at:], told)
            at += taken
        return pieces, told

    def _unmask(self, piece: memoryview) -> bytes | memoryview:
        if not self._masked:
            return piece
        clear = mask(piece, self._key, self._skip)
        self._skip += len(piece)
        return clear

    def _take_header(self, data: memoryview, told: list[Ping | Close]) -> int:
        """Bytes of *data* that belong to a header, or to a control frame."""
        held, taken = self._held, 0
        if not held and len(data) >= _FIXED and (needed := self._needed(data[0], data[1])) <= len(data):
            self._take_head(bytes(data[:needed]), told)
            return needed
        while (missing := (self._needed(held[0], held[1]) if len(held) >= _FIXED else _FIXED) - len(held)) > 0:
            if taken == len(data):
                return taken
            piece = data[taken : taken + missing]
            held += piece
            taken += len(piece)
        head = bytes(held)
        held.clear()
        self._take_head(head, told)
        return taken

    def _needed(self, first: int, second: int) -> int:
        """Bytes of a header that begins so; with the payload, of a control frame."""
        self._check(first, second)
        size = second & _SIZE
        needed = _FIXED + _EXTENDED.get(size, 0) + (_KEY if self._masked else 0)
        return needed + size if first & _CONTROL else needed

    def _take_head(self, head: bytes, told: list[Ping | Close]) -> None:
        if head[0] & _CONTROL:
            self._finish_control(head, told)
        else:
            self._begin_payload(head)

    def _check(self, first: int, second: int) -> None:
        opcode = first & _OPCODE
        if first & _RESERVED or opcode not in _KNOWN:
            raise DecodeError("a frame with bits or of a kind that nobody agreed on")
        if bool(second & _MASKED) is not self._masked:
            raise DecodeError("a frame that is not masked" if self._masked else "a frame that is masked")
        if opcode & _CONTROL:
            if not first & _FIN or second & _SIZE > MAX_CONTROL:
                raise DecodeError("a control frame that is too long, or in parts")
        elif opcode == Opcode.TEXT:
            raise DecodeError("text")
        elif self._in_message is not (opcode == Opcode.CONTINUATION):
            raise DecodeError("a message within another, or the rest of none")

    def _begin_payload(self, head: bytes) -> None:
        size = head[1] & _SIZE
        if size in _EXTENDED:
            shortest = _MEDIUM + 1 if size == _LONG else _SHORT + 1
            size = int.from_bytes(head[_FIXED : _FIXED + _EXTENDED[size]])
            if not shortest <= size <= MAX_FRAME:
                raise DecodeError(f"a length of {size} that is too much, or takes more bytes than it needs")
        self._in_message = not head[0] & _FIN
        self._left, self._skip = size, 0
        self._key = head[-_KEY:]

    def _finish_control(self, head: bytes, told: list[Ping | Close]) -> None:
        opcode, payload = head[0] & _OPCODE, head[_FIXED:]
        if self._masked:
            payload = mask(payload[_KEY:], payload[:_KEY])
        if opcode == Opcode.PING:
            told.append(Ping(payload))
        elif opcode == Opcode.CLOSE:
            told.append(Close(_decode_close(payload)))
            self._closed = True


def _decode_close(payload: bytes) -> int:
    """:raises DecodeError: it is no code, or one that must not be sent (section 7.4.2)."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (code in _CODES or 3000 <= code < 5000):
        raise DecodeError("a Close without a proper code")
    return code
