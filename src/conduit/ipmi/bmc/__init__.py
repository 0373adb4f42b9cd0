"""A virtual BMC: the BMC's side of IPMI with a simulated machine behind it. The driver is in ``.serve``."""

from __future__ import annotations

from conduit.ipmi.bmc.bmc import Drop, VirtualBmc
from conduit.ipmi.bmc.config import (
    BmcConfig,
    Faults,
    Identity,
    LanConfig,
    Limits,
    NetworkConfig,
    PlusConfig,
    UserConfig,
)
from conduit.ipmi.bmc.fru import FruConfig
from conduit.ipmi.bmc.handlers.registry import HANDLERS, Refused, handles, handles_outside
from conduit.ipmi.bmc.power_states import PowerCommand, PowerState
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.bmc.users import LockOutPolicy
from conduit.ipmi.bmc.virtual_machine import Timings, VirtualMachine
from conduit.rmcp.misbehaviour import Misbehaviour

__all__ = [
    "HANDLERS",
    "BmcConfig",
    "BmcSession",
    "BmcState",
    "Drop",
    "Faults",
    "FruConfig",
    "Identity",
    "LanConfig",
    "Limits",
    "LockOutPolicy",
    "Misbehaviour",
    "NetworkConfig",
    "PlusConfig",
    "PowerCommand",
    "PowerState",
    "Refused",
    "Timings",
    "UserConfig",
    "VirtualBmc",
    "VirtualMachine",
    "handles",
    "handles_outside",
]
