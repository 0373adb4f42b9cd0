"""How decoders read: they say how many bytes they want next, and get exactly these.

A decoder is a generator, so it stops in the middle of a rectangle when the network does. What it asks for at once is
at most ``CHUNK``, but for a fixed little more.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator
from typing import Final, NamedTuple, Protocol, TypeVar

from conduit.errors import DecodeError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area

Result = TypeVar("Result")


class Look(NamedTuple):
    """A wish to see bytes, which are not taken by that."""

    least: int
    "So many must be there."
    most: int


Pulling = Generator[int | Look, bytes, Result]
"""Yields how many bytes it wants, is sent exactly these, and returns a result; or sees what there is, by a Look."""

CHUNK: Final = 1 << 16  # bytes wanted at once
BREATH: Final = 0  # bytes wanted where there was work for some milliseconds: whoever draws may do something else first


class Decoder(Protocol):
    """What turns the bytes of one encoding into pixels; one per connection, because zlib's streams are."""

    def decode(self, picture: Framebuffer, area: Area) -> Pulling[None]:
        """Draw a rectangle that is inside *picture*.

        :raises DecodeError: the bytes are wrong.
        """
        ...


def pull_u8() -> Pulling[int]:
    """One byte."""
    return (yield 1)[0]


def pull_u32() -> Pulling[int]:
    """Four bytes, most significant first."""
    return int.from_bytes((yield 4), "big")


def pull_all(length: int) -> Pulling[bytearray]:
    """As many bytes; the caller has capped *length*."""
    data = bytearray()
    while missing := length - len(data):
        data += yield min(missing, CHUNK)
    return data


def pass_over(length: int) -> Pulling[None]:
    """As many bytes, of which none is kept."""
    while length:
        length -= len((yield min(length, CHUNK)))


class Inflater:
    """A zlib stream that goes on from rectangle to rectangle."""

    __slots__ = ("_stream", "is_lost")

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self.is_lost = False
        "Whether part of it went elsewhere, so that nobody can tell what follows."

    def pull(self, length: int, limit: int) -> Pulling[bytearray]:
        """Inflate *length* bytes to at most *limit* bytes.

        :raises DecodeError: it is more, or no zlib stream, or *length* is more than such data can need.
        """
        if length > limit + limit // 8 + CHUNK:
            raise DecodeError(f"{length} compressed bytes for {limit} bytes of pixels")
        data = bytearray()
        while length:
            chunk = yield min(length, CHUNK)
            length -= len(chunk)
            data += self._inflate(chunk, limit + 1 - len(data))
            if len(data) > limit:
                raise DecodeError(f"compressed pixels inflate to more than the {limit} bytes that fit")
        return data

    def _inflate(self, chunk: bytes, limit: int) -> bytes:
        try:
            data = self._stream.decompress(chunk, limit)
        except zlib.error as error:
            raise DecodeError(f"compressed pixels are damaged: {error}") from None
        if self._stream.eof:
            raise DecodeError("the stream of compressed pixels has an end")
        return data

    def pull_exactly(self, length: int, size: int) -> Pulling[bytearray]:
        """The same, where it must be exactly *size* bytes."""
        data = yield from self.pull(length, size)
        if len(data) != size:
            raise DecodeError(f"compressed pixels inflate to {len(data)} bytes instead of {size}")
        return data
