"""Hosts and ports in text."""

from __future__ import annotations

import re
from typing import Final

from conduit.errors import LocalProtocolError

HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}(%[A-Za-z0-9._-]{1,32})?")


def show_address(host: str, port: int) -> str:
    """``host:port``, as in a CONNECT.

    :raises LocalProtocolError: *host* cannot be a host's name.
    """
    if not HOST.fullmatch(host):
        raise LocalProtocolError(f"{host!r} is no name of a host, and no address")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
