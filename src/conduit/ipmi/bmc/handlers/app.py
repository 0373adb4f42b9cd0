"""Who the BMC is, and its restarts (section 20)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import handles, handles_outside
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState, Reset
from conduit.ipmi.commands.app import (
    AcpiPowerState,
    ColdReset,
    DeviceId,
    DeviceSupport,
    GetAcpiPowerState,
    GetDeviceId,
    GetSelfTestResults,
    SelfTestResult,
    SetAcpiPowerState,
    WarmReset,
)
from conduit.ipmi.commands.guid import GetDeviceGuid, GetSystemGuid, Guid
from conduit.rmcp.command import NoData

SUPPORT: Final = (
    DeviceSupport.CHASSIS
    | DeviceSupport.BRIDGE
    | DeviceSupport.SEL
    | DeviceSupport.SDR_REPOSITORY
    | DeviceSupport.SENSOR
    | DeviceSupport.FRU_INVENTORY
)


@handles(GetDeviceId)
def get_device_id(bmc: BmcState, request: GetDeviceId, session: BmcSession, now: float) -> DeviceId:
    """What the configuration says."""
    identity = bmc.config.identity
    return DeviceId(
        device_id=identity.device_id,
        device_revision=identity.device_revision,
        firmware_major=identity.firmware_major,
        firmware_minor_bcd=identity.firmware_minor_bcd,
        ipmi_major=2 if bmc.config.plus.enabled else 1,
        ipmi_minor=0 if bmc.config.plus.enabled else 5,
        support=SUPPORT,
        manufacturer_id=identity.manufacturer_id,
        product_id=identity.product_id,
        aux_firmware=bytes(4),
    )


@handles(ColdReset)
def cold_reset(bmc: BmcState, request: ColdReset, session: BmcSession, now: float) -> NoData:
    """Restart once the answer is out."""
    bmc.requested_reset = Reset.COLD
    return NoData()


@handles(WarmReset)
def warm_reset(bmc: BmcState, request: WarmReset, session: BmcSession, now: float) -> NoData:
    """Restart once the answer is out."""
    bmc.requested_reset = Reset.WARM
    return NoData()


@handles(GetSelfTestResults)
def get_self_test_results(
    bmc: BmcState, request: GetSelfTestResults, session: BmcSession, now: float
) -> SelfTestResult:
    """Nothing breaks here."""
    return SelfTestResult()


@handles(GetAcpiPowerState)
def get_acpi_power_state(bmc: BmcState, request: GetAcpiPowerState, session: BmcSession, now: float) -> AcpiPowerState:
    """What software said, or what power says."""
    return bmc.machine.acpi_state()


@handles(SetAcpiPowerState)
def set_acpi_power_state(bmc: BmcState, request: SetAcpiPowerState, session: BmcSession, now: float) -> NoData:
    """Note what software says."""
    bmc.machine.set_acpi_state(request.system, request.device)
    return NoData()


@handles(GetDeviceGuid)
def get_device_guid(bmc: BmcState, request: GetDeviceGuid, session: BmcSession, now: float) -> Guid:
    """The system's GUID: there is one of each."""
    return Guid(raw=bmc.config.identity.guid)


@handles_outside(GetSystemGuid)
def get_system_guid(bmc: BmcState, request: GetSystemGuid, session: BmcSession | None, now: float) -> Guid:
    """The GUID that RAKP 2 has too."""
    return Guid(raw=bmc.config.identity.guid)
