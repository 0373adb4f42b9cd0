"""To whom tokens and passwords may go."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from conduit.errors import LocalProtocolError


def check_url(url: str, *, allow_http: bool) -> str:
    """The address of a service, without what belongs to no address.

    :raises LocalProtocolError: it is none, or whoever is in between could read along.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise LocalProtocolError(f"{url!r} is no URL") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise LocalProtocolError(f"{url!r} is no URL such as https://manager.example:8080")
    if parts.scheme == "http" and not allow_http and not is_this_machine(host):
        raise LocalProtocolError(f"{url} is without TLS: anybody on the way could read your tokens (--allow-http)")
    return url.rstrip("/")


def is_this_machine(host: str) -> bool:
    """Whether nothing leaves it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
