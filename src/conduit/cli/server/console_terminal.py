"""Joins a console that others may look at too and this process's standard streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.nouns import complain
from conduit.cli.render import printable
from conduit.cli.server.console_words import why_not_sent, words_for
from conduit.cli.terminal.escapes import Action, EscapeParser
from conduit.cli.terminal.streams import (
    STDIN,
    Manners,
    Tap,
    end_at_hangup,
    raw_terminal,
    read_input,
    watch_size,
    write_output,
)
from conduit.console.messages import (
    Ask,
    Break,
    Detach,
    Give,
    Keep,
    Message,
    Refused,
    StateChanged,
    Take,
    WriterChanged,
)
from conduit.services.console_client import ConsoleViewing, Event

FAILED: Final = 1
QUIET: Final = 1.0  # seconds in which the same words are not said again
OBVIOUS: Final = ("live", "you have the keyboard")  # at the beginning
GOODBYE: Final = 1.0  # seconds
MOVES: Final[dict[Action, tuple[Message, str]]] = {
    Action.BREAK: (Break(), "break sent"),
    Action.ASK: (Ask(), "asked for the keyboard"),
    Action.GIVE: (Give(), "the keyboard is given away"),
    Action.KEEP: (Keep(), "the keyboard stays yours"),
    Action.TAKE: (Take(), "taking the keyboard"),
}


class ConsoleTerminal:
    """One console on our standard streams; a Screen."""

    def __init__(self, manners: Manners, taps: Sequence[Tap]) -> None:
        self._manners = manners
        self._taps = list(taps)
        self._raw = False
        self._suspend: Callable[[], None] = lambda: None
        self._last_output = trio.current_time()
        self._tail = b""
        self._found = trio.Event()
        self._said: tuple[str, float] = ("", -QUIET)
        self._known: dict[type[Event], str] = {}
        "What was said last of the state, and of the keyboard."
        self._viewing: ConsoleViewing | None = None

    async def run(self, viewing: ConsoleViewing) -> None:
        """Until somebody quits.

        :raises click.exceptions.Exit: the console ended by itself.
        """
        self._viewing = viewing
        if os.isatty(STDIN):
            with raw_terminal(STDIN) as self._suspend:
                self._raw = True
                try:
                    ended = await self._join(viewing)
                finally:
                    self._raw = False
        else:
            ended = await self._join(viewing)
        complain("console closed" if ended is None else f"the console has ended: {ended}")
        if ended is not None:
            raise click.exceptions.Exit(FAILED)

    async def _join(self, viewing: ConsoleViewing) -> str | None:
        """Why it ended, None if that was our wish."""
        ended: str | None = None

        async def watch() -> None:
            nonlocal ended
            over = await viewing.run()
            ended = over.text or over.reason.value
            nursery.cancel_scope.cancel()

        async with open_background_nursery() as nursery:
            nursery.start_soon(watch)
            nursery.start_soon(end_at_hangup)
            nursery.start_soon(watch_size, self._taps)
            nursery.start_soon(self._copy_input, viewing, nursery.cancel_scope)
            if self._manners.until:
                await self._found.wait()
            else:
                await trio.sleep_forever()
        return ended

    # --- from the machine ---------------------------------------------------------------------------------------------

    async def show(self, data: bytes) -> None:
        """Output."""
        self._last_output = trio.current_time()
        for tap in self._taps:
            tap.write(data)
        await trio.to_thread.run_sync(write_output, data, abandon_on_cancel=True)
        until = self._manners.until
        if until:
            self._tail += data
            if until in self._tail:
                self._found.set()
            self._tail = self._tail[-len(until) :]

    def note(self, event: Event) -> None:
        """A line of ours; what was typed and refused rings the bell."""
        if self._viewing is None:
            return
        text = words_for(event, self._viewing.viewer)
        if isinstance(event, Refused):
            self.warn(text)
        elif self._is_news(event, text):
            self.say(text)

    def _is_news(self, event: Event, text: str) -> bool:
        """Not what goes without saying, nor what was said before the connection was lost."""
        before = self._known.get(type(event))
        if isinstance(event, (StateChanged, WriterChanged)):
            self._known[type(event)] = text
        return text != before and not (before is None and text in OBVIOUS)

    def warn(self, text: str) -> None:
        """The bell, and the words, but not at every key."""
        now = trio.current_time()
        if self._raw:
            sys.stderr.write("\a")
            sys.stderr.flush()
        if text != self._said[0] or now - self._said[1] >= QUIET:
            self._said = (text, now)
            self.say(text)

    def say(self, text: str) -> None:
        """One dim line, wherever the cursor is."""
        if not text:
            return
        if not self._raw:
            complain(text)
            return
        dim, plain = ("\x1b[2m", "\x1b[0m") if "NO_COLOR" not in os.environ else ("", "")
        lines = "".join(f"\r\n{dim}[conduit: {printable(line)}]{plain}" for line in text.splitlines())
        sys.stderr.write(lines + "\r\n")
        sys.stderr.flush()

    # --- to the machine -----------------------------------------------------------------------------------------------

    async def _copy_input(self, viewing: ConsoleViewing, scope: trio.CancelScope) -> None:
        parser = EscapeParser(self._manners.escape if self._raw else None, shared=True)
        if not self._raw:
            await viewing.wait_live()  # a script's first line is for the server, not for a refusal
        while data := await read_input(raw=self._raw):
            for step in parser.feed(data):
                if step is Action.QUIT:
                    await self._leave(viewing, scope)
                    return
                await self._step(step, parser, viewing)
        await self._linger()
        await self._leave(viewing, scope)

    async def _step(self, step: bytes | Action, parser: EscapeParser, viewing: ConsoleViewing) -> None:
        match step:
            case bytes():
                if step and not await viewing.type(step):
                    self.warn(why_not_sent(viewing))
            case Action.HELP:
                self.say(parser.help)
            case Action.MENU:
                self.say(parser.menu)
            case Action.STATUS:
                self.say(_status(viewing))
            case Action.SUSPEND:
                self._suspend()
            case _ if step in MOVES:
                message, words = MOVES[step]
                self.say(words) if await viewing.say(message) else self.warn(why_not_sent(viewing))

    async def _leave(self, viewing: ConsoleViewing, scope: trio.CancelScope) -> None:
        with trio.move_on_after(GOODBYE):
            await viewing.say(Detach())
        scope.cancel()

    async def _linger(self) -> None:
        """Until the console has been silent for a while. Waiting for a text has no such end."""
        if self._manners.until:
            await trio.sleep_forever()
        self._last_output = max(self._last_output, trio.current_time())
        while (rest := self._last_output + self._manners.linger - trio.current_time()) > 0:  # noqa: ASYNC110 - no poll
            await trio.sleep(rest)


def _status(viewing: ConsoleViewing) -> str:
    """How the console is, in one line."""
    viewer = viewing.viewer
    if not viewing.is_connected or viewer.attached is None:
        return "not connected"
    state = "live" if viewer.is_live else "not live" if viewer.state is None else viewer.state.state.value
    keyboard = "the keyboard is yours" if viewer.is_writer else "you are watching"
    return f"{state}; {keyboard}; {viewer.position} bytes so far, {viewer.missing} missing"
