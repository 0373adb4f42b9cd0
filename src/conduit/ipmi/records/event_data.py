"""What event data 2 and 3 say beyond the state itself (table 42-3), in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from conduit.ipmi.records.event_types import SENSOR_SPECIFIC, state_name
from conduit.ipmi.records.sensor_types import SensorType

_UNSPECIFIED: Final = 0xFF  # a whole byte
_NO_STATE: Final = 0x0F  # half of one
_SEVERITY: Final = 0x07  # the event type whose states are severities

FIRMWARE_ERRORS: Final = (
    "unspecified",
    "no memory installed",
    "no usable memory",
    "hard disk failed",
    "system board failed",
    "diskette subsystem failed",
    "hard disk controller failed",
    "keyboard failed",
    "removable boot media not found",
    "video controller failed",
    "no video device",
    "firmware ROM corrupt",
    "processor voltages mismatch",
    "processor speeds mismatch",
)
FIRMWARE_PROGRESS: Final = (
    "unspecified",
    "memory initialisation",
    "hard disk initialisation",
    "secondary processors",
    "user authentication",
    "setup entered by user",
    "USB resources",
    "PCI resources",
    "option ROMs",
    "video initialisation",
    "cache initialisation",
    "SM bus initialisation",
    "keyboard controller initialisation",
    "management controller initialisation",
    "docking station attached",
    "docking station enabled",
    "docking station ejected",
    "docking station disabled",
    "operating system wake-up vector",
    "operating system starts",
    "baseboard initialisation",
    "",
    "floppy initialisation",
    "keyboard test",
    "pointing device test",
    "primary processor",
)
_RESTART_CAUSES: Final = (
    "cause unknown",
    "by Chassis Control command",
    "by reset button",
    "by power button",
    "by watchdog",
    "by OEM",
    "by restore policy, always on",
    "by restore policy, previous state",
    "by PEF, reset",
    "by PEF, power cycle",
    "by soft reset",
    "by real-time clock",
)
_TIMER_USES: Final = ("", "BIOS FRB2", "BIOS POST", "OS load", "SMS/OS", "OEM")
_INTERRUPTS: Final = ("", "SMI", "NMI", "messaging interrupt")
_PEF_ACTIONS: Final = ("alert", "power off", "reset", "power cycle", "OEM action", "diagnostic interrupt")
_SUPPLY_ERRORS: Final = ("vendor mismatch", "revision mismatch", "processor missing", "power rating", "voltage rating")
_SLOT_TYPES: Final = (
    "PCI",
    "drive array",
    "external connector",
    "docking",
    "other",
    "entity ID",
    "AdvancedTCA",
    "memory",
    "fan",
    "PCI Express",
    "SCSI",
    "SATA/SAS",
    "USB",
)
_CLOCK_STEPS: Final = ("first of two", "second of two")
_SESSION_ENDS: Final = ("", "by Close Session", "by timeout", "by configuration change")

_Decode = Callable[[int, int | None, int | None], list[str]]


def detail_texts(sensor_type: int, event_type: int, data: bytes) -> list[str]:
    """What event data 2 and 3 of a discrete event say, a text each; nothing for what they leave unspecified.

    :param data: event data 1 to 3.
    """
    uses = data[0] >> 6, data[0] >> 4 & 0x03
    if event_type == SENSOR_SPECIFIC:
        second, third = (
            byte if use == 3 and byte != _UNSPECIFIED else None for use, byte in zip(uses, data[1:], strict=True)
        )
        texts = _DECODERS.get(sensor_type, _nothing)(data[0] & 0x0F, second, third)
    else:
        texts = []
    if uses[0] == 1:
        texts += _earlier(sensor_type, event_type, data[1])
    texts += [f"OEM data {byte:#04x}" for use, byte in zip(uses, data[1:], strict=True) if use == 2]
    return texts


def _earlier(sensor_type: int, event_type: int, byte: int) -> list[str]:
    """Severity and state before the event (table 29-6)."""
    severity, state = byte >> 4, byte & 0x0F
    texts = [] if severity == _NO_STATE else [f"severity {state_name(_SEVERITY, sensor_type, severity)}"]
    return texts + ([] if state == _NO_STATE else [f"before: {state_name(event_type, sensor_type, state)}"])


def _name(names: tuple[str, ...], number: int | None) -> list[str]:
    """The name as a list of one; of none if there is no number or it has no name."""
    return [names[number]] if number is not None and number < len(names) and names[number] else []


def _number(what: str, number: int | None) -> list[str]:
    return [] if number is None else [f"{what} {number}"]


def _nothing(offset: int, second: int | None, third: int | None) -> list[str]:
    return []


def _security(offset: int, second: int | None, third: int | None) -> list[str]:
    return _number("network controller", second) if offset == 4 else []


def _power_supply(offset: int, second: int | None, third: int | None) -> list[str]:
    return _name(_SUPPLY_ERRORS, None if third is None else third & 0x0F) if offset == 6 else []


def _memory(offset: int, second: int | None, third: int | None) -> list[str]:
    return _number("module", third)


def _firmware(offset: int, second: int | None, third: int | None) -> list[str]:
    return _name(FIRMWARE_ERRORS if offset == 0 else FIRMWARE_PROGRESS, second)


def _event_logging(offset: int, second: int | None, third: int | None) -> list[str]:
    match offset:
        case 0:
            return _number("module", second)
        case 5:
            return [] if third is None else [f"{third} % full"]
        case 6:
            return _number("processor", second)
        case _:
            return []


def _system_event(offset: int, second: int | None, third: int | None) -> list[str]:
    if second is None:
        return []
    if offset == 4:
        return [name for bit, name in enumerate(_PEF_ACTIONS) if second >> bit & 1]
    return [_CLOCK_STEPS[second >> 7]] if offset == 5 else []


def _boot_initiated(offset: int, second: int | None, third: int | None) -> list[str]:
    if offset != 7 or second is None:
        return []
    return _name(_RESTART_CAUSES, second & 0x0F) + _number("channel", None if third is None else third & 0x0F)


def _slot(offset: int, second: int | None, third: int | None) -> list[str]:
    return _name(_SLOT_TYPES, None if second is None else second & 0x7F) + _number("slot", third)


def _watchdog(offset: int, second: int | None, third: int | None) -> list[str]:
    if second is None:
        return []
    uses = [f"used by {name}" for name in _name(_TIMER_USES, second & 0x0F)]
    return uses + [f"interrupt {name}" for name in _name(_INTERRUPTS, second >> 4)]


def _session_audit(offset: int, second: int | None, third: int | None) -> list[str]:
    user = second & 0x3F if second is not None else 0
    texts = [f"user {user}"] if user else []
    if third is None:
        return texts
    return [*texts, *_number("channel", third & 0x0F), *(_name(_SESSION_ENDS, third >> 4 & 3) if offset == 1 else ())]


def _fru_state(offset: int, second: int | None, third: int | None) -> list[str]:
    if second is None:
        return []
    return [f"before: {state_name(SENSOR_SPECIFIC, SensorType.FRU_STATE, second & 0x0F)}"]


_DECODERS: Final[Mapping[int, _Decode]] = MappingProxyType(
    {
        SensorType.PHYSICAL_SECURITY: _security,
        SensorType.POWER_SUPPLY: _power_supply,
        SensorType.MEMORY: _memory,
        SensorType.FIRMWARE_PROGRESS: _firmware,
        SensorType.EVENT_LOGGING: _event_logging,
        SensorType.SYSTEM_EVENT: _system_event,
        SensorType.BOOT_INITIATED: _boot_initiated,
        SensorType.SLOT: _slot,
        SensorType.WATCHDOG_2: _watchdog,
        SensorType.SESSION_AUDIT: _session_audit,
        SensorType.FRU_STATE: _fru_state,
    }
)
