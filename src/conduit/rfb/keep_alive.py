"""Shows proxies that silent WebSockets are in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from conduit.rfb.websocket_stream import WebSocketStream

PERIOD: Final = 25.0  # seconds between pings: proxies between drop what is silent for 60
TURN: Final = 1.0  # seconds, at least, from one round of pings to the next


class KeepAlive:
    """Pings any number of WebSockets from one task, as a task for each would cost memory and time."""

    def __init__(self) -> None:
        self._due: dict[WebSocketStream, float] = {}  # the first one first: each is put behind the others

    @contextmanager
    def watching(self, streams: Iterable[trio.abc.Stream]) -> Iterator[None]:
        """Those of *streams* that are WebSockets get pings until the end of the block."""
        watched = [stream for stream in streams if isinstance(stream, WebSocketStream)]
        for stream in watched:
            self._put_back(stream)
        try:
            yield
        finally:
            for stream in watched:
                del self._due[stream]

    def _put_back(self, stream: WebSocketStream) -> None:
        self._due.pop(stream, None)
        self._due[stream] = trio.current_time() + PERIOD

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                now = trio.current_time()
                for stream in [stream for stream, due in self._due.items() if due <= now]:
                    self._put_back(stream)
                    if not stream.is_sending:
                        nursery.start_soon(stream.ping)
                first = next(iter(self._due.values()), now + PERIOD)
                await trio.sleep_until(max(first, now + TURN))
