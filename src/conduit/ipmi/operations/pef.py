"""Platform event filtering of a BMC as an operator uses it: all of it at once, and changes under its lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.commands.pef import GetPefCapabilities, GetPefConfiguration, PefCapabilities, SetPefConfiguration
from conduit.ipmi.commands.pef_alerting import AlertPolicy
from conduit.ipmi.commands.pef_filters import EventFilter
from conduit.ipmi.commands.pef_parameters import PefActions, PefControl, PefSetInProgress, PefSetting
from conduit.ipmi.commands.pef_selectors import PefParameter

SettingT = TypeVar("SettingT", PefControl, PefActions, EventFilter, AlertPolicy)
MAX_ENTRIES: Final = 127  # of a table
NO_LOCK: Final = 0x80  # the BMC has no "set in progress", which it need not have


@dataclass(slots=True, kw_only=True)
class PefConfigured:
    """How events are filtered, and who is alerted."""

    capabilities: PefCapabilities
    control: PefControl
    actions: PefActions
    filters: list[EventFilter] = field(default_factory=list)
    policies: list[AlertPolicy] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    "Entries that could not be read."


async def read_pef(bmc: Bmc) -> PefConfigured:
    """Switches, filters and policies. :raises: as :meth:`Bmc.request`."""
    configured = PefConfigured(
        capabilities=await bmc.request(GetPefCapabilities()),
        control=await _get(bmc, PefControl),
        actions=await _get(bmc, PefActions),
    )
    for number in range(1, await _count(bmc, PefParameter.FILTER_COUNT) + 1):
        await _collect(bmc, EventFilter, number, configured.filters, configured.notes)
    for number in range(1, await _count(bmc, PefParameter.POLICY_COUNT) + 1):
        await _collect(bmc, AlertPolicy, number, configured.policies, configured.notes)
    return configured


async def _get(bmc: Bmc, kind: type[SettingT], number: int = 0) -> SettingT:
    answer = await bmc.request(GetPefConfiguration(parameter=kind.PARAMETER, set_selector=number))
    return kind.decode(answer.data)


async def _collect(bmc: Bmc, kind: type[SettingT], number: int, entries: list[SettingT], notes: list[str]) -> None:
    try:
        entries.append(await _get(bmc, kind, number))
    except (CompletionCodeError, DecodeError) as error:
        notes.append(f"{kind.PARAMETER.name.lower()} {number}: {error}")


async def _count(bmc: Bmc, parameter: PefParameter) -> int:
    data = (await bmc.request(GetPefConfiguration(parameter=parameter))).data
    return min(data[0] & 0x7F, MAX_ENTRIES) if data else 0


async def write_pef(bmc: Bmc, settings: Iterable[PefSetting]) -> None:
    """Set parameters in this order, under the BMC's lock where it has one.

    :raises CompletionCodeError: 81h if somebody else holds the lock; else as :meth:`Bmc.request`.
    """
    locked = await _lock(bmc)
    try:
        for setting in settings:
            await bmc.request(SetPefConfiguration.of(setting))
    finally:
        if locked:
            await bmc.request(SetPefConfiguration.of(PefSetInProgress(state=SetProgress.COMPLETE)))


async def _lock(bmc: Bmc) -> bool:
    try:
        await bmc.request(SetPefConfiguration.of(PefSetInProgress(state=SetProgress.IN_PROGRESS)))
    except CompletionCodeError as error:
        if error.code != NO_LOCK:
            raise
        return False
    return True
