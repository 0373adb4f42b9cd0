"""Whose console it is: activating the payload in a session, and telling our own stale activation from a stranger's.

Only two activations are ever ended here: one that was ours in a session since lost, and, when the caller asked for
it (*steal*), whatever is there.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeVar

import trio

from conduit.errors import (
    AuthenticationError,
    CompletionCodeError,
    ConduitError,
    LocalProtocolError,
    RemoteProtocolError,
    SessionLostError,
)
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands.payloads import ActivatePayload, DeactivatePayload, GetPayloadInstanceInfo, PayloadActivation
from conduit.ipmi.commands.sessions import GetSessionInfo, LanPeer, SessionInfo
from conduit.ipmi.connection import KEEPALIVE, Connection
from conduit.ipmi.sol import SolCause, SolMachine, SolState, packet_size
from conduit.rmcp.command import Body, Command
from conduit.rmcp.endpoint import Attachment
from conduit.rmcp.packets import PORT
from conduit.rmcp.port import Waiter
from conduit.rmcp.workarounds import Workaround

ATTEMPTS: Final = 3  # sessions that may be lost in the middle of one activation
CLOSE_PATIENCE: Final = 1.0  # seconds that deactivating may take, also under cancellation
RUN: Final = 16  # packets taken in before the task that waits for them goes on
STALE_NAMES: Final = 8  # IDs of sessions of ours that may still hold an activation
ALREADY_ACTIVE: Final = 0x80
BodyT = TypeVar("BodyT", bound=Body)
logger = logging.getLogger(__name__)


class Client(Protocol):
    """What a console needs of a :class:`~conduit.ipmi.client.Bmc`."""

    async def request(self, command: Command[BodyT], *, deadline: float | None = None) -> BodyT:
        """Send a command."""
        ...

    async def live_connection(self) -> tuple[Connection, Attachment]:
        """The session, opened again if need be."""
        ...

    @property
    def workarounds(self) -> Collection[Workaround]:
        """Those that the session was opened with."""
        ...

    def flush(self, attachment: Attachment) -> None:
        """Send what the session's machine wants sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """Arguments of :meth:`conduit.ipmi.client.Bmc.console`."""

    steal: bool = False
    instance: int = 1
    encrypt: bool = True
    authenticate: bool = True
    reactivate: bool = True
    test_mode: bool = False
    keepalive: float | None = KEEPALIVE

    def __post_init__(self) -> None:
        check_range("console instance", self.instance, 1, 15)
        if self.keepalive is not None and not self.keepalive > 0:
            raise LocalProtocolError("a console is kept alive after more than 0 seconds, or never (None)")


class Holder(Enum):
    """Who has a console that could not be activated."""

    OURS = "a session of this console, lost before it could deactivate"
    STRANGER = "somebody else"
    UNKNOWN = "the BMC does not tell"


class Activation:
    """The payload in a session: where it is active, and under which name. The one owner of that knowledge."""

    def __init__(self, client: Client, options: ConsoleOptions, machine: SolMachine) -> None:
        self._client = client
        self._options = options
        self._machine = machine
        self._connection: Connection | None = None
        self._attachment: Attachment | None = None
        self._owner_id: int | None = None  # what the BMC calls the session that has the console, when it is ours
        self._tells_sessions = False  # whether it calls it by an ID of the session: BMCs disagree about that field
        self._stale: deque[int] = deque(maxlen=STALE_NAMES)  # IDs of lost sessions that may hold the console yet
        self.holder = Holder.UNKNOWN
        "Who had it when it was last refused."
        self.packet_size = 0
        self.count = 0

    @property
    def has_session(self) -> bool:
        """Whether there is a session to talk to the BMC in."""
        return self._connection is not None

    def transmit(self) -> None:
        """Send what the machine has to send."""
        if self._connection is not None and self._attachment is not None:
            self._connection.poll_sol(trio.current_time())
            self._client.flush(self._attachment)

    async def wait(self, waiter: Waiter) -> None:
        """Sleep until *waiter* is served; reads the session's socket meanwhile if nobody else does."""
        if self._attachment is not None:
            await self._attachment.port.wait(waiter, most=RUN)
        elif not waiter.done:
            await waiter.park()

    async def begin(self, *, steal: bool, activated: Callable[[], None] = lambda: None) -> None:
        """Make the payload active in the session, ending our own stale activation if there is one.

        :param steal: also end anybody else's.
        :param activated: called at once when it is: characters may come while the BMC is asked for more.
        :raises CompletionCodeError: it cannot be; if it is active elsewhere, :attr:`holder` tells where.
        :raises ConduitError: there is no session.
        """
        for _ in range(ATTEMPTS):
            connection, attachment = await self._client.live_connection()
            connection.attach_sol(self._machine)
            self._connection, self._attachment = connection, attachment
            self._machine.prepare()
            try:
                answer = await self._ask_for_activation(connection, steal=steal)
            except BaseException:
                self._leave(stale=connection.is_lost)
                raise
            if connection.sol is self._machine and not connection.is_lost:
                break
            self._leave(stale=True)  # the session was lost on the way, and the answer is another one's
        else:
            raise SessionLostError("the session was lost again and again while the console was activated")
        self.packet_size = packet_size(answer, ignore_sizes=Workaround.SOLPAYLOADSIZE in self._client.workarounds)
        self._machine.activate(self.packet_size)
        self._stale.clear()
        self.count += 1
        attachment.port.subscribe()
        activated()
        self._owner_id = await self._ask_for_owner()
        self._tells_sessions = self._owner_id in names(connection)

    def detach(self, cause: SolCause) -> bytes:
        """Leave the session; returns what is unconfirmed."""
        active = self._machine.state is not SolState.INACTIVE
        if self._attachment is not None and active:
            self._attachment.port.unsubscribe()
        unconfirmed = self._machine.deactivate(cause)
        self._leave(stale=active and cause is SolCause.LOST)
        return unconfirmed

    async def end(self) -> None:
        """Deactivate the payload if there is a session to do it in; takes 1 s at most, also under cancellation."""
        with trio.move_on_after(CLOSE_PATIENCE, shield=True):
            try:
                if self._connection is not None and not self._connection.is_lost:
                    await self._client.request(DeactivatePayload(instance=self._options.instance))
            except ConduitError as error:
                logger.info("deactivating the console failed: %s", error)

    async def is_anothers(self) -> bool:
        """Whether the BMC says by now that somebody else has the console.

        :raises AuthenticationError: the session was lost, and the BMC refuses another.
        """
        owner_id = await self._ask_for_owner()
        if self._owner_id is None:  # it did not answer when it was asked first
            self._owner_id = owner_id
        return owner_id is not None and owner_id != self._owner_id

    # --- inside ---

    def _leave(self, *, stale: bool) -> None:
        """Without a session from here on.

        :param stale: whether the payload may be active in it yet.
        """
        if self._connection is not None:
            if stale:
                self._stale.extend(names(self._connection))
            self._connection.detach_sol(self._machine)
        self._connection = self._attachment = None

    async def _ask_for_activation(self, connection: Connection, *, steal: bool) -> PayloadActivation:
        request = self._request(connection)
        try:
            answer = await self._client.request(request)
        except CompletionCodeError as error:
            if error.code != ALREADY_ACTIVE:
                raise
            self.holder = await self._find_holder(connection)
            if self.holder is not Holder.OURS and not steal:
                raise _taken(error) from error
            await self._take_over()
            answer = await self._client.request(request)
        try:
            self._check_port(answer.port)
        except RemoteProtocolError:
            await self.end()
            raise
        return answer

    def _request(self, connection: Connection) -> ActivatePayload:
        encrypted, authenticated = connection.protection
        if encrypted and not self._options.encrypt:
            raise LocalProtocolError(
                "the session encrypts everything; for a console without encryption log in with cipher suite 1 or 2"
            )
        return ActivatePayload.sol(
            instance=self._options.instance,
            encrypt=encrypted,
            authenticate=self._options.authenticate and authenticated,
            test_mode=self._options.test_mode,
        )

    async def _find_holder(self, connection: Connection) -> Holder:
        """Whose activation is in the way."""
        owner_id = await self._ask_for_owner()
        if not owner_id:
            return Holder.UNKNOWN
        live, _ = await self._client.live_connection()
        if owner_id in names(live):
            return Holder.OURS
        if owner_id in self._stale or owner_id in names(connection):
            return Holder.STRANGER if await self._is_reused(owner_id) else Holder.OURS
        return Holder.STRANGER if self._tells_sessions else Holder.UNKNOWN

    async def _is_reused(self, session_id: int) -> bool:
        """Whether the ID of a lost session is somebody else's by now: some BMCs have few of them.

        A session of ours has the address and port that this one has, as both are on one socket.
        """
        try:
            owner = await self._client.request(GetSessionInfo(session_id=session_id))
            ours = await self._client.request(GetSessionInfo())
        except AuthenticationError:
            raise
        except ConduitError as error:
            logger.info("the BMC does not say whose session %#x is: %s", session_id, error)
            return False
        sources = _source(owner), _source(ours)
        return None not in sources and sources[0] != sources[1]

    async def _take_over(self) -> None:
        try:
            await self._client.request(DeactivatePayload(instance=self._options.instance))
        except CompletionCodeError as error:
            if error.code != ALREADY_ACTIVE:  # here: not active, as its owner has just left
                raise

    async def _ask_for_owner(self) -> int | None:
        """What the BMC says whose session has the console, or None where it cannot tell."""
        if Workaround.SOLSTATUS in self._client.workarounds:
            return None
        try:
            info = await self._client.request(GetPayloadInstanceInfo(instance=self._options.instance))
        except AuthenticationError:  # of a new session: nobody is to try that again
            raise
        except ConduitError as error:  # if it was the session, its loss is told elsewhere
            logger.info("the BMC does not say who has the console: %s", error)
            return None
        return info.session_id

    def _check_port(self, port: int) -> None:
        """:raises RemoteProtocolError: SOL is served elsewhere."""
        here = self._attachment.address[1] if self._attachment is not None else PORT
        usual = {0, here, PORT}
        swapped = (port & 0xFF) << 8 | port >> 8
        if port in usual or swapped in usual or Workaround.SOLPORT in self._client.workarounds:
            return
        raise RemoteProtocolError(
            f"the BMC wants the console on UDP port {port}, and the session is on {here}; "
            f"log in on port {port}, or ignore it with the workaround solport"
        )


def names(connection: Connection) -> tuple[int, int]:
    """What a BMC may call a session: its own ID for it, or, as some do, the console's."""
    return connection.session.remote_id, connection.session.local_id


def _source(info: SessionInfo) -> tuple[object, int] | None:
    """Where a session's datagrams come from, as the BMC sees them."""
    peer = info.session.peer if info.session is not None else None
    return (peer.address, peer.port) if isinstance(peer, LanPeer) else None


def _taken(error: CompletionCodeError) -> CompletionCodeError:
    text = "somebody else has the console; steal=True (--steal) takes it over"
    return CompletionCodeError(error.code, netfn=error.netfn, command=error.command, text=text, name="ActivatePayload")
