"""Boot option parameters: what the next start of the system does differently (table 28-14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.commands.parameters import ProgressShape


class BootParameter(IntEnum):
    """Parameter selectors; 60h to 7Fh are OEM."""

    SET_IN_PROGRESS = 0
    SERVICE_PARTITION_SELECTOR = 1
    SERVICE_PARTITION_SCAN = 2
    VALID_BIT_CLEARING = 3
    BOOT_INFO_ACKNOWLEDGE = 4
    BOOT_FLAGS = 5
    INITIATOR_INFO = 6
    INITIATOR_MAILBOX = 7


class SetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0."""

    __slots__ = ()
    PARAMETER: ClassVar[BootParameter] = BootParameter.SET_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidBitClearing:
    """Which kinds of restart keep the boot flags valid, where they would clear them by default; parameter 3."""

    PARAMETER: ClassVar[BootParameter] = BootParameter.VALID_BIT_CLEARING

    keep_on_power_button: bool = False
    "Power up by the button or a wake event."
    keep_on_reset_button: bool = False
    "Reset by the button, or a soft one."
    keep_on_watchdog: bool = False
    "Reset or power cycle by the watchdog."
    keep_on_timeout: bool = False
    "No Chassis Control command within a minute of setting the flags."
    keep_on_pef: bool = False
    "Reset or power cycle by platform event filtering."

    def encode(self) -> bytes:
        """One byte."""
        late = self.keep_on_pef << 4 | self.keep_on_timeout << 3 | self.keep_on_watchdog << 2
        return bytes((late | self.keep_on_reset_button << 1 | self.keep_on_power_button,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        keep = Reader(data).u8("valid bit clearing")
        return cls(
            keep_on_power_button=bool(keep & 0x01),
            keep_on_reset_button=bool(keep & 0x02),
            keep_on_watchdog=bool(keep & 0x04),
            keep_on_timeout=bool(keep & 0x08),
            keep_on_pef=bool(keep & 0x10),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BootInfoAcknowledge:
    """Who has already acted on the boot options; parameter 4. All zero asks everybody to look at them again."""

    PARAMETER: ClassVar[BootParameter] = BootParameter.BOOT_INFO_ACKNOWLEDGE

    write_mask: int = 0
    "Bits of the next byte that a write changes, 0 to 255; 0 in a response."
    bios: bool = False
    "The firmware (POST)."
    os_loader: bool = False
    "The operating system's loader."
    service_partition: bool = False
    "The operating system or the service partition."
    sms: bool = False
    "System management software."
    oem: bool = False
    "Somebody of the manufacturer's."

    def __post_init__(self) -> None:
        check_range("write mask", self.write_mask, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        late = self.oem << 4 | self.sms << 3 | self.service_partition << 2
        return bytes((self.write_mask, late | self.os_loader << 1 | self.bios))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        mask, handled = Reader(data).take(2, "boot info acknowledge")
        return cls(
            write_mask=mask,
            bios=bool(handled & 0x01),
            os_loader=bool(handled & 0x02),
            service_partition=bool(handled & 0x04),
            sms=bool(handled & 0x08),
            oem=bool(handled & 0x10),
        )


class BootDevice(IntEnum):
    """Where to start from."""

    NONE = 0x0
    "What the firmware is set to."
    PXE = 0x1
    DISK = 0x2
    DISK_SAFE = 0x3
    DIAGNOSTIC = 0x4
    CDROM = 0x5
    BIOS_SETUP = 0x6
    REMOTE_FLOPPY = 0x7
    REMOTE_CDROM = 0x8
    REMOTE_MEDIA = 0x9
    REMOTE_DISK = 0xB
    FLOPPY = 0xF


BOOT_DEVICE_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        BootDevice.NONE: "none",
        BootDevice.PXE: "pxe",
        BootDevice.DISK: "hdd",
        BootDevice.DISK_SAFE: "hdd-safe",
        BootDevice.DIAGNOSTIC: "diag",
        BootDevice.CDROM: "cdrom",
        BootDevice.BIOS_SETUP: "bios",
        BootDevice.REMOTE_FLOPPY: "remote-floppy",
        BootDevice.REMOTE_CDROM: "remote-cdrom",
        BootDevice.REMOTE_MEDIA: "remote-media",
        BootDevice.REMOTE_DISK: "remote-hdd",
        BootDevice.FLOPPY: "floppy",
    }
)


def boot_device(name: str) -> BootDevice:
    """The device that BOOT_DEVICE_NAMES calls *name*.

    :raises LocalProtocolError: it calls none so.
    """
    for device, known_name in BOOT_DEVICE_NAMES.items():
        if known_name == name:
            return BootDevice(device)
    raise LocalProtocolError(f"no boot device is called {name!r}, only {', '.join(BOOT_DEVICE_NAMES.values())}")


class Verbosity(IntEnum):
    """How much the firmware shows while it starts."""

    DEFAULT = 0
    QUIET = 1
    VERBOSE = 2


class ConsoleRedirection(IntEnum):
    """Whether the firmware redirects its console to serial."""

    DEFAULT = 0
    SUPPRESS = 1
    ENABLE = 2


class MuxOverride(IntEnum):
    """Who gets the serial port when the firmware has started."""

    DEFAULT = 0
    BMC = 1
    SYSTEM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFlags:
    """What the next start does, or all later ones; parameter 5. ``BootFlags()`` takes back every wish."""

    PARAMETER: ClassVar[BootParameter] = BootParameter.BOOT_FLAGS

    valid: bool = False
    "The firmware shall heed the rest."
    persistent: bool = False
    "At all later starts, not only at the next."
    efi: bool = False
    "Start the EFI way, not the legacy (PC compatible) one."
    device: BootDevice | int = BootDevice.NONE
    "0 to 15."
    device_instance: int = 0
    "Which one of several such devices, 0 to 31; 0 is any, 1 to 15 are external ones, 17 to 31 internal ones."
    clear_cmos: bool = False
    "Forget the firmware's settings."
    lock_keyboard: bool = False
    "Ignore the local keyboard."
    blank_screen: bool = False
    "Show nothing locally."
    lock_reset_buttons: bool = False
    "Ignore the reset button."
    lock_power_button: bool = False
    "Ignore the power button."
    lock_sleep_button: bool = False
    "Ignore the sleep button."
    verbosity: Verbosity | int = Verbosity.DEFAULT
    "0 to 3."
    force_progress_traps: bool = False
    "Send progress events as SNMP traps."
    bypass_password: bool = False
    "Do not ask for the user password, for a start without hands."
    console_redirection: ConsoleRedirection | int = ConsoleRedirection.DEFAULT
    "0 to 3."
    shared_mode: bool = False
    "Let the firmware put the channel into shared mode for a while."
    mux: MuxOverride | int = MuxOverride.DEFAULT
    "0 to 7."

    def __post_init__(self) -> None:
        check_range("boot device", self.device, 0, 0x0F)
        check_range("device instance", self.device_instance, 0, 0x1F)
        check_range("firmware verbosity", self.verbosity, 0, 3)
        check_range("console redirection", self.console_redirection, 0, 3)
        check_range("mux override", self.mux, 0, 7)

    @property
    def device_name(self) -> str:
        """The short name that :func:`boot_device` understands, or ``unknown (0xc)``."""
        return BOOT_DEVICE_NAMES.get(self.device) or label(self.device)

    @property
    def boot_type(self) -> str:
        """``EFI`` or ``legacy``."""
        return "EFI" if self.efi else "legacy"

    def encode(self) -> bytes:
        """Five bytes."""
        return bytes(
            (
                self.valid << 7 | self.persistent << 6 | self.efi << 5,
                self.clear_cmos << 7
                | self.lock_keyboard << 6
                | self.device << 2
                | self.blank_screen << 1
                | self.lock_reset_buttons,
                self.lock_power_button << 7
                | self.verbosity << 5
                | self.force_progress_traps << 4
                | self.bypass_password << 3
                | self.lock_sleep_button << 2
                | self.console_redirection,
                self.shared_mode << 3 | self.mux,
                self.device_instance,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        head, boot, firmware, mux, instance = Reader(data).take(5, "boot flags")
        return cls(
            valid=bool(head & 0x80),
            persistent=bool(head & 0x40),
            efi=bool(head & 0x20),
            clear_cmos=bool(boot & 0x80),
            lock_keyboard=bool(boot & 0x40),
            device=known(BootDevice, boot >> 2 & 0x0F),
            blank_screen=bool(boot & 0x02),
            lock_reset_buttons=bool(boot & 0x01),
            lock_power_button=bool(firmware & 0x80),
            verbosity=known(Verbosity, firmware >> 5 & 0x03),
            force_progress_traps=bool(firmware & 0x10),
            bypass_password=bool(firmware & 0x08),
            lock_sleep_button=bool(firmware & 0x04),
            console_redirection=known(ConsoleRedirection, firmware & 0x03),
            shared_mode=bool(mux & 0x08),
            mux=known(MuxOverride, mux & 0x07),
            device_instance=instance & 0x1F,
        )


BootOption = SetInProgress | ValidBitClearing | BootInfoAcknowledge | BootFlags
"A parameter that has a class; the others are carried as bytes."

BOOT_OPTIONS: Final[Mapping[int, type[BootOption]]] = MappingProxyType(
    {option.PARAMETER: option for option in (SetInProgress, ValidBitClearing, BootInfoAcknowledge, BootFlags)}
)


def decode_boot_option(parameter: int, data: bytes) -> BootOption | bytes:
    """The parameter's bytes as an object, or as they are if it has no class.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    option = BOOT_OPTIONS.get(parameter)
    return data if option is None else option.decode(data)


__all__ = [
    "BOOT_DEVICE_NAMES",
    "BootDevice",
    "BootFlags",
    "BootInfoAcknowledge",
    "BootOption",
    "BootParameter",
    "ConsoleRedirection",
    "MuxOverride",
    "SetInProgress",
    "ValidBitClearing",
    "Verbosity",
    "boot_device",
]
