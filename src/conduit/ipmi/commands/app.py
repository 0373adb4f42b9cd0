"""What a management controller says of itself, its resets and its power states (section 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.manufacturers import manufacturer_name
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

MAX_MANUFACTURER_ID: Final = 0xFFFFF  # 20 bits; the top four of the field are reserved
AUX_FIRMWARE_SIZE: Final = 4  # bytes


class DeviceSupport(IntFlag):
    """What a controller does beyond the mandatory commands (table 20-2, byte 7)."""

    SENSOR = 0x01
    SDR_REPOSITORY = 0x02
    SEL = 0x04
    FRU_INVENTORY = 0x08
    IPMB_EVENT_RECEIVER = 0x10
    IPMB_EVENT_GENERATOR = 0x20
    BRIDGE = 0x40
    CHASSIS = 0x80


NO_ROLES: Final = DeviceSupport(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceId:
    """Who the controller is and what runs on it; table 20-2."""

    device_id: int
    "The manufacturer's own number, 0 to 255; 0 is unspecified."
    device_revision: int
    "0 to 15."
    provides_sdrs: bool = False
    "It has Device SDRs of its own."
    updating: bool = False
    "A firmware or SDR update, or start-up, is under way, and most commands will not work."
    firmware_major: int
    "0 to 127."
    firmware_minor_bcd: int
    "Two decimal digits, one in each half of the byte; some BMCs send others."
    ipmi_major: int = 2
    "0 to 15."
    ipmi_minor: int = 0
    "0 to 15."
    support: DeviceSupport = NO_ROLES
    "The optional roles it plays."
    manufacturer_id: int
    "IANA private enterprise number, 0 to 0xFFFFF; 0 is unspecified."
    product_id: int
    "The manufacturer's number for the product, 0 to 65535."
    aux_firmware: bytes | None = None
    "Four bytes whose meaning the manufacturer knows; None if not sent."

    def __post_init__(self) -> None:
        check_range("device ID", self.device_id, 0, 0xFF)
        check_range("device revision", self.device_revision, 0, 0x0F)
        check_range("firmware major revision", self.firmware_major, 0, 0x7F)
        check_range("firmware minor revision", self.firmware_minor_bcd, 0, 0xFF)
        check_range("IPMI major version", self.ipmi_major, 0, 0x0F)
        check_range("IPMI minor version", self.ipmi_minor, 0, 0x0F)
        check_range("device support", self.support, 0, 0xFF)
        check_range("manufacturer ID", self.manufacturer_id, 0, MAX_MANUFACTURER_ID)
        check_range("product ID", self.product_id, 0, 0xFFFF)
        if self.aux_firmware is not None and len(self.aux_firmware) != AUX_FIRMWARE_SIZE:
            raise LocalProtocolError("the auxiliary firmware revision has four bytes")

    @property
    def firmware(self) -> str:
        """Firmware revision as people write it, e.g. ``2.53``."""
        return f"{self.firmware_major}.{self.firmware_minor_bcd:02x}"

    @property
    def ipmi_version(self) -> str:
        """E.g. ``2.0`` or ``1.5``."""
        return f"{self.ipmi_major}.{self.ipmi_minor}"

    @property
    def manufacturer(self) -> str | None:
        """The manufacturer's name, if it is a common one."""
        return manufacturer_name(self.manufacturer_id)

    @property
    def roles(self) -> tuple[str, ...]:
        """The optional roles in words."""
        return tuple(label(role) for role in DeviceSupport if role in self.support)

    def encode(self) -> bytes:
        """Eleven bytes, or fifteen with the auxiliary revision."""
        head = (
            self.device_id,
            self.provides_sdrs << 7 | self.device_revision,
            self.updating << 7 | self.firmware_major,
            self.firmware_minor_bcd,
            self.ipmi_minor << 4 | self.ipmi_major,  # least significant digit in the high half
            self.support,
        )
        numbers = self.manufacturer_id.to_bytes(3, "little") + self.product_id.to_bytes(2, "little")
        return bytes(head) + numbers + (self.aux_firmware or b"")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        device_id, revision, major, minor, version, support = reader.take(6, "device ID")
        manufacturer_id = reader.u24le("manufacturer ID") & MAX_MANUFACTURER_ID
        product_id = reader.u16le("product ID")
        return cls(
            device_id=device_id,
            device_revision=revision & 0x0F,
            provides_sdrs=bool(revision & 0x80),
            updating=bool(major & 0x80),
            firmware_major=major & 0x7F,
            firmware_minor_bcd=minor,
            ipmi_major=version & 0x0F,
            ipmi_minor=version >> 4,
            support=DeviceSupport(support),
            manufacturer_id=manufacturer_id,
            product_id=product_id,
            aux_firmware=reader.take(AUX_FIRMWARE_SIZE) if reader.remaining >= AUX_FIRMWARE_SIZE else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeviceId(Command[DeviceId]):
    """Get Device ID; section 20.1."""

    netfn = NetFn.APP
    command = 0x01
    privilege = Privilege.USER
    safe = True
    response = DeviceId


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdReset(Command[NoData]):
    """Restart the controller as if power came back; sessions and volatile settings are lost; section 20.2."""

    netfn = NetFn.APP
    command = 0x02
    privilege = Privilege.ADMINISTRATOR
    response = NoData


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmReset(Command[NoData]):
    """Restart the controller but keep its settings; section 20.3."""

    netfn = NetFn.APP
    command = 0x03
    privilege = Privilege.ADMINISTRATOR
    response = NoData


class SelfTestOutcome(IntEnum):
    """First byte of the self test results; others are the device's own failures (section 20.4)."""

    PASSED = 0x55
    NOT_IMPLEMENTED = 0x56
    CORRUPTED_OR_INACCESSIBLE = 0x57
    FATAL_HARDWARE_ERROR = 0x58
    RESERVED = 0xFF


SELF_TEST_TEXTS: Final[Mapping[int, str]] = {
    SelfTestOutcome.PASSED: "passed",
    SelfTestOutcome.NOT_IMPLEMENTED: "self test not implemented",
    SelfTestOutcome.CORRUPTED_OR_INACCESSIBLE: "corrupted or inaccessible data or devices",
    SelfTestOutcome.FATAL_HARDWARE_ERROR: "fatal hardware error",
}

# Section 20.4, byte 3 when byte 2 is 57h, from bit 0 up.
SELF_TEST_FAULTS: Final = (
    "operational firmware corrupted",
    "update boot block firmware corrupted",
    "internal use area of the BMC's FRU corrupted",
    "SDR repository empty",
    "IPMB does not respond",
    "BMC's FRU device not accessible",
    "SDR repository not accessible",
    "SEL not accessible",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestResult:
    """How the controller's last self test went; section 20.4."""

    outcome: SelfTestOutcome | int = SelfTestOutcome.PASSED
    "0 to 255; a number that is no SelfTestOutcome is a failure that the device defines."
    detail: int = 0
    "Fault bits if the outcome is CORRUPTED_OR_INACCESSIBLE, else the device's own code; 0 to 255."

    def __post_init__(self) -> None:
        check_range("self test outcome", self.outcome, 0, 0xFF)
        check_range("self test detail", self.detail, 0, 0xFF)

    @property
    def passed(self) -> bool:
        """It ran and found nothing."""
        return self.outcome == SelfTestOutcome.PASSED

    @property
    def faults(self) -> tuple[str, ...]:
        """What is corrupted or inaccessible, in words."""
        if self.outcome != SelfTestOutcome.CORRUPTED_OR_INACCESSIBLE:
            return ()
        return tuple(text for bit, text in enumerate(SELF_TEST_FAULTS) if self.detail >> bit & 1)

    @property
    def text(self) -> str:
        """The whole result in a line."""
        text = SELF_TEST_TEXTS.get(self.outcome)
        if text is None:
            return f"device-specific failure {int(self.outcome):#04x}, detail {self.detail:#04x}"
        return f"{text}: {', '.join(self.faults)}" if self.faults else text

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.outcome, self.detail))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        outcome, detail = Reader(data).take(2, "self test result")
        return cls(outcome=known(SelfTestOutcome, outcome), detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSelfTestResults(Command[SelfTestResult]):
    """Get Self Test Results; section 20.4. It reads the last result and starts no test."""

    netfn = NetFn.APP
    command = 0x04
    privilege = Privilege.USER
    safe = True
    response = SelfTestResult


class AcpiSystemState(IntEnum):
    """System power states (section 20.6)."""

    S0_WORKING = 0x00
    S1_CLOCK_STOPPED = 0x01
    S2_CLOCK_STOPPED = 0x02
    S3_SUSPEND_TO_RAM = 0x03
    S4_SUSPEND_TO_DISK = 0x04
    S5_SOFT_OFF = 0x05
    S4_OR_S5 = 0x06
    G3_MECHANICAL_OFF = 0x07
    SLEEPING_S1_TO_S3 = 0x08
    G1_SLEEPING_S1_TO_S4 = 0x09
    S5_BY_OVERRIDE = 0x0A
    LEGACY_ON = 0x20
    LEGACY_OFF = 0x21
    UNKNOWN = 0x2A


class AcpiDeviceState(IntEnum):
    """Device power states (section 20.6)."""

    D0 = 0x00
    D1 = 0x01
    D2 = 0x02
    D3 = 0x03
    UNKNOWN = 0x2A


ACPI_NO_CHANGE: Final = 0x7F  # in a set request, together with a clear "set" bit


@dataclass(frozen=True, slots=True, kw_only=True)
class AcpiPowerState:
    """The power states that the controller was told of; section 20.7."""

    system: AcpiSystemState | int
    "0 to 127."
    device: AcpiDeviceState | int
    "0 to 127."

    def __post_init__(self) -> None:
        check_range("ACPI system state", self.system, 0, 0x7F)
        check_range("ACPI device state", self.device, 0, 0x7F)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.system, self.device))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        system, device = Reader(data).take(2, "ACPI power state")
        return cls(system=known(AcpiSystemState, system & 0x7F), device=known(AcpiDeviceState, device & 0x7F))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAcpiPowerState(Command[AcpiPowerState]):
    """Get ACPI Power State; section 20.7."""

    netfn = NetFn.APP
    command = 0x07
    privilege = Privilege.USER
    safe = True
    response = AcpiPowerState


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAcpiPowerState(Command[NoData]):
    """Tell the controller what state the system is in; it does not change that state; section 20.6."""

    netfn = NetFn.APP
    command = 0x06
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    system: AcpiSystemState | int | None = None
    "0 to 127; None leaves what is recorded."
    device: AcpiDeviceState | int | None = None
    "0 to 127; None leaves what is recorded."

    def __post_init__(self) -> None:
        check_range("ACPI system state", self.system or 0, 0, 0x7F)
        check_range("ACPI device state", self.device or 0, 0, 0x7F)

    def encode(self) -> bytes:
        """Two bytes, each with its "set" bit."""
        return bytes(ACPI_NO_CHANGE if state is None else 0x80 | state for state in (self.system, self.device))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        system, device = Reader(data).take(2, "ACPI power state")
        return cls(
            system=known(AcpiSystemState, system & 0x7F) if system & 0x80 else None,
            device=known(AcpiDeviceState, device & 0x7F) if device & 0x80 else None,
        )


__all__ = [
    "AcpiDeviceState",
    "AcpiPowerState",
    "AcpiSystemState",
    "ColdReset",
    "DeviceId",
    "DeviceSupport",
    "GetAcpiPowerState",
    "GetDeviceId",
    "GetSelfTestResults",
    "SelfTestOutcome",
    "SelfTestResult",
    "SetAcpiPowerState",
    "WarmReset",
]
