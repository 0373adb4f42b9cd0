"""The Gateway's REST API: which verb and path call which method."""

from __future__ import annotations

from typing import Final

from conduit.services.api.gateway.v1.gateway_connect import GatewayService
from conduit.services.gateway.rpc import GatewayRpc
from conduit.services.web.rest import RestService, Route

_SERVER: Final = "/api/v1/servers/{server_id}"
_CONSOLE: Final = "/api/v1/consoles"
_DISPLAY: Final = "/api/v1/displays"
POWER: Final = {
    "on": "PowerOn",
    "off": "PowerOff",
    "cycle": "PowerCycle",
    "reset": "Reset",
    "soft": "PowerSoft",
    "diag": "PowerDiag",
}

ROUTES: Final = (
    Route(verb="GET", path=f"{_SERVER}/power", method="GetPowerStatus", summary="On or off, as the BMC says now."),
    Route(
        verb="POST", path=f"{_SERVER}/power", method="PowerOn", choices=POWER, summary="Switch it, and read it back."
    ),
    Route(verb="GET", path=f"{_SERVER}/bmc", method="GetBMCInfo", summary="What its BMC is."),
    Route(verb="GET", path=f"{_SERVER}/status", method="GetSystemStatus", summary="How the system is."),
    Route(verb="GET", path=f"{_SERVER}/sensors", method="ListSensors", summary="Readings, with their limits."),
    Route(verb="GET", path=f"{_SERVER}/events", method="ListEvents", summary="The BMC's event log, in sentences."),
    Route(verb="GET", path=f"{_SERVER}/boot", method="GetBootDevice", summary="Where it boots from."),
    Route(verb="PUT", path=f"{_SERVER}/boot", method="SetBootDevice", summary="Where it boots from the next time."),
    Route(verb="POST", path=f"{_SERVER}/identify", method="Identify", summary="Blink, to be found in the rack."),
    Route(
        verb="POST",
        path=_CONSOLE,
        method="CreateSOLSession",
        summary="A console session; its ticket opens the WebSocket once, within 30 seconds.",
    ),
    Route(verb="GET", path=f"{_CONSOLE}/{{session_id}}", method="GetSOLSession", summary="A console session."),
    Route(verb="DELETE", path=f"{_CONSOLE}/{{session_id}}", method="CloseSOLSession", summary="End it."),
    Route(
        verb="POST",
        path=_DISPLAY,
        method="CreateVNCSession",
        summary="A session at the screen; its ticket opens the WebSocket, which speaks RFB, once, within 30 seconds.",
    ),
    Route(verb="GET", path=f"{_DISPLAY}/{{session_id}}", method="GetVNCSession", summary="A session at the screen."),
    Route(verb="DELETE", path=f"{_DISPLAY}/{{session_id}}", method="CloseVNCSession", summary="End it."),
    Route(verb="GET", path=f"{_SERVER}/screenshot", method="GetScreenshot", summary="The screen, as a PNG in base64."),
    Route(verb="POST", path=f"{_SERVER}/keys", method="SendKeys", summary="Type on the screen's keyboard."),
)


def rest_service(rpc: GatewayRpc) -> RestService:
    """What is served."""
    return RestService(rpc, GatewayService.desc(), ROUTES)
