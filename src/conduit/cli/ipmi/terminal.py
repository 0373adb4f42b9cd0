"""Joins a console and this process's standard streams: a raw terminal, or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

import asyncclick as click
import trio

from conduit.cli.ipmi.failures import FAILED
from conduit.cli.render import printable
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
from conduit.ipmi.console import Console, ConsoleEvent, ConsoleEventKind

# What is said about events; those whose kind says it all. Absent ones are not worth a line.
EVENT_TEXTS: Final = {
    ConsoleEventKind.BREAK: "the machine sent a break",
    ConsoleEventKind.UNAVAILABLE: "the BMC passes no characters on for now",
    ConsoleEventKind.AVAILABLE: "the BMC passes characters on again",
    ConsoleEventKind.OVERRUN: "the BMC has dropped output of the machine",
    ConsoleEventKind.GAP: "connection lost, output may be missing; trying to come back",
    ConsoleEventKind.REACTIVATED: "the console is back",
}


class Attachment:
    """One console on our standard streams."""

    def __init__(self, console: Console, manners: Manners, taps: list[Tap]) -> None:
        self._console = console
        self._manners = manners
        self._taps = taps
        self._raw = False
        self._suspend: Callable[[], None] = lambda: None
        self._last_output = trio.current_time()
        self._tail = b""
        self._reason = ""

    async def run(self) -> str:
        """Until somebody quits or the console ends; returns why it did."""
        if os.isatty(STDIN):
            with raw_terminal(STDIN) as self._suspend:
                self._raw = True
                return await self._join()
        return await self._join()

    async def _join(self) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._show_events)
            nursery.start_soon(self._copy_input, nursery.cancel_scope)
            nursery.start_soon(end_at_hangup)
            nursery.start_soon(watch_size, self._taps)
            await self._copy_output()
            nursery.cancel_scope.cancel()
        self.say(self._reason)
        return self._reason

    def say(self, text: str) -> None:
        """One line of ours on stderr, wherever the cursor is."""
        if not text:
            return
        if not self._raw:
            click.echo(f"conduit ipmi: {text}", err=True)
            return
        lines = "".join(f"\r\n[conduit: {line}]" for line in text.splitlines())
        sys.stderr.write(lines + "\r\n")
        sys.stderr.flush()

    # --- from the machine ---

    async def _copy_output(self) -> None:
        """Show output; ends with the console, or with what `until` waits for.

        :raises click.exceptions.Exit: the console ended by itself.
        """
        while data := await self._console.receive_some():
            self._last_output = trio.current_time()
            for tap in self._taps:
                tap.write(data)
            await trio.to_thread.run_sync(write_output, data, abandon_on_cancel=True)
            if self._found(data):
                return
        if not self._reason:
            await trio.sleep(0.05)  # the event that says why is on its way
        self.say(self._reason or "the console has ended")
        raise click.exceptions.Exit(FAILED)

    def _found(self, data: bytes) -> bool:
        until = self._manners.until
        if not until:
            return False
        self._tail += data
        if until in self._tail:
            return True
        self._tail = self._tail[-len(until) :]
        return False

    async def _show_events(self) -> None:
        async for event in self._console.events():
            if event.kind is ConsoleEventKind.DEACTIVATED:
                self._reason = printable(f"the console has ended: {event.reason or 'the BMC says no more'}")
            else:
                self.say(event_text(event))

    # --- to the machine ---

    async def _copy_input(self, scope: trio.CancelScope) -> None:
        """Pass on what is typed; ends the console when it says so, or some time after its end."""
        parser = EscapeParser(self._manners.escape if self._raw else None)
        try:
            while data := await read_input(raw=self._raw):
                for step in parser.feed(data):
                    if isinstance(step, bytes):
                        await self._console.send_all(step)
                    elif step is Action.QUIT:
                        self._reason = "console closed"
                        scope.cancel()
                        return
                    else:
                        await self._act(step, parser)
        except trio.BrokenResourceError:  # the one who reads the console says why
            return
        await self._linger()
        scope.cancel()

    async def _act(self, action: Action, parser: EscapeParser) -> None:
        match action:
            case Action.BREAK:
                await self._console.send_break()
                self.say("break sent")
            case Action.HELP:
                self.say(parser.help)
            case Action.STATUS:
                self.say(status_text(self._console))
            case Action.MENU:
                self.say(parser.menu)
            case Action.SUSPEND:
                self._suspend()

    async def _linger(self) -> None:
        """Until the console has been silent for a while. Waiting for a text has no such end."""
        if self._manners.until:
            await trio.sleep_forever()
        self._last_output = max(self._last_output, trio.current_time())
        while (rest := self._last_output + self._manners.linger - trio.current_time()) > 0:  # noqa: ASYNC110 - no poll
            await trio.sleep(rest)


def event_text(event: ConsoleEvent) -> str:
    """An event in words."""
    lost = f"; {len(event.unconfirmed)} typed characters may not have arrived" if event.unconfirmed else ""
    reason = f" ({event.reason})" if event.reason else ""
    return printable(EVENT_TEXTS.get(event.kind, event.kind.value) + reason + lost)


def status_text(console: Console) -> str:
    """A console's status in words."""
    status = console.status
    state = "active" if status.active and status.available else "active, unavailable" if status.active else "lost"
    return (
        f"{state}; instance {status.instance}, {status.packet_size} characters a packet, "
        f"activated {status.activations} time{'s' * (status.activations != 1)}"
    )
