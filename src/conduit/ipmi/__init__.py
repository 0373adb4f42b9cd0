"""IPMI: typed commands, a client on Trio and the BMC side of both.

``open_bmc`` is the way in::

    async with open_bmc("bmc.example", username="admin", password=secret) as bmc:
        print((await bmc.chassis_status()).power_on)

Everything else here is a codec; Trio is loaded when ``open_bmc`` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conduit.ipmi.commands import ChassisControlAction, ChassisStatus, DeviceId
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import NetFn
from conduit.rmcp.credentials import Interface
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.workarounds import Workaround

if TYPE_CHECKING:
    from conduit.ipmi.client import Bmc as Bmc
    from conduit.ipmi.client import open_bmc as open_bmc

__all__ = [
    "Bmc",
    "ChassisControlAction",
    "ChassisStatus",
    "CompletionCode",
    "DeviceId",
    "Interface",
    "NetFn",
    "Privilege",
    "Workaround",
    "open_bmc",
]


def __getattr__(name: str) -> Any:
    """Load the client, and Trio with it, when it is asked for."""
    if name in ("Bmc", "open_bmc"):
        from conduit.ipmi import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
