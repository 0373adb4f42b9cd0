"""Viewers of consoles over gRPC, as many on one HTTP/2 connection as a test likes: h2, Trio and our messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import trio

from conduit._trio import open_background_nursery
from conduit.console.messages import FROM_HUB, Output
from conduit.console.words import Mode
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.tunnel.framing import MessageReader, encode_message
from tests.fakes.console_seen import Seen
from tests.fakes.path_client import Customer

PATH: Final = "/gateway.v1.GatewayService/StreamConsoleData"
CHUNK: Final = 64 << 10  # bytes
MAX_MESSAGE: Final = 1 << 20  # bytes


class GrpcViewer(Seen):
    """One stream."""

    def __init__(self, connection: GrpcConnection, number: int, session_id: str, mode: Mode) -> None:
        super().__init__(mode)
        self._connection = connection
        self._number = number
        self._reader = MessageReader(MAX_MESSAGE)
        self._is_connected = True
        self.session.attach()
        self.session_id = session_id
        self.status: str | None = None
        "gRPC's, when it has ended."

    def receive(self, data: bytes) -> None:
        """Bytes of the stream."""
        for message in self._reader.receive(data):
            chunk = gateway_pb.ConsoleDataChunk.from_binary(message)
            if chunk.data:
                self.take(Output(chunk.offset, chunk.data).encode())
            if chunk.control:
                values = json.loads(chunk.control)
                self.take(FROM_HUB[values["type"]].from_json(values).encode())

    def end(self, status: str) -> None:
        """No more comes."""
        self.status = status
        self._is_connected = False
        self._tell()

    async def type(self, data: bytes) -> None:
        """When it is the writer."""
        await self.until(lambda: self.is_live and self.session.is_writer, "writer")
        await self._connection.send(self._number, gateway_pb.ConsoleDataChunk(data=data))


class GrpcConnection:
    """One HTTP/2 connection to a Gateway."""

    def __init__(self, stream: trio.abc.Stream, authority: str) -> None:
        self._stream = stream
        self._authority = authority
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._sending = trio.Lock()
        self.viewers: dict[int, GrpcViewer] = {}

    async def open(self, customer: Customer, server_id: str, *, read_only: bool = False) -> GrpcViewer:
        """One more viewer."""
        request = gateway_pb.CreateSOLSessionRequest(server_id=server_id, read_only=read_only)
        session = await customer.ask("CreateSOLSession", request, gateway_pb.CreateSOLSessionResponse)
        token = (await customer.token(server_id)).token
        number = self._h2.get_next_available_stream_id()
        mode = Mode.READ if read_only else Mode.WRITE
        viewer = self.viewers[number] = GrpcViewer(self, number, session.session_id, mode)
        self._h2.send_headers(number, self._headers(token))
        first = gateway_pb.ConsoleDataChunk(session_id=session.session_id, server_id=server_id, is_handshake=True)
        await self.send(number, first)
        return viewer

    def _headers(self, token: str) -> list[tuple[str, str]]:
        pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", self._authority), (":path", PATH)]
        bearer = ("authorization", f"Bearer {token}")
        return [*pseudo, ("te", "trailers"), ("content-type", "application/grpc+proto"), bearer]

    async def send(self, number: int, chunk: gateway_pb.ConsoleDataChunk) -> None:
        """One message; small enough for any window."""
        self._h2.send_data(number, encode_message(chunk.to_binary()))
        await self.flush()

    async def flush(self) -> None:
        async with self._sending:
            await self._stream.send_all(self._h2.data_to_send())

    async def run(self) -> None:
        """Read until it ends."""
        while data := await self._stream.receive_some(CHUNK):
            for event in self._h2.receive_data(data):
                self._take(event)
            await self.flush()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self.viewers[event.stream_id].receive(event.data or b"")
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                status = dict(event.headers).get("grpc-status")  # type: ignore[call-overload]  # text, as we asked
                if status is not None:
                    self.viewers[event.stream_id].end(status)
            case _:
                pass


@asynccontextmanager
async def open_grpc(url: str, source: str | None = None) -> AsyncIterator[GrpcConnection]:
    """A connection, from a loopback address of choice; cut with the block, as by a client that vanishes."""
    parts = urlsplit(url)
    stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 80, local_address=source)
    async with stream, open_background_nursery() as nursery:
        connection = GrpcConnection(stream, parts.netloc)
        connection._h2.initiate_connection()
        await connection.flush()
        nursery.start_soon(connection.run)
        yield connection
        nursery.cancel_scope.cancel()
        await trio.aclose_forcefully(stream)
