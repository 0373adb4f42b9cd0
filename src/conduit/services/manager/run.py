"""The Manager as a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.services.clock import Clock, system_clock
from conduit.services.manager.app import create_app
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.vault import read_master_key
from conduit.services.web.bindings import Binding
from conduit.services.web.serving import serve

PORT: Final = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """What the Manager is told at its start."""

    state: Path = Path("/var/lib/conduit-manager")
    "Folder for the database, unless it is elsewhere, and the master key."
    database: str = ""
    "URL; by default SQLite in the folder."
    host: str = "127.0.0.1"
    "Address to listen on."
    port: int = PORT
    "TCP port, 0 for any."

    @property
    def master_key(self) -> Path:
        """The file that the keys in the database are sealed with."""
        return self.state / "master.key"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's."""
        return self.database or f"sqlite:///{self.state / 'manager.db'}"


async def run_manager(
    settings: ManagerSettings,
    *,
    clock: Clock = system_clock,
    leave: trio.Event,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until *leave* is set; starts with the port."""
    master = read_master_key(settings.master_key)
    with opened(settings.database_url) as database:
        async with open_manager(database, master, clock=clock) as manager, open_background_nursery() as nursery:
            binding = Binding(hosts=(settings.host,), port=settings.port)
            bound = await nursery.start(partial(serve, create_app(manager), binding))
            task_status.started(bound.port)
            await leave.wait()
            manager.leaving.set()
