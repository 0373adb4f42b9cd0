"""The processes of ``conduit up``: each is started, waited for until it serves, and ended in good order."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from string import digits
from types import MappingProxyType
from typing import Final, Self

import trio
from trio import socket

from conduit._trio import open_background_nursery, open_foreground_nursery
from conduit.errors import TransportError

READY_WITHIN: Final = 30.0  # seconds
_FIRST_PORT: Final = 15_000  # below those that the system gives away by itself, from 32,768 on
_PORTS: Final = 16_000
_PORT_TRIES: Final = 200
GRACE: Final = 10.0  # seconds to end when asked to
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_COMMAND: Final = (sys.executable, "-m", "conduit")


class ServiceFailed(TransportError):
    """A service does not run, though it should; its log is worth keeping."""


class Service:
    """One of our services as a process; may be ended and started again.

    :param name: ``manager``, ``gateway`` or ``agent``, with a number where there are several, as in ``gateway2``.
    :param folder: for its log, and for the socket on which it says that it is ready.
    :param environment: of the process, besides ours.
    """

    def __init__(self, name: str, config: Path, folder: Path, environment: Mapping[str, str] = NOTHING) -> None:
        self.name = name
        self.environment = environment
        self._config = config
        self._folder = folder
        self._process: trio.Process | None = None
        self._serves = trio.Event()
        self._is_to_end = False

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._folder / f"{self.name}.log"

    async def start(self) -> None:
        """Return when it serves.

        :raises ServiceFailed: it does not, in time or at all.
        """
        self._is_to_end = False
        address = self._folder / f"{self.name}.notify"
        with suppress(FileNotFoundError):
            address.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, self.log.open("ab") as log:
            await notices.bind(str(address))
            self._process = await trio.lowlevel.open_process(
                [*_COMMAND, self.name.rstrip(digits), "run", "--config", str(self._config), "--until-eof"],
                stdin=subprocess.PIPE,  # ends with us, whatever ends us; then so does the service
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, "NOTIFY_SOCKET": str(address)},
                start_new_session=True,  # the terminal's Ctrl+C is for us; we end our services ourselves
            )
            with trio.move_on_after(READY_WITHIN) as scope:
                await self._until_ready(notices)
        if scope.cancelled_caught:
            raise ServiceFailed(f"the {self.name} was not ready after {READY_WITHIN:.0f} s; its log: {self.log}")
        self._serves.set()

    async def watch(self) -> None:
        """For ever, through restarts that somebody wants.

        :raises ServiceFailed: it has ended by itself.
        """
        while True:
            await self._serves.wait()
            status = await self._running.wait()
            if not self._is_to_end:
                raise ServiceFailed(f"the {self.name} has ended {in_words(status)}; its log: {self.log}")
            self._serves = trio.Event()

    async def _until_ready(self, notices: socket.SocketType) -> None:
        async with open_background_nursery() as nursery:
            nursery.start_soon(self._fail_when_it_ends)
            while b"READY=1" not in await notices.recv(4096):
                pass
            nursery.cancel_scope.cancel()

    async def _fail_when_it_ends(self) -> None:
        status = await self._running.wait()
        lines = await trio.Path(self.log).read_text()
        last = (lines.strip().splitlines() or [""])[-1]
        raise ServiceFailed(f"the {self.name} ended {in_words(status)}: {last}")

    @property
    def _running(self) -> trio.Process:
        if self._process is None:
            raise TransportError(f"the {self.name} does not run")
        return self._process

    async def stop(self) -> None:
        """Ask it to end, and wait; by force when it takes too long."""
        self._is_to_end = True
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        with trio.move_on_after(GRACE):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._running.pid

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._is_to_end = True
        self._running.kill()

    async def wait_dead(self) -> None:
        """After :meth:`kill`."""
        await self._running.wait()
        self._process = None


class Tree:
    """All of them."""

    def __init__(self, services: dict[str, Service]) -> None:
        self.services = services

    @classmethod
    @asynccontextmanager
    async def grow(cls, services: list[Service]) -> AsyncIterator[Self]:
        """Start them at the same time; end them, last first, with the block.

        :raises ServiceFailed: one ends by itself; the block is cancelled.
        """
        tree = cls({service.name: service for service in services})
        try:
            async with open_foreground_nursery() as nursery:
                for service in services:
                    nursery.start_soon(service.start)
            async with open_background_nursery() as watchers:
                for service in services:
                    watchers.start_soon(service.watch)
                yield tree
        finally:
            with trio.CancelScope(shield=True):
                for service in reversed(services):
                    await service.stop()


def in_words(status: int) -> str:
    """How a process ended."""
    return f"with status {status}" if status >= 0 else f"by signal {-status} ({signal.Signals(-status).name})"


async def are_free(ports: Iterable[int], host: str) -> bool:
    """Whether nobody listens on any of these TCP ports; connections that are about to end do not matter."""
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                await sock.bind((host, port))
            except OSError:
                return False
    return True


async def free_ports(count: int, host: str) -> list[int]:
    """Numbers of TCP ports that nobody listens on now, and that the system gives to nobody who does not ask for them.

    :raises TransportError: there are none.
    """
    found: list[int] = []
    for _ in range(_PORT_TRIES):
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            try:
                await sock.bind((host, port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
        if len(found) == count:
            return found
    raise TransportError(f"no {count} TCP ports of {host} are free")
