"""How a WebSocket begins, RFC 6455, section 4: the request, the answer, and what must be in them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from conduit.errors import LocalProtocolError, RemoteProtocolError
from conduit.websocket.addresses import show_address
from conduit.websocket.http_head import Fields, RequestHead, ResponseHead, encode_head

KEY: Final = 16  # bytes
VERSION: Final = "13"
SWITCHING: Final = 101
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PORTS: Final = {"ws": 80, "wss": 443}
_TARGET: Final = re.compile(r"/[\x21-\x7e]{0,2048}")
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_FIELD_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?")
_OUR_FIELDS: Final = frozenset(
    {
        "host",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    }
)
_REASONS: Final = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 426: "Upgrade Required"}


@dataclass(frozen=True, slots=True)
class WebSocketUrl:
    """Where a WebSocket is."""

    host: str
    port: int
    target: str = field(default="/", repr=False)
    "Path and query."
    secure: bool = False
    "Whether there is TLS around it."

    @classmethod
    def parse(cls, text: str) -> WebSocketUrl:
        """``ws://gateway.example:7443/path`` or ``wss://``.

        :raises LocalProtocolError: it is none.
        """
        wrong = "this is no URL such as wss://gateway.example/path, without user and password"
        try:
            url = urlsplit(text)
            host, port = url.hostname or "", url.port
        except ValueError:
            raise LocalProtocolError(wrong) from None
        if url.scheme not in _PORTS or url.fragment or url.username is not None or port == 0:
            raise LocalProtocolError(wrong)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        if not _TARGET.fullmatch(target):
            raise LocalProtocolError(wrong)
        show_address(host, 1)
        return cls(host, port or _PORTS[url.scheme], target, url.scheme == "wss")

    @property
    def path(self) -> str:
        """The target without its query, which may hold a secret."""
        return self.target.partition("?")[0]

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        shown = show_address(self.host, self.port)
        default = self.port == _PORTS["wss" if self.secure else "ws"]
        return shown.rpartition(":")[0] if default else shown


def encode_request(
    url: WebSocketUrl, key: bytes, *, subprotocols: Sequence[str] = (), fields: Mapping[str, str] | None = None
) -> bytes:
    """What the client says.

    :param key: sixteen random bytes.
    :param subprotocols: offered, best first.
    :param fields: more that the server wants to hear, checked by :func:`check_fields`.
    """
    offer = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else {}
    return encode_head(
        f"GET {url.target} HTTP/1.1",
        {
            "Host": url.authority,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(key).decode(),
            "Sec-WebSocket-Version": VERSION,
        }
        | offer
        | dict(fields or {}),
    )


def check_fields(fields: Mapping[str, str]) -> None:
    """Whether these can be sent as header fields beside our own.

    :raises LocalProtocolError: they cannot. The message has no values, which may be secrets.
    """
    for name, value in fields.items():
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise LocalProtocolError(f"{name!r} and its value are no header field of HTTP")
        if name.lower() in _OUR_FIELDS:
            raise LocalProtocolError(f"the header field {name} is not to be chosen: it makes the WebSocket")


def accept_key(key: str) -> str:
    """The value of ``Sec-WebSocket-Accept`` (section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def check_response(head: bytes, key: bytes, *, subprotocols: Sequence[str] = (), server: str = "the Gateway") -> None:
    """Whether the server has agreed.

    :param subprotocols: that were offered. Some servers choose none although they speak one, so that is no failure.
    :param server: who it should be, for people.
    :raises RemoteProtocolError: it has not.
    """
    response = ResponseHead.decode(head)
    if response.status != SWITCHING:
        raise RemoteProtocolError(f"{_what(response.status, server)} (HTTP status {response.status})")
    fields = response.fields
    if (
        not response.minor
        or not fields.has_token("upgrade", "websocket")
        or not fields.has_token("connection", "upgrade")
    ):
        raise RemoteProtocolError("it switches to something else than a WebSocket")
    expected = accept_key(base64.b64encode(key).decode())
    if not hmac.compare_digest(fields.get("sec-websocket-accept").encode("latin-1"), expected.encode()):
        raise RemoteProtocolError("its answer is to somebody else's request: a cache is on the way")
    chosen = fields.get("sec-websocket-protocol")
    if fields.count("sec-websocket-extensions") or (chosen and chosen not in subprotocols):
        raise RemoteProtocolError("it uses an extension or a protocol that nobody offered")


def _what(status: int, server: str) -> str:
    if status in (401, 403):
        return f"it does not let us in: check the URL, who we say we are, and what stands before {server}"
    if status == 404:
        return "there is no WebSocket at this path: check the URL"
    if 300 <= status < 400:
        return "it sends us elsewhere: use the URL that it means"
    if status in (502, 503, 504):
        return f"what stands before {server} does not reach it: see whether {server} runs"
    return f"it does not open a WebSocket: check the URL, and whether {server} takes WebSockets"


class RequestRefused(RemoteProtocolError):
    """What the client said is not how a WebSocket begins.

    :param answer: what to tell it.
    """

    def __init__(self, what: str, answer: bytes) -> None:
        super().__init__(what)
        self.answer = answer


def answer_request(head: bytes, *, subprotocols: Sequence[str] = (), origins: Collection[str] | None = None) -> bytes:
    """The server's answer to the client's request.

    :param subprotocols: that are spoken, best first; a client that offers none of them gets none.
    :param origins: of the pages that may use it, such as ``https://manager.example``; None is all. Who is no browser
        says no origin, and may.
    :raises RequestRefused: it asks for something else.
    :raises DecodeError: it is no request at all.
    """
    request = RequestHead.decode(head)
    fields = request.fields
    _check_request(request)
    origin = fields.get("origin")
    if origins is not None and origin and origin not in origins:
        raise _refusal(403, "a page that nobody has let in")
    chosen = next((name for name in subprotocols if name in fields.values("sec-websocket-protocol")), None)
    return encode_head(
        "HTTP/1.1 101 Switching Protocols",
        {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_key(_key_of(fields))}
        | ({"Sec-WebSocket-Protocol": chosen} if chosen else {}),
    )


def _check_request(request: RequestHead) -> None:
    fields = request.fields
    if request.method != "GET":
        raise _refusal(405, "another method than GET", Allow="GET")
    if not fields.has_token("upgrade", "websocket"):
        raise _refusal(426, "no wish for a WebSocket", Upgrade="websocket", Connection="Upgrade")
    if fields.get("sec-websocket-version") != VERSION:
        raise _refusal(426, "another version of WebSocket", **{"Sec-WebSocket-Version": VERSION})
    if not request.minor or fields.count("host") != 1 or not fields.has_token("connection", "upgrade"):
        raise _refusal(400, "a request that no client of WebSockets makes")


def _key_of(fields: Fields) -> str:
    key = fields.get("sec-websocket-key")
    if not _is_key(key):
        raise _refusal(400, "a wrong key")
    return key


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY
    except (binascii.Error, ValueError):
        return False


def _refusal(status: int, what: str, **fields: str) -> RequestRefused:
    fields = {"Content-Length": "0", "Connection": "close"} | fields
    return RequestRefused(f"{what} (answered {status})", encode_head(f"HTTP/1.1 {status} {_REASONS[status]}", fields))
