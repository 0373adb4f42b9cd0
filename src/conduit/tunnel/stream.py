"""A stream of a tunnel, as its users see it."""

from __future__ import annotations

import math
import operator
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

import trio

from conduit.errors import StreamResetError
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import decode_response, encode_response
from conduit.tunnel.reading import Reading
from conduit.tunnel.streams import DEADLINE, WIRE_CODE, Headers, MuxStream
from conduit.tunnel.writing import Writing

CHUNK: Final = 1 << 20  # bytes that receive_some returns at most, when nobody says


class Carriage(Protocol):
    """What a stream needs of its tunnel."""

    mux: Mux
    reading: Reading
    writing: Writing


class TunnelStream(trio.abc.HalfCloseableStream):
    """Bytes both ways. One task may send and another receive at the same time.

    A reset raises ``trio.BrokenResourceError`` from :class:`~conduit.errors.StreamResetError`, which has the code.
    """

    __slots__ = (
        "_answer",
        "_answer_wanted",
        "_answers",
        "_bound",
        "_carriage",
        "_closed",
        "_reads",
        "_stream",
        "_waiting_reader",
        "_waiting_sender",
        "accepts_on_receive",
        "deadline",
        "is_patient",
        "kind",
        "metadata",
    )

    def __init__(
        self,
        carriage: Carriage,
        stream: MuxStream,
        kind: str,
        metadata: Mapping[str, str],
        *,
        is_ours: bool = True,
    ) -> None:
        self._carriage = carriage
        self._stream = stream
        self._answers = not is_ours  # whether our answer is due
        self._answer: Mapping[str, str] | None = None
        self._answer_wanted: trio.Event | None = None
        self._bound: trio.CancelScope | None = None
        self.accepts_on_receive = True
        "Whether waiting for bytes accepts the stream; otherwise the first bytes that are sent do."
        self.is_patient = False
        "Whether a few milliseconds more do not matter to who waits for its bytes."
        self.deadline = math.inf
        "When both ends reset it, on Trio's clock."
        stream.owner = self
        self.kind = kind
        "What the stream is for, such as ``sol``."
        self.metadata = metadata
        "What the opener said about it."
        self._closed = False
        self._reads = False  # the task that receives is the one that reads the tunnel
        self._waiting_reader: trio.lowlevel.Task | None = None
        self._waiting_sender: trio.lowlevel.Task | None = None

    def __repr__(self) -> str:
        return f"<TunnelStream {self._stream.stream_id} {self.kind}>"

    @property
    def stream_id(self) -> int:
        """The HTTP/2 stream's ID."""
        return self._stream.stream_id

    @property
    def machine(self) -> MuxStream:
        """The stream as the machine keeps it, for the tunnel."""
        return self._stream

    @property
    def reset_code(self) -> int | None:
        """Why it was reset, by either side, as an HTTP/2 error code; None while it was not."""
        code = self._stream.reset_code
        return None if code is None else code & WIRE_CODE

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`aclose` was called, or there is nothing left to close."""
        return self._closed or self._stream.is_closed

    # --- acceptance ---

    def accept(self, metadata: Mapping[str, str] | None = None) -> None:
        """Tell the opener that its stream is accepted. The first use of the stream does it too.

        :param metadata: what the opener should know.
        :raises LocalProtocolError: *metadata* cannot travel.
        """
        if self._answers:
            self._give_answer(metadata)
            self._carriage.writing.flush()

    def _give_answer(self, metadata: Mapping[str, str] | None = None) -> None:
        headers = encode_response(metadata)
        self._answers = False
        self._carriage.mux.answer(self._stream, headers)

    def refuse(self) -> None:
        """Tell the opener that nothing was done: it may try again, here or elsewhere."""
        self.reset(ErrorCode.REFUSED_STREAM)

    async def accepted(self) -> Mapping[str, str]:
        """Wait until the peer has accepted a stream of ours; what it says about it.

        :raises trio.BrokenResourceError: it refused, or the stream was reset, or the tunnel is gone.
        :raises trio.ClosedResourceError: it was closed here.
        """
        while self._answer is None:
            if self._closed:
                raise trio.ClosedResourceError("the stream is closed")
            self._raise_if_reset()
            if self._answer_wanted is None:
                self._answer_wanted = trio.Event()
            self._carriage.reading.enter()
            try:
                await self._answer_wanted.wait()
            finally:
                self._carriage.reading.leave()
        await trio.lowlevel.checkpoint()
        return self._answer

    def note_answer(self, headers: Headers) -> None:
        """What the tunnel calls when the peer's answer came.

        :raises DecodeError: it makes no sense.
        """
        self._answer = decode_response(headers)
        self._wake_opener()

    def _wake_opener(self) -> None:
        if self._answer_wanted is not None:
            self._answer_wanted.set()
            self._answer_wanted = None

    @contextmanager
    def cancelled_by_reset(self) -> Iterator[trio.CancelScope]:
        """A block that is cancelled when the stream is reset, by either side, its deadline or the tunnel's end."""
        with trio.CancelScope() as scope:
            self._bound = scope
            if self._stream.reset_code is not None:
                scope.cancel()
            try:
                yield scope
            finally:
                self._bound = None

    # --- sending ---

    async def send_last(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes and end our direction, in one go; otherwise like :meth:`send_all`."""
        await self.send_all(data, ends=True)

    async def send_all(self, data: bytes | bytearray | memoryview, *, ends: bool = False) -> None:
        """Send bytes; returns when the last has left for the network.

        :param ends: whether our direction ends with them.
        :raises trio.BrokenResourceError: the stream was reset, or the tunnel is gone.
        :raises trio.ClosedResourceError: it was closed or ended here.
        """
        if self._waiting_sender is not None:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._check_sendable()
        due = self._answers
        if due:
            self._give_answer()
        view = memoryview(data)
        if view.format != "B":
            view = view.cast("B")
        if not (ends or due) and self._carriage.writing.send_now(self._stream, view):
            await trio.lowlevel.checkpoint()
            return
        if view:
            self._carriage.mux.send(self._stream, view)
        if ends:
            self._carriage.mux.end(self._stream)
        self._carriage.writing.flush()
        if not self._stream.pending:
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._park_sender()
        except trio.Cancelled:
            self._carriage.mux.unsend(self._stream)
            raise
        self._check_sent()

    async def wait_send_all_might_not_block(self) -> None:
        """Return when nothing waits to be sent, which is always unless another task is sending."""
        if self._waiting_sender is not None:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._check_sendable()
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        """End our direction; the peer's goes on."""
        if self._waiting_sender is not None:
            raise trio.BusyResourceError("another task is sending on this stream")
        if self._closed:
            raise trio.ClosedResourceError("the stream is closed")
        self._raise_if_reset()
        if self._answers:
            self._give_answer()
        self._carriage.mux.end(self._stream)
        self._carriage.writing.flush()
        await trio.lowlevel.checkpoint()

    def _check_sendable(self) -> None:
        stream = self._stream
        if self._closed or stream.ending or (stream.local_ended and stream.reset_code is None):
            raise trio.ClosedResourceError("the stream was closed or ended here")
        self._raise_if_reset()

    def _check_sent(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the stream was closed by another task")
        self._raise_if_reset()

    # --- receiving ---

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes from the peer, at least one; ``b""`` when its direction has ended.

        :raises trio.BrokenResourceError: the stream was reset, or the tunnel is gone.
        :raises trio.ClosedResourceError: it was closed here.
        """
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._waiting_reader is not None or self._reads:
            raise trio.BusyResourceError("another task is receiving from this stream")
        if self._closed:
            raise trio.ClosedResourceError("the stream is closed")
        if self._answers and self.accepts_on_receive:
            self.accept()
        stream = self._stream
        if stream.chunks or stream.remote_ended or stream.reset_code is not None:
            await trio.lowlevel.checkpoint()
        else:
            await self._wait_for_bytes()
        if self._closed:
            raise trio.ClosedResourceError("the stream was closed by another task")
        if stream.chunks:
            mux = self._carriage.mux
            data = mux.take(stream, max_bytes or CHUNK, trio.current_time())
            if mux.has_data_to_send:
                self._carriage.writing.flush()
            return data
        if stream.remote_ended:
            return b""
        self._raise_if_reset()
        raise trio.BrokenResourceError("the tunnel is gone")

    def deliver_to(self, taker: Callable[[memoryview], int] | None) -> None:
        """Have received bytes taken at once by the task that reads the tunnel; :meth:`receive_some` has the rest.

        :param taker: returns how many bytes it took, and never waits or raises; None to end it.
        """
        self._stream.direct = taker

    def _raise_if_reset(self) -> None:
        stream = self._stream
        code = stream.reset_code
        if code is not None:
            if code == ErrorCode.CANCEL and stream.reset_by_peer and trio.current_time() >= self.deadline:
                code = DEADLINE  # the peer's clock was faster than our task
            error = StreamResetError(code, by_peer=stream.reset_by_peer)
            raise trio.BrokenResourceError(str(error)) from error

    # --- ending ---

    def reset(self, code: int = ErrorCode.CANCEL) -> None:
        """End both directions at once; the peer learns *code*."""
        self._answers = False
        self._carriage.mux.reset(self._stream, code)
        self._carriage.writing.flush()
        self.wake()

    async def aclose(self) -> None:
        """Close: the peer reads to the end of what was sent, and can send no more."""
        if not self._closed:
            self._closed = True
            if self._answers:
                self._give_answer()
            self._carriage.mux.abandon(self._stream)
            self._carriage.writing.flush()
            self.wake()
        await trio.lowlevel.checkpoint()

    # --- waiting ---

    def wake(self) -> None:
        """What the tunnel calls when something about the stream has changed; never blocks."""
        if self._closed or self._stream.reset_code is not None:
            self._wake_opener()
            if self._bound is not None and self._stream.reset_code is not None:
                self._bound.cancel()
        reader = self._waiting_reader
        if reader is not None:
            self._waiting_reader = None
            if not self.is_patient:
                self._carriage.reading.leave(served=True)
            trio.lowlevel.reschedule(reader)
        elif self._reads:
            self._carriage.reading.interrupt()
        stream = self._stream
        sender = self._waiting_sender
        if sender is not None and (not stream.pending or stream.reset_code is not None or self._closed):
            self._release(sender)

    def wake_sender(self) -> None:
        """What the tunnel calls when the last byte has left."""
        sender = self._waiting_sender
        if sender is not None:
            self._release(sender)

    def _release(self, sender: trio.lowlevel.Task) -> None:
        self._waiting_sender = None
        self._carriage.reading.leave()
        trio.lowlevel.reschedule(sender)

    @property
    def is_served(self) -> bool:
        """Whether who receives has nothing to wait for."""
        stream = self._stream
        return bool(stream.chunks) or stream.remote_ended or stream.reset_code is not None or self._closed

    def _wait_for_bytes(self) -> Awaitable[None]:
        """Read the tunnel, when nobody else does, or have its resident do it. No coroutine: one less on the way."""
        if self._carriage.reading.has_room and not self.is_patient:
            return self._read()
        return self._park_reader()

    async def _read(self) -> None:
        """Read the tunnel in its resident's place, while there are no bytes for us."""
        self._reads = True
        try:
            await self._carriage.reading.read_for(self)
        finally:
            self._reads = False
        if not self.is_served:  # the tunnel has failed, and says so soon
            await self._park_reader()

    async def _park_reader(self) -> None:
        self._waiting_reader = trio.lowlevel.current_task()
        is_patient, reading = self.is_patient, self._carriage.reading
        if not is_patient:
            reading.enter()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting_reader = None
            if not is_patient:
                reading.leave()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _park_sender(self) -> None:
        self._waiting_sender = trio.lowlevel.current_task()
        reading = self._carriage.reading
        reading.enter()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting_sender = None
            reading.leave()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
