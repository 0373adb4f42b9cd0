"""Servers on loopback: ours, and Hypercorn's own beside it, which has the faults that ours has not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as hypercorn_serve

from conduit._trio import open_background_nursery
from conduit.services.web.asgi import Application
from conduit.services.web.bindings import Binding, Bound
from conduit.services.web.limits import Limits
from conduit.services.web.serving import serve

LOOPBACK = Binding()
QUICK = Limits(grace=0.2)


@asynccontextmanager
async def ours(
    app: Application, *, limits: Limits = QUICK, binding: Binding = LOOPBACK, **options: Any
) -> AsyncIterator[Bound]:
    """Our server."""
    async with open_background_nursery() as nursery:
        yield await nursery.start(partial(serve, app, binding, limits=limits, **options))


class Stock:
    """Hypercorn's own server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.failure: BaseException | None = None
        self.has_ended = trio.Event()


@asynccontextmanager
async def stock(app: Application, **settings: Any) -> AsyncIterator[Stock]:
    """Hypercorn as it comes; its failure is kept."""
    config = Config.from_mapping(bind=["127.0.0.1:0"], accesslog=None, errorlog=None, graceful_timeout=0.1, **settings)
    async with open_background_nursery() as nursery:
        urls, server = await nursery.start(_run, app, config)
        server.port = int(urls[0].rpartition(":")[2])
        yield server
        nursery.cancel_scope.cancel()


async def _run(app: Any, config: Config, *, task_status: trio.TaskStatus[tuple[list[str], Stock]]) -> None:
    server = Stock(0)

    class Status:
        def started(self, urls: list[str]) -> None:
            task_status.started((urls, server))

    try:
        await hypercorn_serve(app, config, task_status=Status(), mode="asgi")  # type: ignore[arg-type]
    except Exception as failure:  # noqa: BLE001  # kept, for the test
        server.failure = failure
    finally:
        server.has_ended.set()
