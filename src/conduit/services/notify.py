"""Tells the service manager how we are (sd_notify): that we are ready, alive, or stopping."""

from __future__ import annotations

import os
from collections.abc import Mapping

import trio
from trio import socket


class Notifier:
    """Sends to the socket that the environment names; without one it does nothing.

    :param environment: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC``.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._watchdog = int(environment.get("WATCHDOG_USEC", "0") or 0) / 1_000_000

    async def ready(self) -> None:
        """We serve."""
        await self._tell("READY=1")

    async def stopping(self) -> None:
        """We finish what is open, and end."""
        await self._tell("STOPPING=1")

    async def keep_alive(self) -> None:
        """Say so twice in each of the watchdog's intervals, for ever: whoever hangs says nothing."""
        if not self._watchdog:
            await trio.sleep_forever()
        while True:
            await self._tell("WATCHDOG=1")
            await trio.sleep(self._watchdog / 2)

    async def _tell(self, what: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                await sock.sendto(what.encode(), address)
            except OSError:
                return  # whoever listened is gone; we go on
