"""Sensor types and states by name: tables 42-1 to 42-3, the wording ours.

A state is an offset, 0 to 14. What it means depends on the event/reading type: a threshold, a generic state, or one of
those that the sensor's type defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

THRESHOLD: Final = 0x01
"Event/reading type of sensors that compare a reading with thresholds."
SENSOR_SPECIFIC: Final = 0x6F
"Event/reading type of sensors whose states depend on their type."


class EventClass(Enum):
    """What kind of states an event/reading type has (table 42-1)."""

    UNSPECIFIED = "unspecified"
    THRESHOLD = "threshold"
    GENERIC = "generic discrete"
    SENSOR_SPECIFIC = "sensor-specific discrete"
    OEM = "OEM"
    RESERVED = "reserved"


class SensorType(IntEnum):
    """Sensor type codes (table 42-3); C0h to FFh are OEM."""

    RESERVED = 0x00
    TEMPERATURE = 0x01
    VOLTAGE = 0x02
    CURRENT = 0x03
    FAN = 0x04
    PHYSICAL_SECURITY = 0x05
    PLATFORM_SECURITY = 0x06
    PROCESSOR = 0x07
    POWER_SUPPLY = 0x08
    POWER_UNIT = 0x09
    COOLING_DEVICE = 0x0A
    OTHER_UNITS = 0x0B
    MEMORY = 0x0C
    DRIVE_SLOT = 0x0D
    POST_MEMORY_RESIZE = 0x0E
    FIRMWARE_PROGRESS = 0x0F
    EVENT_LOGGING = 0x10
    WATCHDOG_1 = 0x11
    SYSTEM_EVENT = 0x12
    CRITICAL_INTERRUPT = 0x13
    BUTTON = 0x14
    MODULE = 0x15
    MICROCONTROLLER = 0x16
    ADD_IN_CARD = 0x17
    CHASSIS = 0x18
    CHIP_SET = 0x19
    OTHER_FRU = 0x1A
    CABLE = 0x1B
    TERMINATOR = 0x1C
    BOOT_INITIATED = 0x1D
    BOOT_ERROR = 0x1E
    OS_BOOT = 0x1F
    OS_STOP = 0x20
    SLOT = 0x21
    ACPI_POWER_STATE = 0x22
    WATCHDOG_2 = 0x23
    PLATFORM_ALERT = 0x24
    ENTITY_PRESENCE = 0x25
    MONITOR_ASIC = 0x26
    LAN = 0x27
    MANAGEMENT_HEALTH = 0x28
    BATTERY = 0x29
    SESSION_AUDIT = 0x2A
    VERSION_CHANGE = 0x2B
    FRU_STATE = 0x2C


# By sensor type: its name, then the states of table 42-3 by offset; "" where the table has none.
_SENSOR_TYPES: Final[Mapping[int, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        SensorType.RESERVED: ("Reserved", ()),
        SensorType.TEMPERATURE: ("Temperature", ()),
        SensorType.VOLTAGE: ("Voltage", ()),
        SensorType.CURRENT: ("Current", ()),
        SensorType.FAN: ("Fan", ()),
        SensorType.PHYSICAL_SECURITY: (
            "Physical security",
            (
                "chassis intrusion",
                "drive bay intrusion",
                "I/O card area intrusion",
                "processor area intrusion",
                "LAN cable unplugged",
                "unauthorised dock",
                "fan area intrusion",
            ),
        ),
        SensorType.PLATFORM_SECURITY: (
            "Platform security",
            (
                "front panel lockout violated",
                "wrong user password before boot",
                "wrong setup password before boot",
                "wrong network boot password",
                "other wrong password before boot",
                "wrong out-of-band password",
            ),
        ),
        SensorType.PROCESSOR: (
            "Processor",
            (
                "IERR",
                "thermal trip",
                "FRB1/BIST failure",
                "FRB2/hang in POST",
                "FRB3/start-up failure",
                "configuration error",
                "SM BIOS uncorrectable error",
                "present",
                "disabled",
                "terminator present",
                "throttled",
                "uncorrectable machine check",
                "correctable machine check",
            ),
        ),
        SensorType.POWER_SUPPLY: (
            "Power supply",
            (
                "present",
                "failure",
                "predictive failure",
                "input lost",
                "input lost or out of range",
                "input out of range",
                "configuration error",
                "inactive",
            ),
        ),
        SensorType.POWER_UNIT: (
            "Power unit",
            (
                "power off",
                "power cycle",
                "240VA power down",
                "interlock power down",
                "AC lost",
                "soft power control failure",
                "failure",
                "predictive failure",
            ),
        ),
        SensorType.COOLING_DEVICE: ("Cooling device", ()),
        SensorType.OTHER_UNITS: ("Other", ()),
        SensorType.MEMORY: (
            "Memory",
            (
                "correctable ECC error",
                "uncorrectable ECC error",
                "parity error",
                "scrub failed",
                "device disabled",
                "correctable ECC logging limit reached",
                "present",
                "configuration error",
                "spare",
                "throttled",
                "critical overtemperature",
            ),
        ),
        SensorType.DRIVE_SLOT: (
            "Drive slot",
            (
                "drive present",
                "drive fault",
                "predictive failure",
                "hot spare",
                "consistency check",
                "in critical array",
                "in failed array",
                "rebuild in progress",
                "rebuild aborted",
            ),
        ),
        SensorType.POST_MEMORY_RESIZE: ("POST memory resize", ()),
        SensorType.FIRMWARE_PROGRESS: ("System firmware", ("error", "hang", "progress")),
        SensorType.EVENT_LOGGING: (
            "Event logging",
            (
                "correctable memory errors no longer logged",
                "event type no longer logged",
                "log cleared",
                "all logging disabled",
                "log full",
                "log almost full",
                "correctable machine checks no longer logged",
            ),
        ),
        SensorType.WATCHDOG_1: (
            "Watchdog 1",
            (
                "BIOS reset",
                "OS reset",
                "OS shutdown",
                "OS power down",
                "OS power cycle",
                "OS NMI",
                "OS timer expired",
                "OS pre-timeout interrupt",
            ),
        ),
        SensorType.SYSTEM_EVENT: (
            "System event",
            (
                "system reconfigured",
                "OEM boot event",
                "unknown hardware failure",
                "entry added to auxiliary log",
                "PEF action",
                "clock synchronised",
            ),
        ),
        SensorType.CRITICAL_INTERRUPT: (
            "Critical interrupt",
            (
                "NMI/diagnostic interrupt",
                "bus timeout",
                "I/O channel check NMI",
                "software NMI",
                "PCI PERR",
                "PCI SERR",
                "EISA fail-safe timeout",
                "bus correctable error",
                "bus uncorrectable error",
                "fatal NMI",
                "bus fatal error",
                "bus degraded",
            ),
        ),
        SensorType.BUTTON: (
            "Button",
            ("power pressed", "sleep pressed", "reset pressed", "FRU latch open", "FRU service requested"),
        ),
        SensorType.MODULE: ("Module/board", ()),
        SensorType.MICROCONTROLLER: ("Microcontroller", ()),
        SensorType.ADD_IN_CARD: ("Add-in card", ()),
        SensorType.CHASSIS: ("Chassis", ()),
        SensorType.CHIP_SET: ("Chip set", ("soft power control failure", "thermal trip")),
        SensorType.OTHER_FRU: ("Other FRU", ()),
        SensorType.CABLE: ("Cable", ("connected", "configuration error")),
        SensorType.TERMINATOR: ("Terminator", ()),
        SensorType.BOOT_INITIATED: (
            "Boot initiated",
            (
                "by power up",
                "by hard reset",
                "by warm reset",
                "PXE boot requested",
                "boot to diagnostic",
                "hard reset by software",
                "warm reset by software",
                "system restart",
            ),
        ),
        SensorType.BOOT_ERROR: (
            "Boot error",
            (
                "no bootable media",
                "disk not bootable",
                "PXE server not found",
                "invalid boot sector",
                "boot selection timed out",
            ),
        ),
        SensorType.OS_BOOT: (
            "OS boot",
            (
                "A: boot completed",
                "C: boot completed",
                "PXE boot completed",
                "diagnostic boot completed",
                "CD-ROM boot completed",
                "ROM boot completed",
                "boot completed",
                "installation started",
                "installation completed",
                "installation aborted",
                "installation failed",
            ),
        ),
        SensorType.OS_STOP: (
            "OS stop",
            (
                "critical stop during load",
                "critical stop",
                "graceful stop",
                "graceful shutdown",
                "soft shutdown by PEF",
                "agent not responding",
            ),
        ),
        SensorType.SLOT: (
            "Slot/connector",
            (
                "fault",
                "identify",
                "device installed",
                "ready for installation",
                "ready for removal",
                "power off",
                "removal requested",
                "interlock",
                "disabled",
                "spare device",
            ),
        ),
        SensorType.ACPI_POWER_STATE: (
            "ACPI power state",
            (
                "S0/G0 working",
                "S1 sleeping",
                "S2 sleeping",
                "S3 sleeping",
                "S4 suspended to disk",
                "S5/G2 soft off",
                "S4/S5 soft off",
                "G3 mechanical off",
                "sleeping in S1, S2 or S3",
                "G1 sleeping",
                "S5 by override",
                "legacy on",
                "legacy off",
                "",
                "unknown",
            ),
        ),
        SensorType.WATCHDOG_2: (
            "Watchdog 2",
            ("timer expired", "hard reset", "power down", "power cycle", "", "", "", "", "timer interrupt"),
        ),
        SensorType.PLATFORM_ALERT: ("Platform alert", ("page", "LAN alert", "event trap", "OEM event trap")),
        SensorType.ENTITY_PRESENCE: ("Entity presence", ("present", "absent", "disabled")),
        SensorType.MONITOR_ASIC: ("Monitor ASIC", ()),
        SensorType.LAN: ("LAN", ("heartbeat lost", "heartbeat")),
        SensorType.MANAGEMENT_HEALTH: (
            "Management subsystem health",
            (
                "sensor access degraded",
                "controller access degraded",
                "controller off line",
                "controller unavailable",
                "sensor failure",
                "FRU failure",
            ),
        ),
        SensorType.BATTERY: ("Battery", ("low", "failed", "present")),
        SensorType.SESSION_AUDIT: (
            "Session audit",
            ("session activated", "session deactivated", "invalid user name or password", "locked out after failures"),
        ),
        SensorType.VERSION_CHANGE: (
            "Version change",
            (
                "hardware changed",
                "firmware or software changed",
                "hardware incompatible",
                "firmware or software incompatible",
                "hardware unsupported",
                "firmware or software unsupported",
                "hardware change succeeded",
                "firmware or software change succeeded",
            ),
        ),
        SensorType.FRU_STATE: (
            "FRU state",
            (
                "not installed",
                "inactive",
                "activation requested",
                "activation in progress",
                "active",
                "deactivation requested",
                "deactivation in progress",
                "communication lost",
            ),
        ),
    }
)

_LEVELS: Final = (
    "lower non-critical",
    "lower critical",
    "lower non-recoverable",
    "upper non-critical",
    "upper critical",
    "upper non-recoverable",
)

# States of the generic event/reading types by offset (table 42-2).
_GENERIC: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        THRESHOLD: tuple(f"{level} going {way}" for level in _LEVELS for way in ("low", "high")),
        0x02: ("idle", "active", "busy"),
        0x03: ("state deasserted", "state asserted"),
        0x04: ("predictive failure deasserted", "predictive failure asserted"),
        0x05: ("limit not exceeded", "limit exceeded"),
        0x06: ("performance met", "performance lags"),
        0x07: (
            "OK",
            "non-critical from OK",
            "critical from less severe",
            "non-recoverable from less severe",
            "non-critical from more severe",
            "critical from non-recoverable",
            "non-recoverable",
            "monitor",
            "informational",
        ),
        0x08: ("device absent", "device present"),
        0x09: ("device disabled", "device enabled"),
        0x0A: (
            "running",
            "in test",
            "power off",
            "on line",
            "off line",
            "off duty",
            "degraded",
            "power save",
            "install error",
        ),
        0x0B: (
            "fully redundant",
            "redundancy lost",
            "redundancy degraded",
            "non-redundant, sufficient, from redundant",
            "non-redundant, sufficient, from insufficient",
            "non-redundant, insufficient",
            "redundancy degraded from full",
            "redundancy degraded from none",
        ),
        0x0C: ("D0", "D1", "D2", "D3"),
    }
)


def event_class(event_type: int) -> EventClass:
    """What kind of states event/reading type *event_type* has, 0 to 127 (table 42-1)."""
    if event_type in _GENERIC:
        return EventClass.THRESHOLD if event_type == THRESHOLD else EventClass.GENERIC
    if event_type == SENSOR_SPECIFIC:
        return EventClass.SENSOR_SPECIFIC
    if 0x70 <= event_type <= 0x7F:
        return EventClass.OEM
    return EventClass.RESERVED if event_type else EventClass.UNSPECIFIED


def sensor_type_name(sensor_type: int) -> str:
    """``Power unit``, ``OEM (0xc1)`` or ``unknown (0x7f)``."""
    entry = _SENSOR_TYPES.get(sensor_type)
    if entry is not None:
        return entry[0]
    return f"{'OEM' if sensor_type >= 0xC0 else 'unknown'} ({sensor_type:#04x})"


def state_names(event_type: int, sensor_type: int) -> tuple[str, ...]:
    """The states that a sensor of these types can be in, by offset; ``""`` where an offset has no meaning."""
    if event_type == SENSOR_SPECIFIC:
        entry = _SENSOR_TYPES.get(sensor_type)
        return () if entry is None else entry[1]
    return _GENERIC.get(event_type, ())


def state_name(event_type: int, sensor_type: int, offset: int) -> str:
    """The state in words: ``lower critical going low``, ``AC lost``; ``state 9`` where no table has it.

    :param offset: 0 to 14.
    """
    names = state_names(event_type, sensor_type)
    return (names[offset] if 0 <= offset < len(names) else "") or f"state {offset}"


def threshold_event_name(offset: int) -> str:
    """A threshold event as a heading: ``Lower critical going low``.

    :param offset: 0 to 11.
    """
    name = state_name(THRESHOLD, SensorType.RESERVED, offset)
    return name[:1].upper() + name[1:]
