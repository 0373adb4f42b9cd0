"""Heads of HTTP/1.1 messages, RFC 9112, as proxies and WebSockets begin with: strict, bounded, and no bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import DecodeError

MAX_HEAD: Final = 16 << 10  # bytes
MAX_FIELDS: Final = 100
_END: Final = b"\r\n\r\n"
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_REQUEST: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]{1,8192}) HTTP/1\.([01])")


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields."""

    items: Sequence[tuple[str, str]] = field(repr=False)  # a proxy's password may be in them
    "Names in lower case."

    def get(self, name: str) -> str:
        """The value of *name*, several joined by commas; empty where there is none."""
        return ", ".join(value for key, value in self.items if key == name)

    def count(self, name: str) -> int:
        """How often *name* is there."""
        return sum(key == name for key, _ in self.items)

    def values(self, name: str) -> Sequence[str]:
        """What is between the commas in *name*."""
        return tuple(part.strip() for part in self.get(name).split(","))

    def has_token(self, name: str, token: str) -> bool:
        """Whether the list in *name* has *token*, which is in lower case."""
        return any(part.lower() == token for part in self.values(name))


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and fields."""

    minor: int
    "Of HTTP/1.x."
    status: int
    fields: Fields

    @classmethod
    def decode(cls, head: bytes) -> ResponseHead:
        """:raises DecodeError: it is not one."""
        first, fields = _split(head)
        found = _STATUS.fullmatch(first)
        if found is None:
            raise DecodeError("not a status line of HTTP/1.1")
        return cls(int(found[1]), int(found[2]), fields)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Request line and fields."""

    minor: int
    "Of HTTP/1.x."
    method: str
    target: str
    fields: Fields

    @classmethod
    def decode(cls, head: bytes) -> RequestHead:
        """:raises DecodeError: it is not one."""
        first, fields = _split(head)
        found = _REQUEST.fullmatch(first)
        if found is None:
            raise DecodeError("not a request line of HTTP/1.1")
        return cls(int(found[3]), found[1].decode(), found[2].decode(), fields)


def _split(head: bytes) -> tuple[bytes, Fields]:
    first, *lines = head.split(b"\r\n")
    if len(lines) > MAX_FIELDS:
        raise DecodeError(f"more than {MAX_FIELDS} header fields")
    items = []
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise DecodeError("not a header field", offset=head.find(line))
        items.append((found[1].decode().lower(), found[2].strip(b" \t").decode("latin-1")))
    return first, Fields(tuple(items))


def encode_head(first: str, fields: Mapping[str, str]) -> bytes:
    """A head; what is in it must have been checked before."""
    lines = [first, *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("ascii") + _END


class HeadReader:
    """Finds where a head ends."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.rest = b""
        "What came after the head."

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The head without its empty line, when it is whole.

        :raises DecodeError: it is too long.
        """
        searched = max(len(self._received) - len(_END) + 1, 0)
        self._received += data
        end = self._received.find(_END, searched)
        if end > MAX_HEAD or (end < 0 and len(self._received) > MAX_HEAD):
            raise DecodeError(f"a head of more than {MAX_HEAD} bytes", offset=MAX_HEAD)
        if end < 0:
            return None
        self.rest = bytes(self._received[end + len(_END) :])
        return bytes(self._received[:end])
