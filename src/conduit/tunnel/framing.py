"""Messages on a stream, each behind its length: gRPC's framing (compressed flag, length in 4 bytes, message)."""

from __future__ import annotations

import struct
from typing import Final

from conduit.errors import DecodeError

_PREFIX: Final = struct.Struct(">BI")
MAX_MESSAGE: Final = 4 << 20  # bytes, by default


def encode_message(message: bytes) -> bytes:
    """Five bytes and *message*."""
    return _PREFIX.pack(0, len(message)) + message


class MessageReader:
    """Finds messages in bytes that come in pieces of any size.

    :param most: bytes that a message may have.
    """

    __slots__ = ("_buffer", "_most")

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._most = most

    @property
    def is_between_messages(self) -> bool:
        """Whether no message has come in part."""
        return not self._buffer

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that *data* completes.

        :raises DecodeError: a message is too long, or compressed.
        """
        self._buffer += data
        messages: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= _PREFIX.size:
            flag, length = _PREFIX.unpack_from(self._buffer, at)
            if flag:
                raise DecodeError("a compressed message, which nobody offered", offset=at)
            if length > self._most:
                raise DecodeError(f"a message of {length} bytes, where {self._most} are allowed", offset=at)
            end = at + _PREFIX.size + length
            if end > len(self._buffer):
                break
            messages.append(bytes(self._buffer[at + _PREFIX.size : end]))
            at = end
        del self._buffer[:at]
        return messages
