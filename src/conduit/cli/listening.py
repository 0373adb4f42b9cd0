"""Where a command listens."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

import asyncclick as click

MAX_PORT: Final = 0xFFFF


@dataclass(frozen=True)
class Endpoint:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Endpoint:
    """``127.0.0.1:9001`` or ``[::1]:9001``.

    :raises click.BadParameter: neither.
    """
    host, colon, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:9001 or [::1]:9001") from None
    if not colon or not 0 <= number <= MAX_PORT:
        raise click.BadParameter("a port is a number from 0 to 65535")
    return Endpoint(str(address), number)
