"""A stream whose bytes are counted."""

from __future__ import annotations

from dataclasses import dataclass

import trio


@dataclass(slots=True)
class Traffic:
    """Bytes, of all streams that share it."""

    sent: int = 0
    received: int = 0


class CountedStream(trio.abc.Stream):
    """Passes everything on.

    :param traffic: counts it.
    """

    def __init__(self, inner: trio.abc.Stream, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See :class:`trio.abc.SendStream`."""
        await self._inner.send_all(data)
        self._traffic.sent += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See :class:`trio.abc.SendStream`."""
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See :class:`trio.abc.ReceiveStream`."""
        data = await self._inner.receive_some(max_bytes)
        self._traffic.received += len(data)
        return data

    async def aclose(self) -> None:
        """See :class:`trio.abc.AsyncResource`."""
        await self._inner.aclose()
