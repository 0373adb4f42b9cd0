"""One endpoint of a BMC at work: its session, opened when needed, with the circuit breaker and the health beside it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from conduit.errors import (
    AuthenticationError,
    CallError,
    CompletionCodeError,
    ConduitError,
    DecodeError,
    LocalProtocolError,
    PeerTimeoutError,
)
from conduit.ipmi import Bmc, Interface, open_bmc
from conduit.rmcp.endpoint import Endpoint
from conduit.services.agent.broker_breaker import Breaker
from conduit.services.agent.broker_endpoints import BrokerLimits, ControlEndpoint
from conduit.services.agent.broker_failures import UNREACHED, FateUnknownError, PausedError, call_error
from conduit.services.agent.broker_health import EndpointSnapshot, Fallback, Health
from conduit.services.clock import Clock

T = TypeVar("T")
logger = logging.getLogger(__name__)

PROTOCOLS: Final = {Interface.LANPLUS: "ipmi-2.0", Interface.LAN: "ipmi-1.5"}
_ANSWERED: Final = (CompletionCodeError, DecodeError, CallError, LocalProtocolError)


class NotOpenedError(ConduitError):
    """There is no session, so nothing was asked of the BMC.

    :param error: why.
    """

    def __init__(self, error: ConduitError) -> None:
        super().__init__(str(error))
        self.error = error


class Link:
    """See the module. Only who has the broker's turn may call :meth:`run`."""

    def __init__(
        self, server_id: str, endpoint: ControlEndpoint, udp: Endpoint, clock: Clock, limits: BrokerLimits
    ) -> None:
        self._server_id = server_id
        self._udp = udp
        self._clock = clock
        self._bmc: Bmc | None = None
        self._failure: CallError | None = None  # the last one
        self._grave = False  # the last failure was a refused password
        self._seen_log_ins = 0  # of the present session
        self.endpoint = endpoint
        self.breaker = Breaker(failures=limits.failures, pause=limits.pause, longest_pause=limits.longest_pause)
        self.health = Health()
        self.protocol = ""
        "Of the last session."
        self.downgrade: Fallback | None = None
        self.used_at = 0.0
        "When the session was last of use, on Trio's clock."
        self.pins = 0
        "Consoles that run in the session."

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self.endpoint.name

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return self._bmc is not None

    def uses(self, bmc: Bmc) -> bool:
        """Whether that is its session."""
        return bmc is self._bmc

    async def run(self, work: Callable[[Bmc], Awaitable[T]]) -> T:
        """Do *work* with the session.

        :raises NotOpenedError: nothing was done.
        :raises ConduitError: as *work* does.
        """

        async def with_session() -> T:
            return await self._work(await self._session(), work)

        return await self._judged(with_session)

    async def pin(self) -> Bmc:
        """The session, which stays until :meth:`unpin`. :raises NotOpenedError: there is none to be had."""

        async def pin(bmc: Bmc) -> Bmc:
            self.pins += 1
            return bmc

        return await self.run(pin)

    async def unpin(self, bmc: Bmc) -> None:
        """Its user is done."""
        self.pins -= 1
        self.used_at = trio.current_time()
        if bmc is not self._bmc:  # given up meanwhile
            await bmc.aclose()

    async def open_apart(self) -> Bmc:
        """One more session, which is its caller's to close. :raises NotOpenedError: there is none to be had."""
        return await self._judged(self._log_in)

    async def _judged(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Ask the circuit breaker, try, and tell it what came of it."""
        if not self.breaker.enter(trio.current_time()):
            raise NotOpenedError(self.paused(trio.current_time()))
        judged = False
        try:
            result = await attempt()
        except ConduitError as error:
            judged = True
            await self._judge(error)
            raise
        else:
            judged = True
            self._succeed()
            return result
        finally:
            self.used_at = trio.current_time()
            if not judged:
                self.breaker.abandon(self.used_at)

    def paused(self, now: float) -> PausedError:
        """Why the breaker is open."""
        failure = self._failure or call_error(PeerTimeoutError())
        return PausedError(failure, self.breaker.retry_at - now, grave=self._grave)

    async def close(self) -> None:
        """Give the session's slot back to the BMC."""
        bmc, self._bmc = self._bmc, None
        if bmc is not None:
            await bmc.aclose()

    def snapshot(self) -> EndpointSnapshot:
        """How it is."""
        health = self.health
        return EndpointSnapshot(
            name=self.name,
            breaker=self.breaker.state,
            protocol=self.protocol,
            connected=self.connected,
            latency=health.latency,
            log_in_time=health.log_in_time,
            operations=health.operations,
            failures=health.failures,
            log_ins=health.log_ins,
            last_success=health.last_success,
            last_error_at=health.last_error_at,
            last_error=health.last_error,
            downgrade=self.downgrade,
        )

    async def _session(self) -> Bmc:
        if self._bmc is None:
            self._bmc = await self._log_in()
            self._seen_log_ins = self._bmc.logins
            self._note_protocol(self._bmc)
        return self._bmc

    async def _log_in(self) -> Bmc:
        """:raises NotOpenedError: and nothing else."""
        endpoint, started = self.endpoint, trio.current_time()
        try:
            opening = open_bmc(
                endpoint.host,
                port=endpoint.port,
                username=endpoint.username,
                password=endpoint.resolve_password(),
                interface=endpoint.interface,
                cipher_suite=endpoint.cipher_suite,
                privilege=endpoint.privilege,
                timeout=endpoint.timeout,
                retries=endpoint.retries,
                backoff=endpoint.backoff,
                workarounds=endpoint.workarounds,
                endpoint=self._udp,
            )
            bmc = await opening.__aenter__()  # its end is Bmc.aclose(), whichever task calls that
        except ConduitError as error:
            raise NotOpenedError(error) from error
        self.health.logged_in(trio.current_time() - started)
        return bmc

    async def _work(self, bmc: Bmc, work: Callable[[Bmc], Awaitable[T]]) -> T:
        try:
            return await work(bmc)
        finally:
            if bmc.logins != self._seen_log_ins:  # it logged in again by itself
                self.health.log_ins += bmc.logins - self._seen_log_ins
                self._seen_log_ins = bmc.logins
                self._note_protocol(bmc)

    def _note_protocol(self, bmc: Bmc) -> None:
        self.protocol = PROTOCOLS[bmc.session.interface]
        if bmc.session.interface is Interface.LANPLUS or self.endpoint.interface is Interface.LAN:
            self.downgrade = None
        elif self.downgrade is None:
            reason = bmc.session.reason
            self.downgrade = Fallback(chosen="ipmi-1.5", instead_of="ipmi-2.0", since=self._clock(), reason=reason)
            logger.warning("%s: %s uses IPMI 1.5: %s", self._server_id, self.name, reason)

    def _succeed(self) -> None:
        self.breaker.succeed()
        self.health.succeeded(self._clock())

    async def _judge(self, error: ConduitError) -> None:
        """Did the BMC fail, or only the operation?"""
        opening = isinstance(error, NotOpenedError)
        cause = error.error if isinstance(error, NotOpenedError) else error
        if not opening and isinstance(cause, _ANSWERED) and not isinstance(cause, FateUnknownError):
            self._succeed()
            return
        self._failure = call_error(cause)
        self.health.failed(self._clock(), self._failure.message)
        self._grave = isinstance(cause, AuthenticationError)
        self.breaker.fail(trio.current_time(), grave=self._grave)
        logger.warning("%s: %s failed: %s", self._server_id, self.name, cause)
        if self.pins:  # a console looks after the session; only one that nobody lets in again is given up
            self._bmc = None if self._grave else self._bmc
        elif self._grave or isinstance(cause, (*UNREACHED, FateUnknownError)):
            await self.close()  # the next one resolves name and password anew
