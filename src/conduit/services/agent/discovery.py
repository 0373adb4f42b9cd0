"""What the Agent finds out about a BMC by itself: after its start, when the BMC comes back, and every hour.

It asks one request at a time, each when nobody else waits for the BMC: a customer waits for one of ours at most.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import trio

from conduit.errors import AuthenticationError, ConduitError
from conduit.ipmi.operations.identity import Identity, read_identity
from conduit.rmcp.command import Body, Command
from conduit.services.agent.broker import Broker

AT_ONCE: Final = 16  # BMCs that are asked at the same time
REFRESH: Final = 3600.0  # seconds
LEAST: Final = 60.0  # seconds between two looks, however often a BMC comes and goes
FIRST_RETRY: Final = 60.0  # seconds after a failure; twice as long each time, up to REFRESH
PATIENCE: Final = 300.0  # seconds for one look, at a BMC that customers keep busy
BodyT = TypeVar("BodyT", bound=Body)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What a BMC said of itself."""

    identity: Identity
    at: float
    "Seconds since 1970."


class Discovery:
    """Of one server.

    :param limiter: of all servers.
    :param tell: called when something new is known.
    """

    def __init__(self, broker: Broker, limiter: trio.CapacityLimiter, tell: Callable[[], None]) -> None:
        self._broker = broker
        self._limiter = limiter
        self._tell = tell
        self.found: Found | None = None
        "The last; None while the BMC has said nothing."
        self.looks = self.failures = 0  # since we began
        self.seconds = 0.0  # of all looks

    async def request(self, command: Command[BodyT]) -> BodyT:
        """In a turn of its own."""
        return await self._broker.ask(command)

    async def run(self) -> None:
        """For ever."""
        retry = FIRST_RETRY
        while True:
            failure = await self._look()
            pause = REFRESH
            if failure is not None and not isinstance(failure, AuthenticationError):  # a lock-out is the worse evil
                pause, retry = retry, min(2 * retry, REFRESH)
            if failure is None:
                retry = FIRST_RETRY
            await self._wait(pause)

    async def _look(self) -> ConduitError | None:
        """Why nothing was found."""
        self.looks += 1
        try:
            async with self._limiter:
                await self._read()
        except ConduitError as error:
            self.failures += 1
            logger.info("%s: its BMC does not say what it is: %s", self._broker.server.server_id, error)
            return error
        self._tell()
        return None

    async def _read(self) -> None:
        since = trio.current_time()
        try:
            with trio.move_on_after(PATIENCE):
                identity = await read_identity(self)
                self.found = Found(identity, self._broker.clock())
        finally:
            self.seconds += trio.current_time() - since

    async def _wait(self, pause: float) -> None:
        again = trio.current_time() + min(pause, LEAST)
        with trio.move_on_after(pause):
            await self._broker.wait_back()
            await trio.sleep_until(again)
