"""DCMI: texts that take several commands, limits that may be absent, sensors that come eight at a time."""

from __future__ import annotations

from typing import Final, NamedTuple

from conduit.errors import CompletionCodeError, LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.dcmi import DcmiCapabilities, DcmiParameter, GetDcmiCapabilities
from conduit.ipmi.commands.dcmi_assets import (
    CHUNK,
    MAX_ASSET_TAG,
    MAX_CONTROLLER_ID,
    GetAssetTag,
    GetControllerId,
    SetAssetTag,
    SetControllerId,
)
from conduit.ipmi.commands.dcmi_power import NO_ACTIVE_LIMIT, GetPowerLimit, PowerLimit
from conduit.ipmi.commands.dcmi_sensors import DcmiEntity, DcmiTemperatures, GetDcmiSensorInfo, GetTemperatureReadings
from conduit.ipmi.completion_codes import CompletionCode

ENTITIES: Final = (DcmiEntity.INLET, DcmiEntity.CPU, DcmiEntity.BASEBOARD)
ABSENT: Final = (
    CompletionCode.INVALID_COMMAND,
    CompletionCode.NOT_PRESENT,
    CompletionCode.INVALID_FIELD,
    CompletionCode.PARAMETER_OUT_OF_RANGE,
)
MAX_INSTANCES: Final = 255


class Temperature(NamedTuple):
    """One reading."""

    entity: DcmiEntity
    instance: int
    celsius: int


async def capabilities(bmc: Bmc) -> dict[DcmiParameter, DcmiCapabilities]:
    """What the BMC tells of what it can do; parameters that it does not have are left out."""
    found: dict[DcmiParameter, DcmiCapabilities] = {}
    for parameter in DcmiParameter:
        try:
            found[parameter] = await bmc.request(GetDcmiCapabilities(parameter=parameter))
        except CompletionCodeError as error:
            if parameter is DcmiParameter.SUPPORTED or error.code not in ABSENT:
                raise
    return found


async def asset_tag(bmc: Bmc) -> str:
    """The asset tag."""
    return await _read(bmc, GetAssetTag, MAX_ASSET_TAG)


async def set_asset_tag(bmc: Bmc, tag: str) -> None:
    """Write the asset tag, 63 bytes of UTF-8 at most."""
    text = tag.encode()
    if len(text) > MAX_ASSET_TAG:
        raise LocalProtocolError(f"an asset tag has {MAX_ASSET_TAG} bytes at most, not {len(text)}")
    for offset in range(0, len(text) or 1, CHUNK):
        await bmc.request(SetAssetTag(offset=offset, text=text[offset : offset + CHUNK]))


async def controller_id(bmc: Bmc) -> str:
    """The BMC's own name."""
    return await _read(bmc, GetControllerId, MAX_CONTROLLER_ID)


async def set_controller_id(bmc: Bmc, name: str) -> None:
    """Name the BMC, with 63 bytes of UTF-8 at most."""
    text = name.encode() + b"\0"
    if len(text) > MAX_CONTROLLER_ID:
        raise LocalProtocolError(f"a controller's name has {MAX_CONTROLLER_ID - 1} bytes at most, not {len(text) - 1}")
    for offset in range(0, len(text), CHUNK):
        await bmc.request(SetControllerId(offset=offset, text=text[offset : offset + CHUNK]))


async def _read(bmc: Bmc, command: type[GetAssetTag | GetControllerId], most: int) -> str:
    text, total = b"", CHUNK
    while len(text) < min(total, most):
        part = await bmc.request(command(offset=len(text), size=min(CHUNK, total - len(text))))
        total = part.total
        if not part.text:
            break
        text += part.text[:CHUNK]
    return text.partition(b"\0")[0].decode(errors="replace")


async def power_limit(bmc: Bmc) -> PowerLimit | None:
    """The power limit that is active, or None."""
    try:
        return await bmc.request(GetPowerLimit())
    except CompletionCodeError as error:
        if error.code == NO_ACTIVE_LIMIT:
            return None
        raise


async def sensor_records(bmc: Bmc) -> dict[DcmiEntity, tuple[int, ...]]:
    """Record IDs of the temperature sensors in the SDR repository."""
    found: dict[DcmiEntity, tuple[int, ...]] = {}
    for entity in ENTITIES:
        records: list[int] = []
        total = 1
        while len(records) < min(total, MAX_INSTANCES):
            try:
                part = await bmc.request(GetDcmiSensorInfo(entity=entity, first=len(records) + 1))
            except CompletionCodeError as error:
                if error.code not in ABSENT:
                    raise
                break
            total = part.instances
            if not part.record_ids:
                break
            records += part.record_ids
        found[entity] = tuple(records)
    return found


async def temperatures(bmc: Bmc) -> list[Temperature]:
    """All temperatures."""
    found: list[Temperature] = []
    for entity in ENTITIES:
        count, total = 0, 1
        while count < min(total, MAX_INSTANCES):
            part = await _temperatures(bmc, entity, count + 1)
            total = part.instances
            if not part.readings:
                break
            count += len(part.readings)
            found += (Temperature(entity, instance, celsius) for instance, celsius in part.readings)
    return found


async def _temperatures(bmc: Bmc, entity: DcmiEntity, first: int) -> DcmiTemperatures:
    """Those from *first* on; none where the BMC has none."""
    try:
        return await bmc.request(GetTemperatureReadings(entity=entity, first=first))
    except CompletionCodeError as error:
        if error.code not in ABSENT:
            raise
        return DcmiTemperatures()
