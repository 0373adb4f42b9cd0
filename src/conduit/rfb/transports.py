"""What carries RFB: TCP, TLS that comes first, or a WebSocket, chosen by the address."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

import trio

from conduit._tcp import TcpStream
from conduit.errors import TransportError
from conduit.rfb.addresses import DisplayAddress, Transport
from conduit.rfb.trust import Trust, start_tls
from conduit.rfb.websocket_stream import WebSocketWishes, open_websocket
from conduit.websocket.addresses import show_address

CONNECT_PATIENCE: Final = 15.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """What there is to choose on the way to a display."""

    trust: Trust = field(default_factory=Trust)
    websocket: WebSocketWishes = field(default_factory=WebSocketWishes)


async def open_transport(address: DisplayAddress, options: TransportOptions) -> trio.abc.Stream:
    """A stream of RFB; whoever gets it closes it.

    :raises TransportError: nobody is there, or is not believed.
    :raises RemoteProtocolError: there is no WebSocket.
    """
    stream: trio.abc.Stream = await _connect(address)
    try:
        if address.is_covered:
            stream = await start_tls(stream, address.host, options.trust)
        if address.transport is Transport.WEBSOCKET and address.websocket is not None:
            stream = await open_websocket(stream, address.websocket, options.websocket)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _connect(address: DisplayAddress) -> TcpStream:
    shown = show_address(address.host, address.port)
    try:
        with trio.fail_after(CONNECT_PATIENCE):
            stream = await trio.open_tcp_stream(address.host, address.port)
    except trio.TooSlowError:
        raise TransportError(f"{shown} does not answer within {CONNECT_PATIENCE:g} s") from None
    except OSError as error:
        raise TransportError(f"cannot connect to {shown}: {_reason(error)}") from error
    return TcpStream.take(stream)


def _reason(error: OSError) -> str:
    """Trio has one error for all addresses of a host; each has a cause of its own."""
    causes = error.__cause__
    if isinstance(causes, BaseExceptionGroup) and isinstance(causes.exceptions[-1], OSError):
        error = causes.exceptions[-1]
    elif isinstance(causes, OSError):
        error = causes
    return os.strerror(error.errno) if error.errno else str(error)


class Replayed(trio.abc.Stream):
    """A stream of which more has been received than was wanted: that comes again first."""

    def __init__(self, stream: trio.abc.Stream, data: bytes) -> None:
        self._stream = stream
        self._again = data

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """What comes again, then what comes."""
        if not self._again:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        count = len(self._again) if max_bytes is None else max_bytes
        piece, self._again = self._again[:count], self._again[count:]
        return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream does."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
