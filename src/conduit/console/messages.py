"""What a viewer of a serial console and its hub tell each other: a type in one byte, and a body.

Input and output are binary; all else is a JSON object, with ``null`` and absence meaning the same. Types and keys that
we do not know are ignored, and a word that we do not know is as good as none, so that either end may be newer than the
other. ``docs/protocol/console.md`` says the same for people.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from conduit.console.bodies import MAX_NUMBER, Body, key, parse
from conduit.console.words import Cause, End, Mode, Refusal, State
from conduit.errors import DecodeError, LocalProtocolError

VERSION: Final = 1
MAX_MESSAGE: Final = 64 << 10  # bytes, of any message
MAX_DATA: Final = 32 << 10  # characters that one INPUT or OUTPUT carries
_SEQUENCE: Final = struct.Struct(">I")
_OFFSET: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Body):
    """Base of the messages; those with characters in them override both directions."""

    type_number: ClassVar[int]

    def encode(self) -> bytes:
        """:raises LocalProtocolError: it is too long."""
        body = json.dumps(self.to_json(), separators=(",", ":")).encode()
        if len(body) >= MAX_MESSAGE:
            raise LocalProtocolError(f"a console message of {len(body)} bytes, {MAX_MESSAGE - 1} at most can travel")
        return bytes((self.type_number,)) + body

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """:raises DecodeError: it is none."""
        return cls.from_json(parse(body) if body else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(Body):
    """Somebody who looks."""

    viewer: int = key(0)
    "The hub's number for it; never used twice."
    name: str = key("")
    mode: Mode = key(Mode.READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Body):
    """Somebody who asks for the keyboard."""

    viewer: int = key(0)
    name: str = key("")
    ms: int = key(0)
    "Until it passes to them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach(Message):
    """First from the viewer: what it wants to see."""

    type_number: ClassVar[int] = 0x00
    version: int = key(VERSION)
    start: int | None = key(None, "from", kind=int)
    "Offset of the first byte that it does not have."
    epoch: str | None = key(None, kind=str)
    "To which *start* belongs."
    history: int | None = key(None, kind=int)
    "Bytes of the past wanted, where *start* is not known."
    mode: Mode = key(Mode.READ)
    take: bool = key(False)
    "Take the keyboard at once, from whoever has it."
    name: str = key("")


@dataclass(frozen=True, slots=True)
class Input(Message):
    """Characters for the server."""

    type_number: ClassVar[int] = 0x01
    sequence: int
    "The viewer's number for it."
    data: bytes = field(repr=False)  # there are passwords in it

    def encode(self) -> bytes:
        """:raises LocalProtocolError: as :meth:`Message.encode`, or the number has more than 32 bits."""
        _check_data(self.data)
        if not 0 <= self.sequence < 1 << 32:
            raise LocalProtocolError(f"{self.sequence} is no number of an input")
        return bytes((self.type_number,)) + _SEQUENCE.pack(self.sequence) + self.data

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """:raises DecodeError: it is none."""
        data = _data(body, _SEQUENCE.size)
        return cls(_SEQUENCE.unpack_from(body)[0], data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Break(Message):
    """Send a break to the server."""

    type_number: ClassVar[int] = 0x02


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Message):
    """May I have the keyboard?"""

    type_number: ClassVar[int] = 0x03


@dataclass(frozen=True, slots=True, kw_only=True)
class Give(Message):
    """From the writer: it is yours; without a viewer, it is whose who asks."""

    type_number: ClassVar[int] = 0x04
    viewer: int | None = key(None, kind=int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(Message):
    """From the writer: no."""

    type_number: ClassVar[int] = 0x05


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Message):
    """The keyboard is mine now, where that is allowed."""

    type_number: ClassVar[int] = 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Message):
    """From the writer: it is nobody's."""

    type_number: ClassVar[int] = 0x07


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Message):
    """Are you there?"""

    type_number: ClassVar[int] = 0x08
    id: int = key(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach(Message):
    """The viewer leaves."""

    type_number: ClassVar[int] = 0x09


@dataclass(frozen=True, slots=True, kw_only=True)
class Free(Message):
    """Take the console from the other system that has it, where that is allowed."""

    type_number: ClassVar[int] = 0x0A


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached(Message):
    """First from the hub: what the viewer will see."""

    type_number: ClassVar[int] = 0x40
    version: int = key(VERSION)
    viewer: int = key(0)
    "The hub's number for this viewer."
    epoch: str = key("")
    "Offsets of one epoch are comparable, whatever happened to the hub in between."
    start: int = key(0, "from")
    "Offset of the first byte that follows, gaps apart."
    live: int = key(0)
    "Offset of the next byte of the console: up to it, what comes is the past."
    oldest: int = key(0)
    "Offset of the oldest byte that the hub has."
    state: State = key(State.CONNECTING)
    writer: int | None = key(None, kind=int)
    viewers: int = key(0)
    "How many look, this one included."
    may_take: bool = key(False)
    "Whether this viewer may take the keyboard from others, and the console from other systems."


@dataclass(frozen=True, slots=True)
class Output(Message):
    """Characters from the server."""

    type_number: ClassVar[int] = 0x41
    offset: int
    "Of the first of them."
    data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """:raises LocalProtocolError: as :meth:`Message.encode`, or the offset has more than 53 bits."""
        _check_data(self.data)
        if not 0 <= self.offset <= MAX_NUMBER - MAX_DATA:
            raise LocalProtocolError(f"{self.offset} is no offset")
        return bytes((self.type_number,)) + _OFFSET.pack(self.offset) + self.data

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """:raises DecodeError: it is none."""
        data = _data(body, _OFFSET.size)
        offset = _OFFSET.unpack_from(body)[0]
        if offset > MAX_NUMBER - MAX_DATA:
            raise DecodeError("an offset that no console has")
        return cls(offset, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Message):
    """Something is missing here."""

    type_number: ClassVar[int] = 0x42
    at: int = key(0)
    "Where it begins."
    bytes: int | None = key(None, kind=int)
    "How many are missing; they have offsets, so that the next byte is at *at* + *bytes*."
    ms: int | None = key(None, kind=int)
    "How long nobody heard the server; what it said has no offsets."
    cause: Cause = key(Cause.BMC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Message):
    """How the console is."""

    type_number: ClassVar[int] = 0x43
    state: State = key(State.CONNECTING)
    text: str = key("")
    "For people, one sentence."
    since_ms: int = key(0)
    "How long it has been so."
    holder: str | None = key(None, kind=str)
    "Who has the console, where it is busy and the BMC tells."


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterChanged(Message):
    """Who has the keyboard, and who wants it."""

    type_number: ClassVar[int] = 0x44
    viewer: int | None = key(None, kind=int)
    name: str | None = key(None, kind=str)
    asking: Asking | None = key(None, kind=Asking)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewersChanged(Message):
    """Who looks."""

    type_number: ClassVar[int] = 0x45
    viewers: tuple[Viewer, ...] = key((), kind=Viewer)
    "At most 100 of them."
    count: int = key(0)
    "All of them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Message):
    """Something was not done; input is never kept for later."""

    type_number: ClassVar[int] = 0x46
    sequence: int = key(0)
    "Of the input; 0 for anything else."
    bytes: int = key(0)
    "How many characters did not reach the server."
    reason: Refusal = key(Refusal.NOT_LIVE)
    text: str = key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken(Message):
    """The BMC has this input and all before it that was not refused."""

    type_number: ClassVar[int] = 0x47
    sequence: int = key(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """The hub is here."""

    type_number: ClassVar[int] = 0x48
    id: int = key(0)
    bmc_ms: int | None = key(None, kind=int)
    "How long the BMC took for the last input."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Message):
    """Last from the hub."""

    type_number: ClassVar[int] = 0x49
    reason: End = key(End.CLOSED)
    text: str = key("")
    retry: bool = key(False)
    "Whether attaching again may help."


def _check_data(data: bytes) -> None:
    if not 0 < len(data) <= MAX_DATA:
        raise LocalProtocolError(f"{len(data)} characters in a console message, 1 to {MAX_DATA} can travel")


def _data(body: bytes, start: int) -> bytes:
    if not start < len(body) <= start + MAX_DATA:
        raise DecodeError("a console message with no characters, or too many", offset=len(body))
    return body[start:]


FROM_VIEWER: Final[dict[int, type[Message]]] = {
    kind.type_number: kind for kind in (Attach, Input, Break, Ask, Give, Keep, Take, Release, Ping, Detach, Free)
}
FROM_HUB: Final[dict[int, type[Message]]] = {
    kind.type_number: kind
    for kind in (
        Attached, Output, Gap, StateChanged, WriterChanged, ViewersChanged, Refused, Taken, Pong, Ended,
    )
}  # fmt: skip


def decode_from_viewer(data: bytes) -> Message | None:
    """The message in *data*, or None for a type that we do not know.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    return _decode(data, FROM_VIEWER)


def decode_from_hub(data: bytes) -> Message | None:
    """As :func:`decode_from_viewer`, for the other direction."""
    return _decode(data, FROM_HUB)


def _decode(data: bytes, kinds: dict[int, type[Message]]) -> Message | None:
    if not data:
        raise DecodeError("an empty console message")
    if len(data) > MAX_MESSAGE:
        raise DecodeError(f"a console message of {len(data)} bytes, where {MAX_MESSAGE} are allowed")
    kind = kinds.get(data[0])
    return None if kind is None else kind.from_body(data[1:])
