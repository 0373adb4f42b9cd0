"""Which HTTP proxy leads somewhere: the URL of one, and what ``HTTPS_PROXY`` and ``NO_PROXY`` say."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from conduit.errors import LocalProtocolError
from conduit.websocket.addresses import HOST, show_address

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """Where a proxy is, and who we are to it."""

    host: str
    port: int
    secure: bool = False
    "Whether it speaks HTTP over TLS."
    credentials: str = field(default="", repr=False)
    "User name, colon and password; empty for none."

    @classmethod
    def parse(cls, text: str, called: str = "the proxy") -> ProxyUrl:
        """``http://proxy.example:3128``, ``https://``, with ``user:password@`` or without; without a scheme it is http.

        :param called: what *text* is, for the error, which never shows it: it may hold a password.
        :raises LocalProtocolError: it is none.
        """
        wrong = f"{called} is no URL such as http://proxy.example:3128 or http://user:password@proxy.example:3128"
        try:
            url = urlsplit(text if "://" in text else f"http://{text}")
            host, port = url.hostname or "", url.port
        except ValueError:
            raise LocalProtocolError(wrong) from None
        if url.scheme not in _PORTS:
            raise LocalProtocolError(f"{called} is none of http:// and https://, which are the ones that can be used")
        if not HOST.fullmatch(host) or port == 0 or url.path not in ("", "/") or url.query or url.fragment:
            raise LocalProtocolError(wrong)
        credentials = "" if url.username is None else f"{unquote(url.username)}:{unquote(url.password or '')}"
        return cls(host, port or _PORTS[url.scheme], url.scheme == "https", credentials)

    def __str__(self) -> str:
        """For people: without the password."""
        return show_address(self.host, self.port)

    @property
    def authorization(self) -> str:
        """The value of ``Proxy-Authorization``; empty where nobody asked for it."""
        return "Basic " + base64.b64encode(self.credentials.encode()).decode() if self.credentials else ""


def choose_proxy(environment: Mapping[str, str], host: str, port: int) -> ProxyUrl | None:
    """What *environment* says about the way to *host*; None where it is direct.

    As everywhere the names in lower case win, and this machine is never behind a proxy.

    :raises LocalProtocolError: what it says is no URL of a proxy.
    """
    name = next((name for name in ("https_proxy", "HTTPS_PROXY") if environment.get(name)), None)
    excepted = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if name is None or _is_here(host) or is_excepted(excepted, host, port):
        return None
    return ProxyUrl.parse(environment[name], f"what {name} says")


def is_excepted(excepted: str, host: str, port: int) -> bool:
    """Whether *host* is in the list *excepted*: names and all names under them, addresses, networks, ``*``.

    Commas or spaces divide it; what is no such thing means nothing, as with other programs. ``:port`` may follow.
    """
    address, name = _address(host), host.lower().rstrip(".")
    return any(_matches(entry, name, address, port) for entry in re.split(r"[,\s]+", excepted.lower()) if entry)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _matches(entry: str, name: str, address: _Address | None, port: int) -> bool:
    if entry == "*":
        return True
    pattern, only = _split_port(entry)
    if only not in ("", str(port)):
        return False
    if address is not None:
        network = _network(pattern)
        return network is not None and address in network
    suffix = pattern.removeprefix("*").strip(".")
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        pattern, _, rest = entry[1:].partition("]")
        return pattern, rest.removeprefix(":")
    if entry.count(":") == 1:
        pattern, _, only = entry.partition(":")
        return pattern, only
    return entry, ""


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_here(host: str) -> bool:
    address = _address(host)
    return host.lower().rstrip(".") == "localhost" if address is None else address.is_loopback
