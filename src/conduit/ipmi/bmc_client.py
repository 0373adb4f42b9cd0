"""A BMC with a session, as programs use it: :class:`Bmc`, which :func:`~conduit.ipmi.client.open_bmc` makes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

import trio

from conduit._machine import DatagramMachine
from conduit.errors import (
    CompletionCodeError,
    ConduitError,
    DecodeError,
    LocalProtocolError,
    PeerTimeoutError,
    SessionLostError,
    TransportError,
)
from conduit.ipmi import completion_codes
from conduit.ipmi.commands.app import DeviceId, GetDeviceId
from conduit.ipmi.commands.messaging import SendMessage
from conduit.ipmi.commands.power import ChassisControl, ChassisControlAction, ChassisStatus, GetChassisStatus
from conduit.ipmi.connection import KEEPALIVE, Connection, SessionLost
from conduit.ipmi.console import Console, ConsoleOptions, open_console
from conduit.ipmi.exchange import BMC, Answered, Exchange, Target, Unanswered, check_outstanding
from conduit.rmcp.command import Body, Command, CommandKey, group_of
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import Attachment, Endpoint
from conduit.rmcp.login import LoggedIn, SessionInfo
from conduit.rmcp.nudge import NudgingMachine
from conduit.rmcp.port import Address, Waiter
from conduit.rmcp.workarounds import Workaround

CLOSE_DELAYS: Final = (0.3, 0.3, 0.4)  # seconds to wait after each Close Session


CLOSE_PATIENCE: Final = sum(CLOSE_DELAYS)  # seconds that leaving may take, also under cancellation


BodyT = TypeVar("BodyT", bound=Body)

logger = logging.getLogger(__name__)


class Bmc:
    """A BMC with a session; made by :func:`open_bmc`.

    Commands may be sent from many tasks at once; they take turns. When the BMC drops the session, the next command
    logs in again.
    """

    __slots__ = (
        "_addresses",
        "_attachment",
        "_closed",
        "_connection",
        "_credentials",
        "_endpoint",
        "_host",
        "_info",
        "_keepalive",
        "_log_in_scope",
        "_login_lock",
        "_max_outstanding",
        "logins",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        host: tuple[str, int],
        credentials: Credentials,
        keepalive: float | None,
        max_outstanding: int,
    ) -> None:
        check_outstanding(max_outstanding)  # now, and not when a session is open already
        self._endpoint = endpoint
        self._host = host
        self._addresses: Sequence[Address] = ()
        self._credentials = credentials
        self._keepalive = keepalive
        self._max_outstanding = max_outstanding
        self._connection: Connection | None = None
        self._attachment: Attachment | None = None
        self._info: SessionInfo | None = None
        self._login_lock: trio.Lock | None = None  # made when needed: most sessions are opened once
        self._log_in_scope: trio.CancelScope | None = None
        self._closed = False
        self.logins = 0

    @property
    def session(self) -> SessionInfo:
        """How the present session came to be."""
        if self._info is None:
            raise LocalProtocolError("there is no session")
        return self._info

    @property
    def address(self) -> Address:
        """Socket address of the BMC."""
        return self._addresses[0]

    async def request(self, command: Command[BodyT], *, target: Target = BMC, deadline: float | None = None) -> BodyT:
        """Send *command* and return its decoded response.

        :param target: who it is for, when not the BMC itself.
        :param deadline: seconds that all of it may take, repeats and a new log-in included; None leaves it to the
            retry policy.
        :raises CompletionCodeError: the BMC says no, and why.
        :raises PeerTimeoutError: it does not answer.
        :raises SessionLostError: the session died under a command that must not be repeated blindly.
        :raises DecodeError: the answer makes no sense.
        """
        netfn, number = command.netfn, command.command
        answer = await self._exchange(netfn, number, command.request_data(), command.safe, target, deadline)
        if answer.code:
            raise _refusal(answer, command.key(), type(command).__name__)
        try:
            return command.decode_response(answer.data)
        except DecodeError as error:
            what = f"the answer to {type(command).__name__} makes no sense: {error.what}"
            raise DecodeError(what, offset=error.offset) from error

    async def raw(
        self,
        netfn: int,
        command: int,
        data: bytes = b"",
        *,
        safe: bool = False,
        target: Target = BMC,
        deadline: float | None = None,
    ) -> bytes:
        """Send any command and return the bytes after the completion code.

        :param netfn: network function, even, 0 to 62.
        :param command: command number, 0 to 255.
        :param safe: may it be sent twice?
        :raises: as :meth:`request`.
        """
        if netfn not in range(0, 64, 2) or command not in range(256):
            raise LocalProtocolError("netFn is even, 0 to 62; a command is 0 to 255")
        answer = await self._exchange(netfn, command, data, safe, target, deadline)
        if answer.code:
            raise _refusal(answer, (netfn, command, group_of(netfn, data)), "")
        return answer.data

    async def device_id(self) -> DeviceId:
        """What the BMC is: firmware, manufacturer, product. :raises: as :meth:`request`."""
        return await self.request(GetDeviceId())

    async def chassis_status(self) -> ChassisStatus:
        """Power and faults. :raises: as :meth:`request`."""
        return await self.request(GetChassisStatus())

    async def control_chassis(self, action: ChassisControlAction) -> None:
        """Switch power, reset, interrupt. Not repeated when its fate is unknown. :raises: as :meth:`request`."""
        await self.request(ChassisControl(action=action))

    async def _exchange(
        self, netfn: int, command: int, data: bytes, safe: bool, target: Target, deadline: float | None
    ) -> Answered:
        """One command to its answer; across the loss of the session if that is safe."""
        if deadline is None:
            connection = self._connection
            if connection is not None and not connection.is_lost:
                answer = await self._ask(connection, netfn, command, data, target)
                if answer is not None:
                    return answer
                if target.bridges:
                    raise PeerTimeoutError("the controller behind the BMC does not answer")
                await self._recover(safe)
            return await self._ask_anew(netfn, command, data, target)
        check_deadline(deadline)
        with trio.move_on_after(deadline):
            return await self._exchange(netfn, command, data, safe, target, None)
        raise PeerTimeoutError(f"no answer within {deadline:g} s")

    async def _recover(self, safe: bool) -> None:
        """After silence: either the BMC dropped the session, and a log-in will work, or it is gone, and none will.

        :raises SessionLostError: it was the session, and the command must not be repeated blindly.
        """
        await self._log_in_again()
        if not safe:
            raise SessionLostError(
                "the BMC dropped the session; the command may or may not have been carried out, so it was not repeated"
            )

    async def _ask_anew(self, netfn: int, command: int, data: bytes, target: Target) -> Answered:
        """The same in a session just opened."""
        connection = await self._log_in_again()
        answer = await self._ask(connection, netfn, command, data, target)
        if answer is None:
            raise PeerTimeoutError("the BMC does not answer this command, though it answers log-ins")
        return answer

    async def _ask(
        self, connection: Connection, netfn: int, command: int, data: bytes, target: Target
    ) -> Answered | None:
        """The hot path: submit, send, sleep until the reader wakes us."""
        attachment, waiter = self._attachment, Waiter()
        if attachment is None:
            raise LocalProtocolError("there is no session")
        pending = connection.submit(waiter, netfn, command, data, trio.current_time(), target)
        self._endpoint.flush(attachment)
        try:
            event = await attachment.port.wait(waiter)
        except trio.Cancelled:
            connection.forget(pending, trio.current_time())
            self._endpoint.flush(attachment)  # the next one's turn
            raise
        return event if type(event) is Answered else None

    # --- what the endpoint's reader calls; must not block ---

    def _deliver(self, events: Sequence[object]) -> None:
        for event in events:
            if isinstance(event, SessionLost):
                logger.info("session with %s lost", self._addresses[0][0])
            else:
                event.token.deliver(event)  # type: ignore[attr-defined]  # every other event has one

    def _fail(self, error: ConduitError) -> None:
        """The socket is of no use for this peer: everything that waits learns so."""
        if self._connection is not None:
            for event in self._connection.abandon():
                if isinstance(event, Unanswered):
                    event.token.fail(error)
                else:
                    self._deliver((event,))

    # --- the serial console ---

    def console(
        self,
        *,
        steal: bool = False,
        instance: int = 1,
        encrypt: bool = True,
        authenticate: bool = True,
        reactivate: bool = True,
        test_mode: bool = False,
        keepalive: float | None = KEEPALIVE,
    ) -> AbstractAsyncContextManager[Console]:
        """Activate serial over LAN, yield the console, deactivate it; a session has one at a time.

        :param steal: end somebody else's console if there is one; that one is told.
        :param instance: 1 to 15; nearly every BMC has one.
        :param encrypt: what the session's cipher suite encrypts stays so; False insists on a suite that does not.
        :param authenticate: ask for authentication where the session has it.
        :param reactivate: activate it again when the session or the payload was lost; an event tells of the gap.
        :param test_mode: have the BMC report the machine's RTS and DTR, where it can.
        :param keepalive: seconds between questions whether the console is still ours; None for never.
        :raises CompletionCodeError: the BMC says no, and why; 80h: somebody else has the console.
        :raises LocalProtocolError: an argument is out of range, or the session is one of IPMI 1.5.
        """
        options = ConsoleOptions(
            steal=steal,
            instance=instance,
            encrypt=encrypt,
            authenticate=authenticate,
            reactivate=reactivate,
            test_mode=test_mode,
            keepalive=keepalive,
        )
        return open_console(self, options)

    async def live_connection(self) -> tuple[Connection, Attachment]:
        """The session's machine and its place at the endpoint, after a new log-in if need be."""
        connection = self._connection
        if connection is None or connection.is_lost:
            connection = await self._log_in_again()
        if self._attachment is None:
            raise LocalProtocolError("there is no session")
        return connection, self._attachment

    @property
    def workarounds(self) -> Collection[Workaround]:
        """Those that the session was opened with."""
        return self._credentials.workarounds

    def flush(self, attachment: Attachment) -> None:
        """Send what the session's machine wants sent."""
        self._endpoint.flush(attachment)

    # --- sessions ---

    async def _log_in_again(self) -> Connection:
        """A live connection: one task logs in, the others wait for it."""
        if self._login_lock is None:
            self._login_lock = trio.Lock()
        async with self._login_lock:
            if self._closed:
                raise LocalProtocolError("the session is closed")
            if self._connection is not None and not self._connection.is_lost:
                return self._connection
            self._drop_session()
            with trio.CancelScope() as self._log_in_scope:
                return await self.log_in()
            raise LocalProtocolError("the session is closed")

    async def log_in(self) -> Connection:
        """Open a session at the first address that answers."""
        if not self._addresses:
            self._addresses = await self._endpoint.resolve(*self._host)
        for address in self._addresses[:-1]:
            try:
                return self._begin(address, *await self._endpoint.log_in(address, self._credentials))
            except (PeerTimeoutError, TransportError) as error:
                logger.info("%s: %s", address[0], error)
        address = self._addresses[-1]
        return self._begin(address, *await self._endpoint.log_in(address, self._credentials))

    def _begin(self, address: Address, logged_in: LoggedIn, attachment: Attachment) -> Connection:
        """Use the session just opened. No checkpoint and no error in here, or it would be left behind."""
        credentials = self._credentials
        verify = Workaround.NOCHECKSUMCHECK not in credentials.workarounds
        exchange = Exchange(credentials.retry, max_outstanding=self._max_outstanding, verify=verify)
        connection = Connection(logged_in.session, exchange, trio.current_time(), keepalive=self._keepalive)
        machine: DatagramMachine = connection
        if Workaround.INTELWV2 in credentials.workarounds:
            machine = NudgingMachine(connection)
        self._addresses = (address,)
        self._info, self._connection, self._attachment = logged_in.info, connection, attachment
        self._endpoint.become(attachment, machine, self._deliver, self._fail)
        self.logins += 1
        return connection

    def _drop_session(self) -> None:
        if self._attachment is not None:
            self._endpoint.detach(self._attachment)
        self._attachment = self._connection = None

    async def aclose(self) -> None:
        """Close the session; tries for :data:`CLOSE_PATIENCE` at most, also when cancelled, and never raises."""
        self._closed = True
        if self._log_in_scope is not None:
            self._log_in_scope.cancel()  # another task's, which would leave a session behind
        connection, attachment = self._connection, self._attachment
        try:
            if connection is not None and attachment is not None and not connection.is_lost:
                waiter = Waiter()
                self._deliver(connection.close(waiter, trio.current_time(), CLOSE_DELAYS))  # others' commands end here
                self._endpoint.flush(attachment)
                await attachment.port.wait(waiter, shield=True)  # the machine itself gives up in time
        except ConduitError as error:
            logger.info("closing the session failed: %s", error)
        finally:
            self._drop_session()


def _refusal(answer: Answered, key: CommandKey, name: str) -> CompletionCodeError:
    if answer.by_bridge:
        key, name = SendMessage.key(), "bridging with SendMessage"
    netfn, command, group = key
    text = completion_codes.text(answer.code, netfn, command, group)
    return CompletionCodeError(answer.code, netfn=netfn, command=command, text=text, name=name)


def check_deadline(deadline: float | None) -> None:
    """:raises LocalProtocolError: it is no number of seconds."""
    if deadline is not None and not deadline > 0:
        raise LocalProtocolError(f"a deadline is more than 0 seconds away, not {deadline}")
