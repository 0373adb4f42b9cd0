"""The half of HTTP/2 that the ``h2`` library does for us: the states of streams, HPACK and SETTINGS.

Only its public names are used. It sees neither DATA nor flow control, except an empty frame where a stream ends. Its
exceptions end here: what the peer did is a :class:`~conduit.tunnel.frames.Violation`, what our caller did a
:class:`~conduit.errors.LocalProtocolError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hpack

from conduit.errors import LocalProtocolError
from conduit.tunnel.flow import FIRST_WINDOW
from conduit.tunnel.frames import END_STREAM, MAX_CONTROL, MAX_DATA, PREFACE, FrameType, Violation, frame_header
from conduit.tunnel.streams import Headers

MAX_HEADERS: Final = 16 << 10  # bytes of all headers of a stream, uncompressed (SETTINGS_MAX_HEADER_LIST_SIZE)
MAX_TABLE: Final = 4096  # bytes of the HPACK table, both ways (SETTINGS_HEADER_TABLE_SIZE)
_PRUNE: Final = 256  # streams closed until h2 is made to forget them
_CODES: Final = h2.settings.SettingCodes


class _Decoder(hpack.Decoder):
    """Leaves content-length out: ``h2`` would compare it with the DATA that it does not see."""

    def decode(self, data: bytes, raw: bool = False) -> Iterable[hpack.HeaderTuple]:
        return [header for header in super().decode(data, raw) if header[0] != b"content-length"]


class _Encoder(hpack.Encoder):
    """Keeps its table small, however large a one the peer offers to keep."""

    @property
    def header_table_size(self) -> int:
        """Bytes."""
        return super().header_table_size

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        hpack.Encoder.header_table_size.__set__(self, min(value, MAX_TABLE))  # type: ignore[attr-defined]  # a property


class _Connection(h2.connection.H2Connection):
    """Counts open streams as we do: the library's own count walks all of them for each stream that is opened.

    It would end the connection when the peer opens too many; we refuse the stream, so we tell it that none is open.
    """

    open_here = 0

    @property
    def open_outbound_streams(self) -> int:
        """Streams that we opened."""
        return self.open_here

    @property
    def open_inbound_streams(self) -> int:
        """Streams that the peer opened, as far as the library has to know."""
        return 0

    def forget_closed(self) -> None:
        """Drop what the library keeps of closed streams: its own way of counting does that."""
        super().open_outbound_streams  # noqa: B018


class Http2:
    """``h2`` for one connection: frames in, its events out, and the bytes that it wants sent."""

    def __init__(self, *, client_side: bool, max_streams: int) -> None:
        config = h2.config.H2Configuration(
            client_side=client_side, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = _Connection(config)
        self._h2.local_settings = h2.settings.Settings(
            client=client_side,
            initial_values={
                _CODES.MAX_CONCURRENT_STREAMS: max_streams,
                _CODES.INITIAL_WINDOW_SIZE: FIRST_WINDOW,
                _CODES.MAX_FRAME_SIZE: MAX_DATA,
                _CODES.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
                **({_CODES.ENABLE_PUSH: 0} if client_side else {}),
            },
        )
        self._h2.max_inbound_frame_size = MAX_CONTROL
        self._h2.decoder = _Decoder()
        self._h2.decoder.max_header_list_size = MAX_HEADERS
        self._h2.encoder = _Encoder()
        self.is_over = False
        "Whether the peer broke a rule: nothing more is done."
        self._closed = 0  # since h2 was last made to forget
        self._h2.initiate_connection()
        if not client_side:
            self._h2.receive_data(PREFACE)  # the frame reader checks the peer's

    def receive(self, data: bytes) -> list[h2.events.Event]:
        """Take a frame.

        :raises Violation: the peer broke a rule.
        """
        try:
            return self._h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            raise Violation(str(error), error.error_code) from error

    def receive_end(self, stream_id: int) -> list[h2.events.Event]:
        """DATA ends a stream.

        :raises Violation: the stream cannot end here.
        """
        return self.receive(frame_header(0, FrameType.DATA, END_STREAM, stream_id))

    def open(self, headers: Headers, open_streams: int) -> int:
        """Send a request; the ID of its stream.

        :param open_streams: how many of ours are open.
        :raises LocalProtocolError: the peer takes no more, or no ID is left: dial anew.
        """
        self._h2.open_here = open_streams
        try:
            stream_id = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream_id, headers)
        except h2.exceptions.NoAvailableStreamIDError as error:
            raise LocalProtocolError("the tunnel has used up its stream IDs: dial anew") from error
        except h2.exceptions.TooManyStreamsError as error:
            raise LocalProtocolError(f"the peer takes no more streams than the {open_streams} that are open") from error
        return stream_id

    def answer(self, stream_id: int, headers: Headers) -> None:
        """Send the headers that answer a request."""
        if self.is_over:
            return
        self._h2.send_headers(stream_id, headers)

    def end(self, stream_id: int) -> bytes:
        """End our direction of a stream; the frame that says so."""
        if self.is_over:
            return b""
        self._h2.end_stream(stream_id)
        return self._h2.data_to_send()

    def reset(self, stream_id: int, code: int) -> None:
        """End a stream at once."""
        if not self.is_over:
            self._h2.reset_stream(stream_id, code)

    def forget(self) -> None:
        """A stream has closed: now and then the library is made to drop those."""
        self._closed += 1
        if self._closed >= _PRUNE:
            self._closed = 0
            self._h2.forget_closed()

    def data_to_send(self) -> bytes:
        """Frames that wait to be sent; each is handed out once."""
        return b"" if self.is_over else self._h2.data_to_send()
