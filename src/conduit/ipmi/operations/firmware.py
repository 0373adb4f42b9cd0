"""What firmware there is, by HPM.1 where the BMC has it, and which commands, by the firmware firewall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.firewall import CommandsAddress, GetCommandSupport, GetNetFnSupport
from conduit.ipmi.commands.hpm import (
    ComponentProperties,
    ComponentProperty,
    GetComponentProperties,
    GetUpgradeCapabilities,
    UpgradeCapabilities,
)
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn

COMMANDS_IN_MASK: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One piece of firmware."""

    number: int
    "0 to 7."
    description: str
    version: str | None
    rollback_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradableFirmware:
    """All of HPM.1's information."""

    capabilities: UpgradeCapabilities
    components: tuple[Component, ...]


async def read_firmware(bmc: Bmc) -> UpgradableFirmware:
    """The components that can be upgraded. :raises: as ``Bmc.request``; a BMC without HPM.1 says C1h."""
    capabilities = await bmc.request(GetUpgradeCapabilities())
    components = [await _component(bmc, number) for number in capabilities.component_ids]
    return UpgradableFirmware(capabilities=capabilities, components=tuple(components))


async def _component(bmc: Bmc, number: int) -> Component:
    description = await _property(bmc, number, ComponentProperty.DESCRIPTION)
    return Component(
        number=number,
        description=description.text if description else "",
        version=_version(await _property(bmc, number, ComponentProperty.CURRENT_VERSION)),
        rollback_version=_version(await _property(bmc, number, ComponentProperty.ROLLBACK_VERSION)),
    )


async def _property(bmc: Bmc, number: int, selector: ComponentProperty) -> ComponentProperties | None:
    try:
        return await bmc.request(GetComponentProperties(component=number, selector=selector))
    except CompletionCodeError:  # it has no such property
        return None


def _version(answer: ComponentProperties | None) -> str | None:
    try:
        return answer.version.text if answer else None
    except DecodeError:
        return None


async def read_commands(bmc: Bmc, channel: int = PRESENT_CHANNEL) -> dict[int, list[int]]:
    """The commands at LUN 0 by network function; those of groups and manufacturers are left out.

    :raises: as ``Bmc.request``; a BMC without a firmware firewall says C1h.
    """
    support = await bmc.request(GetNetFnSupport(channel=channel))
    found = {}
    for netfn in support.netfns():
        if netfn < NetFn.GROUP_EXTENSION:
            found[netfn] = [
                command for upper in (False, True) for command in await _commands(bmc, channel, netfn, upper)
            ]
    return found


async def _commands(bmc: Bmc, channel: int, netfn: int, upper: bool) -> list[int]:
    answer = await bmc.request(GetCommandSupport(of=CommandsAddress(channel=channel, netfn=netfn, upper=upper)))
    return [COMMANDS_IN_MASK * upper + place for place in range(COMMANDS_IN_MASK) if not answer.bit(place)]
