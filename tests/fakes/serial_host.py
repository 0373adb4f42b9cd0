"""The host's end of a virtual BMC's serial port as a Trio stream."""

from __future__ import annotations

import trio

from conduit.ipmi.bmc.serve import ServedBmc


class HostStream(trio.abc.Stream):
    """What the machine writes and reads. It ends when no console has the port; closing it ends the console."""

    def __init__(self, served: ServedBmc) -> None:
        self._served = served
        self.port = served.bmc.state.sol.port
        self._changed = trio.Event()
        self._closed = False
        self._reading = False
        self.port.wake_host = self._wake

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if not self.port.watched:
            raise trio.BrokenResourceError

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        rest = bytes(data)
        while rest:
            changed = self._changed
            rest = rest[self.port.host_write(rest) :]
            if rest:
                await changed.wait()
                self._check()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError(max_bytes)
        if self._reading:
            raise trio.BusyResourceError
        self._reading = True
        try:
            await trio.lowlevel.checkpoint()
            return await self._receive(max_bytes or 65_536)
        finally:
            self._reading = False

    async def _receive(self, most: int) -> bytes:
        while True:
            if self._closed:
                raise trio.ClosedResourceError
            changed = self._changed
            data = self.port.host_read(most)
            if data or not self.port.watched:
                return data
            await changed.wait()

    async def aclose(self) -> None:
        sol = self._served.bmc.state.sol
        self._closed = True
        self._wake()
        try:
            with trio.move_on_after(1):
                while self.port.watched and (self.port.pending or not sol.is_settled):  # noqa: ASYNC110
                    await trio.sleep(0.001)
        finally:
            sol.deactivate()
            self._served.wake()
            await trio.lowlevel.checkpoint()
