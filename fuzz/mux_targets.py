"""Oracles for the tunnel's HTTP/2: frames, both ends of a mux, and the messages of its control stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import hpack

from conduit.errors import DecodeError, RemoteProtocolError
from conduit.tunnel.control import Drain, Hello, Notice, Refusal, Welcome, decode_message
from conduit.tunnel.frames import (
    END_HEADERS,
    END_STREAM,
    MAX_CONTROL,
    PADDED,
    PREFACE,
    FrameType,
    GoAway,
    decode_goaway,
    decode_increment,
    frame_header,
    ping,
    strip_padding,
    window_update,
)
from conduit.tunnel.framing import MessageReader, encode_message
from conduit.tunnel.mux import Mux
from conduit.tunnel.opening import decode_request, encode_request, encode_response
from conduit.tunnel.reader import FrameReader
from conduit.tunnel.streams import StreamOpened

Oracle = Callable[[bytes], None]
SMALL: Final = 64  # bytes that a message may have
SETTINGS: Final = frame_header(0, FrameType.SETTINGS, 0, 0)


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return frame_header(len(payload), kind, flags, stream_id) + payload


def _seeds() -> dict[str, list[bytes]]:
    encoder = hpack.Encoder()
    request = _frame(FrameType.HEADERS, END_HEADERS, 1, encoder.encode(encode_request("sol", {"host": "a"})))
    again = _frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 3, encoder.encode(encode_request("tcp", {})))
    response = _frame(FrameType.HEADERS, END_HEADERS, 1, hpack.Encoder().encode(encode_response()))
    data = _frame(FrameType.DATA, 0, 1, b"hello") + _frame(FrameType.DATA, PADDED | END_STREAM, 1, b"\x02hi\0\0")
    reset = _frame(FrameType.RST_STREAM, 0, 1, b"\0\0\0\x08")
    windows = _frame(FrameType.SETTINGS, 0, 0, b"\0\4\0\0\0\7") + window_update(0, 5) + window_update(1, 70_000)
    goaway = GoAway(1, 0, b"bye").encode()
    messages = [Hello(major=1, registration=b"x"), Welcome(minor=1), Refusal(reason="no"), Drain(milliseconds=9)]
    return {
        "tunnel_payloads": [b"\0\0\0\1\0\0\0\0bye", b"\0\0\0\1", b"\x01data\0"],
        "tunnel_frames": [SETTINGS + ping(b"12345678") + data, SETTINGS + request + windows],
        "tunnel_server": [request + data + windows, request + again + reset, request + ping(b"12345678") + goaway],
        "tunnel_client": [response + data, windows + response + reset, response + goaway],
        "tunnel_control": [*(message.encode() for message in messages), Notice(name="n", body=b"b").encode()],
        "tunnel_messages": [encode_message(b"one") + encode_message(b"") + encode_message(b"two")],
        "tunnel_request": [b":path\0/tunnel/v1/stream\0conduit-kind\0sol\0conduit-meta-host\0a"],
    }


MUX_SEEDS: Final[Mapping[str, list[bytes]]] = _seeds()


def payloads(data: bytes) -> None:
    """The payloads of single frames."""
    with suppress(DecodeError):
        goaway = decode_goaway(data)
        assert decode_goaway(goaway.encode()[9:]) == goaway
    with suppress(DecodeError):
        assert decode_increment(data) > 0
    with suppress(DecodeError):
        assert len(strip_padding(data)) < len(data)


class _Bytes:
    """Puts together again what the reader took apart."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.open: bytes | None = None

    def begin_data(self, stream_id: int, length: int, flags: int) -> None:
        self.open = b"" if length else None
        self.calls.append((stream_id, length, flags))

    def body(self, data: memoryview, *, last: bool) -> None:
        assert self.open is not None
        self.open += data
        if last:
            self.calls.append((self.open,))

    def whole_data(self, stream_id: int, data: memoryview) -> None:
        self.begin_data(stream_id, len(data), 0)
        self.body(data, last=True)

    def frame(self, frame: memoryview, kind: int, flags: int, stream_id: int) -> None:
        assert kind == FrameType.DATA or len(frame) <= MAX_CONTROL + 9
        self.calls.append((bytes(frame), kind, flags, stream_id))


def frames(data: bytes) -> None:
    """However the bytes are cut, the same frames come, or the same error."""

    def read(size: int) -> tuple[list[tuple[object, ...]], str]:
        heard = _Bytes()
        reader = FrameReader(heard)
        try:
            for at in range(0, len(data), size):
                reader.receive(memoryview(data[at : at + size]))
        except RemoteProtocolError as error:
            return heard.calls, str(error)
        return heard.calls, ""

    assert read(1) == read(max(len(data), 1)) == read(7)


def _sum_of(mux: Mux) -> int:
    return sum(stream.unread for stream in mux.streams.values())


def _settle(mux: Mux) -> None:
    """Whatever came, what is kept is within the budget, and nothing of it stays."""
    assert _sum_of(mux) <= mux.budget.granted <= mux.budget.total
    for stream in list(mux.streams.values()):
        mux.abandon(stream)
        mux.lose(stream)
    mux.data_to_send(1 << 20)
    assert mux.budget.granted == 0


def server(data: bytes) -> None:
    """What a client says; its preface and SETTINGS have come."""
    mux = Mux(client_side=False, now=0.0)
    mux.receive_data(PREFACE + SETTINGS, 0.0)
    gone = []
    with suppress(RemoteProtocolError):
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            for event in mux.receive_data(piece, 0.0):
                if isinstance(event, StreamOpened):
                    mux.answer(event.stream, encode_response())
                    gone.append(event.stream)
    for stream in gone:
        if stream.is_closed:
            mux.abandon(stream)
    _settle(mux)


def client(data: bytes) -> None:
    """What a server says to two streams; its SETTINGS have come."""
    mux = Mux(client_side=True, now=0.0)
    mux.receive_data(SETTINGS, 0.0)
    streams = [mux.open_stream(encode_request("sol", {})) for _ in range(2)]
    mux.send(streams[0], memoryview(bytes(100)))
    mux.end(streams[0])
    mux.data_to_send(1 << 20)
    with suppress(RemoteProtocolError):
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            mux.receive_data(piece, 0.0)
    for stream in streams:
        mux.abandon(stream)
    _settle(mux)


def control(data: bytes) -> None:
    """A control message survives being encoded again."""
    with suppress(DecodeError):
        message = decode_message(data)
        assert message is None or decode_message(message.encode()) == message


def messages(data: bytes) -> None:
    """However the bytes are cut, the same messages come."""

    def read(size: int) -> list[bytes] | None:
        reader = MessageReader(SMALL)
        try:
            return [one for at in range(0, len(data), size) for one in reader.receive(data[at : at + size])]
        except DecodeError:
            return None

    assert read(1) == read(max(len(data), 1))


def request(data: bytes) -> None:
    """Names and values with zeros between them; what opens a stream opens the same one again."""
    words = data.split(b"\0")
    with suppress(DecodeError):
        kind, metadata = decode_request(list(zip(words[::2], words[1::2], strict=False)))
        if sum(len(name) + 4 * len(value) + 45 for name, value in metadata.items()) < 12_000:
            assert decode_request(encode_request(kind, metadata)) == (kind, metadata)


MUX_TARGETS: Final[Mapping[str, Oracle]] = {
    "tunnel_payloads": payloads,
    "tunnel_frames": frames,
    "tunnel_server": server,
    "tunnel_client": client,
    "tunnel_control": control,
    "tunnel_messages": messages,
    "tunnel_request": request,
}
