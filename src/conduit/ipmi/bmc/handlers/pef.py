"""Events, their filters and alerts (sections 29 and 30)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from conduit.errors import DecodeError
from conduit.ipmi.bmc.handlers.channel import resolve
from conduit.ipmi.bmc.handlers.registry import Refused, handles, handles_outside
from conduit.ipmi.bmc.pef import FILTERS, POLICIES, STRINGS, SUPPORTED, EventFiltering
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.commands.alerts import AlertImmediate, AlertOperation, AlertStatus, PetAcknowledge
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.commands.pef import (
    POSTPONE_INDEFINITELY,
    POSTPONE_STATUS,
    ArmPefPostponeTimer,
    GetLastProcessedEvent,
    GetPefCapabilities,
    GetPefConfiguration,
    LastProcessedEvent,
    PefCapabilities,
    PefConfiguration,
    PefPostponeTimer,
    SetLastProcessedEvent,
    SetPefConfiguration,
)
from conduit.ipmi.commands.pef_alerting import AlertPolicy, AlertStringBlock, AlertStringKey
from conduit.ipmi.commands.pef_filters import EventFilter, FilterData1
from conduit.ipmi.commands.pef_parameters import (
    PefActions,
    PefControl,
    PefSetInProgress,
    PefSetting,
    PefSystemGuid,
    decode_pef_setting,
)
from conduit.ipmi.commands.pef_selectors import PefParameter
from conduit.ipmi.commands.platform_event import EventReceiver, GetEventReceiver, PlatformEvent, SetEventReceiver
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.events import Generator
from conduit.rmcp.command import NoData

EntryT = TypeVar("EntryT", AlertPolicy, AlertStringKey)
UNKNOWN_PARAMETER: Final = 0x80
SET_IN_PROGRESS: Final = 0x81
READ_ONLY: Final = 0x82
REMOTE_CONSOLE: Final = 0x81  # software ID of somebody on a LAN (table 5-4), its lowest bit set
ALERT_IN_PROGRESS: Final = 0x81
READ_ONLY_PARAMETERS: Final = frozenset(
    {PefParameter.FILTER_COUNT, PefParameter.POLICY_COUNT, PefParameter.STRING_COUNT}
)


@handles(SetEventReceiver)
def set_event_receiver(bmc: BmcState, request: SetEventReceiver, session: BmcSession, now: float) -> NoData:
    """Keep it; the BMC itself receives whatever it says."""
    bmc.event_receiver = request.receiver
    return NoData()


@handles(GetEventReceiver)
def get_event_receiver(bmc: BmcState, request: GetEventReceiver, session: BmcSession, now: float) -> EventReceiver:
    """As it was set."""
    return bmc.event_receiver


@handles(PlatformEvent)
def platform_event(bmc: BmcState, request: PlatformEvent, session: BmcSession, now: float) -> NoData:
    """Into the log, and so through the filters. Who sends it over a LAN is remote software (table 5-4)."""
    number = REMOTE_CONSOLE if request.generator is None else request.generator
    if bmc.event_log.log(request.event, now, Generator(number=LAN_CHANNEL << 12 | number)) is None:
        raise Refused(CompletionCode.OUT_OF_SPACE)
    return NoData()


@handles(GetPefCapabilities)
def get_pef_capabilities(
    bmc: BmcState, request: GetPefCapabilities, session: BmcSession, now: float
) -> PefCapabilities:
    """All but OEM actions."""
    return PefCapabilities(supported_actions=SUPPORTED, filters=FILTERS)


@handles(ArmPefPostponeTimer)
def arm_pef_postpone_timer(
    bmc: BmcState, request: ArmPefPostponeTimer, session: BmcSession, now: float
) -> PefPostponeTimer:
    """Events wait so long."""
    if request.seconds == POSTPONE_INDEFINITELY:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    if request.seconds != POSTPONE_STATUS:
        bmc.pef.postponed_until = now + request.seconds if request.seconds else None
    until = bmc.pef.postponed_until
    return PefPostponeTimer(seconds=0 if until is None else max(0, round(until - now)))


@handles(SetLastProcessedEvent)
def set_last_processed_event(bmc: BmcState, request: SetLastProcessedEvent, session: BmcSession, now: float) -> NoData:
    """Keep it."""
    if request.by_bmc:
        bmc.pef.processed = request.record_id
    else:
        bmc.pef.by_software = request.record_id
    return NoData()


@handles(GetLastProcessedEvent)
def get_last_processed_event(
    bmc: BmcState, request: GetLastProcessedEvent, session: BmcSession, now: float
) -> LastProcessedEvent:
    """How far the log is dealt with."""
    newest = bmc.event_log.newest
    return LastProcessedEvent(
        added=bmc.event_log.info().added,
        newest=0xFFFF if newest is None else newest.record_id,
        by_software=bmc.pef.by_software,
        processed=bmc.pef.processed,
    )


@handles(AlertImmediate)
def alert_immediate(bmc: BmcState, request: AlertImmediate, session: BmcSession, now: float) -> AlertStatus:
    """Send a trap; or how the one before went, which is forgotten if that is what is asked."""
    alerting = bmc.alerting
    match request.operation:
        case AlertOperation.SEND:
            if resolve(request.channel) != LAN_CHANNEL:
                raise Refused(CompletionCode.INVALID_FIELD)
            text = bmc.pef.string(request.string) if request.send_string else b""
            if not alerting.send_now(request.destination, request.event, request.generator, text, now):
                raise Refused(ALERT_IN_PROGRESS)
            return AlertStatus()
        case AlertOperation.CLEAR_STATUS:
            alerting.forget_immediate()
    return AlertStatus(status=alerting.immediate)


@handles_outside(PetAcknowledge)
def pet_acknowledge(bmc: BmcState, request: PetAcknowledge, session: BmcSession | None, now: float) -> NoData:
    """Its trap is not repeated any more. Success, whether there is one or not: it may have been given up already."""
    bmc.alerting.acknowledge(request)
    return NoData()


# --- parameters ---


@handles(GetPefConfiguration)
def get_pef_configuration(
    bmc: BmcState, request: GetPefConfiguration, session: BmcSession, now: float
) -> PefConfiguration:
    """One parameter, or one entry of a table."""
    if request.parameter not in PefParameter.__members__.values():
        raise Refused(UNKNOWN_PARAMETER)
    if request.revision_only:
        return PefConfiguration()
    try:
        value = _value(bmc, PefParameter(request.parameter), request.set_selector, request.block_selector)
    except KeyError:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE) from None
    return PefConfiguration(data=bytes((value,)) if isinstance(value, int) else value.encode())


def _value(bmc: BmcState, parameter: PefParameter, number: int, block: int) -> int | PefSetting:
    """:raises KeyError: there is no such entry."""
    pef = bmc.pef
    match parameter:
        case PefParameter.SET_IN_PROGRESS:
            return SetProgress.IN_PROGRESS if bmc.pef_setter in bmc.sessions else SetProgress.COMPLETE
        case PefParameter.FILTER:
            return pef.filters[number]
        case PefParameter.FILTER_DATA_1:
            entry = pef.filters[number]
            return FilterData1(number=number, enabled=entry.enabled, preconfigured=entry.preconfigured)
        case PefParameter.POLICY:
            return pef.policies[number]
        case PefParameter.STRING_KEY:
            return pef.string_keys[number]
        case PefParameter.STRING:
            return pef.string_block(number, block)
        case _:
            return _plain_value(pef, parameter)


def _plain_value(pef: EventFiltering, parameter: PefParameter) -> int | PefSetting:
    """A parameter that is no table."""
    values: dict[PefParameter, int | PefSetting] = {
        PefParameter.CONTROL: pef.control,
        PefParameter.ACTION_GLOBAL_CONTROL: pef.actions,
        PefParameter.STARTUP_DELAY: pef.delays[PefParameter.STARTUP_DELAY],
        PefParameter.ALERT_STARTUP_DELAY: pef.delays[PefParameter.ALERT_STARTUP_DELAY],
        PefParameter.FILTER_COUNT: FILTERS,
        PefParameter.POLICY_COUNT: POLICIES,
        PefParameter.STRING_COUNT: STRINGS,
        PefParameter.SYSTEM_GUID: pef.guid,
    }
    return values[parameter]


@handles(SetPefConfiguration)
def set_pef_configuration(bmc: BmcState, request: SetPefConfiguration, session: BmcSession, now: float) -> NoData:
    """Take one parameter over, or one entry of a table."""
    if request.parameter in READ_ONLY_PARAMETERS:
        raise Refused(READ_ONLY)
    if request.parameter not in PefParameter.__members__.values():
        raise Refused(UNKNOWN_PARAMETER)
    try:
        setting = decode_pef_setting(request.parameter, request.data)
    except DecodeError:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID) from None
    if setting == b"":
        raise Refused(CompletionCode.DATA_LENGTH_INVALID)
    if isinstance(setting, PefSetInProgress):
        _set_progress(bmc, setting, session)
    elif not _store(bmc.pef, request, setting):
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return NoData()


def _set_progress(bmc: BmcState, setting: PefSetInProgress, session: BmcSession) -> None:
    if setting.state != SetProgress.IN_PROGRESS:
        bmc.pef_setter = 0
    elif bmc.pef_setter in bmc.sessions and bmc.pef_setter != session.session_id:
        raise Refused(SET_IN_PROGRESS)
    else:
        bmc.pef_setter = session.session_id


def _store(pef: EventFiltering, request: SetPefConfiguration, setting: PefSetting | bytes) -> bool:
    """Whether there is such an entry."""
    match setting:
        case EventFilter():
            return pef.store(setting)
        case FilterData1():
            present = pef.filters.get(setting.number)
            return present is not None and pef.store(replace(present, enabled=setting.enabled))
        case AlertPolicy():
            return _replace(pef.policies, setting)
        case AlertStringKey():
            return _replace(pef.string_keys, setting)
        case AlertStringBlock():
            return pef.store_string(setting)
        case _:
            _store_plain(pef, request, setting)
            return True


def _replace(table: dict[int, EntryT], entry: EntryT) -> bool:
    if entry.number not in table:
        return False
    table[entry.number] = entry
    return True


def _store_plain(pef: EventFiltering, request: SetPefConfiguration, setting: PefSetting | bytes) -> None:
    """A parameter that is no table; those without a class are the delays."""
    match setting:
        case PefControl():
            pef.control = setting
        case PefActions():
            pef.actions = setting
        case PefSystemGuid():
            pef.guid = setting
        case _:
            pef.delays[request.parameter] = request.data[0]
