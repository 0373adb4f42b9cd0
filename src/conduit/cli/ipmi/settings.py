"""What the options before the command say, checked but not yet acted upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import asyncclick as click

from conduit.cli.ipmi.hosts import Expansion, HostSpecError, expand
from conduit.cli.ipmi.passwords import PasswordSource
from conduit.cli.params import to_bytes
from conduit.cli.prompts import read_text
from conduit.cli.render import Format
from conduit.errors import LocalProtocolError
from conduit.ipmi.exchange import BMC, Hop, Target
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.lan_message import BMC_ADDRESS
from conduit.rmcp.packets import PORT, AuthType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import RETRIES, TIMEOUT, RetryPolicy
from conduit.rmcp.workarounds import Workaround

FANOUT: Final = 64  # hosts talked to at once
NO_PASSWORD: Final = PasswordSource()
NO_WORKAROUNDS: Final[frozenset[Workaround]] = frozenset()

AUTH_TYPES: Final[Mapping[str, int]] = {
    "none": AuthType.NONE,
    "md2": AuthType.MD2,
    "md5": AuthType.MD5,
    "password": AuthType.STRAIGHT_PASSWORD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A way through the BMC to another controller; ipmitool's ``-t -b -T -B -l``."""

    target: int | None = None
    "Slave address of the controller, 8-bit form; None for the BMC."
    channel: int = 0
    "Channel that the controller is on."
    transit: int | None = None
    "Slave address of a second bridge on the way."
    transit_channel: int = 0
    "Channel that the second bridge is on."
    lun: int = 0

    def resolve(self) -> Target:
        """Who commands are for.

        :raises click.UsageError: a transit address without a target.
        """
        if self.target is None:
            if self.transit is not None:
                raise click.UsageError("-T needs -t: who is to be reached behind the transit address?")
            return BMC if not self.lun else Target(lun=self.lun)
        if self.target == BMC_ADDRESS and self.transit is None:  # ipmitool's way to name the BMC itself
            return Target(lun=self.lun)
        last = Hop(self.channel, self.target)
        hops = (last,) if self.transit is None else (Hop(self.transit_channel, self.transit), last)
        return Target(address=self.target, lun=self.lun, bridges=hops)

    def refuse(self) -> None:
        """Nobody else may get what was meant for a controller behind the BMC.

        :raises click.UsageError: the options name one.
        """
        if self.resolve() != BMC:
            raise click.UsageError("-t, -T and -l are for raw and mc info; other commands reach the BMC itself only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them. Passwords are not here yet: :attr:`password` says where to find one."""

    hosts: tuple[str, ...] = ()
    "As given to ``-H``."
    port: int = PORT
    username: str = ""
    password: PasswordSource = NO_PASSWORD
    interface: Interface = Interface.AUTO
    auth_type: str | None = None
    "A key of AUTH_TYPES."
    cipher_suite: int | None = None
    privilege: Privilege = Privilege.ADMINISTRATOR
    kg: bytes = field(default=b"", repr=False)
    workarounds: frozenset[Workaround] = NO_WORKAROUNDS
    timeout: float = TIMEOUT
    retries: int = RETRIES
    bridge: Bridge = Bridge()
    fanout: int = FANOUT
    output: Format = Format.TABLE
    verbose: int = 0

    @property
    def retry(self) -> RetryPolicy:
        """When to send again."""
        return RetryPolicy(timeout=self.timeout, retries=self.retries)

    def expand_hosts(self) -> Expansion:
        """The hosts that ``-H`` means.

        :raises click.UsageError: it means none, or makes no sense.
        """
        if not self.hosts:
            raise click.UsageError("which BMC? name it with -H HOST before the command")
        try:
            return expand(self.hosts, read_text)
        except HostSpecError as error:
            raise click.UsageError(f"-H: {error}") from None

    def credentials(self) -> Credentials:
        """How to log in; asks for the password if nothing else says it.

        :raises click.UsageError: the options contradict each other, or no password is to be had.
        """
        interface = self._interface()
        auth_type = None if self.auth_type is None else AUTH_TYPES[self.auth_type]
        needless = (interface is Interface.LAN and auth_type == AuthType.NONE) or self.cipher_suite == 0
        password = self.password.read(needless=needless)
        try:
            return Credentials(
                username=to_bytes(self.username),
                password=to_bytes(password),
                kg=self.kg,
                privilege=self.privilege,
                interface=interface,
                cipher_suite=self.cipher_suite,
                auth_type=auth_type,
                workarounds=self.workarounds,
                retry=self.retry,
            )
        except LocalProtocolError as error:
            raise click.UsageError(str(error)) from None

    def _interface(self) -> Interface:
        """What ``-I`` says or, with auto, what the other options imply: none of them is ever ignored in silence."""
        of_plus = "-C" if self.cipher_suite is not None else "-k" if self.kg else ""
        if self.interface is Interface.LAN and of_plus:
            raise click.UsageError(f"{of_plus} is for IPMI 2.0 sessions, and -I lan opens an IPMI 1.5 one")
        if self.interface is not Interface.AUTO:
            return self.interface
        if of_plus and self.auth_type is not None:
            raise click.UsageError(f"{of_plus} is for IPMI 2.0 sessions and -A for IPMI 1.5; give one of them, or -I")
        if of_plus:
            return Interface.LANPLUS
        return Interface.AUTO if self.auth_type is None else Interface.LAN
