"""LAN configuration as a whole: read what the BMC has of it, change some of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import trio

from conduit.errors import CompletionCodeError, ConduitError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.channel import AccessMode, GetChannelAccess, SetChannelAccess, Store
from conduit.ipmi.commands.lan import LAN_PARAMETERS, SOMEBODY_ELSE, GetLanConfiguration, SetLanConfiguration
from conduit.ipmi.commands.lan_access import LanSetInProgress
from conduit.ipmi.commands.lan_alerts import DestinationCount
from conduit.ipmi.commands.lan_ipv6 import (
    Dhcpv6TimingSupport,
    Ipv6DynamicDuidBlocks,
    Ipv6StaticDuidBlocks,
    Ipv6Status,
    SlaacTimingSupport,
)
from conduit.ipmi.commands.lan_ipv6_routers import Ipv6DynamicRouterCount
from conduit.ipmi.commands.lan_shapes import LanParameter, LanValue
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import PRESENT_CHANNEL

MAX_SETS: Final = 16  # of one parameter that are read
CLEANUP: Final = 5.0  # seconds to take back what failed
# Refusals that say that there is no such thing, and nothing worse.
ABSENT: Final = frozenset(
    {
        0x80,
        0x83,
        CompletionCode.INVALID_COMMAND,
        CompletionCode.DATA_LENGTH_INVALID,
        CompletionCode.PARAMETER_OUT_OF_RANGE,
        CompletionCode.NOT_PRESENT,
        CompletionCode.INVALID_FIELD,
        CompletionCode.ILLEGAL_FOR_SENSOR,
        CompletionCode.UNSPECIFIED,
    }
)
DESTINATIONS: Final = (
    LanParameter.DESTINATION_TYPE,
    LanParameter.DESTINATION_ADDRESS,
    LanParameter.DESTINATION_VLAN,
)
ROUTERS: Final = (
    LanParameter.IPV6_DYNAMIC_ROUTER_ADDRESS,
    LanParameter.IPV6_DYNAMIC_ROUTER_MAC,
    LanParameter.IPV6_DYNAMIC_ROUTER_PREFIX_LENGTH,
    LanParameter.IPV6_DYNAMIC_ROUTER_PREFIX,
    LanParameter.IPV6_DYNAMIC_ROUTER_HOP_LIMIT,
)
# What comes in sets and blocks, and the parameter that says how many blocks a set has...
DUIDS: Final = {
    LanParameter.IPV6_STATIC_DUID: Ipv6StaticDuidBlocks,
    LanParameter.IPV6_DYNAMIC_DUID: Ipv6DynamicDuidBlocks,
}
# ...or whether there are any: 1 for all addresses at once, 2 for each.
TIMINGS: Final = {
    LanParameter.DHCPV6_TIMING: Dhcpv6TimingSupport,
    LanParameter.SLAAC_TIMING: SlaacTimingSupport,
}
FOR_EACH: Final = 2
MAX_BLOCKS: Final = 16  # of one set that are read

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanConfigurationRead:
    """What a channel has of table 23-4."""

    values: tuple[LanValue, ...]
    "In the table's order; parameters that there are several of have several values."
    notes: tuple[str, ...] = ()
    "Parameters whose value makes no sense, a line each."

    def first(self, kind: type[ValueT]) -> ValueT | None:
        """The value of this class, or None."""
        return next((value for value in self.values if isinstance(value, kind)), None)

    def all(self, kind: type[ValueT]) -> list[ValueT]:
        """All values of this class."""
        return [value for value in self.values if isinstance(value, kind)]


async def read_lan_value(
    bmc: Bmc, kind: type[ValueT], channel: int = PRESENT_CHANNEL, set_selector: int = 0
) -> ValueT | None:
    """One parameter, or None where the BMC has no such thing.

    :param kind: the parameter's class.
    :raises: as ``Bmc.request``, but for refusals that say so.
    """
    parameter: LanParameter = kind.PARAMETER  # type: ignore[attr-defined]  # a LanValue's class; mypy lacks such a bound
    return await _read(bmc, parameter, channel, set_selector)  # type: ignore[return-value]  # it is of that class


async def read_lan(bmc: Bmc, channel: int = PRESENT_CHANNEL) -> LanConfigurationRead:
    """All parameters that the BMC has. :raises: as ``Bmc.request``, but for refusals that say that there is none."""
    values: list[LanValue] = []
    notes: list[str] = []
    for parameter in map(LanParameter, LAN_PARAMETERS):
        known = LanConfigurationRead(values=tuple(values))
        try:
            for set_selector in _selectors(parameter, known):
                values += await _read_blocks(bmc, parameter, channel, set_selector, _block_count(parameter, known))
        except DecodeError as error:
            notes.append(f"{parameter.name.lower().replace('_', ' ')}: {error.what}")
    return LanConfigurationRead(values=tuple(values), notes=tuple(notes))


async def _read_blocks(
    bmc: Bmc, parameter: LanParameter, channel: int, set_selector: int, count: int
) -> list[LanValue]:
    """One set, up to the first block that is not there."""
    found: list[LanValue] = []
    for block in range(count):
        value = await _read(bmc, parameter, channel, set_selector, block)
        if value is None:
            break
        found.append(value)
    return found


def _block_count(parameter: LanParameter, known: LanConfigurationRead) -> int:
    """Blocks that a set of the parameter may have: one where it is no such parameter."""
    if parameter in TIMINGS:
        return MAX_BLOCKS
    kind = DUIDS.get(parameter)
    count = None if kind is None else known.first(kind)
    return 1 if count is None else min(MAX_BLOCKS, count.value)


def _selectors(parameter: LanParameter, known: LanConfigurationRead) -> Iterator[int]:
    """The sets of a parameter, by what was read before it."""
    if parameter in TIMINGS:
        support = known.first(TIMINGS[parameter])
        return iter(_timing_sets(known.first(Ipv6Status), support.value if support else 0))
    if parameter in DUIDS and not any(count.value for count in known.all(DUIDS[parameter])):
        return iter(())
    if parameter in DESTINATIONS:
        destinations = known.first(DestinationCount)
        return iter(range(min(MAX_SETS, destinations.count + 1 if destinations else 0)))
    if parameter in ROUTERS:
        routers = known.first(Ipv6DynamicRouterCount)
        return iter(range(min(MAX_SETS, routers.value if routers else 0)))
    status = known.first(Ipv6Status)
    if parameter in (LanParameter.IPV6_STATIC_ADDRESS, LanParameter.IPV6_STATIC_DUID):
        return iter(range(min(MAX_SETS, status.static_addresses if status else 0)))
    if parameter in (LanParameter.IPV6_DYNAMIC_ADDRESS, LanParameter.IPV6_DYNAMIC_DUID):
        return iter(range(min(MAX_SETS, status.dynamic_addresses if status else 0)))
    return iter((0,))


def _timing_sets(status: Ipv6Status | None, support: int) -> range:
    """None, one for all addresses, or one for each that is not static."""
    if support != FOR_EACH:
        return range(1 if support else 0)
    return range(min(MAX_SETS, status.dynamic_addresses if status else 1))


async def _read(bmc: Bmc, parameter: LanParameter, channel: int, set_selector: int, block: int = 0) -> LanValue | None:
    request = GetLanConfiguration(channel=channel, parameter=parameter, set_selector=set_selector, block_selector=block)
    try:
        answer = await bmc.request(request)
    except CompletionCodeError as error:
        if error.code in ABSENT:
            return None
        raise
    return LAN_PARAMETERS[parameter].decode(answer.data) if answer.data else None


async def set_lan(bmc: Bmc, values: Sequence[LanValue], channel: int = PRESENT_CHANNEL) -> None:
    """Set all *values*, or none: what was set before one fails is taken back, by the BMC where it can, else by us.

    :raises: as ``Bmc.request``.
    """
    old = [await _old(bmc, value, channel) for value in values]
    locked = await _progress(bmc, SetProgress.IN_PROGRESS, channel)
    tried: list[LanValue | None] = []
    try:
        for value, before in zip(values, old, strict=True):
            tried.append(before)
            await bmc.request(SetLanConfiguration.of(value, channel))
        if locked:
            await _progress(bmc, SetProgress.COMMIT_WRITE, channel)
    except BaseException:
        with trio.move_on_after(CLEANUP, shield=True), suppress(ConduitError):
            await _take_back(bmc, tried, channel, locked=locked)
        raise
    if locked:
        await _progress(bmc, SetProgress.COMPLETE, channel)


async def _old(bmc: Bmc, value: LanValue, channel: int) -> LanValue | None:
    selector = getattr(value, "destination", getattr(value, "set_selector", 0))
    try:
        return await _read(bmc, value.PARAMETER, channel, selector)
    except DecodeError:
        return None  # nothing that could be written again


async def _progress(bmc: Bmc, state: SetProgress, channel: int) -> bool:
    """Say how far we are; False where the BMC has no use for it.

    :raises CompletionCodeError: somebody else is at it, or we may not.
    """
    try:
        await bmc.request(SetLanConfiguration.of(LanSetInProgress(state=state), channel))
    except CompletionCodeError as error:
        if error.code == SOMEBODY_ELSE or error.code == CompletionCode.INSUFFICIENT_PRIVILEGE:
            raise
        return False
    return True


async def _take_back(bmc: Bmc, old: Sequence[LanValue | None], channel: int, *, locked: bool) -> None:
    """End without a commit, and then write again what has changed all the same."""
    if locked:
        await _progress(bmc, SetProgress.COMPLETE, channel)
    for value in old:
        if value is None:
            continue
        with suppress(CompletionCodeError):
            if await _old(bmc, value, channel) != value:
                await bmc.request(SetLanConfiguration.of(value, channel))


async def set_access(bmc: Bmc, mode: AccessMode, channel: int = PRESENT_CHANNEL) -> None:
    """Open or close a channel, now and after the next start; its other settings stay.

    :raises: as ``Bmc.request``.
    """
    for store in (Store.NON_VOLATILE, Store.VOLATILE):
        present = await bmc.request(GetChannelAccess(channel=channel, store=store))
        access = replace(present, access_mode=mode)
        await bmc.request(
            SetChannelAccess(channel=channel, access=access, settings_store=store, limit_store=Store.NO_CHANGE)
        )
