"""The unary methods of ``gateway.v1.GatewayService`` as the Agent answers them, each at its server's broker."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import trio
from protobuf import Message

from conduit.errors import CallError
from conduit.services.agent import operations_power as power
from conduit.services.agent import operations_sensors as sensors
from conduit.services.agent import operations_system as system
from conduit.services.agent.broker import Broker, Caller
from conduit.services.agent.broker_metrics import BrokerMetrics
from conduit.services.api.gateway.v1.gateway_pb import (
    GetBMCInfoRequest,
    GetBootDeviceRequest,
    GetSystemStatusRequest,
    IdentifyRequest,
    ListEventsRequest,
    ListSensorsRequest,
    PowerOperationRequest,
    PowerStatusRequest,
    SetBootDeviceRequest,
)
from conduit.tunnel.call_frames import Code
from conduit.tunnel.calls import Bidirectional, Method, ServedCall

CUSTOMER: Final = "customer"  # metadata of a call
TENANT: Final = "tenant"  # whose server it is
USER: Final = "user"
REQUEST: Final = "request"
SERVER: Final = "server"


@dataclass(frozen=True, slots=True)
class Operation:
    """How one method is answered."""

    request: type[Message[Any]]
    answer: Callable[[Broker, Caller, Any], Awaitable[Message[Any]]]
    "Any: it takes the class beside it."


def _power(verb: power.PowerVerb) -> Operation:
    async def answer(broker: Broker, caller: Caller, request: PowerOperationRequest) -> Message[Any]:
        return await power.switch_power(broker, caller, verb, request)

    return Operation(PowerOperationRequest, answer)


METHODS: Final[Mapping[str, Operation]] = {
    "GetPowerStatus": Operation(PowerStatusRequest, power.power_status),
    "PowerOn": _power(power.ON),
    "PowerOff": _power(power.OFF),
    "PowerCycle": _power(power.CYCLE),
    "Reset": _power(power.RESET),
    "PowerSoft": _power(power.SOFT),
    "PowerDiag": _power(power.DIAG),
    "GetBMCInfo": Operation(GetBMCInfoRequest, system.bmc_info),
    "GetSystemStatus": Operation(GetSystemStatusRequest, system.system_status),
    "ListSensors": Operation(ListSensorsRequest, sensors.list_sensors),
    "ListEvents": Operation(ListEventsRequest, sensors.list_events),
    "GetBootDevice": Operation(GetBootDeviceRequest, system.get_boot_device),
    "SetBootDevice": Operation(SetBootDeviceRequest, system.set_boot_device),
    "Identify": Operation(IdentifyRequest, system.identify),
}


async def serve_call(
    brokers: Mapping[str, Broker],
    method: str,
    metadata: Mapping[str, str],
    request_bytes: bytes,
    *,
    deadline: float = math.inf,
    metrics: BrokerMetrics | None = None,
) -> bytes:
    """Decode the request, do it at the broker of the server that *metadata* names, encode the answer.

    :param deadline: on Trio's clock.
    :raises CallError: it failed, and why.
    """
    operation = METHODS.get(method)
    if operation is None:
        raise CallError(Code.UNIMPLEMENTED, f"the Agent has no method {method!r}")
    started, code = trio.current_time(), Code.CANCELLED
    try:
        answer = await _answer(brokers, operation, metadata, request_bytes, deadline)
        code = Code.OK
    except CallError as error:
        code = Code(error.code)
        raise
    finally:
        if metrics is not None:
            metrics.observe(method, code, trio.current_time() - started)
    return answer


async def _answer(
    brokers: Mapping[str, Broker], operation: Operation, metadata: Mapping[str, str], data: bytes, deadline: float
) -> bytes:
    request = _decode(operation, data)
    broker = _broker(brokers, metadata, request)
    caller = Caller(customer=metadata.get(CUSTOMER, ""), user=metadata.get(USER, ""), request=metadata.get(REQUEST, ""))
    with trio.move_on_at(deadline):
        return (await operation.answer(broker, caller, request)).to_binary()
    raise CallError(Code.DEADLINE_EXCEEDED, "the BMC took too long")


def served_methods(brokers: Mapping[str, Broker], metrics: BrokerMetrics | None = None) -> dict[str, Method]:
    """What ``conduit.tunnel.serve_calls`` is to serve.

    :param brokers: by server id; looked at anew for each call, so a reload may change it.
    """

    async def handle(name: str, call: ServedCall) -> bytes:
        request = await call.receive_only()
        return await serve_call(brokers, name, call.metadata, request, deadline=call.deadline, metrics=metrics)

    return {name: Bidirectional(partial(handle, name)) for name in METHODS}


def _decode(operation: Operation, data: bytes) -> Message[Any]:
    try:
        return operation.request.from_binary(data)
    except ValueError as error:
        raise CallError(Code.INVALID_ARGUMENT, f"the request is no {operation.request.__name__}") from error


def _broker(brokers: Mapping[str, Broker], metadata: Mapping[str, str], request: Any) -> Broker:
    """The Gateway checked the permission for the server in *metadata*: the request cannot name another."""
    server_id = metadata.get(SERVER, "")
    if request.server_id not in ("", server_id):
        raise CallError(Code.PERMISSION_DENIED, "the request names another server than the one it is for")
    broker = brokers.get(server_id)
    if broker is None:
        raise CallError(Code.NOT_FOUND, f"this Agent has no server {server_id!r}")
    return broker
