"""One HTTP/2 connection as a set of streams: bytes in, events out, bytes out (RFC 9113).

The ``h2`` library keeps the state of streams, HPACK and SETTINGS. DATA, WINDOW_UPDATE, PING and GOAWAY are ours: DATA
because the stock path costs six times the CPU, the others because credit, liveness and drain need them at first hand.
Of DATA ``h2`` sees an empty frame where a stream ends, and no more.

Who does what: :mod:`~conduit.tunnel.reader` splits bytes into frames, :mod:`~conduit.tunnel.receiving` acts on them,
:mod:`~conduit.tunnel.http2` wraps ``h2``, :mod:`~conduit.tunnel.flow` counts credit, :mod:`~conduit.tunnel.scheduler`
chooses who sends, and here is what the owner may do.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from conduit.errors import DrainingError, LocalProtocolError
from conduit.tunnel.flow import DEFAULT_BUDGET, FIRST_WINDOW, Budget
from conduit.tunnel.frames import ErrorCode, GoAway, ping
from conduit.tunnel.receiving import Receiver
from conduit.tunnel.scheduler import JOIN, Buffer
from conduit.tunnel.streams import LOST, Headers, MuxStream

MAX_STREAMS: Final = DEFAULT_BUDGET // FIRST_WINDOW  # at the same time, by default: what the budget has room for


class Mux(Receiver):
    """Either side of the connection; a :class:`~conduit._machine.StreamMachine`.

    :param client_side: whether we are the HTTP/2 client, who opens streams: the Gateway, although the Agent dialled.
    :param now: the caller's monotonic clock, in seconds.
    :param budget: what all streams together may make us store.
    :param max_streams: streams that the peer may have open at the same time; those beyond are refused.
    """

    def __init__(
        self, *, client_side: bool, now: float, budget: Budget | None = None, max_streams: int = MAX_STREAMS
    ) -> None:
        super().__init__(client_side=client_side, now=now, budget=budget, max_streams=max_streams)
        self._leaving = False
        self._probed = 0  # PINGs

    # --- what the owner does ---

    def open_stream(self, headers: Headers, *, interactive: bool = False) -> MuxStream:
        """Open a stream; its headers leave with the next bytes.

        :raises DrainingError: one of the ends is leaving.
        :raises LocalProtocolError: we are the side that does not open streams, or there may be no more.
        """
        if not self._client_side:
            raise LocalProtocolError("the side that dialled does not open streams")
        if self.is_draining or self._http2.is_over:
            raise DrainingError("the tunnel is closing and takes no new streams: try another")
        if not self.budget.take(FIRST_WINDOW):
            raise LocalProtocolError("the tunnel's memory budget is spent: close streams, or give it a larger one")
        try:
            stream_id = self._http2.open(headers, len(self.streams))
        except LocalProtocolError:
            self.budget.give_back(FIRST_WINDOW)
            raise
        opening = self._http2.data_to_send()
        self._control += opening
        self._openings += len(opening)
        stream = self._add_stream(stream_id)
        stream.interactive = interactive
        return stream

    def answer(self, stream: MuxStream, headers: Headers) -> None:
        """Accept a stream that the peer opened.

        :raises LocalProtocolError: it is ours, or was accepted before.
        """
        if stream.headers_sent:
            raise LocalProtocolError("the stream was answered before, or is not the peer's")
        stream.headers_sent = True
        if not stream.is_closed:
            self._http2.answer(stream.stream_id, headers)
            self._control += self._http2.data_to_send()

    def send(self, stream: MuxStream, data: memoryview) -> None:
        """Queue bytes; they are not copied, and must not change until :meth:`data_to_send` has taken the last of them.

        :raises LocalProtocolError: the stream was ended or reset, or not answered.
        """
        if stream.ending or stream.reset_code is not None or not stream.headers_sent:
            raise LocalProtocolError("the stream takes no more data, or was not answered")
        if not data:
            return
        if stream.outbound is None:
            stream.outbound = deque()
        stream.outbound.append(data)
        stream.pending += len(data)
        self._scheduler.add(stream)

    def send_now(self, stream: MuxStream, data: memoryview) -> bytes | None:
        """The bytes to send at once, before anything else; None when :meth:`send` has to do it.

        That is so when anything waits to be sent, or *data* does not fit into a small frame.
        """
        if self._control or stream.pending or stream.ending or stream.reset_code is not None or not stream.headers_sent:
            return None
        return self._scheduler.frame_now(stream, data) if data else None

    def send_soon(self, stream: MuxStream, data: memoryview) -> bool:
        """Queue a copy of a small message, if nothing of its stream waits and it has credit; whether it was."""
        if stream.pending or stream.ending or stream.reset_code is not None or not stream.headers_sent:
            return False
        if not 0 < len(data) <= min(JOIN, stream.send_window):
            return False
        self.send(stream, memoryview(bytes(data)))
        return True

    def unsend(self, stream: MuxStream) -> int:
        """Take back what has not left; the number of bytes."""
        taken, stream.pending = stream.pending, 0
        stream.outbound = None
        self._scheduler.add(stream)  # its end needs no credit
        return taken

    def end(self, stream: MuxStream) -> None:
        """End our direction, after what is queued.

        :raises LocalProtocolError: the stream was not answered.
        """
        if not stream.headers_sent:
            raise LocalProtocolError("the stream was not answered")
        if not stream.ending and stream.reset_code is None:
            stream.ending = True
            self._scheduler.add(stream)

    def reset(self, stream: MuxStream, code: int) -> None:
        """End both directions now; what is queued, and what was not read, is lost."""
        if not stream.is_closed:
            self._control += self._reset(stream, code)

    def abandon(self, stream: MuxStream) -> None:
        """End our direction, after what is queued, and take nothing more; the peer reads to the end."""
        stream.abandoned = True
        self._discard(stream)
        if stream.is_closed:
            return
        if not stream.headers_sent:
            self.reset(stream, ErrorCode.CANCEL)
        elif stream.local_ended:
            self.reset(stream, ErrorCode.NO_ERROR)
        else:
            self.end(stream)

    def lose(self, stream: MuxStream) -> None:
        """The connection is gone, and the stream with it."""
        if not stream.is_closed:
            self._drop(stream, LOST, by_peer=False)

    def take(self, stream: MuxStream, most: int, now: float) -> bytes:
        """Received bytes, *most* at most; gives credit for them back to the peer."""
        chunks = stream.chunks
        if not chunks:
            return b""
        chunk = chunks[0]
        if len(chunk) > most:
            chunk = memoryview(chunk)
            chunks[0], chunk = chunk[most:], chunk[:most]
        else:
            chunks.popleft()
        taken = bytes(chunk)  # no copy, if it is bytes
        stream.unread -= len(taken)
        self._credit(stream, len(taken), now)
        return taken

    def go_away(self, code: int = ErrorCode.NO_ERROR, debug: bytes = b"", *, last_stream_id: int | None = None) -> None:
        """Say that we take no new streams above *last_stream_id*; those that are open go on.

        To drain without losing streams that are on their way, say 2^31-1 first, and the default a round trip later.

        :param last_stream_id: by default the last that the peer opened. It cannot grow again.
        """
        last = (0 if self._client_side else self._highest) if last_stream_id is None else last_stream_id
        self._leaving = True
        self._last_taken = last = min(last, self._last_taken)
        self._control += GoAway(last, code, debug).encode()

    @property
    def is_draining(self) -> bool:
        """Whether either end has said that it takes no new streams."""
        return self.going is not None or self._leaving

    def probe(self) -> bytes:
        """Send a PING; its opaque bytes come back as :class:`PingAnswered` when the peer has read up to it."""
        self._probed += 1
        opaque = b"\xff" + self._probed.to_bytes(7, "big")  # no time is that late
        self._probes.add(opaque)
        self._control += ping(opaque)
        return opaque

    def next_deadline(self) -> float:
        """When to call :meth:`handle_deadline`."""
        return self.liveness.next_deadline()

    def handle_deadline(self, now: float) -> bool:
        """Ask the peer for a sign of life if it is time to; False when it is dead."""
        if self.liveness.is_dead(now):
            return False
        opaque = self.liveness.handle_deadline(now)
        if opaque is not None:
            self._control += ping(opaque)
        return True

    # --- sending ---

    @property
    def has_data_to_send(self) -> bool:
        """Whether :meth:`data_to_send` would return anything."""
        return bool(self._control) or self._scheduler.has_work

    def data_to_send(self, limit: int) -> list[Buffer]:
        """Bytes to send now, in order: about *limit* of them."""
        out: list[Buffer] = []
        if self._control:
            out.append(bytes(self._control))
            self._control.clear()
            self._openings = 0
        if self._scheduler.has_work:
            out += self._scheduler.take(limit)
        return out

    def emptied(self) -> list[MuxStream]:
        """Streams whose last byte was taken by :meth:`data_to_send`; each is handed out once."""
        emptied = self._scheduler.emptied
        if emptied:
            self._scheduler.emptied = []
        return emptied
