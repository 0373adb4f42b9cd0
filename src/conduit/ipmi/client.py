"""A BMC to talk to: :func:`open_bmc` logs in, hands out a :class:`Bmc`, and logs out whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum
from typing import Any, TypeVar

import trio

from conduit.errors import LocalProtocolError, PeerTimeoutError
from conduit.ipmi.bmc_client import CLOSE_PATIENCE, Bmc, check_deadline
from conduit.ipmi.connection import KEEPALIVE
from conduit.rmcp.credentials import NO_WORKAROUNDS, Credentials, Interface
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.rmcp.packets import PORT
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import BACKOFF, RETRIES, TIMEOUT, retry_policy
from conduit.rmcp.workarounds import Workaround

EnumT = TypeVar("EnumT", bound=Enum)


class _Session:
    """A log-in and a log-out around a block."""

    __slots__ = ("_bmc", "_deadline")

    def __init__(self, bmc: Bmc, deadline: float | None) -> None:
        self._bmc = bmc
        self._deadline = deadline

    async def __aenter__(self) -> Bmc:
        if self._deadline is None:
            await self._bmc.log_in()
            return self._bmc
        with trio.move_on_after(self._deadline):
            await self._bmc.log_in()
            return self._bmc
        raise PeerTimeoutError(f"no session within {self._deadline:g} s")

    def __aexit__(self, *exception: object) -> Coroutine[Any, Any, None]:
        return self._bmc.aclose()


@asynccontextmanager
async def _alone(
    host: tuple[str, int],
    credentials: Credentials,
    keepalive: float | None,
    max_outstanding: int,
    deadline: float | None,
) -> AsyncIterator[Bmc]:
    """A session with an endpoint of its own."""
    async with (
        open_endpoint() as endpoint,
        _Session(Bmc(endpoint, host, credentials, keepalive, max_outstanding), deadline) as bmc,
    ):
        yield bmc


def open_bmc(
    host: str,
    *,
    username: str | bytes = "",
    password: str | bytes = "",
    port: int = PORT,
    interface: str | Interface = Interface.AUTO,
    cipher_suite: int | None = None,
    privilege: Privilege = Privilege.ADMINISTRATOR,
    kg: bytes | None = None,
    timeout: float = TIMEOUT,
    retries: int = RETRIES,
    backoff: float = BACKOFF,
    deadline: float | None = None,
    workarounds: Collection[str | Workaround] = (),
    auth_type: int | None = None,
    name_only: bool = True,
    keepalive: float | None = KEEPALIVE,
    max_outstanding: int = 1,
    endpoint: Endpoint | None = None,
) -> AbstractAsyncContextManager[Bmc]:
    """Log in to a BMC, yield it, log out.

    :param host: name, IPv4 or IPv6 address.
    :param username: 0 to 16 bytes; empty is the null user.
    :param password: 0 to 20 bytes; IPMI 1.5 takes 16.
    :param interface: ``"auto"``, ``"lanplus"`` (IPMI 2.0) or ``"lan"`` (IPMI 1.5).
    :param cipher_suite: 0 to 19; None takes the best that both sides have and that authenticates every packet.
    :param privilege: raise the session to this and no further.
    :param kg: the BMC's key for two-key log-ins, up to 20 bytes.
    :param timeout: seconds before a request is first repeated.
    :param retries: repeats before the BMC counts as silent.
    :param backoff: each wait is this many times as long as the one before.
    :param deadline: seconds that the log-in may take; None leaves it to the retries.
    :param workarounds: names as ``conduit ipmi -W list`` shows them.
    :param auth_type: IPMI 1.5 auth type by number (0 none, 1 MD2, 2 MD5, 4 password).
    :param name_only: let the BMC find the user by name alone, not by name and privilege.
    :param keepalive: seconds of silence before the session is kept alive; None for never.
    :param max_outstanding: commands on the way at once, 1 to 64; most BMCs want 1.
    :param endpoint: share this UDP socket with other sessions.
    :raises AuthenticationError: wrong user name, password or Kg.
    :raises SessionRefused: the BMC declines, and why.
    :raises NegotiationError: there is no common way to log in that we may use.
    :raises PeerTimeoutError: nobody answers.
    :raises LocalProtocolError: an argument is out of range.
    """
    _check(port, keepalive, deadline)
    credentials = make_credentials(
        username=username,
        password=password,
        interface=interface,
        cipher_suite=cipher_suite,
        privilege=privilege,
        kg=kg,
        timeout=timeout,
        retries=retries,
        backoff=backoff,
        workarounds=workarounds,
        auth_type=auth_type,
        name_only=name_only,
    )
    if endpoint is None:
        return _alone((host, port), credentials, keepalive, max_outstanding, deadline)
    return _Session(Bmc(endpoint, (host, port), credentials, keepalive, max_outstanding), deadline)


def _check(port: int, keepalive: float | None, deadline: float | None) -> None:
    """:raises LocalProtocolError: one of them is out of range."""
    if port not in range(1, 65_536):
        raise LocalProtocolError(f"there is no port {port}")
    if keepalive is not None and not keepalive > 0:  # so, and not <= 0, for NaN's sake
        raise LocalProtocolError("a session is kept alive after more than 0 seconds, or never (None)")
    check_deadline(deadline)


def make_credentials(
    *,
    username: str | bytes = "",
    password: str | bytes = "",
    interface: str | Interface = Interface.AUTO,
    cipher_suite: int | None = None,
    privilege: Privilege = Privilege.ADMINISTRATOR,
    kg: bytes | None = None,
    timeout: float = TIMEOUT,
    retries: int = RETRIES,
    backoff: float = BACKOFF,
    workarounds: Collection[str | Workaround] = (),
    auth_type: int | None = None,
    name_only: bool = True,
) -> Credentials:
    """How to log in, from plain values; the arguments are those of :func:`open_bmc`.

    :raises LocalProtocolError: one is out of range.
    """
    return Credentials(
        username=_to_bytes(username),
        password=_to_bytes(password),
        kg=kg or b"",
        privilege=_choice(Privilege, privilege),
        interface=_choice(Interface, interface),
        cipher_suite=cipher_suite,
        auth_type=auth_type,
        name_only=name_only,
        workarounds=frozenset(_choice(Workaround, name) for name in workarounds) if workarounds else NO_WORKAROUNDS,
        retry=retry_policy(timeout, retries, backoff),
    )


def _to_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _choice(kind: type[EnumT], value: object) -> EnumT:
    """The member of *kind* with this value; the members themselves pass too."""
    if isinstance(value, kind):
        return value
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(sorted(str(member.value) for member in kind))
        name = kind.__name__.lower()
        raise LocalProtocolError(f"there is no {name} {value!r}; known are {known}") from None


__all__ = ["CLOSE_PATIENCE", "Bmc", "make_credentials", "open_bmc"]
