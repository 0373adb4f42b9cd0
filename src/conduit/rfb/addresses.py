"""Where a display is: ``host:port``, ``host::display``, or a URL."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from conduit.errors import LocalProtocolError
from conduit.websocket.addresses import show_address
from conduit.websocket.handshake import WebSocketUrl

FIRST_PORT: Final = 5900  # of display 0
DISPLAYS: Final = 100  # a number below is a display's, from there on a port's
MAX_DISPLAY: Final = 0xFFFF - FIRST_PORT
EXAMPLES: Final = "192.0.2.7, 192.0.2.7:5901, 192.0.2.7::1, vncs://192.0.2.7:5901 or wss://192.0.2.7/kvm/0"


class Transport(Enum):
    """What carries RFB."""

    TCP = "tcp"
    TLS = "tls"
    "TLS first, and RFB inside, as iDRAC has it."
    WEBSOCKET = "websocket"


_SCHEMES: Final = {"vnc": Transport.TCP, "tcp": Transport.TCP, "vncs": Transport.TLS, "tls": Transport.TLS}


@dataclass(frozen=True, slots=True)
class DisplayAddress:
    """Where a display is, and how it is reached."""

    host: str
    port: int
    transport: Transport = Transport.TCP
    websocket: WebSocketUrl | None = None

    @classmethod
    def parse(cls, text: str) -> DisplayAddress:
        """A host with port or display, or a URL.

        :raises LocalProtocolError: it is none. The message does not repeat it, as there may be a password in it.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls(*_split(text))
        if scheme in ("ws", "wss"):
            url = WebSocketUrl.parse(text)
            return cls(url.host, url.port, Transport.WEBSOCKET, url)
        if scheme not in _SCHEMES:
            raise LocalProtocolError(f"{scheme!r} leads to no display; there are vnc, vncs, ws and wss: {EXAMPLES}")
        _check_url(text)
        return cls(*_split(rest.rstrip("/")), _SCHEMES[scheme])

    @property
    def is_covered(self) -> bool:
        """Whether everything is inside TLS."""
        return self.transport is Transport.TLS or (self.websocket is not None and self.websocket.secure)

    def __str__(self) -> str:
        """For people: without what may be secret."""
        if self.websocket is not None:
            return f"{'wss' if self.websocket.secure else 'ws'}://{self.websocket.authority}{self.websocket.path}"
        shown = show_address(self.host, self.port)
        return f"vncs://{shown}" if self.transport is Transport.TLS else shown


def _check_url(text: str) -> None:
    """:raises LocalProtocolError: there is more in it than an address."""
    try:
        url = urlsplit(text)
    except ValueError:
        raise LocalProtocolError(f"this is no address of a display, such as {EXAMPLES}") from None
    if "@" in url.netloc or url.path not in ("", "/") or url.query or url.fragment:
        raise LocalProtocolError(
            "a URL of a display has a host and a port, and nothing else: who we are is said by other means"
        )


def _split(text: str) -> tuple[str, int]:
    """Host and port."""
    wrong = f"this is no address of a display, such as {EXAMPLES}"
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise LocalProtocolError(wrong)
    elif _is_ipv6(text):
        host, rest = text, ""
    else:
        host, colon, rest = text.partition(":")
        rest = colon + rest
    port = _port(rest, wrong)
    try:
        show_address(host, port)
    except LocalProtocolError:
        raise LocalProtocolError(wrong) from None
    return host, port


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _port(text: str, wrong: str) -> int:
    """``:port``, ``::display``, or nothing."""
    if not text:
        return FIRST_PORT
    digits = text.lstrip(":")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 5:
        raise LocalProtocolError(wrong)
    number = int(digits)
    is_display = text.startswith("::") or number < DISPLAYS
    port = number + FIRST_PORT if is_display else number
    if not 0 < port <= 0xFFFF:
        raise LocalProtocolError(wrong)
    return port
