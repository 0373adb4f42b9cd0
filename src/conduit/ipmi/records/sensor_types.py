"""Sensor types and their own states by name: table 42-3, the wording ours."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


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
SENSOR_TYPES: Final[Mapping[int, tuple[str, tuple[str, ...]]]] = MappingProxyType(
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
