"""Power: its state, its commands, and waiting until the BMC itself says that they took effect."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import trio

from conduit.errors import CallError, CompletionCodeError, ConduitError
from conduit.ipmi import Bmc, ChassisControlAction
from conduit.services.agent.broker import Broker, Caller
from conduit.services.agent.broker_cache import Observed
from conduit.services.agent.broker_failures import FateUnknownError
from conduit.services.agent.broker_repeats import Progress, RepeatKey
from conduit.services.api.gateway.v1.gateway_pb import (
    PowerOperationRequest,
    PowerOperationResponse,
    PowerState,
    PowerStatusRequest,
    PowerStatusResponse,
)
from conduit.services.clock import timestamp
from conduit.tunnel.call_frames import Code

logger = logging.getLogger(__name__)

KIND: Final = "power"  # in the broker's cache
POLL: Final = 0.5  # seconds between looks at the power state
DEFAULT_TIMEOUT: Final = 60  # seconds
MAX_TIMEOUT: Final = 300  # seconds
CYCLE_PAUSE: Final = 5.0  # seconds after which a cycle that was never seen off counts as done
WORDS: Final = {
    PowerState.ON: "on",
    PowerState.OFF: "off",
    PowerState.UNKNOWN: "unknown",
    PowerState.CYCLING: "cycling",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerVerb:
    """One thing that power can be told."""

    action: ChassisControlAction
    done: str
    "What was asked, as the beginning of a sentence."
    reaches: PowerState | None
    "The state afterwards; None if the command changes none that could be seen."
    passes_off: bool = False
    "Power goes off first."


ON: Final = PowerVerb(action=ChassisControlAction.ON, done="switching on", reaches=PowerState.ON)
OFF: Final = PowerVerb(action=ChassisControlAction.OFF, done="switching off", reaches=PowerState.OFF)
CYCLE: Final = PowerVerb(action=ChassisControlAction.CYCLE, done="power cycle", reaches=PowerState.ON, passes_off=True)
RESET: Final = PowerVerb(action=ChassisControlAction.RESET, done="reset", reaches=None)
SOFT: Final = PowerVerb(action=ChassisControlAction.SOFT_SHUTDOWN, done="soft shutdown", reaches=PowerState.OFF)
DIAG: Final = PowerVerb(action=ChassisControlAction.DIAGNOSTIC_INTERRUPT, done="diagnostic interrupt", reaches=None)


async def power_status(broker: Broker, caller: Caller, request: PowerStatusRequest) -> PowerStatusResponse:
    """What the BMC says now."""
    found = await look(broker, caller)
    return PowerStatusResponse(
        state=found.value,
        message=f"power is {WORDS[found.value]}",
        observed_at=timestamp(found.at),
        protocol=found.protocol,
    )


async def look(broker: Broker, caller: Caller, *, exempt: bool = False) -> Observed[PowerState]:
    """The power state. :raises CallError: as :meth:`Broker.read`."""

    async def work(bmc: Bmc) -> PowerState:
        return await read_state(broker, bmc)

    return await broker.read(caller, KIND, work, exempt=exempt)


async def read_state(broker: Broker, bmc: Bmc) -> PowerState:
    """One request, timed. :raises ConduitError: as :meth:`Bmc.request`."""
    started = trio.current_time()
    status = await bmc.chassis_status()
    broker.answered(bmc, trio.current_time() - started)
    return PowerState.ON if status.power_on else PowerState.OFF


async def switch_power(
    broker: Broker, caller: Caller, verb: PowerVerb, request: PowerOperationRequest
) -> PowerOperationResponse:
    """Send the command, read the state back, and wait for the effect if that is wanted; once for each key.

    :raises CallError: the BMC did not take it.
    """
    timeout = checked_timeout(request)

    async def work(progress: Progress) -> bytes:
        return (await _switch(broker, caller, verb, progress, timeout if request.wait else None)).to_binary()

    if not request.idempotency_key:
        return PowerOperationResponse.from_binary(await work(Progress()))
    key = RepeatKey(caller.customer, verb.action.name, request.idempotency_key)
    return PowerOperationResponse.from_binary(await broker.repeats.once(key, request.to_binary(), work))


async def _switch(
    broker: Broker, caller: Caller, verb: PowerVerb, progress: Progress, patience: float | None
) -> PowerOperationResponse:
    started = trio.current_time()
    done = await broker.run(caller, _Command(broker, caller, verb, progress).send)
    state, ordinal = done.value
    if patience is None:
        outcome = _accepted(verb, state)
    else:
        outcome = await _Wait(broker, caller, verb, ordinal).until(state, started + patience)
    return PowerOperationResponse(
        success=outcome.success,
        message=outcome.message,
        state=outcome.state,
        protocol=done.protocol,
        elapsed_ms=round((trio.current_time() - started) * 1000),
    )


def checked_timeout(request: PowerOperationRequest) -> int:
    """Seconds. :raises CallError: out of range."""
    timeout = request.timeout_seconds or DEFAULT_TIMEOUT
    if not 1 <= timeout <= MAX_TIMEOUT:
        raise CallError(Code.INVALID_ARGUMENT, f"timeout_seconds is 1 to {MAX_TIMEOUT}, or 0 for {DEFAULT_TIMEOUT}")
    return timeout


class _Command:
    """The command itself: sent once, whatever happens."""

    def __init__(self, broker: Broker, caller: Caller, verb: PowerVerb, progress: Progress) -> None:
        self._broker = broker
        self._caller = caller
        self._verb = verb
        self._progress = progress

    async def send(self, bmc: Bmc) -> tuple[PowerState, int]:
        """The state read back, and which of the broker's power commands this is.

        Looking first proves the session, so that a command whose fate is unknown stays rare.
        """
        broker = self._broker
        await read_state(broker, bmc)
        broker.power_commands += 1
        ordinal = broker.power_commands
        self._progress.begin()
        logger.info(
            "%s: %s for %s (%s)", broker.server.server_id, self._verb.done, self._caller.user, self._caller.request
        )
        try:
            await bmc.control_chassis(self._verb.action)
        except CompletionCodeError:
            raise
        except ConduitError as error:  # nothing acknowledged it, not even a refusal
            raise FateUnknownError from error
        finally:
            broker.forget()
        try:
            return await read_state(broker, bmc), ordinal
        except ConduitError:
            return PowerState.UNKNOWN, ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    success: bool
    message: str
    state: PowerState


def _accepted(verb: PowerVerb, state: PowerState) -> _Outcome:
    if state is PowerState.UNKNOWN:
        message = f"the BMC took the command ({verb.done}), but did not tell the power state"
    elif verb.reaches in (None, state):
        message = f"{verb.done}: power is {WORDS[state]}"
    else:
        message = f"the BMC took the command ({verb.done}); power is still {WORDS[state]}"
    return _Outcome(success=True, message=message, state=state)


class _Wait:
    """Looks at the power state until it is as wanted; every look is a turn of its own."""

    def __init__(self, broker: Broker, caller: Caller, verb: PowerVerb, ordinal: int) -> None:
        self._broker = broker
        self._caller = caller
        self._verb = verb
        self._ordinal = ordinal
        self._sent_at = trio.current_time()
        self._seen_off = not verb.passes_off

    async def until(self, state: PowerState, deadline: float) -> _Outcome:
        """The end of it, at *deadline* at the latest."""
        with trio.move_on_at(deadline):
            while not self._is_reached(state):
                if self._broker.power_commands != self._ordinal:
                    return self._failure(state, "another power command came in between")
                await trio.sleep(POLL)
                state = await self._look()
            return _Outcome(success=True, message=f"{self._verb.done}: power is {WORDS[state]}", state=state)
        return self._failure(state, "it took too long")

    def _is_reached(self, state: PowerState) -> bool:
        elapsed = trio.current_time() - self._sent_at
        self._seen_off = self._seen_off or state is PowerState.OFF or elapsed >= CYCLE_PAUSE
        if self._verb.reaches is None:
            return state is not PowerState.UNKNOWN
        return state is self._verb.reaches and self._seen_off

    async def _look(self) -> PowerState:
        """UNKNOWN while the BMC is silent, as some are after a command."""
        try:
            return (await look(self._broker, self._caller, exempt=True)).value
        except CallError:
            return PowerState.UNKNOWN

    def _failure(self, state: PowerState, why: str) -> _Outcome:
        message = f"the BMC took the command ({self._verb.done}), but {why}; power is {WORDS[state]}"
        return _Outcome(success=False, message=message, state=state)
