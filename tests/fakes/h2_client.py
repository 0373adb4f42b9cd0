"""An HTTP/2 client of h2 alone, which does exactly what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import h2.config
import h2.connection
import h2.events
import trio
from h2.connection import ConnectionInputs, ConnectionState
from h2.events import Event

_Event = TypeVar("_Event", bound=Event)
PATIENCE: Final = 20.0  # seconds, on a busy machine
GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionError)

# GOAWAY ends no stream that the server took (RFC 9113 section 6.8); by h2's own table it ends all of them.
GOAWAY_IS_NO_END: Final = {
    (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.CLIENT_OPEN)
}


def make_client_core() -> h2.connection.H2Connection:
    core = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    core.state_machine._transitions = {**core.state_machine._transitions, **GOAWAY_IS_NO_END}
    return core


@dataclass(slots=True)
class H2Client:
    """One connection; events are kept until somebody waits for them."""

    stream: trio.SocketStream
    h2: h2.connection.H2Connection = field(default_factory=make_client_core)
    events: list[Event] = field(default_factory=list)
    patience: float = PATIENCE
    is_closed: bool = False

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def request(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> int:
        """Send a request; with *body* its stream stays open."""
        stream_id = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
        self.h2.send_headers(stream_id, [*pseudo, *headers], end_stream=body is None)
        if body:
            self.h2.send_data(stream_id, body)
        await self.flush()
        return stream_id

    async def read(self) -> None:
        try:
            data = await self.stream.receive_some()
        except GONE:
            data = b""
        if not data:
            self.is_closed = True
            return
        self.events += self.h2.receive_data(data)
        await self.flush()

    async def until(self, kind: type[_Event], stream_id: int | None = None) -> _Event | None:
        """The first event of that kind; None when the connection ends without it, or nothing comes."""
        return await self.until_true(lambda: self.first(kind, stream_id))

    async def until_true(self, what: Callable[[], _Event | None]) -> _Event | None:
        with trio.move_on_after(self.patience):
            while (found := what()) is None and not self.is_closed:
                await self.read()
            return found
        return None

    async def until_closed(self) -> bool:
        with trio.move_on_after(self.patience):
            while not self.is_closed:
                await self.read()
        return self.is_closed

    def first(self, kind: type[_Event], stream_id: int | None = None) -> _Event | None:
        for event in self.events:
            if isinstance(event, kind) and stream_id in {None, getattr(event, "stream_id", None)}:
                return event
        return None

    def body(self, stream_id: int) -> bytes:
        """What has come of a response."""
        return b"".join(
            bytes(each.data or b"")
            for each in self.events
            if isinstance(each, h2.events.DataReceived) and each.stream_id == stream_id
        )


@asynccontextmanager
async def h2_client(port: int, patience: float = PATIENCE) -> AsyncIterator[H2Client]:
    """Connected to 127.0.0.1, with prior knowledge."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        client = H2Client(stream, patience=patience)
        client.h2.initiate_connection()
        await client.flush()
        yield client
