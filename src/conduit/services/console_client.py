"""A viewer of a console that comes back: it dials again when the way is lost, and goes on at the byte where it was."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from conduit._trio import open_background_nursery
from conduit.console.messages import Break, Ended, Message, Output, Ping, Pong, StateChanged, Taken
from conduit.console.viewer import ViewerSession
from conduit.errors import CallError, LocalProtocolError, RemoteProtocolError, TransportError
from conduit.tunnel.call_frames import Code

RETRY_DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds; the last one for ever
JITTER: Final = 0.2  # of a delay, either way
PING: Final = 10.0  # seconds between signs of life
SILENCE: Final = 25.0  # seconds without one after which the way counts as lost
FINAL: Final = frozenset(
    (
        Code.FAILED_PRECONDITION,
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.PERMISSION_DENIED,
        Code.UNAUTHENTICATED,
        Code.UNIMPLEMENTED,
    )
)


class Link(Protocol):
    """Messages to and from the hub."""

    async def send(self, message: bytes) -> None:
        """:raises TransportError: there is nobody any more."""
        ...

    async def receive(self) -> bytes | None:
        """The next one; None at the end."""
        ...


Dial = Callable[[], AbstractAsyncContextManager[Link]]


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no way to the hub now."""

    reason: str
    delay: float
    "Seconds until the next attempt."
    first: bool
    "Whether it is lost only now."


@dataclass(frozen=True, slots=True)
class Resumed:
    """The way is back, and everything that could be caught up with has been shown."""

    missing: int
    "Bytes that nobody has any more."
    seconds: float
    "For how long it was lost."
    new_epoch: bool
    "The hub has forgotten what it had; how much is missing is unknown."


Event = Message | Lost | Resumed


class Screen(Protocol):
    """Where the console is shown."""

    async def show(self, data: bytes) -> None:
        """Output, each byte once."""
        ...

    def note(self, event: Event) -> None:
        """Whatever else happens."""
        ...


class ConsoleViewing:
    """One viewer through any number of connections.

    :param jitter: 0 to 1, so that not everybody comes back at once.
    """

    def __init__(
        self,
        viewer: ViewerSession,
        dial: Dial,
        screen: Screen,
        jitter: Callable[[], float] = lambda: secrets.randbelow(1001) / 1000,
    ) -> None:
        self.viewer = viewer
        self._dial = dial
        self._screen = screen
        self._jitter = jitter
        self._link: Link | None = None
        self._heard = 0.0
        self._lost_at: float | None = None
        self._missing_before = 0
        self._epoch_before: str | None = None
        self._failures = 0
        self._live = trio.Event()
        self._state_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the hub is there."""
        return self._link is not None and self.viewer.attached is not None

    @property
    def is_live(self) -> bool:
        """Whether what is typed reaches the server."""
        return self.is_connected and self.viewer.is_live

    def in_state_for(self) -> float:
        """Seconds that the console has been as it is."""
        return trio.current_time() - self._state_at

    async def wait_live(self) -> None:
        """Until it was live once."""
        await self._live.wait()

    async def run(self) -> Ended:
        """Until the hub says that it is over, for good.

        :raises CallError: it cannot be had, or not any more.
        """
        while True:
            reason = await self._try()
            ended = self.viewer.ended
            if ended is not None and not ended.retry:
                return ended
            await self._pause(ended.text if ended is not None and ended.text else reason)

    async def _try(self) -> str:
        """One connection, and why it ended."""
        try:
            async with self._dial() as link:
                await self._attend(link)
        except CallError as error:
            never = self.viewer.position is None and self._failures == 0 and self.viewer.ended is None
            if error.code in FINAL or never:
                raise
            return error.message
        except (TransportError, RemoteProtocolError) as error:
            return str(error)
        finally:
            self._link = None
        return "the connection was closed"

    async def _attend(self, link: Link) -> None:
        self._missing_before, self._epoch_before = self.viewer.missing, self.viewer.epoch
        self._link, self._heard = link, trio.current_time()
        with suppress(TransportError):  # who is not welcome finds the reason in what there is to read
            await link.send(self.viewer.attach())
        async with open_background_nursery() as nursery:
            nursery.start_soon(self._keep_pulse, link)
            while (message := await link.receive()) is not None:
                self._heard = trio.current_time()
                for each in self.viewer.receive(message):
                    await self._take(each)
                self._tell_whether_resumed()
                if self.viewer.ended is not None:
                    return

    async def _take(self, message: Message) -> None:
        match message:
            case Output():
                await self._screen.show(message.data)
            case Pong() | Taken():
                pass
            case _:
                if isinstance(message, StateChanged):
                    self._state_at = trio.current_time() - message.since_ms / 1000
                self._screen.note(message)
        if self.viewer.attached is not None:
            self._failures = 0
        if self.viewer.is_live:
            self._live.set()

    def _tell_whether_resumed(self) -> None:
        if self._lost_at is None or self.viewer.attached is None or self.viewer.is_catching_up:
            return
        seconds, self._lost_at = trio.current_time() - self._lost_at, None
        new_epoch = self._epoch_before is not None and self.viewer.epoch != self._epoch_before
        self._screen.note(Resumed(self.viewer.missing - self._missing_before, seconds, new_epoch))

    async def _keep_pulse(self, link: Link) -> None:
        number = 0
        while True:
            await trio.sleep(PING)
            if trio.current_time() - self._heard > SILENCE:
                raise TransportError("nothing was heard for a while")
            number += 1
            await link.send(Ping(id=number).encode())

    async def _pause(self, reason: str) -> None:
        delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
        delay *= 1 + JITTER * (2 * self._jitter() - 1)
        self._failures += 1
        first = self._lost_at is None
        if self._lost_at is None:
            self._lost_at = trio.current_time()
        self._screen.note(Lost(reason, delay, first))
        await trio.sleep(delay)

    # --- to the hub ---------------------------------------------------------------------------------------------------

    async def type(self, data: bytes) -> bool:
        """Send what was typed; False where it reaches nobody: it is gone then, and never sent later."""
        if not (self.is_live and self.viewer.is_writer):
            return False
        try:
            messages = self.viewer.type(data)
        except LocalProtocolError:
            return False
        return all([await self._say(message) for message in messages])

    async def say(self, message: Message) -> bool:
        """Anything but characters, such as a break; False where nobody hears it."""
        if isinstance(message, Break) and not (self.is_live and self.viewer.is_writer):
            return False
        return self.is_connected and await self._say(message.encode())

    async def _say(self, message: bytes) -> bool:
        link = self._link
        with suppress(TransportError):  # the one who reads finds out why
            if link is not None:
                await link.send(message)
                return True
        return False
