"""Messages on a stream, each behind its length: gRPC's framing (compressed flag, length in 4 bytes, message)."""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import Final

from conduit.errors import DecodeError

_PREFIX: Final = struct.Struct(">BI")
MAX_MESSAGE: Final = 4 << 20  # bytes, by default


class MessageTooLongError(DecodeError):
    """A message has more bytes than are allowed."""


def encode_message(message: bytes, flag: int = 0) -> bytes:
    """Five bytes and *message*."""
    return _PREFIX.pack(flag, len(message)) + message


class MessageReader:
    """Finds messages in bytes that come in pieces of any size.

    :param most: bytes that a message may have.
    :param flags: first bytes of a prefix that are understood; gRPC has 0 for a message, gRPC-Web 0x80 for trailers.
    """

    __slots__ = ("_buffer", "_flags", "_most")

    def __init__(self, most: int = MAX_MESSAGE, *, flags: Container[int] = (0,)) -> None:
        self._buffer = bytearray()
        self._most = most
        self._flags = flags

    @property
    def is_between_messages(self) -> bool:
        """Whether no message has come in part."""
        return not self._buffer

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that *data* completes.

        :raises DecodeError: a message is too long, or compressed.
        """
        return [message for _, message in self.receive_flagged(data)]

    def receive_flagged(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages that *data* completes, and their flags.

        :raises DecodeError: a message is too long, or its flag is not understood.
        """
        self._buffer += data
        messages: list[tuple[int, bytes]] = []
        at = 0
        while len(self._buffer) - at >= _PREFIX.size:
            flag, length = _PREFIX.unpack_from(self._buffer, at)
            if flag not in self._flags:
                raise DecodeError("a compressed message, which nobody offered", offset=at)
            if length > self._most:
                raise MessageTooLongError(f"a message of {length} bytes, where {self._most} are allowed", offset=at)
            end = at + _PREFIX.size + length
            if end > len(self._buffer):
                break
            messages.append((flag, bytes(self._buffer[at + _PREFIX.size : end])))
            at = end
        del self._buffer[:at]
        return messages
