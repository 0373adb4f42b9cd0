"""A hub's link with the BMC: opens the console while it is wanted, pumps both ways, tries again, steals when told."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, Protocol

import trio

from conduit._trio import open_background_nursery
from conduit.console import Happening, Hub, Phase
from conduit.console.keyboard import Keys
from conduit.errors import CompletionCodeError, ConduitError
from conduit.ipmi.console_activation import ALREADY_ACTIVE
from conduit.ipmi.console_events import ConsoleEvent, ConsoleEventKind
from conduit.services.agent.broker_failures import call_error
from conduit.services.agent.hub_settings import HubSettings
from conduit.services.agent.sol_holder import SolHolder

logger = logging.getLogger(__name__)
CHUNK: Final = 32 << 10  # bytes of output at a time
# Seconds that a console lasts to be none that fails: two systems that take it from each other must calm down.
TURNS: Final = 8  # of the loop, at most, until what the console has told is noted
STEADY: Final = 30.0
HASTE: Final = 1.0  # seconds before another attempt at the least, whoever arrives
_HAPPENINGS: Final = {
    ConsoleEventKind.UNAVAILABLE: Happening.OFF,
    ConsoleEventKind.AVAILABLE: Happening.ON,
    ConsoleEventKind.GAP: Happening.LOST,
    ConsoleEventKind.REACTIVATED: Happening.OPENED,
}


class ConsoleLike(Protocol):
    """What a hub needs of a :class:`conduit.ipmi.console.Console`."""

    async def send_all(self, data: bytes) -> None:
        """Type."""
        ...

    async def send_break(self) -> None:
        """Send a break."""
        ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Output; ``b""`` at the end."""
        ...

    def events(self) -> trio.MemoryReceiveChannel[ConsoleEvent]:
        """What happens besides."""
        ...


class OpenConsole(Protocol):
    """Opens a console."""

    def __call__(self, *, steal: bool = ...) -> AbstractAsyncContextManager[ConsoleLike]:
        """:param steal: take it from who has it, whatever is configured."""
        ...


FindHolder = Callable[[], Awaitable[SolHolder | None]]
"Who has the console; None where the BMC does not tell."


class Owner(Protocol):
    """What a link needs of its hub's driver."""

    machine: Hub
    settings: HubSettings

    def happen(self, happening: Happening, *, text: str = "", holder: str | None = None) -> None:
        """Tell the machine and the viewers."""
        ...

    def keep(self, data: bytes) -> None:
        """Output came."""
        ...

    def overrun(self) -> None:
        """Output was dropped."""
        ...

    def sent(self, keys: Keys) -> None:
        """Input went, unless it was refused meanwhile."""
        ...

    async def wait_changed(self) -> None:
        """Return when anything has happened."""
        ...


async def _let_watch(events: trio.MemoryReceiveChannel[ConsoleEvent]) -> None:
    """Let the task that takes *events* note what was told before the output at hand: gaps are where they belong.

    It may take more than a turn: what was told in this one wakes it in the next, before or after us. It has noted all
    when it waits for more; if it has ended, it never will. Not even a cancelled hub loses what was received.
    """
    for _ in range(TURNS):
        await trio.lowlevel.cancel_shielded_checkpoint()
        at_hand = events.statistics()
        if at_hand.tasks_waiting_receive and not at_hand.current_buffer_used:
            return


def _busy(holder: SolHolder | None) -> str:
    """Who holds the console, and for how long it may be so; section 6.12.15 has the minute."""
    if holder is not None and holder.is_from_here:
        who = f"a session from the Agent's own address holds it ({holder.address})"
        until = "; one that the Agent left behind at a restart ends within about a minute"
    else:
        who = "another system holds it" + ("" if holder is None else f" ({holder.address})")
        until = ", until it lets go or is silent for about a minute"
    return f"The BMC allows one serial session, and {who}{until}. Trying again."


class ConsoleLink:
    """One task runs it, :meth:`run`."""

    def __init__(self, owner: Owner, open_console: OpenConsole, find_holder: FindHolder | None) -> None:
        self._owner = owner
        self._open_console = open_console
        self._find_holder = find_holder
        self._session = trio.CancelScope()
        self._sending: trio.CancelScope | None = None
        self._hurry = trio.Event()
        self._wanted = False
        self._reason = ""
        self.attempts = 0
        "How often the console was opened, or could not be."

    def want(self) -> None:
        """Somebody looks: open it, at once if that failed before."""
        self._wanted = True
        self._session.deadline = math.inf
        self._hurry.set()

    def take_over(self) -> None:
        """Somebody who may wants the console from the system that has it: at once."""
        logger.warning("a console is taken from another system: %s", self._owner.machine.text)
        self._hurry.set()

    def let_go(self, at: float) -> None:
        """Nobody looks: close it at this time, if nobody wants it until then."""
        self._wanted = False
        self._session.deadline = at

    def check_sending(self) -> None:
        """Stop sending what the machine has refused meanwhile."""
        if self._sending is not None and self._owner.machine.phase is not Phase.LIVE:
            self._sending.cancel()

    async def run(self) -> None:
        """For ever."""
        while True:
            while not self._wanted:
                await self._owner.wait_changed()
            self._owner.happen(Happening.WANTED)
            with trio.CancelScope() as self._session:
                await self._keep_open()
            self._owner.happen(Happening.LEFT)

    async def _keep_open(self) -> None:
        failures = 0
        while True:
            self._hurry = trio.Event()
            started = trio.current_time()
            opened = await self._try_to_open()
            failures = 0 if opened and trio.current_time() - started >= STEADY else failures + 1
            await trio.sleep(HASTE)
            with trio.move_on_after(self._pause(failures) - HASTE):
                await self._hurry.wait()

    def _pause(self, failures: int) -> float:
        """Soon at first, also where another system has it: that may be ourselves, killed a moment ago."""
        settings = self._owner.settings
        delays = settings.retry_delays
        delay = delays[min(failures, len(delays)) - 1] if failures else HASTE
        return min(delay, settings.busy_delay) if self._owner.machine.phase is Phase.BUSY else delay

    async def _try_to_open(self) -> bool:
        """As :meth:`_open_once`. A fault of ours ends one attempt, not the Agent."""
        try:
            return await self._open_once()
        except Exception:
            logger.exception("a console failed")
            for happening in (Happening.FAILED, Happening.LOST):  # the one that is no legal move is ignored
                self._owner.happen(happening, text="The Agent has a fault; its log says more. Trying again.")
            return False

    async def _open_once(self) -> bool:
        """Until the console ends; whether there was one."""
        self.attempts += 1
        opened = False
        try:
            async with self._open_console(steal=self._owner.machine.takes_over) as console:
                opened = True
                self._owner.happen(Happening.OPENED)
                await self._pump(console)
        except ConduitError as error:
            if not opened:
                await self._fail(error)
        if opened:
            self._owner.happen(Happening.LOST, text=self._lost())
        return opened

    def _lost(self) -> str:
        reason, self._reason = self._reason, ""
        return f"The console has ended: {reason}. Trying again." if reason else ""

    async def _fail(self, error: ConduitError) -> None:
        if not isinstance(error, CompletionCodeError) or error.code != ALREADY_ACTIVE:
            self._owner.happen(Happening.FAILED, text=f"The console cannot be opened: {call_error(error).message}.")
            return
        holder = await self._holder()
        address = None if holder is None else holder.address
        self._owner.happen(Happening.HELD, text=_busy(holder), holder=address)

    async def _holder(self) -> SolHolder | None:
        if self._find_holder is None:
            return None
        try:
            return await self._find_holder()
        except ConduitError as error:
            logger.info("the BMC does not say who has the console: %s", error)
            return None

    # --- while it is open ---

    async def _pump(self, console: ConsoleLike) -> None:
        with console.events() as events:
            async with open_background_nursery() as nursery:
                nursery.start_soon(self._watch, events)
                nursery.start_soon(self._type, console)
                await self._listen(console, events)

    async def _listen(self, console: ConsoleLike, events: trio.MemoryReceiveChannel[ConsoleEvent]) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # another way to end
            while data := await console.receive_some(CHUNK):
                await _let_watch(events)
                self._owner.keep(data)
        await _let_watch(events)

    async def _watch(self, events: trio.MemoryReceiveChannel[ConsoleEvent]) -> None:
        async for event in events:
            self._note(event)

    def _note(self, event: ConsoleEvent) -> None:
        if event.kind is ConsoleEventKind.OVERRUN:
            self._owner.overrun()
        elif event.kind is ConsoleEventKind.DEACTIVATED:
            self._reason = event.reason
        elif event.kind in _HAPPENINGS:
            self._owner.happen(_HAPPENINGS[event.kind])

    async def _type(self, console: ConsoleLike) -> None:
        while True:
            keys = self._owner.machine.begin_input(trio.current_time())
            if keys is None:
                await self._owner.wait_changed()
            else:
                await self._send(console, keys)

    async def _send(self, console: ConsoleLike, keys: Keys) -> None:
        with trio.CancelScope() as self._sending:
            try:
                await (console.send_break() if keys.is_break else console.send_all(keys.data))
            except (
                trio.BrokenResourceError,
                trio.ClosedResourceError,
            ):  # the console has ended, and the machine will be told so
                await trio.sleep_forever()
        self._sending = None
        self._owner.sent(keys)
