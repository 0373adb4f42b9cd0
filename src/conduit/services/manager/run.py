"""The Manager as a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.services.clock import Clock, system_clock
from conduit.services.manager.app import create_app
from conduit.services.manager.database import opened
from conduit.services.manager.manager import open_manager
from conduit.services.manager.occupancy import occupied
from conduit.services.manager.vault import read_master_key
from conduit.services.started import Started, reload_certificate
from conduit.services.web.bindings import Binding
from conduit.services.web.clients import LOOPBACK
from conduit.services.web.fronting import WebSettings
from conduit.services.web.serving import serve

PORT: Final = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """What the Manager is told at its start."""

    state: Path = Path("/var/lib/conduit-manager")
    "Folder for the database, unless it is elsewhere, and the master key."
    database: str = field(default="", repr=False)
    "URL, such as postgresql://conduit@db.example/conduit?passfile=/etc/conduit/pgpass; by default SQLite in state."
    host: str = "127.0.0.1"
    "Address to listen on."
    port: int = PORT
    "TCP port, 0 for any."
    certificate: Path | None = None
    "PEM, with its chain: serve TLS. Without it, plain text, for loopback or a proxy that does TLS."
    key: Path | None = None
    "PEM: the certificate's key."
    trusted_proxies: Sequence[str] = ()
    "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 10.0.0.0/8."
    metrics_readers: Sequence[str] = LOOPBACK
    "Networks that may read /metrics."

    @property
    def master_key(self) -> Path:
        """The file that the keys in the database are sealed with."""
        return self.state / "master.key"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's."""
        return self.database or f"sqlite:///{self.state / 'manager.db'}"

    @property
    def binding(self) -> Binding:
        """What to listen on."""
        return Binding(hosts=(self.host,), port=self.port, certificate=self.certificate, key=self.key)

    @property
    def web(self) -> WebSettings:
        """For the HTTP side."""
        return WebSettings(trusted_proxies=tuple(self.trusted_proxies), metrics_readers=tuple(self.metrics_readers))


async def run_manager(
    settings: ManagerSettings,
    *,
    clock: Clock = system_clock,
    leave: trio.Event,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until *leave* is set."""
    master = read_master_key(settings.master_key)
    with occupied(settings.state), opened(settings.database_url) as database:
        async with open_manager(database, master, clock=clock) as manager, open_background_nursery() as nursery:
            app = create_app(manager, database, settings.web)
            bound = await nursery.start(partial(serve, app, settings.binding, trusted=settings.web.trusted_proxies))
            addresses = {"clients": bound.urls[0]}
            task_status.started(
                Started(service="manager", addresses=addresses, reload=partial(reload_certificate, bound))
            )
            await leave.wait()
            manager.leaving.set()
