"""Logs in to a display: connects, shakes hands within a deadline, starts TLS where that is asked for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from conduit.errors import ConduitError, LocalProtocolError, PeerTimeoutError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.client_handshake import (
    ClientHandshake,
    CredentialsNeeded,
    Event,
    LoggedIn,
    TlsNeeded,
    UselessVeNCrypt,
)
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.transports import Replayed, TransportOptions, open_transport
from conduit.rfb.trust import start_tls

HANDSHAKE_PATIENCE: Final = 30.0  # seconds; an iDRAC may think for more than five before its first word
CHUNK: Final = 64 << 10  # bytes read at a time

Ask = Callable[[bool], Awaitable[Credentials]]
"Asks a person for a password, and for a user name if that is True. Its time does not count."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """How to get in."""

    credentials: Credentials = field(default_factory=Credentials)
    rules: LoginRules = field(default_factory=LoginRules)
    transport: TransportOptions = field(default_factory=TransportOptions)
    shared: bool = True
    "Whether others who look at the display may stay."
    repeater_id: str = ""
    "Which server is wanted, where a repeater of UltraVNC (mode II) answers in its place."
    patience: float = HANDSHAKE_PATIENCE
    "Seconds for all of it."


@dataclass(frozen=True, slots=True)
class Connection:
    """A display that has let us in."""

    stream: trio.abc.Stream
    "What follows ServerInit."
    init: ServerInit
    handshake: ClientHandshake
    "What was agreed on."


@asynccontextmanager
async def open_connection(
    address: DisplayAddress, options: LoginOptions, *, ask: Ask | None = None
) -> AsyncIterator[Connection]:
    """Log in to the display at *address*; it is left at the end of the block.

    :raises AuthenticationError: the server does not believe us. That is never tried again by itself.
    :raises DisplayRefused: it wants nobody, or nobody more.
    :raises NegotiationError: nothing that it offers may be used.
    :raises PeerTimeoutError: it did not let us in in time.
    :raises TransportError: nobody is there, or the connection broke.
    """
    connection = await log_in(address, options, ask=ask)
    try:
        yield connection
    finally:
        await trio.aclose_forcefully(connection.stream)


async def log_in(address: DisplayAddress, options: LoginOptions, *, ask: Ask | None = None) -> Connection:
    """The same for whoever closes the stream."""
    return await _Login(address, options, ask).run()


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a display after an attempt to log in."""

    handshake: ClientHandshake | None
    "None where nobody answered."
    init: ServerInit | None
    failure: ConduitError | None
    is_encrypted: bool


async def probe(address: DisplayAddress, options: LoginOptions, *, ask: Ask | None = None) -> Probe:
    """Log in and leave; a failure is part of the answer."""
    login = _Login(address, options, ask)
    init: ServerInit | None = None
    failure: ConduitError | None = None
    try:
        connection = await login.run()
        await trio.aclose_forcefully(connection.stream)
        init = connection.init
    except ConduitError as error:
        failure = error
    handshake = login.handshake if login.handshake.server_version != (0, 0) else None
    return Probe(handshake, init, failure, address.is_covered or login.handshake.is_in_tls)


class _Login:
    """One login, which may take two connections."""

    def __init__(self, address: DisplayAddress, options: LoginOptions, ask: Ask | None) -> None:
        self._address = address
        self._options = options
        self._ask = ask
        self._rules = replace(options.rules, is_covered=address.is_covered, may_ask=ask is not None)
        self._scope = trio.CancelScope(deadline=trio.current_time() + options.patience)
        self.handshake = self._make_handshake()

    def _make_handshake(self) -> ClientHandshake:
        options = self._options
        return ClientHandshake(options.credentials, self._rules, shared=options.shared, repeater_id=options.repeater_id)

    async def run(self) -> Connection:
        """:raises ConduitError: we are not in."""
        with self._scope:
            try:
                return await self._open()
            except UselessVeNCrypt:  # nothing was said that is secret, and there is something else
                self._rules = replace(self._rules, without_vencrypt=True)
                self.handshake = self._make_handshake()
                return await self._open()
        raise PeerTimeoutError(f"{self._address} did not let us in within {self._options.patience:g} s")

    async def _open(self) -> Connection:
        self._stream = await open_transport(self._address, self._options.transport)
        try:
            init = await self._shake_hands()
        except BaseException as error:
            await trio.aclose_forcefully(self._stream)
            if isinstance(error, (trio.BrokenResourceError, trio.ClosedResourceError)):
                if self.handshake.awaits_judgement:
                    self.handshake.receive_eof()
                raise TransportError(f"the connection with {self._address} broke during the login") from error
            raise
        return Connection(self._take_stream(), init, self.handshake)

    async def _shake_hands(self) -> ServerInit:
        event: Event | None = None
        while not isinstance(event, LoggedIn):
            if data := self.handshake.data_to_send():
                await self._stream.send_all(data)
            events = await self._go_on(event)
            event = events[0] if events else None  # never more: each waits for an answer
        return event.init

    async def _go_on(self, event: TlsNeeded | CredentialsNeeded | None) -> list[Event]:
        handshake = self.handshake
        if isinstance(event, TlsNeeded):
            trust = None if event.anonymous else self._options.transport.trust
            self._stream = await start_tls(self._take_stream(), self._address.host, trust)
            return handshake.tls_started()
        if isinstance(event, CredentialsNeeded):
            return handshake.give(await self._ask_somebody(username=event.username))
        received = await self._stream.receive_some(CHUNK)
        if not received:
            handshake.receive_eof()
        return handshake.receive_data(received)

    async def _ask_somebody(self, *, username: bool) -> Credentials:
        if self._ask is None:
            raise LocalProtocolError("there is nobody to ask for a password")
        left = self._scope.deadline - trio.current_time()
        self._scope.deadline = math.inf
        credentials = await self._ask(username)
        self._scope.deadline = trio.current_time() + left
        return credentials

    def _take_stream(self) -> trio.abc.Stream:
        """The stream with what came too early."""
        leftover = self.handshake.take_leftover()
        return Replayed(self._stream, leftover) if leftover else self._stream
