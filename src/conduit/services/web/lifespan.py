"""ASGI's lifespan, as a context manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
import trio

from conduit._trio import open_background_nursery
from conduit.errors import LocalProtocolError
from conduit.services.web.asgi import Application, Message

logger = structlog.get_logger(__name__)

START: Final = 60.0  # seconds that an application may take to start
STOP: Final = 10.0  # seconds that it may take to end


@asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """*app* has started in the block, and ends with it. One that knows no lifespan is let be.

    :raises LocalProtocolError: it does not start.
    """
    async with open_background_nursery() as nursery:
        life = _Life(app)
        nursery.start_soon(life.run)
        with trio.fail_after(START):
            await life.ask("startup")
        life.check_started()
        try:
            yield
        finally:
            with trio.move_on_after(STOP, shield=True):
                await life.ask("shutdown")
            if life.failure is not None:
                logger.error("the application did not end in good order", reason=life.failure)


class _Life:
    def __init__(self, app: Application) -> None:
        self._app = app
        self._questions, self._asked = trio.open_memory_channel[Message](2)
        self._answered = trio.Event()
        self._over = False
        self.failure: str | None = None

    def check_started(self) -> None:
        """:raises LocalProtocolError: it does not start."""
        if self.failure is not None:
            raise LocalProtocolError(f"the application does not start: {self.failure}")

    async def ask(self, what: str) -> None:
        """Until it has started, or ended."""
        if self._over:
            return
        self._answered = trio.Event()
        await self._questions.send({"type": f"lifespan.{what}"})
        await self._answered.wait()

    async def run(self) -> None:
        """The application's task."""
        scope = {"type": "lifespan", "asgi": {"spec_version": "2.0", "version": "3.0"}, "state": {}}
        try:
            await self._app(scope, self._asked.receive, self._take)
        except Exception as error:  # noqa: BLE001  # what knows no lifespan raises whatever it likes
            logger.debug("an application has no lifespan", error=repr(error))
        finally:
            self._over = True
            self._answered.set()

    async def _take(self, message: Message) -> None:
        if message["type"].endswith(".failed"):
            self.failure = message.get("message") or "it does not say why"
        self._answered.set()
