"""Capsules: typed messages on a stream of bytes (RFC 9297, section 3.2), with QUIC's integers (RFC 9000, section 16).

A capsule is its type | its length | that many bytes; both numbers take 1, 2, 4 or 8 bytes. Unknown types are skipped.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from conduit.errors import DecodeError, LocalProtocolError

DATAGRAM: Final = 0x00  # capsule type; the payload of one datagram (RFC 9297, section 3.5)
MAX_VARINT: Final = (1 << 62) - 1
MAX_CAPSULE: Final = 64 << 10  # bytes of a capsule's value, by default
_PREFIXES: Final = ((1 << 6, 1, 0x00), (1 << 14, 2, 0x4000), (1 << 30, 4, 0x8000_0000), (1 << 62, 8, 0xC0 << 56))


def encode_varint(value: int) -> bytes:
    """*value* in as few bytes as it takes.

    :raises LocalProtocolError: negative, or 2**62 and more.
    """
    if value >= 0:
        for bound, size, prefix in _PREFIXES:
            if value < bound:
                return (value | prefix).to_bytes(size, "big")
    raise LocalProtocolError(f"{value} is no number of 62 bits")


def decode_varint(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """The number at offset *at* and the offset behind it; None when it has not come as a whole."""
    if at >= len(data):
        return None
    first = data[at]
    size = 1 << (first >> 6)
    end = at + size
    if end > len(data):
        return None
    return int.from_bytes(data[at:end], "big") & ((1 << (8 * size - 2)) - 1), end


def decode_varints(data: bytes, count: int) -> list[int]:
    """The *count* numbers that *data* starts with; what follows is for newer versions.

    :raises DecodeError: they are not all there.
    """
    values: list[int] = []
    at = 0
    for _ in range(count):
        found = decode_varint(data, at)
        if found is None:
            raise DecodeError("truncated number in a capsule", offset=at)
        values.append(found[0])
        at = found[1]
    return values


def encode_head(kind: int, length: int) -> bytes:
    """What comes before the value."""
    return encode_varint(kind) + encode_varint(length)


def encode_capsule(kind: int, value: bytes | bytearray | memoryview) -> bytes:
    """Type, length and *value*."""
    return encode_head(kind, len(value)) + value


class Capsule(NamedTuple):
    """One capsule."""

    kind: int
    value: bytes


class CapsuleReader:
    """Finds capsules in bytes that come in pieces of any size; stores no more than one capsule.

    :param known: types that are wanted; the others are skipped, whatever their length.
    :param most: bytes that the value of a known one may have.
    """

    __slots__ = ("_buffer", "_known", "_most", "_skip", "skipped")

    def __init__(self, known: Collection[int], most: int = MAX_CAPSULE) -> None:
        self._known = frozenset(known)
        self._most = most
        self._buffer = bytearray()
        self._skip = 0  # bytes of an unknown capsule that are still to come
        self.skipped = 0
        "Capsules of unknown types."

    @property
    def is_between_capsules(self) -> bool:
        """Whether no capsule has come in part."""
        return not self._buffer and not self._skip

    def receive(self, data: bytes | bytearray) -> list[Capsule]:
        """The known capsules that *data* completes.

        :raises DecodeError: one is too long.
        """
        buffer = self._buffer
        buffer += data
        capsules: list[Capsule] = []
        at = self._pass_over(0)
        while not self._skip and (head := self._decode_head(at)) is not None:
            kind, length, start = head
            if kind not in self._known:
                self.skipped += 1
                self._skip = length
                at = self._pass_over(start)
                continue
            if length > self._most:
                raise DecodeError(f"a capsule of {length} bytes, where {self._most} are allowed", offset=at)
            if start + length > len(buffer):
                break
            at = start + length
            with memoryview(buffer) as view, view[start:at] as value:
                capsules.append(Capsule(kind, bytes(value)))
        del buffer[:at]
        return capsules

    def _decode_head(self, at: int) -> tuple[int, int, int] | None:
        """Type, length, and where the value starts."""
        kind = decode_varint(self._buffer, at)
        length = decode_varint(self._buffer, kind[1]) if kind is not None else None
        if kind is None or length is None:
            return None
        return kind[0], length[0], length[1]

    def _pass_over(self, at: int) -> int:
        """Skip what there is of an unknown capsule; the offset behind it."""
        count = min(self._skip, len(self._buffer) - at)
        self._skip -= count
        return at + count
