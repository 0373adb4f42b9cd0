"""Heads of HTTP messages, the choice of a proxy, the WebSocket's handshake."""

from __future__ import annotations

import base64
import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request

from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.tunnel.proxy_choice import ProxyUrl, choose_proxy, is_excepted
from conduit.websocket.addresses import show_address
from conduit.websocket.handshake import (
    RequestRefused,
    WebSocketUrl,
    accept_key,
    answer_request,
    check_fields,
    check_response,
    encode_request,
)
from conduit.websocket.http_head import MAX_FIELDS, MAX_HEAD, HeadReader, RequestHead, ResponseHead

KEY = b"the sample nonce"  # section 1.3
REQUEST = encode_request(WebSocketUrl("h", 80), KEY)[:-4]
ANSWER = answer_request(REQUEST)[:-4]


@given(cuts=st.lists(st.integers(0, 40), max_size=6))
def test_a_head_in_any_pieces_ends_at_its_empty_line_and_the_rest_is_kept(cuts: list[int]) -> None:
    raw = b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nmore"
    marks = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    reader, head, rest = HeadReader(), None, b""
    for a, b in itertools.pairwise(marks):
        if head is None:
            head = reader.receive_data(raw[a:b])
            rest = reader.rest
        else:
            rest += raw[a:b]
    assert (head, rest) == (b"HTTP/1.0 200 OK\r\nA: b", b"more")


def test_a_head_that_is_too_long_is_not_waited_for() -> None:
    for raw in (b"x" * (MAX_HEAD + 1), b"x" * (MAX_HEAD + 1) + b"\r\n\r\n"):
        with pytest.raises(DecodeError):
            HeadReader().receive_data(raw)


def test_fields_are_found_whatever_their_case() -> None:
    head = ResponseHead.decode(b"HTTP/1.1 407\r\nVia:  a \r\nVIA: b\r\nEmpty:")
    assert (head.minor, head.status, head.fields.get("via"), head.fields.count("via")) == (1, 407, "a, b", 2)
    assert head.fields.has_token("via", "b")
    assert not head.fields.has_token("empty", "b")
    assert RequestHead.decode(b"GET /x HTTP/1.0").target == "/x"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"HTTP/2 200 OK", b"HTTP/1.1 099 x", b"HTTP/1.1 200 \x00", b"HTTP/1.1 200 OK\nA: b",
        b"HTTP/1.1 200 OK\r\nA : b", b"HTTP/1.1 200 OK\r\n folded", b"HTTP/1.1 200 OK\r\nA: \x1b[2J", b"SSH-2.0-x",
        b"HTTP/1.1 200 OK" + b"\r\nA: b" * (MAX_FIELDS + 1),
        b"HTTP/1.1 200 OK\r\nA:" + b" " * 16_000 + b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_head(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        ResponseHead.decode(raw)
    with pytest.raises(DecodeError):
        RequestHead.decode(raw)


@given(st.binary(max_size=60))
def test_anything_is_a_head_or_a_decode_error(raw: bytes) -> None:
    for kind in (ResponseHead, RequestHead):
        with contextlib.suppress(DecodeError):
            kind.decode(raw)


# --- which proxy ---


def test_urls_of_proxies() -> None:
    assert ProxyUrl.parse("proxy:3128") == ProxyUrl("proxy", 3128)
    assert ProxyUrl.parse("http://proxy/") == ProxyUrl("proxy", 80)
    assert ProxyUrl.parse("https://a%40b:p%3Aw@[::1]") == ProxyUrl("::1", 443, True, "a@b:p:w")
    assert ProxyUrl.parse("http://u@p").authorization == "Basic " + base64.b64encode(b"u:").decode()
    assert ProxyUrl.parse("http://p").authorization == ""


def test_a_password_is_in_no_text() -> None:
    url = ProxyUrl.parse("http://user:geheim@proxy:1")
    assert str(url) == "proxy:1"
    assert "geheim" not in repr(url)
    for wrong in ("ftp://u:geheim@p", "http://u:geheim@p:x", "http://u:geheim@p/path", "http://u:geheim@"):
        with pytest.raises(LocalProtocolError) as raised:
            ProxyUrl.parse(wrong)
        assert "geheim" not in str(raised.value)


def test_the_environment_decides() -> None:
    both = {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1", "NO_PROXY": "corp.example"}
    assert choose_proxy(both, "h", 1) == ProxyUrl("lower", 1)
    assert choose_proxy({"HTTPS_PROXY": "upper:1"}, "h", 1) == ProxyUrl("upper", 1)
    assert choose_proxy({"HTTPS_PROXY": ""}, "h", 1) is None
    assert choose_proxy({}, "h", 1) is None
    for here in ("localhost", "127.0.0.1", "::1", "a.corp.example"):
        assert choose_proxy(both, here, 1) is None
    assert choose_proxy(both | {"no_proxy": "other"}, "a.corp.example", 1) is not None


@pytest.mark.parametrize(
    ("excepted", "host", "is_so"),
    [
        ("*", "h", True), ("", "h", False), ("a, h", "h", True), ("H", "h.", True), ("example", "a.example", True),
        (".example", "a.example", True), ("*.example", "a.example", True), ("ample", "a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True), ("10.0.0.0/8", "11.1.2.3", False), ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "fd00::1", True), ("::1", "::1", True), ("[fd00::1]:7", "fd00::1", True),
        ("example", "10.1.2.3", False),
        ("h:7", "h", True), ("h:8", "h", False), (".", "h", False), ("10.0.0.0/8", "fd00::1", False),
    ],
)  # fmt: skip
def test_no_proxy(excepted: str, host: str, is_so: bool) -> None:
    assert is_excepted(excepted, host, 7) is is_so


def test_addresses_are_shown_as_connect_takes_them() -> None:
    assert (show_address("h", 1), show_address("::1", 2)) == ("h:1", "[::1]:2")
    for wrong in ("", "a b", "a\r\nX: y", "ü"):
        with pytest.raises(LocalProtocolError):
            show_address(wrong, 1)


# --- WebSocket ---


def test_the_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    check_response(ANSWER, KEY)


def test_wsproto_takes_our_request_and_we_its_answer_and_the_other_way_round() -> None:
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(encode_request(WebSocketUrl.parse("ws://h:81/p?q=1"), KEY))
    request = next(server.events())
    assert isinstance(request, Request)
    assert (request.host, request.target) == ("h:81", "/p?q=1")
    check_response(server.send(AcceptConnection())[:-4], KEY)
    client = WSConnection(ConnectionType.CLIENT)
    client.receive_data(answer_request(client.send(Request(host="h", target="/"))[:-4]))
    assert isinstance(next(client.events()), AcceptConnection)


def test_urls_of_websockets() -> None:
    assert WebSocketUrl.parse("wss://h") == WebSocketUrl("h", 443, "/", True)
    assert WebSocketUrl.parse("ws://[::1]:7/a?secret").path == "/a"
    assert [WebSocketUrl.parse(text).authority for text in ("ws://h", "wss://h", "wss://h:80")] == ["h", "h", "h:80"]
    for wrong in ("http://h", "ws://u:p@h", "ws://h:x", "ws://h/#a", "ws://h/ü", "ws://", "ws://h:0"):
        with pytest.raises(LocalProtocolError):
            WebSocketUrl.parse(wrong)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"101", b"403", "does not let us in"), (b"101", b"404", "at this path"), (b"101", b"301", "elsewhere"),
        (b"101", b"502", "does not reach it"), (b"101", b"200", "does not open"), (b"s3p", b"S3p", "somebody else"),
        (b"websocket", b"h2c", "something else"), (b"Connection", b"X", "something else"),
        (b"1.1", b"1.0", "something else"),
        (b"\r\nUpgrade", b"\r\nSec-WebSocket-Extensions: x\r\nUpgrade", "nobody offered"),
        (b"\r\nUpgrade", b"\r\nSec-WebSocket-Protocol: x\r\nUpgrade", "nobody offered"),
    ],
)  # fmt: skip
def test_answers_that_are_not_the_one(old: bytes, new: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        check_response(ANSWER.replace(old, new, 1), KEY)


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"GET", b"POST", b"405"), (b"websocket", b"h2c", b"426"), (b"13", b"12", b"426"), (b"Host", b"X", b"400"),
        (b"1.1", b"1.0", b"400"), (b"Connection", b"X", b"400"), (b"dGhl", b"dGh", b"400"), (b"dGhl", b"", b"400"),
        (b"dGhl", b"\xe9", b"400"),
    ],
)  # fmt: skip
def test_requests_that_are_refused(old: bytes, new: bytes, status: bytes) -> None:
    with pytest.raises(RequestRefused) as raised:
        answer_request(REQUEST.replace(old, new, 1))
    assert raised.value.answer.split(b" ")[1] == status


def test_a_server_may_choose_a_subprotocol_that_was_offered_or_none() -> None:
    request = encode_request(WebSocketUrl("h", 80), KEY, subprotocols=("binary", "rfb"), fields={"X-Auth-Token": "t"})
    assert b"\r\nSec-WebSocket-Protocol: binary, rfb\r\nX-Auth-Token: t\r\n\r\n" in request
    check_response(ANSWER, KEY, subprotocols=("binary",))
    chosen = ANSWER + b"\r\nSec-WebSocket-Protocol: binary"
    check_response(chosen, KEY, subprotocols=("binary",))
    with pytest.raises(RemoteProtocolError, match="nobody offered"):
        check_response(chosen, KEY, subprotocols=("rfb",))


def test_the_first_subprotocol_of_ours_that_is_offered_is_chosen() -> None:
    request = encode_request(WebSocketUrl("h", 80), KEY, subprotocols=("rfb", "binary"))[:-4]
    answer = answer_request(request, subprotocols=("binary", "rfb"))
    assert b"\r\nSec-WebSocket-Protocol: binary\r\n" in answer
    check_response(answer[:-4], KEY, subprotocols=("rfb", "binary"))
    assert b"Protocol:" not in answer_request(request, subprotocols=("console",)) + answer_request(request)


def test_pages_are_let_in_by_their_origin_and_others_than_browsers_have_none() -> None:
    page = encode_request(WebSocketUrl("h", 80), KEY, fields={"Origin": "https://noc.example"})[:-4]
    for origins in (None, ("https://noc.example",)):
        assert answer_request(page, origins=origins).startswith(b"HTTP/1.1 101 ")
    for others in ((), ("https://other.example",), ("https://noc.example:444",)):
        with pytest.raises(RequestRefused, match="a page that nobody has let in") as raised:
            answer_request(page, origins=others)
        assert raised.value.answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert answer_request(REQUEST, origins=()).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("X Y", "a"), ("X", ""), ("X", "geheim\r\nY: b"), ("X", " geheim"), ("Host", "geheim"), ("Upgrade", "geheim")],
)
def test_header_fields_that_are_none_or_ours_are_refused_and_not_repeated(name: str, value: str) -> None:
    check_fields({"Authorization": "Basic YTpi"})
    with pytest.raises(LocalProtocolError) as caught:
        check_fields({name: value})
    assert "geheim" not in str(caught.value)
