"""Every IPMI command that has a class, one module a subject, and the table of them all.

What a module lists in its ``__all__`` is exported from here, and the commands among it are in :data:`COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

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


def _is_command(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Command) and value is not Command


COMMANDS: Final[Mapping[CommandKey, type[Command[Any]]]] = MappingProxyType(  # Any: each has its own response
    {value.key(): value for value in tuple(globals().values()) if _is_command(value)}
)
