"""IPMI: typed commands, a client on Trio and the BMC side of both.

``open_bmc`` is the way in::

    async with open_bmc("bmc.example", username="admin", password=secret) as bmc:
        print((await bmc.chassis_status()).power_on)

Everything else here is a codec. Each name is loaded when it is first used, and Trio with ``open_bmc``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from conduit.ipmi.client import Bmc, open_bmc
    from conduit.ipmi.commands.app import DeviceId
    from conduit.ipmi.commands.power import ChassisControlAction, ChassisStatus
    from conduit.ipmi.completion_codes import CompletionCode
    from conduit.ipmi.fleet import Fleet, open_fleet
    from conduit.ipmi.messages import NetFn
    from conduit.rmcp.credentials import Interface
    from conduit.rmcp.privilege import Privilege
    from conduit.rmcp.workarounds import Workaround

__all__ = [
    "Bmc",
    "ChassisControlAction",
    "ChassisStatus",
    "CompletionCode",
    "DeviceId",
    "Fleet",
    "Interface",
    "NetFn",
    "Privilege",
    "Workaround",
    "open_bmc",
    "open_fleet",
]

_HOMES: Final = {
    "Bmc": "conduit.ipmi.client",
    "ChassisControlAction": "conduit.ipmi.commands",
    "ChassisStatus": "conduit.ipmi.commands",
    "CompletionCode": "conduit.ipmi.completion_codes",
    "DeviceId": "conduit.ipmi.commands",
    "Fleet": "conduit.ipmi.fleet",
    "Interface": "conduit.rmcp.credentials",
    "NetFn": "conduit.ipmi.messages",
    "Privilege": "conduit.rmcp.privilege",
    "Workaround": "conduit.rmcp.workarounds",
    "open_bmc": "conduit.ipmi.client",
    "open_fleet": "conduit.ipmi.fleet",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for and no more: a command line starts in half the time without every command there is."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
