"""Bounded reading and plain writing of little binary messages.

Every under-run is :class:`~conduit.errors.DecodeError`; nothing here can raise ``IndexError`` or ``struct.error``.
"""

from __future__ import annotations

from conduit.errors import DecodeError


class Reader:
    """Reads fields from the front of *data*; multi-byte integers name their byte order."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def offset(self) -> int:
        """Bytes read so far."""
        return self._offset

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._offset

    def take(self, count: int, what: str = "field") -> bytes:
        """The next *count* bytes.

        :raises DecodeError: fewer are left.
        """
        end = self._offset + count
        if end > len(self._data):
            raise DecodeError(f"truncated {what}", offset=len(self._data))
        start, self._offset = self._offset, end
        return bytes(self._data[start:end])

    def u8(self, what: str = "field") -> int:
        """One byte, 0 to 255."""
        offset = self._offset
        if offset >= len(self._data):
            raise DecodeError(f"truncated {what}", offset=len(self._data))
        self._offset = offset + 1
        return self._data[offset]

    def u16le(self, what: str = "field") -> int:
        """Two bytes, least significant first."""
        return int.from_bytes(self.take(2, what), "little")

    def u24le(self, what: str = "field") -> int:
        """Three bytes, least significant first."""
        return int.from_bytes(self.take(3, what), "little")

    def u32le(self, what: str = "field") -> int:
        """Four bytes, least significant first."""
        return int.from_bytes(self.take(4, what), "little")

    def u16be(self, what: str = "field") -> int:
        """Two bytes, most significant first."""
        return int.from_bytes(self.take(2, what), "big")

    def u32be(self, what: str = "field") -> int:
        """Four bytes, most significant first."""
        return int.from_bytes(self.take(4, what), "big")

    def rest(self) -> bytes:
        """All that is left, perhaps nothing."""
        return self.take(self.remaining)

    def end(self, what: str = "message") -> None:
        """Check that nothing is left.

        :raises DecodeError: something is.
        """
        if self.remaining:
            raise DecodeError(f"{self.remaining} bytes after the end of the {what}", offset=self._offset)
