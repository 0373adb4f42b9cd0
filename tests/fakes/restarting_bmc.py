"""A virtual BMC that goes silent and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from conduit._trio import open_background_nursery
from conduit.ipmi.bmc import BmcConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from tests.fakes.broker_pair import ADMIN


class Restarting:
    """A virtual BMC that can go silent and come back at the same port, having forgotten its sessions."""

    def __init__(self, nursery: trio.Nursery, **config: Any) -> None:
        self._nursery = nursery
        self._config = config
        self._scope = trio.CancelScope()
        self.port = 0
        self.served: ServedBmc

    async def start(self, **changes: Any) -> None:
        self._config |= changes
        await self._nursery.start(self._run)

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        self._scope = trio.CancelScope()
        config = BmcConfig(**{"users": (ADMIN,), **self._config})
        with self._scope:
            async with open_virtual_bmc(config, port=self.port) as self.served:
                self.port = self.served.port
                task_status.started()
                await trio.sleep_forever()

    async def stop(self) -> None:
        self._scope.cancel()
        await wait_all_tasks_blocked()


@asynccontextmanager
async def open_restarting(**config: Any) -> AsyncIterator[Restarting]:
    async with open_background_nursery() as nursery:
        bmc = Restarting(nursery, **config)
        await bmc.start()
        yield bmc
