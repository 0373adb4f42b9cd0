"""The side of a tunnel that writes: at once, as far as the carrier takes it, and the rest when it takes bytes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import trio

from conduit.errors import PeerTimeoutError, TransportError
from conduit.tunnel.mux import Mux
from conduit.tunnel.streams import MuxStream
from conduit.tunnel.tls import TlsPipe

BATCH: Final = 256 << 10  # bytes encrypted before they are sent; what is urgent waits for no more
TURN: Final = 1 << 20  # bytes sent in one go before other tasks get a turn
HELD: Final = 32  # answers that are sent together: the peer works on them while we make the next
STALLED: Final = 60.0  # seconds in which a peer that sends must also take something


class Sender(Protocol):
    """Whoever owns a stream of the machine."""

    def wake_sender(self) -> None:
        """The last byte has left."""
        ...


class Writing:
    """What one tunnel sends.

    :param fail: told why nothing can be sent any more.
    """

    def __init__(self, pipe: TlsPipe, mux: Mux, fail: Callable[[TransportError], None]) -> None:
        self._pipe = pipe
        self._mux = mux
        self._fail = fail
        self._blocked = False  # the carrier takes no more for now
        self._writable_needed = trio.Event()
        self._corked = False
        self._held = 0  # flushes that were asked for while corked
        self._is_over = False

    def flush(self) -> None:
        """Send what there is to send, as far as the carrier takes it now."""
        if self._blocked or self._is_over:
            return
        if self._corked:
            self._held += 1
            if self._held < HELD:
                return
            self._held = 0
        try:
            self._flush()
        except TransportError as error:
            self._fail(error)

    def send_now(self, stream: MuxStream, data: memoryview) -> bool:
        """Send a small message past all queues, or with the others of a burst; whether that was possible.

        It is copied, and nobody has to wait until it has left.
        """
        if self._blocked or self._is_over:
            return False
        if self._corked:
            held = self._mux.send_soon(stream, data)
            if held:
                self.flush()
            return held
        frame = self._mux.send_now(stream, data)
        if frame is None:
            return False
        try:
            self._pipe.write_small(frame)
            if not self._pipe.flush():
                self._block()
        except TransportError as error:
            self._fail(error)
        return True

    async def join(self) -> None:
        """Have what several tasks, just woken, are about to send leave together, and flush."""
        self._corked = True
        try:  # they run before the second checkpoint ends
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        finally:  # also when a guest is cancelled: what they have sent is not its own
            self._corked = False
            self.flush()

    def stop(self) -> None:
        """Nothing is sent any more; but for :meth:`send_last`."""
        self._is_over = True

    def send_last(self) -> None:
        """Send what the carrier takes, and that nothing follows."""
        try:
            self._pipe.write(self._mux.data_to_send(BATCH))
            self._pipe.end()
        except TransportError:
            pass

    def _flush(self) -> None:
        mux, pipe = self._mux, self._pipe
        turn = TURN
        while mux.has_data_to_send:
            if turn <= 0 or not self._send_batch(mux, pipe):
                self._block()
                return
            turn -= BATCH

    def _block(self) -> None:
        self._blocked = True
        self._writable_needed.set()

    def _send_batch(self, mux: Mux, pipe: TlsPipe) -> bool:
        """Send some; whether the carrier took all of it."""
        pipe.write(mux.data_to_send(BATCH))
        for stream in mux.emptied():
            owner: Sender | None = stream.owner
            if owner is not None:
                owner.wake_sender()
        return pipe.flush()

    async def run(self) -> None:
        """A task's work, without end: go on when the carrier takes bytes again.

        :raises PeerTimeoutError: it has taken none for a long time.
        :raises TransportError: the connection broke.
        """
        while True:
            await self._writable_needed.wait()
            self._writable_needed = trio.Event()
            give_up = trio.current_time() + STALLED
            while self._blocked:
                with trio.move_on_at(give_up) as patience:
                    await self._pipe.carrier.wait_writable()
                if patience.cancelled_caught:
                    raise PeerTimeoutError(f"{self._pipe.carrier.peer} has taken nothing for {STALLED:g} s")
                before = self._pipe.sent
                if self._pipe.flush():
                    self._blocked = False
                    self._flush()
                if self._pipe.sent != before:  # it may have been woken for nothing
                    give_up = trio.current_time() + STALLED

    async def keep_alive(self) -> None:
        """A task's work, without end: ask the peer for a sign of life when it is time to.

        :raises PeerTimeoutError: it has given none for too long.
        """
        mux = self._mux
        while True:
            await trio.sleep_until(mux.next_deadline())
            if not mux.handle_deadline(trio.current_time()):
                peer = self._pipe.carrier.peer
                raise PeerTimeoutError(f"{peer} has been silent for {mux.liveness.dead_after:g} s")
            self.flush()
