"""``--vnc`` of ``conduit bmc sim``: the displays of virtual machines."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass, field
from typing import Final

import asyncclick as click
import trio

from conduit.ipmi.bmc.serve import ServedBmc

MAX_PASSWORD: Final = 8  # characters that VncAuth looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Displays:
    """What ``--vnc`` says."""

    port: int
    "The first display's; 0 is any that is free."
    password: str = field(default="", repr=False)
    "Empty: there is none."

    @classmethod
    def parse(cls, port: int | None, password: str | None, *, hosts: list[str], serial: str) -> Displays | None:
        """None without ``--vnc``.

        :param password: the first line of the password file, if there is one.
        :param hosts: where to listen.
        :raises click.UsageError: the options do not go together.
        """
        if port is None:
            if password is not None:
                raise click.UsageError("--vnc-password-file is for --vnc PORT, which is missing")
            return None
        if serial == "qemu":
            raise click.UsageError("--vnc: a machine of --qemu has a display of its own")
        if password is None and not all(ipaddress.ip_address(host).is_loopback for host in hosts):
            raise click.UsageError("--vnc: displays that other machines can reach need --vnc-password-file")
        if password is not None and not 0 < len(password) <= MAX_PASSWORD:
            raise click.UsageError(f"--vnc-password-file: a VNC password has 1 to {MAX_PASSWORD} characters")
        return cls(port=port, password=password or "")

    async def start(self, served: list[ServedBmc], addresses: list[str], nursery: trio.Nursery) -> None:
        """A display for each, with a line on standard output that says where to find it.

        Machines of one address have consecutive ports, those of different addresses the same.
        """
        from conduit.rfb.server import access_by_password  # loaded only where there are displays
        from conduit.virtual.screen import VirtualScreen

        taken: dict[str, int] = {}
        for one, address in zip(served, addresses, strict=True):
            port = self.port and self.port + taken.get(one.host, 0)
            taken[one.host] = taken.get(one.host, 0) + 1
            name = one.bmc.state.config.guest.hostname.decode(errors="replace")
            screen = VirtualScreen(one, name=name, access=access_by_password(self.password))
            port = await nursery.start(screen.server.serve, one.host, port)
            where = f"[{one.host}]:{port}" if ":" in one.host else f"{one.host}:{port}"
            sys.stdout.write(f"display {address} vnc {where}\n")
