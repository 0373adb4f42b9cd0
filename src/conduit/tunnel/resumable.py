"""A stream that survives the loss of its tunnel, as its users see it.

What is lost while nobody is connected, because the Agent's buffer overflowed, is told as an exception: ``receive_some``
raises :class:`~conduit.errors.ConsoleGap` once, between the bytes before it and those after. So the stream stays a
stream of bytes for whoever pumps it, and a reader that has not thought of gaps stops in place of showing a screen with
a hole in it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import (
    ConsoleGap,
    RemoteProtocolError,
    StreamResetError,
)
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.resume import CHUNK, Gap, ResumableEnd
from conduit.tunnel.stream import TunnelStream

GRACE: Final = 30.0  # seconds that a stream waits for another tunnel
KEY: Final = "resume-key"  # metadata: 64 hexadecimal digits of entropy
AGAIN: Final = "resume-again"  # metadata: the session must exist already
BATCH: Final = 8 * CHUNK  # bytes handed to the tunnel at once
READ: Final = 256 << 10  # bytes that receive_some returns at most, when nobody says


class ResumableStream(trio.abc.HalfCloseableStream):
    """Bytes both ways, over one tunnel after the other. One task may send and another receive at the same time.

    ``trio.BrokenResourceError`` says that it is over: the peer ended it, or no tunnel came in time.
    """

    def __init__(self, end: ResumableEnd, kind: str, metadata: Mapping[str, str], patience: float) -> None:
        self.kind = kind
        "What the stream is for."
        self.metadata = metadata
        "What the opener said about it."
        self.attachments = 0
        "Tunnels that carried it so far, the present one included."
        self._end = end
        self._patience = patience
        self._closed = False
        self._failure: BaseException | None = None
        self._over = trio.Event()
        self._carrying = trio.CancelScope()
        self._turn = trio.Lock()  # of attachments
        self._tickets = 0  # handed out to those that want it; the last one wins
        self._stream: TunnelStream | None = None
        self._sending = self._receiving = False
        self._readers = trio.lowlevel.ParkingLot()
        self._writers = trio.lowlevel.ParkingLot()
        self._pump = trio.lowlevel.ParkingLot()
        self._greeted: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<ResumableStream {self.kind} after {self.attachments} tunnels>"

    @property
    def is_connected(self) -> bool:
        """Whether a tunnel carries it now."""
        return self._end.is_greeted

    @property
    def bytes_overwritten(self) -> int:
        """Bytes that overflowed while nobody was connected."""
        return self._end.overwritten

    # --- what users call ---

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; returns when they are all in the buffer from which they are sent, once or again.

        :raises trio.BrokenResourceError: the stream is over.
        :raises trio.ClosedResourceError: it was closed or ended here.
        """
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._check_sendable()
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            view = memoryview(data).cast("B")
            while view:
                self._check_sendable()
                taken = self._end.write(view)
                view = view[taken:]
                if taken:
                    self._pump.unpark_all()
                else:
                    await self._writers.park()
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: sending waits by itself."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._check_sendable()
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        """End our direction; the peer's goes on."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        if self._closed:
            raise trio.ClosedResourceError("the stream is closed")
        self._raise_failure()
        self._end.end()
        self._pump.unpark_all()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes from the peer, at least one; ``b""`` when its direction has ended.

        :raises ConsoleGap: bytes are lost between those before and those that follow.
        :raises trio.BrokenResourceError: the stream is over.
        :raises trio.ClosedResourceError: it was closed here.
        """
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this stream")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("the stream is closed")
                item = self._end.read(max_bytes or READ)
                if item is not None:
                    break
                self._raise_failure()
                await self._readers.park()
        finally:
            self._receiving = False
        if self._end.has_data_to_send:
            self._pump.unpark_all()
        if isinstance(item, Gap):
            raise ConsoleGap(item.bytes_lost)
        return item

    async def aclose(self) -> None:
        """Close; waits a little for the peer to have what was sent. Cancelled, it gives up what it has not."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        self._end.end()
        self._wake_all()
        try:
            with trio.move_on_after(self._patience):
                await self._wait_delivered()
                if self._stream is not None:
                    stream, self._stream = self._stream, None
                    await stream.aclose()
        finally:
            self.give_up(trio.ClosedResourceError("the stream is closed"))
        await trio.lowlevel.checkpoint()

    async def _wait_delivered(self) -> None:
        while not (self._end.is_delivered or self._failure or self._over.is_set()):
            await self._writers.park()
        if self._end.is_finished:  # then the peer has a last word to say, too
            await self._over.wait()

    def _check_sendable(self) -> None:
        if self._closed or self._end.has_ended:
            raise trio.ClosedResourceError("the stream was closed or ended here")
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise trio.BrokenResourceError(f"the stream is over: {self._failure}") from self._failure

    # --- what its owner calls ---

    def when_greeted(self, tell: Callable[[], None]) -> None:
        """Call *tell* whenever the peer has said how far it is."""
        self._greeted = tell

    def check(self) -> None:
        """:raises trio.BrokenResourceError: the stream is over."""
        self._raise_failure()

    def give_up(self, failure: BaseException, code: int = ErrorCode.CANCEL) -> None:
        """It is over: waiting calls raise, the peer learns *code*."""
        self.let_go(failure)
        if self._stream is not None:
            self._stream.reset(code)
        self._carrying.cancel()

    def let_go(self, failure: BaseException) -> None:
        """No tunnel will carry it any more; what has come can still be read."""
        self._failure = self._failure or failure
        self._over.set()
        self._wake_all()

    async def carry(self, stream: TunnelStream) -> bool:
        """Go on over *stream* until that ends; another attachment ends with it.

        :return: whether the peer closed it, or another attachment took over; False when it broke.
        :raises ConduitError: the peer broke the rules, or reset the stream.
        """
        self._carrying.cancel()
        self._tickets += 1
        ticket = self._tickets
        async with self._turn:
            if self._over.is_set() or ticket != self._tickets:
                stream.reset(ErrorCode.CANCEL)
                return True
            self._carrying = scope = trio.CancelScope()
            self._stream = stream
            self.attachments += 1
            self._end.attach()
            try:
                with scope:
                    return await self._pump_both(stream)
            finally:
                self._end.detach()
                self._stream = None
                self._wake_all()
                if not stream.is_closed:
                    stream.reset(ErrorCode.CANCEL)
        return True

    async def _pump_both(self, stream: TunnelStream) -> bool:
        try:
            async with open_background_nursery() as nursery:
                nursery.start_soon(self._pump_out, stream)
                await self._pump_in(stream)
            await stream.aclose()
        except trio.ClosedResourceError:  # by us
            return True
        except trio.BrokenResourceError as error:
            cause = error.__cause__
            if isinstance(cause, StreamResetError) and not cause.tunnel_lost:
                if cause.code == ErrorCode.NO_ERROR:
                    return True
                raise cause from None
            return False
        except RemoteProtocolError:
            stream.reset(ErrorCode.PROTOCOL_ERROR)
            raise
        return True

    async def _pump_in(self, stream: TunnelStream) -> None:
        end = self._end
        while data := await stream.receive_some():
            was_greeted = end.is_greeted
            end.receive_data(data)
            if end.is_greeted and not was_greeted:
                self._greeted()
            self._wake_all()

    async def _pump_out(self, stream: TunnelStream) -> None:
        end = self._end
        try:
            while not (end.is_finished and not end.has_data_to_send):
                if end.has_data_to_send:
                    await stream.send_all(end.data_to_send(BATCH))
                else:
                    await self._pump.park()
            await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # whoever receives says why

    def _wake_all(self) -> None:
        self._readers.unpark_all()
        self._writers.unpark_all()
        self._pump.unpark_all()
