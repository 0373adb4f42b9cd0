"""The commands that a virtual BMC answers, one module a subject; importing this package fills the table."""

from __future__ import annotations

from conduit.ipmi.bmc.handlers import (
    app,
    boot,
    channel,
    chassis,
    dcmi,
    firewall,
    fru,
    hpm,
    lan,
    messaging,
    payloads,
    pef,
    sdr,
    sel,
    sensors,
    session,
    system_info,
    users,
    watchdog,
)
from conduit.ipmi.bmc.handlers.dispatch import execute
from conduit.ipmi.bmc.handlers.registry import HANDLERS, Refused, entry_of, handles, handles_outside

__all__ = [
    "HANDLERS",
    "Refused",
    "app",
    "boot",
    "channel",
    "chassis",
    "dcmi",
    "entry_of",
    "execute",
    "firewall",
    "fru",
    "handles",
    "handles_outside",
    "hpm",
    "lan",
    "messaging",
    "payloads",
    "pef",
    "sdr",
    "sel",
    "sensors",
    "session",
    "system_info",
    "users",
    "watchdog",
]
