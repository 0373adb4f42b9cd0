"""DCMI (DCMI 1.5, section 6)."""

from __future__ import annotations

from typing import Final, Protocol

from conduit.ipmi.bmc.dcmi import PERIODS, WINDOW, DcmiSensor
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.commands.dcmi import (
    DcmiCapabilities,
    DcmiChannels,
    DcmiEventLog,
    DcmiParameter,
    DcmiPowerDevice,
    DcmiPowerStatistics,
    DcmiSetting,
    DcmiSupport,
    GetDcmiCapabilities,
    GetDcmiSetting,
    SetDcmiSetting,
)
from conduit.ipmi.commands.dcmi_assets import (
    CHUNK,
    MAX_ASSET_TAG,
    MAX_CONTROLLER_ID,
    GetAssetTag,
    GetControllerId,
    SetAssetTag,
    SetControllerId,
    TextPart,
)
from conduit.ipmi.commands.dcmi_power import (
    CORRECTION_OUT_OF_RANGE,
    LIMIT_OUT_OF_RANGE,
    NO_ACTIVE_LIMIT,
    PERIOD_OUT_OF_RANGE,
    ActivatePowerLimit,
    GetPowerLimit,
    GetPowerReading,
    GetThermalLimit,
    PowerLimit,
    PowerMode,
    PowerReading,
    SetPowerLimit,
    SetThermalLimit,
    ThermalLimit,
)
from conduit.ipmi.commands.dcmi_sensors import (
    MAX_RECORD_IDS,
    TEMPERATURE,
    DcmiEntity,
    DcmiSensors,
    DcmiTemperatures,
    GetDcmiSensorInfo,
    GetTemperatureReadings,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

LOG_ENTRIES: Final = 512
LIMITS: Final = range(20, 2001)  # watts
PARAMETERS: Final[dict[int, bytes]] = {
    DcmiParameter.SUPPORTED: DcmiSupport().encode(),
    DcmiParameter.MANDATORY: DcmiEventLog(entries=LOG_ENTRIES).encode(),
    DcmiParameter.OPTIONAL: DcmiPowerDevice().encode(),
    DcmiParameter.ACCESS: DcmiChannels(lan=LAN_CHANNEL).encode(),
    DcmiParameter.POWER_STATISTICS: DcmiPowerStatistics(periods=PERIODS).encode(),
}
# What other numbers the same places have (table 6-15).
# The machine's own sensors, by where DCMI looks for them.
MEASURED: Final[dict[int, str]] = {
    DcmiEntity.INLET: "Inlet Temp",
    DcmiEntity.CPU: "CPU Temp",
    DcmiEntity.BASEBOARD: "Exhaust Temp",
}
ENTITIES: Final = {
    DcmiEntity.IPMI_INLET: DcmiEntity.INLET,
    DcmiEntity.IPMI_CPU: DcmiEntity.CPU,
    DcmiEntity.IPMI_BASEBOARD: DcmiEntity.BASEBOARD,
}


@handles(GetDcmiCapabilities)
def get_capabilities(bmc: BmcState, request: GetDcmiCapabilities, session: BmcSession, now: float) -> DcmiCapabilities:
    """Power management, one LAN channel."""
    parameter = PARAMETERS.get(request.parameter)
    if parameter is None:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return DcmiCapabilities(data=parameter)


@handles(GetPowerReading)
def get_power_reading(bmc: BmcState, request: GetPowerReading, session: BmcSession, now: float) -> PowerReading:
    """The meter's."""
    if request.mode == PowerMode.SYSTEM:
        return bmc.dcmi.reading(WINDOW)
    periods = dict(zip(PERIODS, DcmiPowerStatistics(periods=PERIODS).seconds, strict=True))
    if request.mode != PowerMode.ENHANCED or request.averaging not in periods:
        raise Refused(CompletionCode.INVALID_FIELD)
    return bmc.dcmi.reading(periods[request.averaging])


@handles(GetPowerLimit)
def get_power_limit(bmc: BmcState, request: GetPowerLimit, session: BmcSession, now: float) -> PowerLimit:
    """The limit; whether it is active is in the completion code."""
    if not bmc.dcmi.limit_active:
        raise Refused(NO_ACTIVE_LIMIT, bmc.dcmi.limit.encode())
    return bmc.dcmi.limit


@handles(SetPowerLimit)
def set_power_limit(bmc: BmcState, request: SetPowerLimit, session: BmcSession, now: float) -> NoData:
    """Take it over; one that is active holds at once."""
    limit = request.limit
    if limit.watts not in LIMITS:
        raise Refused(LIMIT_OUT_OF_RANGE)
    if not limit.correction_ms:
        raise Refused(CORRECTION_OUT_OF_RANGE)
    if not limit.sampling:
        raise Refused(PERIOD_OUT_OF_RANGE)
    bmc.dcmi.limit = limit
    bmc.advance(now)
    return NoData()


@handles(ActivatePowerLimit)
def activate_power_limit(bmc: BmcState, request: ActivatePowerLimit, session: BmcSession, now: float) -> NoData:
    """From now on, or no longer."""
    bmc.dcmi.limit_active = request.active
    bmc.advance(now)
    return NoData()


class _Part(Protocol):
    @property
    def offset(self) -> int: ...

    @property
    def size(self) -> int: ...


def _part(text: bytes, request: _Part) -> TextPart:
    if request.size > CHUNK or request.offset > len(text):
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return TextPart(total=len(text), text=text[request.offset : request.offset + request.size])


def _changed(text: bytes, offset: int, part: bytes, most: int) -> bytes:
    """*text* with *part* from *offset* on, where it ends."""
    if len(part) > CHUNK or offset > len(text) or offset + len(part) > most:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return text[:offset] + part


@handles(GetAssetTag)
def get_asset_tag(bmc: BmcState, request: GetAssetTag, session: BmcSession, now: float) -> TextPart:
    """A part of it."""
    return _part(bmc.dcmi.asset_tag, request)


@handles(SetAssetTag)
def set_asset_tag(bmc: BmcState, request: SetAssetTag, session: BmcSession, now: float) -> TextPart:
    """Write a part of it."""
    bmc.dcmi.asset_tag = _changed(bmc.dcmi.asset_tag, request.offset, request.text, MAX_ASSET_TAG)
    return TextPart(total=len(bmc.dcmi.asset_tag))


@handles(GetControllerId)
def get_controller_id(bmc: BmcState, request: GetControllerId, session: BmcSession, now: float) -> TextPart:
    """A part of it."""
    return _part(bmc.dcmi.controller_id, request)


@handles(SetControllerId)
def set_controller_id(bmc: BmcState, request: SetControllerId, session: BmcSession, now: float) -> TextPart:
    """Write a part of it."""
    text = _changed(bmc.dcmi.controller_id, request.offset, request.text, MAX_CONTROLLER_ID)
    bmc.dcmi.controller_id = text
    return TextPart(total=len(text))


@handles(GetDcmiSensorInfo)
def get_sensor_info(bmc: BmcState, request: GetDcmiSensorInfo, session: BmcSession, now: float) -> DcmiSensors:
    """Record IDs of the temperature sensors."""
    if request.sensor_type != TEMPERATURE:
        raise Refused(CompletionCode.NOT_PRESENT)
    every = _sensors(bmc, _entity(request.entity), now)
    chosen = [sensor for sensor in every if _is_wanted(sensor.instance, request.instance, request.first)]
    return DcmiSensors(instances=len(every), record_ids=tuple(sensor.record_id for sensor in chosen[:MAX_RECORD_IDS]))


@handles(GetTemperatureReadings)
def get_temperatures(
    bmc: BmcState, request: GetTemperatureReadings, session: BmcSession, now: float
) -> DcmiTemperatures:
    """Their readings."""
    if request.sensor_type != TEMPERATURE:
        raise Refused(CompletionCode.NOT_PRESENT)
    every = _sensors(bmc, _entity(request.entity), now)
    chosen = [sensor for sensor in every if _is_wanted(sensor.instance, request.instance, request.first)]
    readings = ((sensor.instance, max(-127, min(127, round(sensor.celsius())))) for sensor in chosen[:MAX_RECORD_IDS])
    return DcmiTemperatures(instances=len(every), readings=tuple(readings))


def _sensors(bmc: BmcState, entity: int, now: float) -> list[DcmiSensor]:
    """Those that somebody put there, or the machine's own, if it measures at present."""
    name = MEASURED.get(entity, "")
    if entity in bmc.dcmi.sensors or not name:
        return bmc.dcmi.sensors.get(entity, [])
    bmc.advance_sensors(now)
    celsius = bmc.sensors.value(name)
    return [] if celsius is None else [DcmiSensor(1, bmc.sdrs.id_of(name), lambda: celsius)]


def _entity(number: int) -> int:
    return next((int(new) for old, new in ENTITIES.items() if old == number), number)


def _is_wanted(instance: int, wanted: int, first: int) -> bool:
    return instance == wanted if wanted else instance >= first


@handles(SetThermalLimit)
def set_thermal_limit(bmc: BmcState, request: SetThermalLimit, session: BmcSession, now: float) -> NoData:
    """From now on."""
    if _entity(request.entity) != DcmiEntity.INLET:
        raise Refused(CompletionCode.NOT_PRESENT)
    bmc.dcmi.set_thermal_limit(_entity(request.entity), request.instance, request.thermal_limit)
    bmc.advance(now)
    return NoData()


@handles(GetThermalLimit)
def get_thermal_limit(bmc: BmcState, request: GetThermalLimit, session: BmcSession, now: float) -> ThermalLimit:
    """As it was set."""
    if _entity(request.entity) != DcmiEntity.INLET:
        raise Refused(CompletionCode.NOT_PRESENT)
    return bmc.dcmi.thermal_limits.get((_entity(request.entity), request.instance), ThermalLimit(celsius=45))


@handles(SetDcmiSetting)
def set_setting(bmc: BmcState, request: SetDcmiSetting, session: BmcSession, now: float) -> NoData:
    """Keep it; there is no DHCP here that would be started."""
    known = bmc.dcmi.settings.get(request.setting, b"\0" if request.setting == DcmiSetting.ACTIVATE_DHCP else None)
    if known is None:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    if len(request.data) != len(known):
        raise Refused(CompletionCode.DATA_LENGTH_INVALID)
    if request.setting != DcmiSetting.ACTIVATE_DHCP:
        bmc.dcmi.settings[int(request.setting)] = request.data
    return NoData()


@handles(GetDcmiSetting)
def get_setting(bmc: BmcState, request: GetDcmiSetting, session: BmcSession, now: float) -> DcmiCapabilities:
    """As it was set."""
    data = bmc.dcmi.settings.get(request.setting)
    if data is None:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return DcmiCapabilities(revision=1, data=data)
