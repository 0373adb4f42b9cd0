"""A client of tokens that costs as little as h2 allows, so that the Manager is what is measured."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import trio

CONNECTIONS: Final = 4
STREAMS: Final = 4  # requests at the same time on each
CHUNK: Final = 64 << 10  # bytes
PATH: Final = "/manager.v1.BMCManagerService/GetServerToken"


class Minter:
    """One connection, with some requests always open."""

    def __init__(self, stream: trio.SocketStream, authority: str, request: bytes, bearer: str) -> None:
        self._stream = stream
        self._request = request
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", authority),
            (":path", PATH),
            ("content-type", "application/proto"),
            ("authorization", f"Bearer {bearer}"),
        ]
        self.done = 0

    async def run(self) -> None:
        """For ever."""
        self._h2.initiate_connection()
        for _ in range(STREAMS):
            self._ask()
        while True:
            await self._stream.send_all(self._h2.data_to_send())
            for event in self._h2.receive_data(await self._stream.receive_some(CHUNK)):
                self._take(event)

    def _ask(self) -> None:
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, self._headers)
        self._h2.send_data(number, self._request, end_stream=True)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                if dict(event.headers).get(":status") != "200":  # type: ignore[call-overload]  # text, as we asked
                    raise RuntimeError(f"the Manager answers {event.headers}")
            case h2.events.DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.done += 1
                self._ask()
            case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                raise RuntimeError(f"the Manager ends it: {event}")
            case _:
                pass


async def mint_all(manager: str, request: bytes, bearer: str, seconds: float) -> tuple[int, float]:
    """How many tokens came in how many seconds, start-up included, as the processes' clocks are."""
    parts = urlsplit(manager)
    minters = []
    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 80)
            minters.append(Minter(stream, parts.netloc, request, bearer))
            nursery.start_soon(minters[-1].run)
        began = time.perf_counter()
        await trio.sleep(seconds)
        taken = time.perf_counter() - began
        nursery.cancel_scope.cancel()
    return sum(minter.done for minter in minters), taken
