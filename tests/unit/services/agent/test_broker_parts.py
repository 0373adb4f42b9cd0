from __future__ import annotations

import math

import pytest

from conduit.errors import (
    AuthenticationError,
    CallError,
    CompletionCodeError,
    ConduitError,
    DecodeError,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    SessionLostError,
    SessionRefused,
    TransportError,
)
from conduit.ipmi import CompletionCode
from conduit.services.agent.broker_cache import MAX_KINDS, Cache, Observed
from conduit.services.agent.broker_endpoints import BrokerLimits, ControlEndpoint, ServerEndpoints
from conduit.services.agent.broker_failures import PausedError, call_error
from conduit.services.agent.broker_health import Health, average
from conduit.services.agent.broker_queue import QueueFullError
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code


def refusal(code: int) -> CompletionCodeError:
    return CompletionCodeError(code, netfn=0, command=2, text="in words", name="ChassisControl")


# --- what callers learn -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PeerTimeoutError("10.0.4.12 is silent"), Code.UNAVAILABLE),
        (SessionLostError("10.0.4.12"), Code.UNAVAILABLE),
        (TransportError("no route to 10.0.4.12"), Code.UNAVAILABLE),
        (AuthenticationError("10.0.4.12: wrong"), Code.FAILED_PRECONDITION),
        (NegotiationError("10.0.4.12"), Code.FAILED_PRECONDITION),
        (SessionRefused(1, "insufficient resources"), Code.UNAVAILABLE),
        (DecodeError("10.0.4.12"), Code.INTERNAL),
        (LocalProtocolError("10.0.4.12"), Code.FAILED_PRECONDITION),
        (QueueFullError(own=True), Code.RESOURCE_EXHAUSTED),
        (ConduitError("10.0.4.12"), Code.INTERNAL),
        (refusal(CompletionCode.NODE_BUSY), Code.UNAVAILABLE),
        (refusal(CompletionCode.INVALID_COMMAND), Code.UNIMPLEMENTED),
        (refusal(CompletionCode.INSUFFICIENT_PRIVILEGE), Code.FAILED_PRECONDITION),
        (refusal(CompletionCode.NOT_IN_THIS_STATE), Code.FAILED_PRECONDITION),
    ],
)
def test_every_failure_has_a_code_and_a_sentence_without_the_address(error: ConduitError, code: Code) -> None:
    told = call_error(error)
    assert told.code == code
    assert told.message
    assert "10.0.4.12" not in told.message


def test_failure_that_has_its_code_keeps_it() -> None:
    error = CallError(Code.NOT_FOUND, "nowhere")
    assert call_error(error) is error


def test_completion_code_is_told_in_its_words() -> None:
    assert call_error(refusal(CompletionCode.NOT_IN_THIS_STATE)).message == "the BMC refuses: in words"


def test_paused_endpoint_keeps_the_code_of_what_failed() -> None:
    error = PausedError(call_error(PeerTimeoutError()), 12.4)
    assert (error.code, error.message) == (Code.UNAVAILABLE, "the BMC does not answer; the Agent tries again in 12 s")


# --- configuration ----------------------------------------------------------------------------------------------------


def endpoint(name: str = "ipmi-1") -> ControlEndpoint:
    return ControlEndpoint(name=name, host="127.0.0.1", username="admin", password=Secret("correct-horse"))


def test_no_repr_has_a_password() -> None:
    server = ServerEndpoints(server_id="db-02", control=[endpoint()])
    assert "correct-horse" not in repr(server)
    assert "admin" not in repr(server)


def test_server_needs_endpoints_with_names_of_their_own() -> None:
    with pytest.raises(LocalProtocolError, match="no control endpoint"):
        ServerEndpoints(server_id="db-02", control=[])
    with pytest.raises(LocalProtocolError, match="same name"):
        ServerEndpoints(server_id="db-02", control=[endpoint(), endpoint()])


@pytest.mark.parametrize("change", [{"waiting": 0}, {"idle_close": 0.0}, {"pause": float("nan")}])
def test_limits_are_more_than_nothing(change: dict[str, float]) -> None:
    with pytest.raises(LocalProtocolError):
        BrokerLimits(**change)  # type: ignore[arg-type]  # numbers all


# --- cache and health -------------------------------------------------------------------------------------------------


def seen(asked_at: float, ordinal: int = 1) -> Observed[str]:
    return Observed(value="on", at=1000.0, asked_at=asked_at, ordinal=ordinal, protocol="ipmi-2.0")


def test_answer_is_used_again_while_it_is_young_enough() -> None:
    cache = Cache()
    assert cache.get("power", after=0, since=0.0) is None
    cache.put("power", seen(5.0))
    assert cache.get("power", after=2, since=5.0) == seen(5.0)
    assert cache.get("power", after=2, since=5.1) is None
    cache.forget()
    assert cache.get("power", after=2, since=0.0) is None


def test_answer_to_a_later_question_serves_an_earlier_one() -> None:
    cache = Cache()
    cache.put("power", seen(5.0, ordinal=3))
    assert cache.get("power", after=2, since=math.inf) is not None
    assert cache.get("power", after=3, since=math.inf) is None


def test_cache_has_a_cap() -> None:
    cache = Cache()
    for number in range(MAX_KINDS + 1):
        cache.put(str(number), seen(1.0))
    assert cache.get(str(MAX_KINDS), after=0, since=0.0) is None
    cache.put("0", seen(2.0))
    assert cache.get("0", after=1, since=2.0) is not None


def test_moving_average_follows_slowly() -> None:
    assert average(None, 1.0) == 1.0
    assert average(1.0, 2.0) == pytest.approx(1.2)


def test_health_keeps_the_last_error_in_words() -> None:
    health = Health()
    health.failed(1000.0, "the BMC does not answer")
    health.succeeded(1001.0)
    health.answered(0.5)
    health.logged_in(0.25)
    assert (health.operations, health.failures, health.log_ins) == (2, 1, 1)
    assert (health.last_error, health.last_error_at, health.last_success) == ("the BMC does not answer", 1000.0, 1001.0)
    assert (health.latency, health.log_in_time) == (0.5, 0.25)
