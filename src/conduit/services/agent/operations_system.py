"""What a BMC and its system are, from where the system starts, and the light that shows where it stands."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

import trio

from conduit.errors import CallError, CompletionCodeError, DecodeError
from conduit.ipmi import Bmc, DeviceId
from conduit.ipmi.commands.boot_options import BOOT_DEVICE_NAMES, BootFlags, boot_device
from conduit.ipmi.commands.chassis import ChassisIdentify
from conduit.ipmi.commands.guid import GetSystemGuid
from conduit.ipmi.commands.power import ChassisStatus
from conduit.ipmi.operations.boot import read_boot_flags, set_boot_flags
from conduit.ipmi.operations.fru import read_fru
from conduit.services.agent.broker import Broker, Caller
from conduit.services.api.gateway.v1.gateway_pb import (
    BMCInfo,
    BootDevice,
    BootSourceOverride,
    ConsoleAvailability,
    GetBMCInfoRequest,
    GetBMCInfoResponse,
    GetBootDeviceRequest,
    GetBootDeviceResponse,
    GetSystemStatusRequest,
    GetSystemStatusResponse,
    IdentifyRequest,
    IdentifyResponse,
    IPMIInfo,
    PowerState,
    SetBootDeviceRequest,
    SetBootDeviceResponse,
    SystemStatus,
)
from conduit.services.clock import timestamp
from conduit.tunnel.call_frames import Code

T = TypeVar("T")

INFO: Final = "info"  # in the broker's cache
SYSTEM: Final = "system"
BOOT: Final = "boot"
STATUS: Final = "status"
MAX_IDENTIFY: Final = 255  # seconds
# What the API calls them -> what the protocol does.
DEVICES: Final = {
    "none": "none",
    "pxe": "pxe",
    "disk": "hdd",
    "cdrom": "cdrom",
    "bios": "bios",
    "floppy": "floppy",
    "safe": "hdd-safe",
    "diag": "diag",
}
_NAMES: Final = {theirs: ours for ours, theirs in DEVICES.items()}


async def bmc_info(broker: Broker, caller: Caller, request: GetBMCInfoRequest) -> GetBMCInfoResponse:
    """Firmware and maker; asked again after an hour, or after power was switched."""

    async def work(bmc: Bmc) -> DeviceId:
        started = trio.current_time()
        device = await bmc.device_id()
        broker.answered(bmc, trio.current_time() - started)
        return device

    device = (await broker.read(caller, INFO, work, max_age=broker.server.limits.info_age)).value
    info = IPMIInfo(
        device_id=str(device.device_id),
        device_revision=str(device.device_revision),
        firmware_revision=device.firmware,
        ipmi_version=device.ipmi_version,
        manufacturer_id=str(device.manufacturer_id),
        manufacturer_name=device.manufacturer or "",
        product_id=str(device.product_id),
        device_available=not device.updating,
        provides_device_sdrs=device.provides_sdrs,
        additional_device_support=list(device.roles),
    )
    return GetBMCInfoResponse(info=BMCInfo(bmc_type="ipmi", ipmi_info=info))


async def system_status(broker: Broker, caller: Caller, request: GetSystemStatusRequest) -> GetSystemStatusResponse:
    """Power, faults and the next start, with the serial number; what a BMC does not know stays empty."""
    identity = (await broker.read(caller, SYSTEM, _identity, max_age=broker.server.limits.info_age)).value
    found = await broker.read(caller, STATUS, _status)
    chassis, flags = found.value
    has_console = broker.server.has_console
    status = SystemStatus(
        system_id=identity.system_id,
        serial_number=identity.serial_number,
        sku=identity.sku,
        boot_source=None if flags is None else _boot_source(flags),
        oem_health=_health(chassis),
        console_availability=ConsoleAvailability.SOL_ONLY if has_console else ConsoleAvailability.NONE,
    )
    power = PowerState.ON if chassis.power_on else PowerState.OFF
    return GetSystemStatusResponse(status=status, power_state=power, observed_at=timestamp(found.at))


async def _identity(bmc: Bmc) -> SystemStatus:
    """What does not change."""
    guid = await _if_known(bmc.request(GetSystemGuid()))
    fru = await _if_known(read_fru(bmc))
    product = None if fru is None else fru.inventory.product
    identity = SystemStatus(system_id="" if guid is None else str(guid.uuid()))
    if product is not None:
        identity.serial_number = product.serial_number.text(product.language)
        identity.sku = product.part_number.text(product.language)
    return identity


async def _status(bmc: Bmc) -> tuple[ChassisStatus, BootFlags | None]:
    return await bmc.chassis_status(), await _if_known(read_boot_flags(bmc))


async def _if_known(asked: Awaitable[T]) -> T | None:
    """None where the BMC has no answer."""
    try:
        return await asked
    except (CompletionCodeError, DecodeError):
        return None


def _boot_source(flags: BootFlags) -> BootSourceOverride:
    """In Redfish's words, as the API has them."""
    if not flags.valid:
        return BootSourceOverride(target="none", enabled="Disabled")
    return BootSourceOverride(
        target=_name(flags),
        enabled="Continuous" if flags.persistent else "Once",
        mode="UEFI" if flags.efi else "Legacy",
    )


def _health(chassis: ChassisStatus) -> dict[str, str]:
    health = {"chassis": ", ".join(chassis.faults) or "ok"}
    if chassis.last_events:
        health["last power event"] = ", ".join(chassis.last_events)
    return health


async def get_boot_device(broker: Broker, caller: Caller, request: GetBootDeviceRequest) -> GetBootDeviceResponse:
    """From where the system starts next."""
    flags = (await broker.read(caller, BOOT, read_boot_flags)).value
    if not flags.valid:
        return GetBootDeviceResponse(boot=BootDevice(device="none"))
    boot = BootDevice(device=_name(flags), persistent=flags.persistent, uefi=flags.efi)
    return GetBootDeviceResponse(boot=boot)


def _name(flags: BootFlags) -> str:
    name = BOOT_DEVICE_NAMES.get(flags.device, flags.device_name)
    return _NAMES.get(name, name)


async def set_boot_device(broker: Broker, caller: Caller, request: SetBootDeviceRequest) -> SetBootDeviceResponse:
    """Say from where the system starts next; "none" takes every wish back."""
    boot = request.boot
    if boot is None or boot.device not in DEVICES:
        raise CallError(Code.INVALID_ARGUMENT, f"boot.device is one of {', '.join(DEVICES)}")
    flags = (
        BootFlags()
        if boot.device == "none"
        else BootFlags(valid=True, persistent=boot.persistent, efi=boot.uefi, device=boot_device(DEVICES[boot.device]))
    )

    async def work(bmc: Bmc) -> None:
        try:
            await set_boot_flags(bmc, flags)
        finally:
            broker.forget()

    await broker.run(caller, work)
    return SetBootDeviceResponse()


async def identify(broker: Broker, caller: Caller, request: IdentifyRequest) -> IdentifyResponse:
    """Light up, for a while or until turned off."""
    if not 0 <= request.seconds <= MAX_IDENTIFY:
        raise CallError(Code.INVALID_ARGUMENT, f"seconds is 0 to {MAX_IDENTIFY}")
    command = ChassisIdentify(interval=request.seconds, force_on=request.until_turned_off)

    async def work(bmc: Bmc) -> None:
        await bmc.request(command)

    await broker.run(caller, work)
    return IdentifyResponse()
