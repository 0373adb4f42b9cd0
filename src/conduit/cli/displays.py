"""``--vnc`` of ``conduit bmc sim``: the displays of virtual machines."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncclick as click
import trio

from conduit.ipmi.bmc.serve import ServedBmc

if TYPE_CHECKING:
    from conduit.rfb.server import Access

MAX_PASSWORD: Final = 8  # characters that VncAuth looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Displays:
    """What ``--vnc`` says."""

    port: int
    "The first display's; 0 is any that is free."
    password: str = field(default="", repr=False)
    "Empty: there is none."
    user: str = ""
    "Where there is a certificate."
    certificate: Path | None = None
    "PEM: VeNCrypt X509Plain in place of VncAuth."
    key: Path | None = None
    "PEM; by default the certificate's file has it."

    @classmethod
    def parse(
        cls, port: int | None, password: str | None, *, hosts: list[str], serial: str, **covered: Any
    ) -> Displays | None:
        """None without ``--vnc``.

        :param password: the first line of the password file, if there is one.
        :param hosts: where to listen.
        :param covered: user, certificate and key, as the class has them.
        :raises click.UsageError: the options do not go together.
        """
        if port is None:
            if password is not None or any(covered.values()):
                raise click.UsageError("--vnc-password-file and the like are for --vnc PORT, which is missing")
            return None
        if password == "":
            raise click.UsageError("--vnc-password-file: its first line is empty")
        if serial == "qemu":
            raise click.UsageError("--vnc: a machine of --qemu has a display of its own")
        displays = cls(port=port, password=password or "", **covered)
        displays._check(is_reachable=not all(ipaddress.ip_address(host).is_loopback for host in hosts))
        return displays

    def _check(self, *, is_reachable: bool) -> None:
        """:raises click.UsageError: the options do not go together."""
        if is_reachable and not self.password:
            raise click.UsageError("--vnc: displays that other machines can reach need --vnc-password-file")
        if self.certificate is not None:
            if not (self.user and self.password):
                raise click.UsageError("--vnc-cert: whoever comes says --vnc-user and what is in --vnc-password-file")
        elif self.user or self.key:
            raise click.UsageError("--vnc-user and --vnc-key are for --vnc-cert FILE, which is missing")
        elif len(self.password) > MAX_PASSWORD:
            raise click.UsageError(f"--vnc-password-file: a VNC password has 1 to {MAX_PASSWORD} characters")

    @property
    def access(self) -> Access:
        """How viewers get in.

        :raises LocalProtocolError: the certificate is none.
        """
        from conduit.rfb.server import access_by_certificate, access_by_password  # loaded only where there are displays

        if self.certificate is None:
            return access_by_password(self.password)
        return access_by_certificate(self.certificate, self.key or self.certificate, self.user, self.password)

    async def start(self, served: list[ServedBmc], addresses: list[str], nursery: trio.Nursery) -> None:
        """A display for each, with a line on standard output that says where to find it.

        Machines of one address have consecutive ports, those of different addresses the same.
        """
        from conduit.virtual.screen import VirtualScreen

        access = self.access
        taken: dict[str, int] = {}
        for one, address in zip(served, addresses, strict=True):
            port = self.port and self.port + taken.get(one.host, 0)
            taken[one.host] = taken.get(one.host, 0) + 1
            name = one.bmc.state.config.guest.hostname.decode(errors="replace")
            screen = VirtualScreen(one, name=name, access=access)
            port = await nursery.start(screen.server.serve, one.host, port)
            where = f"[{one.host}]:{port}" if ":" in one.host else f"{one.host}:{port}"
            sys.stdout.write(f"display {address} vnc {where}\n")
