r"""The serial console of a machine, over its BMC (SOL): a Trio stream that survives lost sessions.

Made by :meth:`conduit.ipmi.client.Bmc.console`::

    async with bmc.console() as console:
        await console.send_all(b"\r")
        print(await console.receive_some())
"""

from __future__ import annotations

import itertools
import logging
import math
import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import (
    AuthenticationError,
    CompletionCodeError,
    ConduitError,
    LocalProtocolError,
    RemoteProtocolError,
)
from conduit.ipmi.console_activation import ALREADY_ACTIVE, Activation, Client, ConsoleOptions, Holder
from conduit.ipmi.console_events import ConsoleEvent, ConsoleEventKind, ConsoleStatus
from conduit.ipmi.sol import SolCause, SolEvent, SolMachine, SolNews, SolState
from conduit.ipmi.sol_packets import Operation
from conduit.rmcp.port import Waiter
from conduit.rmcp.workarounds import Workaround

__all__ = ["Console", "ConsoleEvent", "ConsoleEventKind", "ConsoleOptions", "ConsoleStatus", "open_console"]

EVENTS: Final = 64  # that wait for somebody to take them
COURTESY: Final = 0.5  # seconds before asking again for what somebody deactivated: a taker activates it meanwhile
REACTIVATION_DELAYS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between attempts; the last goes on
# Seconds after a loss until our own activation in the lost session has ended at the latest: BMCs drop sessions after 60
# seconds of silence (section 6.12.15), which may have begun just before the loss was noticed.
STALE_PATIENCE: Final = 90.0
ASKED: Final = "it was activated again on request"
CHUNK: Final = 64  # full packets queued at a time
logger = logging.getLogger(__name__)


class Console(trio.abc.Stream):
    """An active console. One task may receive and another send at the same time; made by :func:`open_console`."""

    def __init__(self, client: Client, options: ConsoleOptions) -> None:
        self._options = options
        self._machine = SolMachine(self, lenient=Workaround.SOLPACKETSEQ in client.workarounds)
        self._activation = Activation(client, options, self._machine)
        self._steal = options.steal
        self._ended: ConduitError | None = None
        self._refusal: AuthenticationError | None = None  # of the log-in that was to bring the session back
        self._closed = False
        self._reader: Waiter | None = None  # for characters
        self._sender: Waiter | None = None  # for what was sent to be taken
        self._onlookers = trio.lowlevel.ParkingLot()  # who waits for another activation
        self._trouble = trio.Event()
        self._reason = ""
        self._sending = _OneAtATime()
        self._event_sender, self._event_receiver = trio.open_memory_channel[ConsoleEvent](EVENTS)
        self.dropped_events = 0

    # --- characters ---

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send characters to the machine; returns when the BMC has taken the last of them.

        A gap does not raise: the event tells what is unconfirmed, and what was not sent yet is sent afterwards.

        :raises trio.BrokenResourceError: the console has ended; its cause says why.
        :raises trio.ClosedResourceError: it was closed.
        """
        with self._sending:
            self._check_usable()
            view = memoryview(data)
            size = CHUNK * self._activation.packet_size
            for start in range(0, len(view), size):
                self._machine.write(bytes(view[start : start + size]))
                await self._settle()
            if not view:
                await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Return when the BMC has taken everything that was sent before.

        :raises: as :meth:`send_all`.
        """
        with self._sending:
            self._check_usable()
            await trio.lowlevel.checkpoint()
            await self._until_settled()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Output of the machine, at least one byte; ``b""`` when the console has ended.

        What is not received is not acknowledged, once a buffer of 64 KiB is full: the BMC then waits.

        :raises trio.ClosedResourceError: it was closed.
        """
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._reader is not None:
            raise trio.BusyResourceError("another task is receiving from this console")
        if self._closed:
            raise trio.ClosedResourceError("the console is closed")
        machine = self._machine
        if machine.has_data or self._ended is not None:
            await trio.lowlevel.checkpoint()
        else:
            await self._park()
        if self._closed:
            raise trio.ClosedResourceError("the console is closed")
        data = machine.read(max_bytes)
        if machine.link.outbox:  # there is room again, and the BMC waits for the news
            self._activation.transmit()
        return data

    async def send_break(self) -> None:
        """Send a break, after everything sent before; returns when the BMC has taken it.

        :raises: as :meth:`send_all`.
        """
        await self._operate(Operation.BREAK)

    async def flush(self, *, to_machine: bool = False, from_machine: bool = False) -> None:
        """Have the BMC throw away what waits in its buffers, in one or both directions.

        :raises: as :meth:`send_all`.
        """
        flags = (Operation.FLUSH_INBOUND if to_machine else 0) | (Operation.FLUSH_OUTBOUND if from_machine else 0)
        await self._operate(flags)

    async def set_lines(self, *, pause: bool = False, carrier: bool = True) -> None:
        """Set what the machine sees: CTS dropped (*pause*), DCD and DSR there (*carrier*).

        :raises: as :meth:`send_all`.
        """
        with self._sending:
            self._check_usable()
            self._machine.set_lines(pause=pause, carrier=carrier)
            await self._settle()

    async def reactivate(self) -> None:
        """Deactivate the payload and activate it again, which gets a BMC going whose output has stalled.

        Returns when that is done; the events tell of the gap.

        :raises: as :meth:`send_all`.
        """
        self._check_usable()
        activations = self._activation.count
        self._reason = ASKED
        self._trouble.set()
        while self._activation.count == activations:
            await self._onlookers.park()
            self._check_usable()

    @property
    def status(self) -> ConsoleStatus:
        """How the console is."""
        state, lines = self._machine.state, self._machine.lines
        return ConsoleStatus(
            active=state is not SolState.INACTIVE,
            available=state is SolState.ACTIVE,
            paused=bool(lines & Operation.PAUSE),
            carrier=not lines & Operation.DROP_CARRIER,
            activations=self._activation.count,
            instance=self._options.instance,
            packet_size=self._activation.packet_size,
        )

    def events(self) -> trio.MemoryReceiveChannel[ConsoleEvent]:
        """Events from the start of the console; iterate over it, it ends with the console.

        At most 64 wait; when nobody takes them, new ones are dropped and counted. Each call returns a clone: an event
        goes to one of them.
        """
        return self._event_receiver.clone()

    async def aclose(self) -> None:
        """Deactivate the payload; takes 1 s at most, also under cancellation. Leaving the block does it too."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        active = self._machine.state is not SolState.INACTIVE
        self._wake()
        self._trouble.set()
        try:
            if active:
                await self._activation.end()
        finally:
            self._activation.detach(SolCause.LOST)
            self._event_sender.close()
            self._event_receiver.close()
            await trio.lowlevel.checkpoint()

    # --- sending ---

    async def _operate(self, flags: int) -> None:
        with self._sending:
            self._check_usable()
            self._machine.operate(flags)
            await self._settle()

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the console is closed")
        if self._ended is not None:
            raise trio.BrokenResourceError("the console has ended") from self._ended

    async def _settle(self) -> None:
        """Send, and wait until everything was taken; a cancelled task takes back what was not sent."""
        self._activation.transmit()
        try:
            if self._machine.is_settled:
                await trio.lowlevel.checkpoint()
            else:
                await self._until_settled()
        except trio.Cancelled:
            self._machine.forget_unsent()
            raise

    async def _until_settled(self) -> None:
        while not self._machine.is_settled:
            self._sender = Waiter()
            try:
                await self._activation.wait(self._sender)
            finally:
                self._sender = None
            self._check_usable()

    # --- receiving ---

    async def _park(self) -> None:
        """Sleep until there are characters, or an end."""
        self._reader = Waiter()
        try:
            await self._activation.wait(self._reader)
        finally:
            self._reader = None

    def _wake(self) -> None:
        """Whoever waits for anything looks again."""
        if self._reader is not None:
            self._reader.deliver(None)
        self._wake_senders()

    def _wake_senders(self) -> None:
        if self._sender is not None:
            self._sender.deliver(None)
        self._onlookers.unpark_all()

    def deliver(self, event: SolEvent) -> None:
        """What the session's reader calls with each event; never blocks."""
        news = event.news
        if news is SolNews.MOVED:
            is_active = self._machine.state is not SolState.INACTIVE  # else its news is to be told first
            if self._reader is not None and self._machine.has_data and is_active:
                self._reader.deliver(None)
            if self._sender is not None and self._machine.is_settled:
                self._sender.deliver(None)
            return
        kind = _TOLD.get(news)
        if kind is not None:
            self._tell(ConsoleEvent(kind=kind))
            return
        if self._machine.state is SolState.INACTIVE:
            return  # the session was lost while the console was being activated in it, and that goes on elsewhere
        self._reason = _REASONS[news]
        self._trouble.set()

    def _tell(self, event: ConsoleEvent) -> None:
        try:
            self._event_sender.send_nowait(event)
        except trio.WouldBlock:
            self.dropped_events += 1
        except trio.ClosedResourceError:
            return  # nobody can be told any more

    async def activate(self) -> None:
        """Make the payload active in the session, and this console its owner.

        :raises ConduitError: it cannot be.
        """
        await self._activation.begin(steal=self._steal)

    def _note_return(self) -> None:
        """Told before what comes after it: a gap is where it is."""
        self._tell(ConsoleEvent(kind=ConsoleEventKind.REACTIVATED))
        if self._reader is not None and self._machine.has_data:
            self._reader.deliver(None)

    # --- the console's own task ---

    async def watch(self) -> None:
        """Ask now and then whether the console is still ours, and bring it back when it is not."""
        while self._ended is None and not self._closed:
            every = math.inf if self._options.keepalive is None else self._options.keepalive
            with trio.move_on_after(every):
                await self._trouble.wait()
            if not self._trouble.is_set():
                await self._check_ownership()
            if self._trouble.is_set() and not self._closed:  # it may have been closed meanwhile
                await self._recover()

    async def _check_ownership(self) -> None:
        """Ask who has the console: a BMC that drops it may have said so in a packet that was lost."""
        try:
            anothers = await self._activation.is_anothers()
        except AuthenticationError as error:  # the session is lost, and there is no other
            self._refusal = error
            self._reason = self._reason if self._trouble.is_set() else _REASONS[SolNews.LOST]
            self._trouble.set()
            return
        if anothers and not self._trouble.is_set():
            self._reason = _REASONS[SolNews.DEACTIVATED]
            self._trouble.set()

    async def _recover(self) -> None:
        """Activate the console again, or end it."""
        stolen = self._reason == _REASONS[SolNews.DEACTIVATED]
        if self._reason in (_REASONS[SolNews.STALLED], ASKED):
            await self._activation.end()
        unconfirmed = self._activation.detach(SolCause.DEACTIVATING if stolen else SolCause.LOST)
        self._trouble = trio.Event()
        if not self._options.reactivate and self._reason != ASKED:
            self._end(RemoteProtocolError(self._reason))
            return
        self._tell(ConsoleEvent(kind=ConsoleEventKind.GAP, reason=self._reason, unconfirmed=unconfirmed))
        if self._refusal is not None:
            self._end(self._refusal)
            return
        if stolen:
            self._steal = False
            await trio.sleep(COURTESY)
        try:
            await self._activate_again(-math.inf if stolen else trio.current_time() + STALE_PATIENCE)
        except ConduitError as error:
            self._end(error)
            return
        self._activation.transmit()
        self._wake_senders()

    async def _activate_again(self, stale_until: float) -> None:
        """Try until the console is active, or cannot be.

        :param stale_until: until then a console that is active already may be so for our own lost session.
        :raises ConduitError: it cannot be: the BMC says no, also to a log-in, or the session was closed by its owner.
        """
        for attempt in itertools.count():
            try:
                await self._activation.begin(steal=self._steal, activated=self._note_return)
            except CompletionCodeError as error:
                taken = error.code == ALREADY_ACTIVE
                stranger = self._activation.holder is Holder.STRANGER or trio.current_time() >= stale_until
                if not taken or stranger:
                    raise
                logger.info("the console is still active in a session, perhaps the lost one")
            except (AuthenticationError, LocalProtocolError):  # BMCs lock out whoever tries again and again
                raise
            except ConduitError as error:
                logger.info("activating the console again failed: %s", error)
            else:
                return
            await trio.sleep(REACTIVATION_DELAYS[min(attempt, len(REACTIVATION_DELAYS) - 1)])

    def _end(self, error: ConduitError) -> None:
        self._ended = error
        self._tell(ConsoleEvent(kind=ConsoleEventKind.DEACTIVATED, reason=str(error)))
        self._event_sender.close()
        self._wake()


class _OneAtATime:
    """One task sends at a time: another is told so at once."""

    __slots__ = ("_busy",)

    def __init__(self) -> None:
        self._busy = False

    def __enter__(self) -> None:
        if self._busy:
            raise trio.BusyResourceError("another task is sending to this console")
        self._busy = True

    def __exit__(self, *exception: object) -> None:
        self._busy = False


_TOLD: Final = {
    SolNews.BREAK: ConsoleEventKind.BREAK,
    SolNews.OVERRUN: ConsoleEventKind.OVERRUN,
    SolNews.UNAVAILABLE: ConsoleEventKind.UNAVAILABLE,
    SolNews.AVAILABLE: ConsoleEventKind.AVAILABLE,
}
_REASONS: Final = {
    SolNews.DEACTIVATED: "the BMC ended the console: somebody else took it, or switched it off",
    SolNews.STALLED: "the BMC does not acknowledge what the console sends",
    SolNews.LOST: "the session was lost",
}


@asynccontextmanager
async def open_console(client: Client, options: ConsoleOptions) -> AsyncIterator[Console]:
    """Activate the console, yield it, deactivate it."""
    console = Console(client, options)
    await console.activate()
    try:
        async with open_background_nursery() as nursery:
            nursery.start_soon(console.watch)
            yield console
    finally:
        await console.aclose()
