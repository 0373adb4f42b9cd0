"""All of Conduit for tests: Manager, Gateway and Agent as processes, six virtual BMCs whose own state a test can read.

``web-01`` to ``spare-01`` are the servers of ``conduit up``. On ``web-01`` and ``web-02`` the serial console answers
everything in capitals, which no local echo can do; the others have a system to log in to.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import trio

from conduit._trio import open_background_nursery
from conduit.cli.up.fleet import ACME, GLOBEX, HOST, Fleet, start_fleet
from conduit.cli.up.seed import STAFF, Ports, Seed, plant
from conduit.cli.up.tree import Service, Tree, free_ports
from conduit.rfb.textscreen import Picture
from tests.interop.serial import upper_case

__all__ = ["ACME", "GLOBEX", "STAFF", "WholePath", "open_whole_path"]

T = TypeVar("T")
ECHOES = ("web-01", "web-02")
PATIENCE = 20.0  # seconds until something that takes its time is true
Configure = Callable[[Seed], None]


@dataclass(frozen=True)
class Token:
    """A server token, and where it is good."""

    text: str
    gateway: str


class WholePath:
    """Everything that runs. It runs in a thread of its own, so that clients which block can be tested too."""

    def __init__(self, seed: Seed, fleet: Fleet, tree: Tree, token: trio.lowlevel.TrioToken) -> None:
        self.seed = seed
        self.fleet = fleet
        self._tree = tree
        self._token = token

    @property
    def manager(self) -> str:
        """Base URL."""
        return self.seed.manager_url

    @property
    def gateway(self) -> str:
        """Base URL."""
        return self.seed.gateway_url

    @property
    def manager_address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.seed.ports.manager}"

    @property
    def gateway_address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.seed.ports.gateway}"

    def is_on(self, server_id: str) -> bool:
        """What the BMC itself knows."""
        found: bool = self._do(_result, self.fleet.is_on, server_id)
        return found

    def screen(self, server_id: str) -> tuple[str, bytes]:
        """What a virtual machine's screen itself shows: text, and pixels (BGRX)."""
        shown = self.fleet.screens[server_id].shown
        assert shown is not None
        terminal = shown.display.terminal

        async def look() -> tuple[str, bytes]:
            changed = set(terminal.grid.dirty)  # who draws it takes that; but it is the display's
            pixels = b"".join(Picture(terminal).redraw().values())
            terminal.grid.dirty.update(changed)
            return terminal.text(), pixels

        found: tuple[str, bytes] = self._do(look)
        return found

    def password(self, email: str) -> str:
        """Somebody's."""
        return self.seed.passwords[email].reveal()

    def restart(self, name: str) -> None:
        """End a service in good order, and start it again."""
        service = self._tree.services[name]
        self._do(service.stop)
        self._do(service.start)

    def log(self, name: str) -> str:
        """What a service wrote."""
        return self._tree.services[name].log.read_text()

    def log_in(self, email: str = ACME) -> str:
        """An access token."""
        answer = self.post(f"{self.manager}/api/v1/auth/token", {"email": email, "password": self.password(email)})
        return str(answer["access_token"])

    def server_token(self, server_id: str, email: str = ACME) -> Token:
        """Once a Gateway reaches it."""
        answer = self.post(f"{self.manager}/api/v1/servers/{server_id}/token", {}, bearer=self.log_in(email))
        return Token(answer["token"], answer["gateway_endpoint"])

    def post(self, url: str, body: dict[str, Any], *, bearer: str = "") -> dict[str, Any]:
        """The answer, which must be a good one."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer = httpx.post(url, json=body, headers=headers, trust_env=False, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _do(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        return trio.from_thread.run(call, *args, trio_token=self._token)


async def _result(call: Callable[..., T], *args: Any) -> T:
    return call(*args)


@contextmanager
def open_whole_path(folder: Path, configure: Configure | None = None) -> Iterator[WholePath]:
    """Start all of it, and end it with the block.

    :param configure: changes the configuration that the services will find.
    """
    started: list[tuple[WholePath, trio.Event]] = []
    failures: list[BaseException] = []
    ready = threading.Event()

    async def main() -> None:
        async with open_background_nursery() as nursery:
            fleet = await start_fleet(nursery)
            for server_id in ECHOES:
                upper_case(fleet.served[server_id])
            seed = await plant(folder, Ports(*await free_ports(3, HOST)), fleet)
            if configure is not None:
                configure(seed)
            services = [Service(name, seed.config(name), folder) for name in ("manager", "gateway", "agent")]
            async with Tree.grow(services) as tree:
                end = trio.Event()
                started.append((WholePath(seed, fleet, tree, trio.lowlevel.current_trio_token()), end))
                ready.set()
                await end.wait()
            nursery.cancel_scope.cancel()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as failure:  # noqa: BLE001  # raised in the test's own thread
            failures.append(failure)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="whole path")
    thread.start()
    ready.wait()
    try:
        if started:
            wait_until_reached(started[0][0])
            yield started[0][0]
    finally:
        if started:
            trio.from_thread.run_sync(started[0][1].set, trio_token=started[0][0]._token)
        thread.join()
    if failures:
        raise failures[0]


def wait_until_reached(path: WholePath) -> None:
    """Until the Manager knows of the servers, and the Agent has a tunnel to the Gateway."""
    url = f"{path.gateway}/api/v1/servers/web-01/power"
    waited = threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        try:
            bearer = path.server_token("web-01").text
            answer = httpx.get(url, headers={"Authorization": f"Bearer {bearer}"}, trust_env=False, timeout=PATIENCE)
            if answer.status_code == 200:
                return
        except (AssertionError, httpx.TransportError):
            pass
        waited.wait(0.1)
    raise AssertionError(f"the Gateway does not reach web-01: {path.log('gateway')[-2000:]}")
