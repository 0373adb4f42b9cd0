"""Every IPMI command that has a class, one module a subject, and the table of them all.

What a module lists in its ``__all__`` is to be had from here too, and the commands among it are in :data:`COMMANDS`.
All modules are imported when the first name is asked for here: who needs few commands imports their modules.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conduit.ipmi.commands.alerts import *
    from conduit.ipmi.commands.app import *
    from conduit.ipmi.commands.boot import *
    from conduit.ipmi.commands.boot_options import *
    from conduit.ipmi.commands.channel import *
    from conduit.ipmi.commands.channel_payloads import *
    from conduit.ipmi.commands.chassis import *
    from conduit.ipmi.commands.dcmi import *
    from conduit.ipmi.commands.dcmi_assets import *
    from conduit.ipmi.commands.dcmi_power import *
    from conduit.ipmi.commands.dcmi_sensors import *
    from conduit.ipmi.commands.firewall import *
    from conduit.ipmi.commands.fru import *
    from conduit.ipmi.commands.guid import *
    from conduit.ipmi.commands.hpm import *
    from conduit.ipmi.commands.lan import *
    from conduit.ipmi.commands.lan_access import *
    from conduit.ipmi.commands.lan_parameters import *
    from conduit.ipmi.commands.lan_shapes import *
    from conduit.ipmi.commands.messaging import *
    from conduit.ipmi.commands.parameters import *
    from conduit.ipmi.commands.payloads import *
    from conduit.ipmi.commands.pef import *
    from conduit.ipmi.commands.pef_alerting import *
    from conduit.ipmi.commands.pef_filters import *
    from conduit.ipmi.commands.pef_parameters import *
    from conduit.ipmi.commands.pef_selectors import *
    from conduit.ipmi.commands.platform_event import *
    from conduit.ipmi.commands.power import *
    from conduit.ipmi.commands.sdr import *
    from conduit.ipmi.commands.sdr_device import *
    from conduit.ipmi.commands.sdr_update import *
    from conduit.ipmi.commands.sel import *
    from conduit.ipmi.commands.sel_time import *
    from conduit.ipmi.commands.sensor_control import *
    from conduit.ipmi.commands.sensor_events import *
    from conduit.ipmi.commands.sensors import *
    from conduit.ipmi.commands.sessions import *
    from conduit.ipmi.commands.sol import *
    from conduit.ipmi.commands.system_info import *
    from conduit.ipmi.commands.user_payloads import *
    from conduit.ipmi.commands.users import *
    from conduit.ipmi.commands.watchdog import *
    from conduit.ipmi.manufacturers import MANUFACTURERS as MANUFACTURERS
    from conduit.ipmi.manufacturers import manufacturer_name as manufacturer_name
    from conduit.rmcp.command import Command, CommandKey

    COMMANDS: Mapping[CommandKey, type[Command[Any]]]  # Any: each has its own response

_SUBJECTS: Final = (
    "alerts",
    "app",
    "boot",
    "boot_options",
    "channel",
    "channel_payloads",
    "chassis",
    "dcmi",
    "dcmi_assets",
    "dcmi_power",
    "dcmi_sensors",
    "firewall",
    "fru",
    "guid",
    "hpm",
    "lan",
    "lan_access",
    "lan_parameters",
    "lan_shapes",
    "messaging",
    "parameters",
    "payloads",
    "pef",
    "pef_alerting",
    "pef_filters",
    "pef_parameters",
    "pef_selectors",
    "platform_event",
    "power",
    "sdr",
    "sdr_device",
    "sdr_update",
    "sel",
    "sel_time",
    "sensor_control",
    "sensor_events",
    "sensors",
    "sessions",
    "sol",
    "system_info",
    "user_payloads",
    "users",
    "watchdog",
)


def __getattr__(name: str) -> Any:
    """Import all modules when the first of their names is asked for."""
    is_odd = name.startswith("__") and name != "__all__"
    if is_odd or "COMMANDS" in globals() or find_spec(f"{__name__}.{name}"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update(_load())
    return globals()[name] if name in globals() else __getattr__(name)


def _load() -> dict[str, Any]:
    from conduit.ipmi import manufacturers
    from conduit.rmcp.command import Command

    found: dict[str, Any] = {name: getattr(manufacturers, name) for name in ("MANUFACTURERS", "manufacturer_name")}
    for subject in _SUBJECTS:
        module = import_module(f"{__name__}.{subject}")
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        found |= {name: getattr(module, name) for name in names}
    commands = [each for each in found.values() if isinstance(each, type) and issubclass(each, Command)]
    found["COMMANDS"] = MappingProxyType({each.key(): each for each in commands if each is not Command})
    return found | {"__all__": sorted(found)}
