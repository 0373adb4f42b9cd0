"""Oracles for what carries a tunnel: heads of HTTP/1.1, WebSockets and their frames, URLs and lists of hosts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.tunnel.proxy_choice import ProxyUrl, is_excepted
from conduit.websocket.addresses import show_address
from conduit.websocket.frames import (
    Close,
    CloseCode,
    FrameReader,
    Opcode,
    Ping,
    encode_close,
    encode_frame,
)
from conduit.websocket.handshake import (
    RequestRefused,
    WebSocketUrl,
    answer_request,
    check_response,
    encode_request,
)
from conduit.websocket.http_head import MAX_HEAD, HeadReader, RequestHead, ResponseHead, encode_head

Oracle = Callable[[bytes], None]
KEY: Final = bytes(range(16))
MASK: Final = b"\x37\xfa\x21\x3d"
END: Final = b"\r\n\r\n"
URL: Final = WebSocketUrl("gateway.example", 443, "/tunnel?site=7", secure=True)
REQUEST: Final = encode_request(URL, KEY)
AGREED: Final = answer_request(REQUEST.removesuffix(END))


def _frames(key: bytes | None) -> list[bytes]:
    def frame(opcode: Opcode, payload: bytes) -> bytes:
        return b"".join(encode_frame(opcode, payload, key))

    close = frame(Opcode.CLOSE, encode_close(CloseCode.NORMAL))
    first = bytearray(frame(Opcode.BINARY, b"hel"))
    first[0] &= 0x7F
    in_parts = bytes(first) + frame(Opcode.PING, b"between") + frame(Opcode.CONTINUATION, b"lo")
    return [frame(Opcode.BINARY, b"hello") + close, in_parts, frame(Opcode.BINARY, bytes(130)), frame(Opcode.PONG, b"")]


CARRIER_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "http_head": [REQUEST + b"\x81\x00", AGREED + b"rest", encode_head("HTTP/1.1 200 OK", {})],
    "http_response": [AGREED.removesuffix(END), b'HTTP/1.0 407 Who\r\nProxy-Authenticate: Basic realm="a"\r\nVia:\tx '],
    "http_request": [REQUEST.removesuffix(END), b"CONNECT gateway.example:7443 HTTP/1.1\r\nHost: gateway.example:7443"],
    "websocket_request": [REQUEST.removesuffix(END)],
    "websocket_response": [AGREED.removesuffix(END)],
    "websocket_frames": _frames(None),
    "websocket_masked_frames": _frames(MASK),
    "carrier_urls": [
        b"http://user:geheim@proxy.example:3128",
        b"https://[2001:db8::1]:443/",
        b"wss://gateway.example:7443/path?query",
        b"gateway.example,.example,10.0.0.0/8 [::1]:7443,*",
    ],
}


def http_head(data: bytes) -> None:
    """However the bytes are cut, the same head is found, and what follows it; none is longer than allowed."""

    def read(size: int) -> tuple[bytes, bytes] | None:
        reader = HeadReader()
        with suppress(DecodeError):
            for at in range(0, len(data), size):
                head = reader.receive_data(data[at : at + size])
                if head is not None:
                    return head, reader.rest + data[at + size :]
        return None

    whole = read(max(len(data), 1))
    assert read(1) == read(7) == whole
    if whole is not None:
        assert len(whole[0]) <= MAX_HEAD
        assert whole[0] + END + whole[1] == data


def http_response(data: bytes) -> None:
    """A status is a number of three digits, and no field holds a line of its own."""
    with suppress(DecodeError):
        found = ResponseHead.decode(data)
        assert 100 <= found.status <= 999
        assert not any("\n" in value or "\r" in value for _, value in found.fields.items)


def http_request(data: bytes) -> None:
    """What is asked for has no white space in it, and no field holds a line of its own."""
    with suppress(DecodeError):
        found = RequestHead.decode(data)
        assert found.target.split() == [found.target]
        assert not any("\n" in value or "\r" in value for _, value in found.fields.items)


def websocket_request(data: bytes) -> None:
    """Who asks is answered: with what a client of that key takes, or with a refusal in HTTP."""
    try:
        answer = answer_request(data)
    except RemoteProtocolError as error:
        refusal = error.answer if isinstance(error, RequestRefused) else b""
    else:
        refusal = b""
        key = RequestHead.decode(data).fields.get("sec-websocket-key")
        check_response(answer.removesuffix(END), base64.b64decode(key))
    assert not refusal or ResponseHead.decode(refusal.removesuffix(END)).status in (400, 405, 426)


def websocket_response(data: bytes) -> None:
    """Only an answer to our key is one."""
    with suppress(RemoteProtocolError):
        check_response(data, KEY)
        assert b"101" in data
        assert AGREED.partition(b"Accept: ")[2][:28] in data


def _read_frames(data: bytes, size: int, *, masked: bool) -> tuple[bytes, list[Ping | Close], bool]:
    """The stream, what was told, and whether the peer kept to the rules."""
    reader = FrameReader(masked=masked)
    stream, told = bytearray(), list[Ping | Close]()
    try:
        for at in range(0, len(data), size):
            pieces, more = reader.receive_data(memoryview(data[at : at + size]))
            for piece in pieces:
                stream += piece
            told += more
    except DecodeError:
        return b"", [], False  # what came before the offence depends on how the bytes were cut
    return bytes(stream), told, True


def _websocket_frames(*, masked: bool) -> Oracle:
    def frames(data: bytes) -> None:
        """However the bytes are cut, the same stream comes, and never more than was sent."""
        whole = _read_frames(data, max(len(data), 1), masked=masked)
        assert _read_frames(data, 1, masked=masked) == _read_frames(data, 7, masked=masked) == whole
        stream, told, _ = whole
        assert len(stream) + 2 * len(told) <= len(data)
        assert sum(isinstance(one, Close) for one in told) <= 1

    return frames


def carrier_urls(data: bytes) -> None:
    """What people write is a URL, or an error of theirs that does not show a password."""
    text = data.decode(errors="replace")
    with suppress(LocalProtocolError):
        proxy = ProxyUrl.parse(text)
        assert 0 < proxy.port <= 0xFFFF
        assert str(proxy) == show_address(proxy.host, proxy.port)
        assert not proxy.credentials or proxy.credentials not in repr(proxy)
    with suppress(LocalProtocolError):
        url = WebSocketUrl.parse(text)
        assert RequestHead.decode(encode_request(url, KEY).removesuffix(END)).target == url.target
    is_excepted(text, "gateway.example", 7443)
    is_excepted(text, "::1", 7443)


CARRIER_TARGETS: Final[Mapping[str, Oracle]] = {
    "http_head": http_head,
    "http_response": http_response,
    "http_request": http_request,
    "websocket_request": websocket_request,
    "websocket_response": websocket_response,
    "websocket_frames": _websocket_frames(masked=False),
    "websocket_masked_frames": _websocket_frames(masked=True),
    "carrier_urls": carrier_urls,
}
