"""A live tunnel: reads, writes, and wakes whoever waits for a stream."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Mapping
from typing import Final

import trio

from conduit._trio import first_leaf
from conduit.errors import ConduitError, LocalProtocolError, RemoteProtocolError, TransportError
from conduit.tunnel.control import Drain, Hello, Notice
from conduit.tunnel.control_stream import ControlStream, Notices, legible
from conduit.tunnel.deadlines import DeadlineQueue
from conduit.tunnel.frames import MAX_WINDOW, ErrorCode
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import decode_request, decode_timeout, encode_request
from conduit.tunnel.reading import Reading
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.streams import (
    DEADLINE,
    Event,
    MuxStream,
    PeerGoing,
    PingAnswered,
    StreamAnswered,
    StreamMoved,
    StreamOpened,
)
from conduit.tunnel.tls import TlsPipe
from conduit.tunnel.writing import Writing

logger = logging.getLogger(__name__)

MAX_REASON: Final = 200  # characters of ours that the peer is told
LONGEST_DRAIN: Final = 86_400.0  # seconds that a Drain announces at most
INTERACTIVE: Final = frozenset({"control", "sol", "vnc-input"})  # kinds that go before bulk


class Tunnel:
    """One connection with a peer; made by ``dial`` and ``accept``."""

    def __init__(self, pipe: TlsPipe, mux: Mux, identity: str, certified_at: float = 0.0) -> None:
        self.mux = mux
        self.identity = identity
        "The peer's name: the URI in its certificate."
        self.certified_at = certified_at
        "From when on that is valid, in seconds since 1970."
        self._pipe = pipe
        self.writing = Writing(pipe, mux, self._break)
        "What sends, for its streams."
        self.reading = Reading(pipe, self._take, self.writing, self._break)
        "Who reads the connection, and who waits for that."
        self._scope = trio.CancelScope()
        self._deadlines = DeadlineQueue()
        self._alarm = trio.CancelScope()  # its deadline is the next of a stream
        self._opened, self._incoming = trio.open_memory_channel[TunnelStream](math.inf)  # bounded by MAX_STREAMS
        self._failure: ConduitError | None = None
        self._closed = trio.Event()
        self._foreseen: ConduitError | None = None  # why it will have ended, whoever closes it
        self._stopped = False  # by us, on purpose
        self._control: ControlStream | None = None
        self._adopted = trio.Event()
        self._pongs: dict[bytes, trio.Event] = {}
        self.hello = Hello()
        "What the side that dialled said of itself."
        self.answer = b""
        "What the services of the side that accepted answered."
        self.peers_drain: Drain | None = None
        "What the peer said when it was about to leave."

    @property
    def round_trip(self) -> float:
        """Seconds, smoothed, as measured by PINGs; 0 until the first answer."""
        return self.mux.liveness.round_trip

    @property
    def peer(self) -> str:
        """Where the peer is, for people."""
        return self._pipe.carrier.peer

    async def open_stream(
        self, kind: str, metadata: Mapping[str, str] | None = None, *, deadline: float | None = None
    ) -> TunnelStream:
        """Open a stream to the peer; it may be used at once, and is reset when the peer refuses it.

        :param kind: what it is for, such as ``sol``; lower-case letters, digits and hyphens.
        :param metadata: what the peer should know; names like header names, values without control characters.
        :param deadline: seconds that the stream may last; both ends reset it when they have passed.
        :raises LocalProtocolError: we are the side that dialled, or *metadata* cannot travel.
        :raises DrainingError: one of the ends is leaving: another tunnel may take it.
        :raises TransportError: the tunnel is gone.
        """
        found = self.start_stream(kind, metadata, deadline=deadline)
        self.flush()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:  # nobody gets to know the stream
            found.reset()
            raise
        return found

    def start_stream(
        self, kind: str, metadata: Mapping[str, str] | None = None, *, deadline: float | None = None
    ) -> TunnelStream:
        """Like :meth:`open_stream`, for whoever sends at once: the opening leaves with the first bytes."""
        self._check_alive()
        metadata = metadata or {}
        headers = encode_request(kind, metadata, deadline)
        stream = self.mux.open_stream(headers, interactive=kind in INTERACTIVE)
        found = TunnelStream(self, stream, kind, metadata)
        if deadline is not None and deadline < math.inf:
            self._limit(found, deadline)
        return found

    def incoming(self) -> AsyncIterator[TunnelStream]:
        """Streams that the peer opens, until the tunnel ends."""
        return aiter(self._incoming)

    async def first_stream(self) -> TunnelStream:
        """The first stream that the peer opens.

        :raises TransportError: the tunnel ended before.
        """
        async for stream in self._incoming:
            return stream
        raise TransportError(f"the tunnel is gone: {self._failure}") from self._failure

    @property
    def is_closed(self) -> bool:
        """Whether the tunnel has ended."""
        return self._failure is not None

    @property
    def closed_because(self) -> str:
        """Why it has ended, for people; empty while it has not."""
        return "" if self._failure is None else str(self._failure)

    def failure(self, group: BaseExceptionGroup[ConduitError]) -> ConduitError:
        """Why it has ended, of all that is said about it in *group*."""
        return self._failure or _first(group)

    async def wait_closed(self) -> None:
        """Return when the tunnel has ended."""
        await self._closed.wait()

    # --- leaving, and the control stream ---

    @property
    def is_draining(self) -> bool:
        """Whether one of the ends takes no new streams any more."""
        return self.mux.is_draining

    async def drain(self, seconds: float, reason: str = "") -> bool:
        """Take no new streams, let those that are open end, then close; whether all ended in time.

        :param seconds: that they have.
        :param reason: for people; the peer is told.
        :raises TransportError: the tunnel broke before that.
        """
        with trio.move_on_after(seconds) as scope:
            await self._drain(seconds, reason)
        self.end(f"it was drained: {reason}" if reason else "it was drained")
        await self._closed.wait()
        return not scope.cancelled_caught

    async def _drain(self, seconds: float, reason: str) -> None:
        """Streams that were on their way at the first GOAWAY arrive before the first answer."""
        fewer = trio.lowlevel.ParkingLot()
        self.mux.go_away(last_stream_id=MAX_WINDOW)
        self.mux.on_close = fewer.unpark_all
        if self._control is not None:
            milliseconds = int(min(seconds, LONGEST_DRAIN) * 1000)
            await self._control.post(Drain(milliseconds=milliseconds, reason=reason[:MAX_REASON]))
        await self.ping()
        self.mux.go_away(debug=reason[:MAX_REASON].encode())
        self.flush()
        while len(self.mux.streams) > (self._control is not None and self._control.is_open):
            await fewer.park()
        await self.ping()  # all that was sent has been read

    async def ping(self) -> None:
        """Return when the peer has read all that was sent before.

        :raises TransportError: the tunnel is gone.
        """
        self._check_alive()
        opaque = self.mux.probe()
        self._pongs[opaque] = answered = trio.Event()
        self.flush()
        self.reading.enter()
        try:
            await answered.wait()
        finally:
            self.reading.leave()
            del self._pongs[opaque]
        self._check_alive()

    def adopt_control(self, control: ControlStream) -> None:
        """What the handshake calls when it is done: the tunnel reads on."""
        self._control = control
        self._adopted.set()

    async def notify(self, name: str, body: bytes = b"") -> None:
        """Tell the peer's services something; see :meth:`notices`.

        :raises LocalProtocolError: it is longer than a message may be.
        :raises TransportError: the tunnel is gone.
        """
        self._check_alive()
        control = await self._wait_control()
        if control is not None:
            await control.post(Notice(name=name, body=body))

    def notices(self) -> Notices:
        """What the peer's services tell, until the tunnel ends. Those that nobody takes are dropped in the end."""
        return Notices(self._wait_control)

    async def _wait_control(self) -> ControlStream | None:
        await self._adopted.wait()
        return self._control

    async def _follow(self) -> None:
        """Read the control stream; its end is the tunnel's."""
        control = await self._wait_control()
        if control is not None:
            try:
                await control.run(self._note_drain)
            except* RemoteProtocolError:
                self.mux.go_away(ErrorCode.PROTOCOL_ERROR)
                raise
            raise TransportError(f"{self.peer} ended the control stream")

    def _note_drain(self, drain: Drain) -> None:
        self.peers_drain = drain
        logger.info("%s leaves in %g s: %s", self.peer, drain.milliseconds / 1000, legible(drain.reason))

    def _goodbye(self) -> str:
        """What the peer said before it closed."""
        going = self.mux.going
        said = legible(going.debug) if going is not None else ""
        return f"{self.peer} closed the tunnel: {said}" if said else f"{self.peer} closed the tunnel"

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise TransportError(f"the tunnel is gone: {self._failure}") from self._failure

    # --- running ---

    async def run(self) -> None:
        """The tunnel's tasks, until it ends.

        :raises ConduitError: why it ended, unless :meth:`stop` did it.
        """
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.writing.run)
                    nursery.start_soon(self.writing.keep_alive)
                    nursery.start_soon(self._expire)
                    nursery.start_soon(self._follow)
                    await self.reading.run()
        except* ConduitError as group:
            self._fail(self._foreseen or _first(group))
        finally:
            self._end()
        if self._failure is not None and not self._stopped:
            raise self._failure

    def stop(self) -> None:
        """End the tunnel now."""
        self._stopped = True
        self._scope.cancel()

    def end(self, reason: str) -> None:
        """End it now, and say why: the peer is told if it takes bytes."""
        if self._failure is None:
            self._fail(TransportError(reason))
            self.mux.go_away(debug=reason[:MAX_REASON].encode())
        self.stop()

    def foresee(self, error: ConduitError) -> None:
        """Have *error* be why it ends, although the peer will be the one to close."""
        self._foreseen = error

    def _fail(self, error: ConduitError) -> None:
        if self._failure is None:
            self._failure = error
            self.writing.stop()

    def _break(self, error: ConduitError) -> None:
        """The tunnel has failed, as some task of its users has found out."""
        self._fail(self._foreseen or error)
        self._scope.cancel()

    def _end(self) -> None:
        """Whoever waits for a stream of a tunnel that is gone learns so."""
        self._fail(TransportError("it was closed"))
        for stream in list(self.mux.streams.values()):
            self.mux.lose(stream)
            self._wake(stream)
        self.writing.send_last()
        self._opened.close()
        self._adopted.set()
        for pong in self._pongs.values():
            pong.set()
        self._pipe.carrier.close()
        self._closed.set()

    def _take(self, data: memoryview) -> int:
        """Take bytes in; how many tasks that woke."""
        if not data:
            raise TransportError(self._goodbye())
        woken = 0
        for event in self.mux.receive_data(data, trio.current_time()):
            if type(event) is StreamMoved:
                owner: TunnelStream | None = event.stream.owner
                if owner is not None:
                    owner.wake()
                woken += 1
            else:
                woken += self._dispatch(event)
        return woken

    def _dispatch(self, event: Event) -> int:
        """Tell who wants to know; how many tasks that woke."""
        if type(event) is StreamOpened:
            self._admit(event)
            return 1
        if type(event) is StreamAnswered:
            return self._accept(event)
        if type(event) is PeerGoing:
            logger.info("%s takes no new streams: %s", self.peer, legible(event.goaway.debug))
        if type(event) is PingAnswered and event.opaque in self._pongs:
            self._pongs[event.opaque].set()
        return 0

    def _admit(self, event: StreamOpened) -> None:
        try:
            kind, metadata = decode_request(event.headers)
            timeout = decode_timeout(event.headers)
        except ConduitError as error:
            logger.info("a stream of %s was refused: %s", self.peer, error)
            self.mux.reset(event.stream, ErrorCode.PROTOCOL_ERROR)
            return
        event.stream.interactive = kind in INTERACTIVE
        found = TunnelStream(self, event.stream, kind, metadata, is_ours=False)
        if timeout < math.inf:
            self._limit(found, timeout)
        self._opened.send_nowait(found)

    def _accept(self, event: StreamAnswered) -> int:
        owner: TunnelStream | None = event.stream.owner
        if owner is not None:
            try:
                owner.note_answer(event.headers)
            except ConduitError as error:
                logger.info("a stream is reset: %s sent %s", self.peer, error)
                self.mux.reset(event.stream, ErrorCode.PROTOCOL_ERROR)
                owner.wake()
        return 1

    # --- deadlines ---

    def _limit(self, stream: TunnelStream, seconds: float) -> None:
        stream.deadline = trio.current_time() + seconds
        self._deadlines.add(stream.machine, stream.deadline)
        self._alarm.deadline = min(self._alarm.deadline, stream.deadline)

    async def _expire(self) -> None:
        """Reset streams whose time is up."""
        while True:
            with trio.CancelScope(deadline=self._deadlines.next_deadline()) as self._alarm:
                await trio.sleep_forever()
            for stream in self._deadlines.take_expired(trio.current_time()):
                self.mux.reset(stream, DEADLINE)
                self._wake(stream)
            self.flush()

    @staticmethod
    def _wake(stream: MuxStream) -> None:
        owner: TunnelStream | None = stream.owner
        if owner is not None:
            owner.wake()

    # --- sending ---

    def flush(self) -> None:
        """Send what there is to send, as far as the carrier takes it now."""
        self.writing.flush()


def _first(group: BaseExceptionGroup[ConduitError]) -> ConduitError:
    """One of the errors; they have one cause."""
    error = first_leaf(group)
    if not isinstance(error, ConduitError):
        raise LocalProtocolError("no error") from error
    return error
