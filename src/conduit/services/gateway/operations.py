"""What can be done with a server: each operation needs a permission, and goes as it is to the server's Agent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from protobuf import Message

from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.gateway.access import Grant
from conduit.services.gateway.agents import Agents
from conduit.services.permissions import Permission
from conduit.tunnel import call

DEFAULT_DEADLINE: Final = 60.0  # seconds
MAX_DEADLINE: Final = 330.0  # seconds: a power operation may wait for 300
TYPING: Final = 150.0  # seconds: so long takes the longest text that may be typed
_MARGIN: Final = 15.0  # seconds on top of what a power operation may wait
_Answer = TypeVar("_Answer", bound=Message[Any])


class ServerRequest(Protocol):
    """Every request names its server."""

    server_id: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method: what it needs, and how it answers."""

    permission: Permission
    answer: type[Message[Any]]
    deadline: float = DEFAULT_DEADLINE
    "Seconds, unless the request says that it waits longer."


OPERATIONS: Final[Mapping[str, Operation]] = {
    "PowerOn": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "PowerOff": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "PowerCycle": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "Reset": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "PowerSoft": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "PowerDiag": Operation(Permission.POWER_WRITE, pb.PowerOperationResponse),
    "GetPowerStatus": Operation(Permission.POWER_READ, pb.PowerStatusResponse),
    "GetBMCInfo": Operation(Permission.POWER_READ, pb.GetBMCInfoResponse),
    "GetSystemStatus": Operation(Permission.POWER_READ, pb.GetSystemStatusResponse),
    "ListSensors": Operation(Permission.SENSORS_READ, pb.ListSensorsResponse),
    "ListEvents": Operation(Permission.EVENTS_READ, pb.ListEventsResponse),
    "GetBootDevice": Operation(Permission.POWER_READ, pb.GetBootDeviceResponse),
    "SetBootDevice": Operation(Permission.BOOT_WRITE, pb.SetBootDeviceResponse),
    "Identify": Operation(Permission.POWER_WRITE, pb.IdentifyResponse),
    "GetScreenshot": Operation(Permission.VNC_READ, pb.GetScreenshotResponse),
    "SendKeys": Operation(Permission.VNC_WRITE, pb.SendKeysResponse, TYPING),
}


class Operations:
    """Performs them."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    async def perform(
        self, grant: Grant, method: str, request: Message[Any], answer: type[_Answer], *, deadline: float | None = None
    ) -> _Answer:
        """Ask the server's Agent.

        :param deadline: seconds that the caller waits.
        :raises CallError: it is not allowed, or failed.
        """
        operation = OPERATIONS[method]
        grant.check(operation.permission)
        grant.check_server(getattr(request, "server_id", ""))
        tunnel = self._agents.tunnel_to(grant.context.agent_id)
        body = await call(
            tunnel,
            method,
            request.to_binary(),
            metadata=metadata_of(grant),
            deadline=min(deadline or max(operation.deadline, _patience_of(request)), MAX_DEADLINE),
        )
        return answer.from_binary(body)


def metadata_of(grant: Grant) -> dict[str, str]:
    """What the Agent is told of who asks, for fairness and for its log, and of whose the server is."""
    return {
        "server": grant.claims.server_id,
        "customer": grant.claims.customer_id,
        "tenant": grant.context.tenant,
        "user": grant.claims.email,
        "request": uuid.uuid4().hex,
    }


def _patience_of(request: Message[Any]) -> float:
    waits: float = getattr(request, "timeout_seconds", 0)
    return waits + _MARGIN
