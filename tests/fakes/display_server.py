"""A display on loopback that lets viewers in as a test says; TLS as real servers have it, with or without a name."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Method
from conduit.rfb.server_handshake import ClientReady, Event, ProofShown, ServerHandshake, TlsWanted, VersionAgreed
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.transports import Replayed
from conduit.rfb.trust import ANONYMOUS_CIPHERS

HOST: Final = "127.0.0.1"
INIT: Final = ServerInit(320, 200, PixelFormat.BGRX, "rack 7")
CHALLENGE: Final = bytes(range(16))
Session = Callable[[trio.SocketStream], Awaitable[None]]


def anonymous_server_context() -> ssl.SSLContext:
    """TLS of a server without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ANONYMOUS_CIPHERS)
    return context


@dataclass
class FakeDisplay:
    """What it asks for, and what it has seen."""

    methods: Sequence[Method]
    username: str = "admin"
    password: str = "geheim"
    context: ssl.SSLContext = field(default_factory=anonymous_server_context)
    viewers: int = 0
    shared: list[bool] = field(default_factory=list)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One viewer."""
        self.viewers += 1
        with suppress(ConduitError, trio.BrokenResourceError):
            await self._let_in(stream)
        await trio.aclose_forcefully(stream)

    async def _let_in(self, stream: trio.abc.Stream) -> None:
        machine = ServerHandshake(CHALLENGE)
        events: list[Event] = []
        while not machine.is_refused:
            await stream.send_all(machine.data_to_send())
            events = events or machine.receive_data(await stream.receive_some() or b"")
            for event in events:
                match event:
                    case VersionAgreed():
                        events = machine.offer(self.methods)
                    case TlsWanted():
                        await stream.send_all(machine.data_to_send())
                        under = Replayed(stream, machine.take_leftover())
                        stream = trio.SSLStream(under, self.context, server_side=True)
                        events = machine.tls_started()
                    case ProofShown(proof):
                        if proof.proves(self.username, self.password):
                            events = machine.accept()
                        else:
                            machine.refuse("who are you?")
                            await stream.send_all(machine.data_to_send())
                    case ClientReady(shared):
                        self.shared.append(shared)
                        machine.start(INIT)
                        await stream.send_all(machine.data_to_send())
                        await self.heard(bytes(await stream.receive_some()))
                        return

    async def heard(self, data: bytes) -> None:
        """What the viewer said first, once it was in."""


@asynccontextmanager
async def open_listener(session: Session) -> AsyncIterator[int]:
    """Serve *session* on a free port, which it yields."""
    async with open_background_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, session, 0, host=HOST))
        yield listeners[0].socket.getsockname()[1]
