"""The Gateway's side of streams that survive the loss of their tunnel: :func:`open_resumable`."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, LocalProtocolError, StreamResetError, TransportError
from conduit.tunnel.opening import encode_request
from conduit.tunnel.resumable import AGAIN, GRACE, KEY, ResumableStream
from conduit.tunnel.resume import CAPACITY, WINDOW, ResumableEnd
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

KEY_BYTES: Final = 32
CLOSE_PATIENCE: Final = 5.0  # seconds that closing waits for the peer to have all
FIRST_PAUSE: Final = 0.05  # seconds between two attempts that come to nothing, doubled up to
LONGEST_PAUSE: Final = 1.0

CurrentTunnel = Callable[[], Awaitable[Tunnel]]
"Returns a live tunnel to the peer, or waits for one."


@asynccontextmanager
async def open_resumable(
    tunnels: CurrentTunnel,
    kind: str,
    metadata: Mapping[str, str] | None = None,
    *,
    grace: float = GRACE,
    capacity: int = CAPACITY,
    window: int = WINDOW,
) -> AsyncIterator[ResumableStream]:
    """A stream that goes on in another tunnel when its own is lost.

    :param tunnels: returns the tunnel to use now, or waits until there is one; called again after every loss.
    :param grace: seconds without a tunnel after which it is over; also for the first one.
    :param capacity: bytes sent that are kept until the peer has them.
    :param window: received bytes that may wait for the reader.
    :raises trio.BrokenResourceError: there is no tunnel, or the peer does not want the stream.
    :raises LocalProtocolError: *metadata* cannot travel.
    """
    opener = _Opener(tunnels, kind, dict(metadata or {}), grace, ResumableEnd(capacity=capacity, window=window))
    async with open_background_nursery() as nursery:
        nursery.start_soon(opener.run)
        try:
            await opener.wait_connected()
            yield opener.stream
        finally:
            await opener.stream.aclose()


class _Opener:
    """Finds a tunnel for the stream, again and again."""

    def __init__(
        self, tunnels: CurrentTunnel, kind: str, metadata: dict[str, str], grace: float, end: ResumableEnd
    ) -> None:
        self._tunnels = tunnels
        self._grace = grace
        self._end = end
        self._pause = 0.0  # after a tunnel that worked, the next one is tried at once
        self._headers = metadata | {KEY: secrets.token_hex(KEY_BYTES)}
        self._scope = trio.CancelScope(deadline=trio.current_time() + grace)
        self._connected = trio.Event()
        self.stream = ResumableStream(end, kind, metadata, CLOSE_PATIENCE)
        self.stream.when_greeted(self._note_greeting)
        encode_request(kind, self._headers | {AGAIN: "1"})  # may it travel?

    async def wait_connected(self) -> None:
        await self._connected.wait()
        self.stream.check()

    def _note_greeting(self) -> None:
        self._scope.deadline = math.inf
        self._pause = 0.0
        self._connected.set()

    async def run(self) -> None:
        try:
            with self._scope:
                await self._run()
            if self._scope.cancelled_caught:
                self.stream.give_up(TransportError(f"no tunnel for {self._grace:g} s"))
        except ConduitError as error:
            self.stream.give_up(error)
        finally:
            self._connected.set()

    async def _run(self) -> None:
        while not await self._attempt():
            if self._end.is_finished:
                break
            self._scope.deadline = min(self._scope.deadline, trio.current_time() + self._grace)
            await trio.sleep(self._pause)
            self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.stream.give_up(TransportError("the peer has closed it"))

    async def _attempt(self) -> bool:
        """Whether the stream is over.

        :raises ConduitError: it is, and why.
        """
        tunnel = await self._tunnels()
        again = {AGAIN: "1"} if self._end.was_greeted else {}
        try:
            stream = await tunnel.open_stream(self.stream.kind, self._headers | again)
            return await self.stream.carry(stream)
        except (LocalProtocolError, TransportError) as error:  # the tunnel is closing, or full
            logger.info("a %s stream waits for another tunnel: %s", self.stream.kind, error)
            return False
        except StreamResetError as error:
            if error.safe_to_retry:
                return False
            raise
