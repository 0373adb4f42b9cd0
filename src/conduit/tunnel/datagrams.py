"""Datagrams on a stream, and UDP ports that are forwarded with them.

A stream keeps the order and loses nothing; UDP promises neither, and a late datagram is often worse than none. So a
consumer that is too slow loses the oldest, and never holds up what comes behind.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

import trio

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, DecodeError, LocalProtocolError, TransportError
from conduit.tunnel.capsules import DATAGRAM, CapsuleReader, encode_capsule
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.stream import TunnelStream

logger = logging.getLogger(__name__)

MAX_DATAGRAM: Final = 65_527  # bytes of a UDP payload (RFC 768: 65,535 with the header)
MAX_QUEUE: Final = 256  # datagrams that wait for the consumer
MAX_QUEUED_BYTES: Final = 1 << 20
MAX_PEERS: Final = 64  # of a forwarded port at the same time
IDLE: Final = 60.0  # seconds without a datagram until a peer of a forwarded port is forgotten


class DatagramQueue:
    """Datagrams that wait; the oldest go when there is no room."""

    def __init__(self) -> None:
        self.dropped = 0
        "Datagrams that went."
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lot = trio.lowlevel.ParkingLot()
        self._ended = False

    def put(self, data: bytes) -> None:
        """Add one."""
        self._waiting.append(data)
        self._size += len(data)
        while len(self._waiting) > MAX_QUEUE or self._size > MAX_QUEUED_BYTES:
            self._size -= len(self._waiting.popleft())
            self.dropped += 1
        self._lot.unpark()

    def end(self) -> None:
        """None follow."""
        self._ended = True
        self._lot.unpark_all()

    async def get(self) -> bytes:
        """The next one.

        :raises trio.EndOfChannel: there are no more.
        """
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._ended:
                raise trio.EndOfChannel
            await self._lot.park()
        data = self._waiting.popleft()
        self._size -= len(data)
        return data


class Datagrams:
    """Datagrams both ways on one stream; made by :func:`open_datagrams`. Iterate over it for what comes."""

    def __init__(self, stream: TunnelStream) -> None:
        self._stream = stream
        self._queue = DatagramQueue()
        self._failure: BaseException | None = None

    @property
    def dropped(self) -> int:
        """Datagrams that came and went because nobody took them in time."""
        return self._queue.dropped

    async def send(self, data: bytes) -> None:
        """Send one; waits while the peer takes no bytes, which makes the kernel drop what comes meanwhile.

        :raises LocalProtocolError: it is longer than UDP allows.
        :raises trio.BrokenResourceError: the stream was reset, or the tunnel is gone.
        """
        if len(data) > MAX_DATAGRAM:
            raise LocalProtocolError(f"a datagram of {len(data)} bytes, where {MAX_DATAGRAM} are allowed")
        await self._stream.send_all(encode_capsule(DATAGRAM, data))

    async def receive(self) -> bytes:
        """The next one.

        :raises trio.EndOfChannel: the peer sends no more.
        :raises trio.BrokenResourceError: the stream was reset, or the tunnel is gone.
        """
        try:
            return await self._queue.get()
        except trio.EndOfChannel:
            if self._failure is not None:
                raise trio.BrokenResourceError(str(self._failure)) from (self._failure.__cause__ or self._failure)
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def read(self) -> None:
        """Take what comes; never waits for the consumer."""
        reader = CapsuleReader((DATAGRAM,), MAX_DATAGRAM)
        try:
            while data := await self._stream.receive_some():
                for capsule in reader.receive(data):
                    self._queue.put(capsule.value)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._failure = error
        except DecodeError as error:
            self._failure = error
            self._stream.reset(ErrorCode.PROTOCOL_ERROR)
        finally:
            self._queue.end()


@asynccontextmanager
async def open_datagrams(stream: TunnelStream) -> AsyncIterator[Datagrams]:
    """Datagrams on *stream*, which is closed with the block."""
    datagrams = Datagrams(stream)
    try:
        async with open_background_nursery() as nursery:
            nursery.start_soon(datagrams.read)
            yield datagrams
    finally:
        await stream.aclose()


# --- the Agent's side -------------------------------------------------------------------------------------------------


async def relay_udp(stream: TunnelStream, host: str, port: int) -> None:
    """Pass datagrams between *stream* and one UDP port, until the stream ends; its opener learns when there is none.

    A port that nobody listens on is not an error: UDP cannot tell that from a lost datagram.
    """
    try:
        sock = await _connected_socket(host, port)
    except TransportError as error:
        logger.info("a stream is reset: %s", error)
        stream.reset(ErrorCode.CONNECT_ERROR)
        return
    with sock:
        stream.accept()
        async with open_datagrams(stream) as datagrams, open_background_nursery() as nursery:
            nursery.start_soon(_pass_back, sock, datagrams)
            async for data in datagrams:
                try:
                    await sock.send(data)
                except OSError as error:  # refused, or too long for the network: lost, as datagrams are
                    logger.debug("a datagram to %s:%d is lost: %s", host, port, error)


async def _connected_socket(host: str, port: int) -> trio.socket.SocketType:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        sock = trio.socket.socket(family, kind, protocol)
        try:
            await sock.connect(address)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise TransportError(f"no UDP to {host}:{port}: {error.strerror or error}") from error
    return sock


async def _pass_back(sock: trio.socket.SocketType, datagrams: Datagrams) -> None:
    while True:
        try:
            data = await sock.recv(MAX_DATAGRAM)
        except OSError as error:  # what ICMP says about one that was sent
            logger.debug("a datagram is lost: %s", error)
            continue
        try:
            await datagrams.send(data)
        except trio.BrokenResourceError:
            return  # whoever receives says why


# --- the Gateway's side -----------------------------------------------------------------------------------------------

Address = tuple[object, ...]
OpenStream = Callable[[], Awaitable[TunnelStream]]
"Opens the stream of one more peer."


class UdpForward:
    """A UDP port here whose datagrams go through a tunnel; made by :func:`forward_udp`."""

    def __init__(self, sock: trio.socket.SocketType, open_stream: OpenStream, max_peers: int, idle: float) -> None:
        self._sock = sock
        self._open_stream = open_stream
        self._max_peers = max_peers
        self._idle = idle
        self._peers: dict[Address, DatagramQueue] = {}
        self.refused = 0
        "Datagrams of peers for whom there was no room."

    @property
    def port(self) -> int:
        """The UDP port."""
        port: int = self._sock.getsockname()[1]
        return port

    @property
    def peers(self) -> int:
        """Peers that have a stream now."""
        return len(self._peers)

    async def run(self) -> None:
        """Forward, for ever."""
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    data, address = await self._sock.recvfrom(MAX_DATAGRAM)
                except OSError as error:
                    logger.debug("a datagram is lost: %s", error)
                    continue
                queue = self._peers.get(address)
                if queue is None:
                    if len(self._peers) >= self._max_peers:
                        self.refused += 1
                        continue
                    queue = self._peers[address] = DatagramQueue()
                    nursery.start_soon(self._serve, address, queue)
                queue.put(data)

    async def _serve(self, address: Address, queue: DatagramQueue) -> None:
        """One peer, until it has been quiet for long, or its stream ends."""
        try:
            async with open_datagrams(await self._open_stream()) as datagrams, open_background_nursery() as nursery:
                scope = nursery.cancel_scope
                scope.deadline = trio.current_time() + self._idle
                nursery.start_soon(self._send, queue, datagrams, scope)
                async for data in datagrams:
                    scope.deadline = trio.current_time() + self._idle
                    await self._sock.sendto(data, address)
        except (ConduitError, OSError, trio.BrokenResourceError) as error:
            logger.info("a peer of a forwarded UDP port has to start again: %s", error)
        finally:
            del self._peers[address]

    async def _send(self, queue: DatagramQueue, datagrams: Datagrams, scope: trio.CancelScope) -> None:
        while True:
            data = await queue.get()
            scope.deadline = trio.current_time() + self._idle
            try:
                await datagrams.send(data)
            except trio.BrokenResourceError:
                return  # whoever receives says why


@asynccontextmanager
async def forward_udp(
    open_stream: OpenStream,
    host: str,
    port: int = 0,
    *,
    max_peers: int = MAX_PEERS,
    idle: float = IDLE,
) -> AsyncIterator[UdpForward]:
    """Forward a UDP port of ours through streams that *open_stream* opens, one for each peer that sends.

    :param host: address to listen on.
    :param port: UDP port, 0 for any.
    :param max_peers: peers at the same time.
    :param idle: seconds without a datagram, either way, until a peer's stream is closed.
    :raises TransportError: nobody can listen there.
    """
    family = trio.socket.AF_INET6 if ":" in host else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as sock:
        try:
            await sock.bind((host, port))
        except OSError as error:
            raise TransportError(f"cannot listen on UDP {host}:{port}: {error.strerror or error}") from error
        forward = UdpForward(sock, open_stream, max_peers, idle)
        async with open_background_nursery() as nursery:
            nursery.start_soon(forward.run)
            yield forward
