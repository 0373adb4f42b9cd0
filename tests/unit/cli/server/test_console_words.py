"""Each state of a console has its line, and what goes without saying has none."""

from __future__ import annotations

import pytest

from conduit.cli.server.console_words import words_for
from conduit.console import Cause, State, ViewerSession
from conduit.console.messages import (
    Asking,
    Attached,
    Gap,
    Refused,
    StateChanged,
    ViewersChanged,
    WriterChanged,
)
from conduit.services.console_client import Event, Lost, Resumed


def viewer(*, writes: bool = True) -> ViewerSession:
    """Number 1, who has the keyboard or not."""
    made = ViewerSession()
    made.attached = Attached(viewer=1)
    made.writer = WriterChanged(viewer=1 if writes else 2, name="me" if writes else "Li")
    return made


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            Lost("the connection broke.", 0.5, first=True),
            "connection lost (the connection broke); trying again in 0.5 s",
        ),
        (Lost("cannot reach it", 4.0, first=False), "cannot reach it; trying again in 4.0 s"),
        (Resumed(0, 8.4, new_epoch=False), "resumed after 8.4 s, nothing missed"),
        (Resumed(12, 8.4, new_epoch=False), "resumed after 8.4 s, 12 bytes missed"),
        (Gap(at=1, bytes=3, cause=Cause.SLOW), "3 bytes are missing here: this terminal was too slow"),
        (Gap(at=1, ms=4200), "output may be missing here: nobody heard the server for 4.2 s"),
        (StateChanged(state=State.LIVE, text="Live."), "live"),
        (StateChanged(state=State.BUSY, text="Taken.", holder="10.0.4.9"), "Taken (by 10.0.4.9)"),
        (
            StateChanged(state=State.BUSY, text="Taken.", holder="10.0.4.9", since_ms=180_000),
            "Taken (by 10.0.4.9 for 3 min)",
        ),
        (StateChanged(state=State.LIVE, since_ms=180_000), "live"),
        (StateChanged(state=State.UNREACHABLE), "the BMC does not answer; the server itself may be running"),
        (Refused(text="Not sent:\x1b[2J no."), "Not sent:\\x1b[2J no."),
        (Attached(viewers=1), ""),
        (Attached(viewers=2), "1 other looks too"),
        (Attached(viewers=4), "3 others look too"),
        (ViewersChanged(count=3), ""),
    ],
)
def test_what_happens_is_one_line(event: Event, words: str) -> None:
    assert words_for(event, viewer()) == words


def test_a_hub_that_has_forgotten_says_that_nobody_knows_what_is_missing() -> None:
    assert "may be missing" in words_for(Resumed(0, 1.0, new_epoch=True), viewer())


def test_the_keyboard_is_told_of_by_name() -> None:
    assert words_for(WriterChanged(viewer=1, name="me"), viewer()) == "you have the keyboard"
    assert words_for(WriterChanged(viewer=2, name="Li"), viewer(writes=False)).startswith("Li has the keyboard")


def test_only_the_writer_is_asked() -> None:
    asked = WriterChanged(viewer=1, name="me", asking=Asking(viewer=3, name="Omar", ms=10_000))
    assert words_for(asked, viewer()).startswith("Omar asks for the keyboard, and gets it in 10 s")
    assert words_for(asked, viewer(writes=False)) == ""
