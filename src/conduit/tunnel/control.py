"""What the two ends tell each other on the control stream, which is opened first.

A message is its type (2 bytes) and any number of fields: tag (2 bytes) | length (4 bytes) | value. Unknown types and
unknown tags are skipped, so that either end may be newer than the other; only another major version is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, Self

from conduit.errors import DecodeError, LocalProtocolError

MAJOR: Final = 1
MINOR: Final = 0
PATH: Final = b"/tunnel/v1/control"
MAX_CONTROL_MESSAGE: Final = 1 << 20  # bytes; registrations list a datacenter's servers
_TYPE: Final = struct.Struct(">H")
_FIELD: Final = struct.Struct(">HI")


def tag(number: int, default: Any) -> Any:  # Any: a dataclass field stands for its value
    """A field of a message, by its number on the wire."""
    return field(default=default, metadata={"tag": number}, repr=not isinstance(default, bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of all control messages: a frozen dataclass whose fields are integers, texts and bytes."""

    type_number: ClassVar[int]

    def encode(self) -> bytes:
        """Type and fields; those with their default value are left out.

        :raises LocalProtocolError: a number has more than 64 bits, or a text is none.
        """
        out = bytearray(_TYPE.pack(self.type_number))
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                encoded = _encode_value(value)
                out += _FIELD.pack(one.metadata["tag"], len(encoded)) + encoded
        return bytes(out)

    @classmethod
    def from_fields(cls, values: dict[int, bytes]) -> Self:
        """:raises DecodeError: a value is not of its field's type."""
        known: dict[str, Any] = {}
        for one in fields(cls):
            raw = values.get(one.metadata["tag"])
            if raw is not None:
                known[one.name] = _decode_value(raw, type(one.default))
        return cls(**known)


def _encode_value(value: int | str | bytes) -> bytes:
    try:
        if isinstance(value, int):
            return value.to_bytes(8, "big")
        return value.encode() if isinstance(value, str) else value
    except (OverflowError, UnicodeEncodeError) as error:
        raise LocalProtocolError(f"{value!r} cannot travel in a control message") from error


def _decode_value(raw: bytes, kind: type) -> int | str | bytes:
    if kind is int:
        if len(raw) != 8:
            raise DecodeError(f"a number of {len(raw)} bytes instead of 8")
        return int.from_bytes(raw, "big")
    if kind is str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a text that is no UTF-8") from error
    return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Message):
    """From the side that dialled: who it is and what it speaks."""

    type_number: ClassVar[int] = 1
    major: int = tag(1, 0)
    "Refused when it is not ours."
    minor: int = tag(2, 0)
    generation: int = tag(3, 0)
    "Grows with every start of the same Agent: a higher one fences the tunnels of a lower one."
    max_streams: int = tag(4, 0)
    "Streams that it takes at the same time."
    registration: bytes = tag(5, b"")
    "Whatever the services want to say; opaque here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome(Message):
    """From the side that accepted: go on."""

    type_number: ClassVar[int] = 2
    minor: int = tag(1, 0)
    answer: bytes = tag(2, b"")
    "Whatever the services want to say; opaque here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Message):
    """From the side that accepted: not you, and why."""

    type_number: ClassVar[int] = 3
    reason: str = tag(1, "")
    may_retry: int = tag(2, 0)
    "Whether trying again later may help."


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Message):
    """From either side: no new streams; I leave when those that are open have ended, or when the time is up."""

    type_number: ClassVar[int] = 4
    milliseconds: int = tag(1, 0)
    reason: str = tag(2, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Message):
    """From either side: an event for the services."""

    type_number: ClassVar[int] = 5
    name: str = tag(1, "")
    body: bytes = tag(2, b"")


MESSAGES: Final[dict[int, type[Message]]] = {
    kind.type_number: kind for kind in (Hello, Welcome, Refusal, Drain, Notice)
}


def decode_message(data: bytes) -> Message | None:
    """The message in *data*, or None for a type that we do not know.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    if len(data) < _TYPE.size:
        raise DecodeError("truncated control message", offset=len(data))
    kind = MESSAGES.get(_TYPE.unpack_from(data)[0])
    values: dict[int, bytes] = {}
    at = _TYPE.size
    while at < len(data):
        if len(data) - at < _FIELD.size:
            raise DecodeError("truncated field of a control message", offset=at)
        number, length = _FIELD.unpack_from(data, at)
        at += _FIELD.size
        if length > len(data) - at:
            raise DecodeError("truncated field of a control message", offset=at)
        values[number] = data[at : at + length]
        at += length
    return None if kind is None else kind.from_fields(values)
