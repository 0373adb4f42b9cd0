"""What ``lan set`` changes a part of: ARP, auth types of levels, the channel's access. The rest: ``lan_values``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import asyncclick as click

from conduit.cli.ipmi.lan_values import Values, parse_setting
from conduit.errors import LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands import lan_access
from conduit.ipmi.commands import lan_parameters as ipv4
from conduit.ipmi.commands.channel import AccessMode
from conduit.ipmi.commands.lan_shapes import LanValue
from conduit.ipmi.operations.lan import read_lan_value

SWITCH: Final = {"on": True, "off": False}
ACCESS: Final = {"on": AccessMode.ALWAYS_AVAILABLE, "off": AccessMode.DISABLED}
LEVELS: Final = {
    "callback": "callback", "user": "user", "operator": "operator", "admin": "administrator",
    "administrator": "administrator", "oem": "oem",
}  # fmt: skip
TYPES: Final = {
    "none": lan_access.LanAuthTypes.NONE,
    "md2": lan_access.LanAuthTypes.MD2,
    "md5": lan_access.LanAuthTypes.MD5,
    "password": lan_access.LanAuthTypes.STRAIGHT_PASSWORD,
    "oem": lan_access.LanAuthTypes.OEM,
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of a parameter; the other parts stay as the BMC has them."""

    kind: type[LanValue]
    changes: Mapping[str, Any]  # Any: what the fields of that class take


def parse_change(words: Sequence[str]) -> Values | Edit | AccessMode:
    """What *words* change.

    :raises click.UsageError: they make no sense.
    """
    for size in (2, 1):
        parse = PARTS.get(" ".join(words[:size]).lower())
        if parse is not None:
            try:
                return parse(*(word.lower() for word in words[size:]))
            except (TypeError, KeyError):
                raise click.UsageError(f"{' '.join(words)}: see `lan set --help` for what belongs there") from None
    return parse_setting(words)


def _auth(levels: str, types: str) -> Edit:
    bits = sum(TYPES[name] for name in set(types.split(",")))
    changes = {LEVELS[level]: lan_access.LanAuthTypes(bits) for level in levels.split(",")}
    return Edit(lan_access.AuthTypeEnables, changes)


PARTS: Final[Mapping[str, Callable[..., Edit | AccessMode]]] = MappingProxyType(
    {
        "auth": _auth,
        "access": lambda text: ACCESS[text],
        "arp respond": lambda text: Edit(ipv4.ArpControl, {"responses": SWITCH[text]}),
        "arp generate": lambda text: Edit(ipv4.ArpControl, {"gratuitous": SWITCH[text]}),
    }
)


async def edited(bmc: Bmc, edit: Edit, channel: int) -> LanValue:
    """The parameter as it shall be.

    :raises LocalProtocolError: the BMC has no such parameter.
    :raises ConduitError: as for any request.
    """
    present = await read_lan_value(bmc, edit.kind, channel)
    if present is None:
        raise LocalProtocolError(f"the BMC has no LAN parameter {edit.kind.PARAMETER.name.lower()}")
    return replace(present, **edit.changes)  # type: ignore[type-var]  # every LanValue is a dataclass
