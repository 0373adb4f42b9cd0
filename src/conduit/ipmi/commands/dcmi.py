"""DCMI: what the BMC can do and how it gets its address (DCMI 1.5, section 6.1).

Other modules have the asset tag, temperature sensors, power and thermal limits. The specification was not at hand for
the least privileges of DCMI's commands. Two independent BMC firmwares agree on them: OpenBMC's (phosphor-host-ipmid and
intel-ipmi-oem; its first versions let a user send Get DCMI Sensor Info, which now takes an operator), which has no
thermal limits, and that of Fujitsu's iRMC S6, by a published analysis, which has every command that is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_size, known
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

GROUP: Final = 0xDC


class DcmiParameter(IntEnum):
    """What Get DCMI Capabilities Info tells (table 6-3)."""

    SUPPORTED = 1
    MANDATORY = 2
    OPTIONAL = 3
    ACCESS = 4
    POWER_STATISTICS = 5


class DcmiSetting(IntEnum):
    """Settings of how the BMC gets its address (table 6-6)."""

    ACTIVATE_DHCP = 1
    DISCOVERY = 2
    DHCP_TIMING_1 = 3
    DHCP_TIMING_2 = 4
    DHCP_TIMING_3 = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiCapabilities:
    """One parameter of the capabilities; section 6.1."""

    major: int = 1
    "Version of DCMI, 0 to 255."
    minor: int = 5
    "0 to 255."
    revision: int = 2
    "Of the parameter, 0 to 255."
    data: bytes = b""
    "The parameter; :data:`DCMI_PARAMETERS` has what decodes it."

    def encode(self) -> bytes:
        """Three bytes and the parameter."""
        return bytes((self.major, self.minor, self.revision)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        major, minor, revision = reader.take(3, "DCMI version")
        return cls(major=major, minor=minor, revision=revision, data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDcmiCapabilities(Command[DcmiCapabilities]):
    """Get DCMI Capabilities Info; section 6.1."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x01
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = DcmiCapabilities

    parameter: DcmiParameter | int = DcmiParameter.SUPPORTED
    "0 to 255."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.parameter,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(parameter=known(DcmiParameter, Reader(data).u8("DCMI parameter")))


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiSupport:
    """Parameter 1: what there is."""

    power_management: bool = True
    "Power readings and limits."
    kcs: bool = False
    "In-band access through KCS."
    serial: bool = False
    "Out-of-band access in serial terminal mode."
    second_lan: bool = False
    "Out-of-band access on a second LAN channel."

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((0, self.power_management, self.second_lan << 2 | self.serial << 1 | self.kcs))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        _, platform, access = Reader(data).take(3, "DCMI capabilities")
        return cls(
            power_management=bool(platform & 1),
            kcs=bool(access & 1),
            serial=bool(access & 2),
            second_lan=bool(access & 4),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiEventLog:
    """Parameter 2: the event log, and how often temperatures are taken."""

    entries: int = 0
    "0 to 4095."
    rollover: bool = False
    "Whether a full log makes room by itself..."
    flush_all: bool = False
    "...by forgetting everything..."
    flush_record: bool = False
    "...or record by record."
    interval: int = 1
    "Seconds between temperatures, 0 to 255."

    def encode(self) -> bytes:
        """Five bytes."""
        flags = self.rollover << 15 | self.flush_all << 14 | self.flush_record << 13
        return (flags | self.entries).to_bytes(2, "little") + bytes((0, 0, self.interval))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        log = reader.u16le("event log attributes")
        return cls(
            entries=log & 0x0FFF,
            rollover=bool(log & 0x8000),
            flush_all=bool(log & 0x4000),
            flush_record=bool(log & 0x2000),
            interval=reader.take(3, "sampling interval")[2],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiPowerDevice:
    """Parameter 3: the controller that manages power."""

    address: int = 0x20
    "Slave address, even, 0 to FEh."
    channel: int = 0
    "0 to 15."
    revision: int = 1
    "0 to 15."

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.address, self.channel << 4 | self.revision))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        address, rest = Reader(data).take(2, "power management device")
        return cls(address=address & 0xFE, channel=rest >> 4, revision=rest & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiChannels:
    """Parameter 4: numbers of the channels for access from outside; None where there is none."""

    lan: int | None = None
    second_lan: int | None = None
    serial: int | None = None

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes(0xFF if number is None else number for number in (self.lan, self.second_lan, self.serial))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channels = Reader(data).take(3, "channels")
        lan, second, serial = (None if number == 0xFF else number for number in channels)
        return cls(lan=lan, second_lan=second, serial=serial)


PERIOD_UNITS: Final = (1, 60, 3600, 86_400)  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiPowerStatistics:
    """Parameter 5: over which times power is averaged."""

    periods: bytes = b""
    "Each byte has a unit in bits 7 and 6 (seconds, minutes, hours, days) and a number; at most 255 of them."

    def __post_init__(self) -> None:
        check_size("a list of periods", self.periods, 0, 255)

    @property
    def seconds(self) -> tuple[int, ...]:
        """The periods."""
        return tuple((period & 0x3F) * PERIOD_UNITS[period >> 6] for period in self.periods)

    def encode(self) -> bytes:
        """A count and the periods."""
        return bytes((len(self.periods),)) + self.periods

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(periods=reader.take(reader.u8("number of periods"), "periods"))


DCMI_PARAMETERS: Final = {
    DcmiParameter.SUPPORTED: DcmiSupport,
    DcmiParameter.MANDATORY: DcmiEventLog,
    DcmiParameter.OPTIONAL: DcmiPowerDevice,
    DcmiParameter.ACCESS: DcmiChannels,
    DcmiParameter.POWER_STATISTICS: DcmiPowerStatistics,
}
"What decodes which parameter."


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDcmiSetting(Command[NoData]):
    """Set DCMI Configuration Parameters; section 6.1.2."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x12
    group = GROUP
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    setting: DcmiSetting | int
    "0 to 255."
    set_selector: int = 0
    "0 to 255."
    data: bytes = b""

    def encode(self) -> bytes:
        """Two bytes and the data."""
        return bytes((self.setting, self.set_selector)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        setting, selector = reader.take(2, "DCMI setting")
        return cls(setting=known(DcmiSetting, setting), set_selector=selector, data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDcmiSetting(Command[DcmiCapabilities]):
    """Get DCMI Configuration Parameters; section 6.1.3."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x13
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = DcmiCapabilities

    setting: DcmiSetting | int
    "0 to 255."
    set_selector: int = 0
    "0 to 255."

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.setting, self.set_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        setting, selector = Reader(data).take(2, "DCMI setting")
        return cls(setting=known(DcmiSetting, setting), set_selector=selector)


__all__ = [
    "DCMI_PARAMETERS",
    "DcmiCapabilities",
    "DcmiChannels",
    "DcmiEventLog",
    "DcmiParameter",
    "DcmiPowerDevice",
    "DcmiPowerStatistics",
    "DcmiSetting",
    "DcmiSupport",
    "GetDcmiCapabilities",
    "GetDcmiSetting",
    "SetDcmiSetting",
]
