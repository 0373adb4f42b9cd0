"""A hub's viewers, each with its place in the output and what it is to be told; everything bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Final

from conduit._lease import Move
from conduit.console.messages import (
    Ask,
    Ended,
    Give,
    Keep,
    Message,
    Ping,
    Refused,
    Release,
    Take,
    Taken,
    Viewer,
)
from conduit.console.ring import Place
from conduit.console.words import Mode, Refusal

MAX_NAME: Final = 64  # characters
MAX_WAITING: Final = 64  # answers that wait for a viewer to read; one that asks for more is not reading
NOBODY: Final = "somebody"
MOVES: Final[Mapping[type[Message], Move]] = {
    Ask: Move.ASK,
    Give: Move.GIVE,
    Keep: Move.KEEP,
    Take: Move.TAKE,
    Release: Move.RELEASE,
}
"What viewers do about the keyboard."


class News(Flag):
    """What a viewer does not know yet. Only the latest of each is told, however slow it is."""

    NOTHING = 0
    STATE = auto()
    WRITER = auto()
    VIEWERS = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Watcher:
    """One viewer, as the hub keeps it."""

    id: int
    name: str
    mode: Mode
    may_take: bool
    place: Place
    answers: deque[Message] = field(default_factory=deque)
    "To send before anything else, in order."
    news: News = News.STATE | News.WRITER | News.VIEWERS
    taken: Taken | None = None
    ping: Ping | None = None
    "To answer; of several, the last."
    ended: Ended | None = None
    "To send last."
    is_over: bool = False
    "Whether it was told of its end."

    @property
    def may_type(self) -> bool:
        """Whether it may ever."""
        return self.mode is Mode.WRITE

    @property
    def has_answers(self) -> bool:
        """Whether there is anything to tell it besides output."""
        return bool(self.answers or self.news or self.taken or self.ping or self.ended) and not self.is_over

    @property
    def is_clogged(self) -> bool:
        """Whether it asks without reading the answers."""
        return len(self.answers) > MAX_WAITING

    def refuse(self, refused: Refused) -> None:
        """Tell it that something was not done."""
        self.answers.append(refused)

    def public(self) -> Viewer:
        """What others may know."""
        return Viewer(viewer=self.id, name=self.name, mode=self.mode)


def readable(name: str) -> str:
    """A name that can do no harm on anybody's screen."""
    return "".join(filter(str.isprintable, name))[:MAX_NAME].strip() or NOBODY


def milliseconds(seconds: float) -> int:
    """A time as it travels; what is over is 0."""
    return max(0, round(seconds * 1000))


def refusal_text(reason: Refusal, *, state: str, writer: str) -> str:
    """Why input was not taken, for people."""
    words = {
        Refusal.NOT_LIVE: state,
        Refusal.READ_ONLY: "you may look, not type.",
        Refusal.NOT_WRITER: f"{writer} has the keyboard. Ask for it.",
        Refusal.TOO_FAST: "the BMC takes characters more slowly.",
    }
    return f"Not sent: {words[reason]}"
