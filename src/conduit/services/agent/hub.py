"""The one owner of a server's serial console inside the Agent, for any number of viewers.

It holds the BMC's only slot while anybody looks, and a minute longer; what the server says is kept in memory, on disk,
and in a log if wanted::

    async with open_console_hub(broker.open_console, spool=folder) as hub:
        await hub.attach(stream, viewer_name="Li", mode="write", may_take=False)
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.console import Attach, End, Happening, Hub, Mode, Phase, Ring, decode_from_viewer
from conduit.console.keyboard import Keys
from conduit.console.messages import MAX_MESSAGE, Ask, Ended, Message
from conduit.errors import DecodeError, RemoteProtocolError
from conduit.services.agent.console_link import ConsoleLink, FindHolder, OpenConsole
from conduit.services.agent.console_log import ConsoleLog
from conduit.services.agent.hub_settings import HubSettings
from conduit.services.agent.spool import Spool
from conduit.services.agent.viewer_stream import ViewerStream
from conduit.services.clock import Clock, system_clock

ATTACH_PATIENCE: Final = 10.0  # seconds for a viewer's first message
GOODBYE: Final = 1.0  # seconds for its last
_LOST: Final = frozenset({Phase.RECONNECTING, Phase.UNREACHABLE, Phase.BUSY})
_RESTARTING: Final = "The Agent is being restarted. Connecting again."
_ANOTHERS: Final = "This server is somebody else's now."
logger = logging.getLogger(__name__)


class ConsoleHub:
    """Made by :func:`open_console_hub`."""

    def __init__(
        self,
        open_console: OpenConsole,
        *,
        spool: Spool,
        settings: HubSettings,
        clock: Clock,
        find_holder: FindHolder | None,
    ) -> None:
        kept = spool.open()
        now = trio.current_time()
        ring = Ring(settings.scrollback, start=kept.start)
        ring.write(kept.data)
        deaf_since = None if kept.written_at is None else now - max(0.0, clock() - kept.written_at)
        self.machine = Hub(epoch=kept.epoch, ring=ring, now=now, countdown=settings.countdown, deaf_since=deaf_since)
        self.settings = settings
        self._spool = spool
        self._log = ConsoleLog(settings.log, clock=clock)
        self._link = ConsoleLink(self, open_console, find_holder)
        self._changed = trio.lowlevel.ParkingLot()
        self._scopes: dict[int, trio.CancelScope] = {}
        self.output_bytes = self.input_bytes = self.losses = 0  # since we began

    # --- viewers ---

    async def attach(
        self,
        stream: trio.abc.Stream,
        *,
        viewer_name: str,
        mode: str = "read",
        may_take: bool = False,
        tenant: str | None = None,
    ) -> None:
        """Serve one viewer until it goes or is told to; the stream is closed.

        :param viewer_name: who it is, for the others.
        :param mode: ``read`` or ``write``: what it may do at most.
        :param may_take: whether it may take the keyboard from others, and the console from other systems.
        :param tenant: whose server it is, see :meth:`belong_to`; None where nobody says.
        """
        if tenant is not None:
            self.belong_to(tenant)
        viewer = ViewerStream(stream, MAX_MESSAGE)
        async with stream:
            try:
                wish = await self._first_message(viewer)
                if wish is not None:
                    allowed = Mode.WRITE if mode == "write" else Mode.READ
                    await self._serve(viewer, wish, viewer_name, allowed, may_take=may_take)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                logger.debug("a viewer is gone")
            except RemoteProtocolError as error:
                logger.info("a viewer breaks the rules: %s", error)
                await _send_off(viewer, error)

    def belong_to(self, tenant: str) -> None:
        """The server is this one's: what it has said while it was somebody else's is gone, on disk too."""
        if self._spool.belong_to(tenant):
            logger.info("a console has another tenant: what it has said is forgotten")
            self.machine.forget(End.REVOKED, _ANOTHERS, trio.current_time())
            self.notify()

    async def _first_message(self, viewer: ViewerStream) -> Attach | None:
        """:raises RemoteProtocolError: it is no ATTACH."""
        with trio.move_on_after(ATTACH_PATIENCE):
            data = await viewer.receive()
            if data is None:
                return None
            wish = decode_from_viewer(data)
            if not isinstance(wish, Attach):
                raise DecodeError("a viewer says ATTACH first")
            return wish
        return None

    async def _serve(self, viewer: ViewerStream, wish: Attach, name: str, mode: Mode, *, may_take: bool) -> None:
        number = self.machine.attach(wish, trio.current_time(), name=name, mode=mode, may_take=may_take)
        try:
            if self.machine.phase is Phase.ENDED:
                self.machine.end_viewer(number, End.DRAIN, _RESTARTING, retry=True)
            elif self.machine.viewers > self.settings.max_viewers:
                self.machine.end_viewer(number, End.DENIED, "Too many people look at this console.")
            else:
                self._link.want()
            self.notify()
            async with open_background_nursery() as nursery:
                self._scopes[number] = nursery.cancel_scope
                nursery.start_soon(self._read, viewer, number, nursery.cancel_scope)
                await self._write(viewer, number)
        finally:
            self._scopes.pop(number, None)
            self.machine.leave(number, trio.current_time())
            self._rest()
            self.notify()

    async def _read(self, viewer: ViewerStream, number: int, scope: trio.CancelScope) -> None:
        """What the viewer sends; when it is gone, so is its place."""
        try:
            while not self.machine.is_ending(number):
                data = await viewer.receive()
                if data is None:
                    scope.cancel()
                    return
                message = decode_from_viewer(data)
                if message is not None:
                    self._receive(number, message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            scope.cancel()
        except RemoteProtocolError as error:
            self.machine.end_viewer(number, End.ERROR, _broken(error))
            self.notify()
        scope.deadline = trio.current_time() + GOODBYE

    def _receive(self, number: int, message: Message) -> None:
        took = self.machine.takes_over
        self.machine.receive(number, message, trio.current_time())
        if self.machine.takes_over and not took:
            self._log.note(self.machine.text)
            self._link.take_over()
        self.notify()

    async def _write(self, viewer: ViewerStream, number: int) -> None:
        while not self.machine.is_over(number):
            messages = self.machine.messages_for(number, trio.current_time())
            if messages:
                await viewer.send(messages)
            else:
                await self.wait_changed()

    def _rest(self) -> None:
        """The last viewer has gone: keep the slot a little longer, or for the log."""
        if self.settings.log is not None:
            self._link.want()
        elif not self.machine.viewers:
            self._link.let_go(trio.current_time() + self.settings.linger)

    # --- others who share the keyboard ---

    @contextmanager
    def seated(self, name: str, *, mode: str = "read", may_take: bool = False) -> Iterator[int]:
        """A viewer that looks elsewhere, at the display, and shares the keyboard; its number."""
        allowed = Mode.WRITE if mode == "write" else Mode.READ
        wish = Attach(history=0, mode=allowed)
        number = self.machine.attach(wish, trio.current_time(), name=name, mode=allowed, may_take=may_take)
        self.notify()
        try:
            yield number
        finally:
            self.machine.leave(number, trio.current_time())
            self._rest()
            self.notify()

    def claim(self, number: int) -> None:
        """A viewer that looks elsewhere gets the keyboard, as nobody has it."""
        self.machine.receive(number, Ask(), trio.current_time())
        self.notify()

    # --- settings ---

    def configure(self, settings: HubSettings) -> None:
        """Go on with other settings; viewers stay."""
        logged = self.settings.log is not None
        self.settings = settings
        self.machine.ring.resize(settings.scrollback)
        self.machine.lease.countdown = settings.countdown
        self._log.configure(settings.log)
        if logged or settings.log is not None:
            self._rest()
        self.notify()

    # --- what the link tells ---

    def happen(self, happening: Happening, *, text: str = "", holder: str | None = None) -> None:
        """Something happened to the console."""
        before = self.machine.phase
        self.machine.happen(happening, trio.current_time(), text=text, holder=holder)
        if self.machine.phase is not before:
            self._log.note(self.machine.text)
            self.losses += before is Phase.LIVE and self.machine.phase in _LOST
        self._link.check_sending()
        self.notify()

    def keep(self, data: bytes) -> None:
        """The server said something: on disk first, so that no viewer is ahead of it."""
        self._spool.append(data)
        self._log.write(data)
        self.machine.output(data)
        self.output_bytes += len(data)
        self.notify()

    def overrun(self) -> None:
        """The BMC has dropped something that the server said."""
        self.machine.overrun()
        self.notify()

    def sent(self, keys: Keys) -> None:
        """The BMC has it."""
        self.machine.end_input(keys, trio.current_time())
        self.input_bytes += len(keys.data)
        self.notify()

    # --- tasks ---

    def notify(self) -> None:
        """Something has changed: whoever waits looks again."""
        self._changed.unpark_all()

    async def wait_changed(self) -> None:
        """Return when anything has happened."""
        await self._changed.park()

    async def run(self) -> None:
        """The hub's own tasks, for ever."""
        if self.settings.log is not None:
            self._link.want()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._link.run)
            nursery.start_soon(self._watch_time)

    async def _watch_time(self) -> None:
        """Keyboards pass to who asks when it is time."""
        while True:
            deadline = self.machine.next_deadline()
            with trio.move_on_at(math.inf if deadline is None else deadline) as scope:
                await self.wait_changed()
            if scope.cancelled_caught:
                self.machine.handle_deadline(trio.current_time())
                self.notify()

    async def say_goodbye(self) -> None:
        """Tell viewers to come back later; takes 1 s at most, also under cancellation."""
        self.machine.end(End.DRAIN, _RESTARTING, trio.current_time(), retry=True)
        self.notify()
        with trio.move_on_after(GOODBYE, shield=True):
            while self.machine.viewers:
                await self.wait_changed()
        for scope in self._scopes.values():  # of viewers that do not read
            scope.cancel()

    def close(self) -> None:
        """Let go of the files."""
        self._spool.close()
        self._log.close()


async def _send_off(viewer: ViewerStream, error: RemoteProtocolError) -> None:
    """Tell who was never attached why not."""
    with trio.move_on_after(GOODBYE), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await viewer.send([Ended(reason=End.ERROR, text=_broken(error)).encode()])


def _broken(error: RemoteProtocolError) -> str:
    return f"The console protocol was broken: {error}."


@asynccontextmanager
async def open_console_hub(
    open_console: OpenConsole,
    *,
    spool: Path | None = None,
    settings: HubSettings | None = None,
    clock: Clock = system_clock,
    find_holder: FindHolder | None = None,
) -> AsyncIterator[ConsoleHub]:
    """The hub of a console, for as long as the block runs. The console is opened when somebody looks.

    :param open_console: opens it; what it raises decides what viewers are told.
    :param spool: folder for the last output; without one, offsets begin anew each time.
    :param find_holder: says who has the console when somebody else does.
    """
    hub = ConsoleHub(
        open_console, spool=Spool(spool), settings=settings or HubSettings(), clock=clock, find_holder=find_holder
    )
    try:
        async with open_background_nursery() as nursery:
            nursery.start_soon(hub.run)
            yield hub
    finally:
        await hub.say_goodbye()
        hub.close()
