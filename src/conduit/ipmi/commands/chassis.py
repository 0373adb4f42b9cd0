"""The chassis: power, faults, identification and counters (section 28, but for the boot options)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

DEFAULT_IDENTIFY_INTERVAL: Final = 15  # seconds, what a request without an interval means
DEFAULT_BRIDGE_ADDRESS: Final = 0x20  # the BMC, where a response leaves the bridge out


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisCapabilities:
    """What the chassis has, and which controllers look after it; section 28.1. Addresses are IPMB ones, 0 to 255."""

    intrusion_sensor: bool = False
    "It notices that it is opened."
    front_panel_lockout: bool = False
    "The front panel's buttons can be disabled."
    diagnostic_interrupt: bool = False
    "It has a diagnostic interrupt (NMI)."
    power_interlock: bool = False
    "It switches power off when opened."
    fru_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis FRU information."
    sdr_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis SDRs."
    sel_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis SEL."
    management_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who manages the system."
    bridge_address: int | None = None
    "Who bridges to other chassis; None if not said, which means 20h."

    def __post_init__(self) -> None:
        _check_addresses(self)

    def encode(self) -> bytes:
        """Five bytes, or six with a bridge."""
        flags = (
            self.power_interlock << 3
            | self.diagnostic_interrupt << 2
            | self.front_panel_lockout << 1
            | self.intrusion_sensor
        )
        return bytes((flags,)) + _encode_addresses(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        flags, fru, sdr, sel, management = reader.take(5, "chassis capabilities")
        return cls(
            intrusion_sensor=bool(flags & 0x01),
            front_panel_lockout=bool(flags & 0x02),
            diagnostic_interrupt=bool(flags & 0x04),
            power_interlock=bool(flags & 0x08),
            fru_address=fru,
            sdr_address=sdr,
            sel_address=sel,
            management_address=management,
            bridge_address=reader.u8() if reader.remaining else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChassisCapabilities(Command[ChassisCapabilities]):
    """Get Chassis Capabilities; section 28.1."""

    netfn = NetFn.CHASSIS
    command = 0x00
    privilege = Privilege.USER
    safe = True
    response = ChassisCapabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChassisCapabilities(Command[NoData]):
    """Tell the BMC where the chassis devices are; section 28.7. Addresses are IPMB ones, 0 to 255."""

    netfn = NetFn.CHASSIS
    command = 0x05
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    intrusion_sensor: bool = False
    "It notices that it is opened."
    front_panel_lockout: bool = False
    "The front panel's buttons can be disabled."
    fru_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis FRU information; 0 if nobody."
    sdr_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis SDRs."
    sel_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who has the chassis SEL."
    management_address: int = DEFAULT_BRIDGE_ADDRESS
    "Who manages the system."
    bridge_address: int | None = None
    "Who bridges to other chassis; None leaves the byte out."

    def __post_init__(self) -> None:
        _check_addresses(self)

    def encode(self) -> bytes:
        """Five bytes, or six with a bridge."""
        return bytes((self.front_panel_lockout << 1 | self.intrusion_sensor,)) + _encode_addresses(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        flags, fru, sdr, sel, management = reader.take(5, "chassis capabilities")
        return cls(
            intrusion_sensor=bool(flags & 0x01),
            front_panel_lockout=bool(flags & 0x02),
            fru_address=fru,
            sdr_address=sdr,
            sel_address=sel,
            management_address=management,
            bridge_address=reader.u8() if reader.remaining else None,
        )


class IdentifyState(IntEnum):
    """What the identify light does (table 28-3)."""

    OFF = 0
    TEMPORARY = 1
    "For the interval of the Chassis Identify command."
    INDEFINITE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisIdentify(Command[NoData]):
    """Light up, or whatever the chassis does to be found; section 28.5."""

    netfn = NetFn.CHASSIS
    command = 0x04
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData

    interval: int = DEFAULT_IDENTIFY_INTERVAL
    "Seconds, 0 to 255; 0 turns it off."
    force_on: bool = False
    "Stay on until told otherwise, whatever the interval; not every BMC can."

    def __post_init__(self) -> None:
        check_range("identify interval", self.interval, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte, or two to force it on."""
        return bytes((self.interval, 1)) if self.force_on else bytes((self.interval,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Both bytes are optional, so nothing is too short."""
        reader = Reader(data)
        return cls(
            interval=reader.u8() if reader.remaining else DEFAULT_IDENTIFY_INTERVAL,
            force_on=bool(reader.remaining and reader.u8() & 0x01),
        )


class Button(IntFlag):
    """Front panel buttons (section 28.6; table 28-3, byte 5)."""

    POWER_OFF = 0x1
    RESET = 0x2
    DIAGNOSTIC_INTERRUPT = 0x4
    STANDBY = 0x8


NO_BUTTONS: Final = Button(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFrontPanelEnables(Command[NoData]):
    """Disable buttons of the front panel, and enable all others; section 28.6."""

    netfn = NetFn.CHASSIS
    command = 0x0A
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    disabled: Button = NO_BUTTONS
    "The buttons that shall not work."

    def __post_init__(self) -> None:
        check_range("disabled buttons", self.disabled, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.disabled,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(disabled=Button(Reader(data).u8("buttons") & 0x0F))


class RestartCause(IntEnum):
    """Why the system started last (section 28.11)."""

    UNKNOWN = 0x0
    CHASSIS_CONTROL = 0x1
    RESET_BUTTON = 0x2
    POWER_BUTTON = 0x3
    WATCHDOG = 0x4
    OEM = 0x5
    ALWAYS_RESTORE = 0x6
    RESTORE_PREVIOUS = 0x7
    PEF_RESET = 0x8
    PEF_POWER_CYCLE = 0x9
    SOFT_RESET = 0xA
    RTC_WAKEUP = 0xB


RESTART_CAUSE_TEXTS: Final[Mapping[int, str]] = {
    RestartCause.UNKNOWN: "unknown",
    RestartCause.CHASSIS_CONTROL: "Chassis Control command",
    RestartCause.RESET_BUTTON: "reset button",
    RestartCause.POWER_BUTTON: "power button",
    RestartCause.WATCHDOG: "watchdog expired",
    RestartCause.OEM: "OEM",
    RestartCause.ALWAYS_RESTORE: "power came back, policy is always on",
    RestartCause.RESTORE_PREVIOUS: "power came back, policy is previous state",
    RestartCause.PEF_RESET: "reset by platform event filter",
    RestartCause.PEF_POWER_CYCLE: "power cycle by platform event filter",
    RestartCause.SOFT_RESET: "soft reset, e.g. Ctrl-Alt-Del",
    RestartCause.RTC_WAKEUP: "woken by the real-time clock",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRestartCause:
    """Why the system started last, and on which channel it was asked to; section 28.11."""

    cause: RestartCause | int
    "0 to 15."
    channel: int = 0
    "0 to 15; it means something only if a command was the cause."

    def __post_init__(self) -> None:
        check_range("restart cause", self.cause, 0, 0x0F)
        check_range("channel", self.channel, 0, 0x0F)

    @property
    def text(self) -> str:
        """The cause in words."""
        return RESTART_CAUSE_TEXTS.get(self.cause) or label(self.cause)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.cause, self.channel))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        cause, channel = Reader(data).take(2, "restart cause")
        return cls(cause=known(RestartCause, cause & 0x0F), channel=channel & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSystemRestartCause(Command[SystemRestartCause]):
    """Get System Restart Cause; section 28.11."""

    netfn = NetFn.CHASSIS
    command = 0x07
    privilege = Privilege.USER
    safe = True
    response = SystemRestartCause


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOnHours:
    """How long the system has been on in its life; section 28.14."""

    minutes_per_count: int = 60
    "0 to 255."
    count: int
    "0 to 0xFFFFFFFF."

    def __post_init__(self) -> None:
        check_range("minutes per count", self.minutes_per_count, 0, 0xFF)
        check_range("power-on count", self.count, 0, 0xFFFFFFFF)

    @property
    def hours(self) -> float:
        """The counter in hours."""
        return self.count * self.minutes_per_count / 60

    def encode(self) -> bytes:
        """Five bytes."""
        return bytes((self.minutes_per_count,)) + self.count.to_bytes(4, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(minutes_per_count=reader.u8("minutes per count"), count=reader.u32le("power-on count"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPohCounter(Command[PowerOnHours]):
    """Get POH Counter; section 28.14."""

    netfn = NetFn.CHASSIS
    command = 0x0F
    privilege = Privilege.USER
    safe = True
    response = PowerOnHours


def _check_addresses(chassis: ChassisCapabilities | SetChassisCapabilities) -> None:
    check_range("FRU device address", chassis.fru_address, 0, 0xFF)
    check_range("SDR device address", chassis.sdr_address, 0, 0xFF)
    check_range("SEL device address", chassis.sel_address, 0, 0xFF)
    check_range("management device address", chassis.management_address, 0, 0xFF)
    check_range("bridge device address", chassis.bridge_address or 0, 0, 0xFF)


def _encode_addresses(chassis: ChassisCapabilities | SetChassisCapabilities) -> bytes:
    addresses = bytes((chassis.fru_address, chassis.sdr_address, chassis.sel_address, chassis.management_address))
    return addresses if chassis.bridge_address is None else addresses + bytes((chassis.bridge_address,))


__all__ = [
    "Button",
    "ChassisCapabilities",
    "ChassisIdentify",
    "GetChassisCapabilities",
    "GetPohCounter",
    "GetSystemRestartCause",
    "IdentifyState",
    "PowerOnHours",
    "RestartCause",
    "SetChassisCapabilities",
    "SetFrontPanelEnables",
    "SystemRestartCause",
]
