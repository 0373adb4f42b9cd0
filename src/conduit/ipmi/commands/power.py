"""Chassis power: its state, its control and what it does when mains returns (sections 28.2, 28.3, 28.8, 28.9)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.commands.chassis import NO_BUTTONS, Button, IdentifyState
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


class PowerRestorePolicy(IntEnum):
    """What the system does when mains power returns; the same numbers in status and in request."""

    ALWAYS_OFF = 0
    PREVIOUS = 1
    ALWAYS_ON = 2
    UNKNOWN = 3
    "In a status; in a request it is POLICY_NO_CHANGE."


POLICY_NO_CHANGE: Final = 3  # in Set Power Restore Policy: change nothing, say what is supported


class PowerEvent(IntFlag):
    """What the last power event was (table 28-3, byte 3)."""

    AC_FAILED = 0x01
    OVERLOAD = 0x02
    INTERLOCK = 0x04
    FAULT = 0x08
    POWERED_ON_BY_COMMAND = 0x10


POWER_EVENT_TEXTS: Final[Mapping[PowerEvent, str]] = {
    PowerEvent.AC_FAILED: "mains power failed",
    PowerEvent.OVERLOAD: "switched off by overload",
    PowerEvent.INTERLOCK: "switched off by interlock",
    PowerEvent.FAULT: "switched off by power fault",
    PowerEvent.POWERED_ON_BY_COMMAND: "switched on by command",
}
NO_POWER_EVENT: Final = PowerEvent(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPanelButtons:
    """Which buttons work; table 28-3, byte 5."""

    disabled: Button = NO_BUTTONS
    "Those that do nothing now."
    can_disable: Button = NO_BUTTONS
    "Those that can be disabled."

    def __post_init__(self) -> None:
        check_range("disabled buttons", self.disabled, 0, 0x0F)
        check_range("buttons that can be disabled", self.can_disable, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.can_disable << 4 | self.disabled,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        buttons = Reader(data).u8("front panel buttons")
        return cls(disabled=Button(buttons & 0x0F), can_disable=Button(buttons >> 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisStatus:
    """Power, faults and lights; table 28-3."""

    power_on: bool
    "The system has power (S0, or a sleep that the BMC cannot tell from it)."
    overload: bool = False
    "It is off because it drew too much."
    interlock: bool = False
    "It is off because an interlock, such as an open lid, is active."
    power_fault: bool = False
    "A fault was found in the main power subsystem."
    control_fault: bool = False
    "The controller tried to switch power, and power did not follow."
    restore_policy: PowerRestorePolicy | int = PowerRestorePolicy.UNKNOWN
    "0 to 3."
    last_event: PowerEvent = NO_POWER_EVENT
    "What happened to power last."
    intrusion: bool = False
    "The chassis is open."
    front_panel_lockout: bool = False
    "Power and reset buttons are disabled."
    drive_fault: bool = False
    "A drive is faulty."
    fan_fault: bool = False
    "Cooling is faulty."
    identify_state: IdentifyState | int | None = None
    "0 to 3; None if the BMC does not say, which is also how it says that it may not support Chassis Identify."
    front_panel: FrontPanelButtons | None = None
    "The buttons, if the BMC sends that byte."

    def __post_init__(self) -> None:
        check_range("power restore policy", self.restore_policy, 0, 3)
        check_range("last power event", self.last_event, 0, 0xFF)
        check_range("identify state", self.identify_state or 0, 0, 3)

    @property
    def power(self) -> str:
        """``on`` or ``off``."""
        return "on" if self.power_on else "off"

    @property
    def restore_policy_text(self) -> str:
        """E.g. ``always off``."""
        return label(self.restore_policy)

    @property
    def last_events(self) -> tuple[str, ...]:
        """The last power event in words; it may be several."""
        return tuple(text for event, text in POWER_EVENT_TEXTS.items() if event in self.last_event)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, in words."""
        named = {
            "power overload": self.overload,
            "power fault": self.power_fault,
            "power control fault": self.control_fault,
            "drive fault": self.drive_fault,
            "cooling fault": self.fan_fault,
        }
        return tuple(name for name, wrong in named.items() if wrong)

    def encode(self) -> bytes:
        """Three bytes, or four with the front panel."""
        power = (
            self.restore_policy << 5
            | self.control_fault << 4
            | self.power_fault << 3
            | self.interlock << 2
            | self.overload << 1
            | self.power_on
        )
        identify = 0 if self.identify_state is None else 0x40 | self.identify_state << 4
        misc = self.fan_fault << 3 | self.drive_fault << 2 | self.front_panel_lockout << 1 | self.intrusion
        head = bytes((power, self.last_event, identify | misc))
        return head if self.front_panel is None else head + self.front_panel.encode()

    @classmethod
    @functools.lru_cache(maxsize=256)  # a fleet has few different answers, and they are immutable
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        power, event, misc = reader.take(3, "chassis status")
        return cls(
            power_on=bool(power & 0x01),
            overload=bool(power & 0x02),
            interlock=bool(power & 0x04),
            power_fault=bool(power & 0x08),
            control_fault=bool(power & 0x10),
            restore_policy=known(PowerRestorePolicy, power >> 5 & 0x03),
            last_event=PowerEvent(event),
            intrusion=bool(misc & 0x01),
            front_panel_lockout=bool(misc & 0x02),
            drive_fault=bool(misc & 0x04),
            fan_fault=bool(misc & 0x08),
            identify_state=known(IdentifyState, misc >> 4 & 0x03) if misc & 0x40 else None,
            front_panel=FrontPanelButtons.decode(reader.take(1)) if reader.remaining else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChassisStatus(Command[ChassisStatus]):
    """Get Chassis Status; section 28.2."""

    netfn = NetFn.CHASSIS
    command = 0x01
    privilege = Privilege.USER
    safe = True
    response = ChassisStatus


class ChassisControlAction(IntEnum):
    """What Chassis Control does (table 28-4)."""

    OFF = 0
    "At once; the operating system is not asked."
    ON = 1
    CYCLE = 2
    "Off, a pause of at least a second, on."
    RESET = 3
    "Without a change of power."
    DIAGNOSTIC_INTERRUPT = 4
    "An NMI, for a crash dump."
    SOFT_SHUTDOWN = 5
    "An ACPI power button press; the operating system may take its time or ignore it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisControl(Command[NoData]):
    """Power up, down, cycle, reset, interrupt or shut down; section 28.3."""

    netfn = NetFn.CHASSIS
    command = 0x02
    privilege = Privilege.OPERATOR
    # Not safe: a second reset or cycle hits a system that is already starting.
    response = NoData

    action: ChassisControlAction | int
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("chassis control action", self.action, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.action,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(action=known(ChassisControlAction, Reader(data).u8("chassis control action") & 0x0F))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePolicySupport:
    """Which power restore policies there are; section 28.8."""

    always_off: bool = True
    "Stay off."
    previous: bool = True
    "Go back to what it was."
    always_on: bool = True
    "Power up."

    @property
    def policies(self) -> tuple[PowerRestorePolicy, ...]:
        """Those that can be set."""
        supported = (self.always_off, self.previous, self.always_on)
        return tuple(PowerRestorePolicy(number) for number, can in enumerate(supported) if can)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.always_on << 2 | self.previous << 1 | self.always_off,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        mask = Reader(data).u8("power restore policies")
        return cls(always_off=bool(mask & 0x01), previous=bool(mask & 0x02), always_on=bool(mask & 0x04))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPowerRestorePolicy(Command[RestorePolicySupport]):
    """Say what happens when mains power returns, or with POLICY_NO_CHANGE ask what is supported; section 28.8."""

    netfn = NetFn.CHASSIS
    command = 0x06
    privilege = Privilege.OPERATOR
    safe = True
    response = RestorePolicySupport

    policy: PowerRestorePolicy | int = POLICY_NO_CHANGE
    "0 to 7; 3 changes nothing."

    def __post_init__(self) -> None:
        check_range("power restore policy", self.policy, 0, 7)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.policy,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(policy=known(PowerRestorePolicy, Reader(data).u8("power restore policy") & 0x07))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPowerCycleInterval(Command[NoData]):
    """How long a power cycle keeps the system off; section 28.9."""

    netfn = NetFn.CHASSIS
    command = 0x0B
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    interval: int
    "Seconds, 0 to 255; 0 is as short as the hardware lets it be."

    def __post_init__(self) -> None:
        check_range("power cycle interval", self.interval, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.interval,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(interval=Reader(data).u8("power cycle interval"))


__all__ = [
    "POLICY_NO_CHANGE",
    "ChassisControl",
    "ChassisControlAction",
    "ChassisStatus",
    "FrontPanelButtons",
    "GetChassisStatus",
    "PowerEvent",
    "PowerRestorePolicy",
    "RestorePolicySupport",
    "SetPowerCycleInterval",
    "SetPowerRestorePolicy",
]
