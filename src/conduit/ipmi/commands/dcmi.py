"""DCMI: what the BMC can do, its asset tag and name, its temperature sensors, its settings (DCMI 1.5, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

GROUP: Final = 0xDC
CHUNK: Final = 16  # bytes of an asset tag or of a name that one command carries
MAX_ASSET_TAG: Final = 63  # bytes
MAX_CONTROLLER_ID: Final = 64  # bytes, the zero at its end included
MAX_RECORD_IDS: Final = 8  # in one response
TEMPERATURE: Final = 0x01  # sensor type


class DcmiParameter(IntEnum):
    """What Get DCMI Capabilities Info tells (table 6-3)."""

    SUPPORTED = 1
    MANDATORY = 2
    OPTIONAL = 3
    ACCESS = 4
    POWER_STATISTICS = 5


class DcmiEntity(IntEnum):
    """What a DCMI temperature sensor belongs to (table 6-15); older BMCs use the IPMI entities 37h, 03h and 07h."""

    INLET = 0x40
    CPU = 0x41
    BASEBOARD = 0x42
    IPMI_CPU = 0x03
    IPMI_BASEBOARD = 0x07
    IPMI_INLET = 0x37


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
class TextPart:
    """A part of an asset tag or name."""

    total: int
    "Bytes that all of it has, 0 to 255."
    text: bytes = b""
    "As asked for."

    def encode(self) -> bytes:
        """A byte and the text."""
        return bytes((self.total,)) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(total=reader.u8("length"), text=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class _GetText(Command[TextPart]):
    netfn = NetFn.GROUP_EXTENSION
    command = 0x06
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = TextPart

    offset: int = 0
    "0 to 255."
    size: int = CHUNK
    "1 to 16 bytes."

    def __post_init__(self) -> None:
        check_range("offset", self.offset, 0, 0xFF)
        check_range("size", self.size, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.offset, self.size))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        offset, size = Reader(data).take(2, "offset and size")
        return cls(offset=offset, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SetText(Command[TextPart]):
    netfn = NetFn.GROUP_EXTENSION
    command = 0x08
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = TextPart

    offset: int = 0
    "0 to 255."
    text: bytes = b""
    "At most 16 bytes."

    def __post_init__(self) -> None:
        check_range("offset", self.offset, 0, 0xFF)
        check_size("a part of the text", self.text, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes and the text."""
        return bytes((self.offset, len(self.text))) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        offset, size = reader.take(2, "offset and size")
        return cls(offset=offset, text=reader.take(size, "text"))


class GetAssetTag(_GetText):
    """Get Asset Tag; section 6.4.2."""

    __slots__ = ()
    errors: ClassVar[dict[int, str]] = {
        0x80: "the asset tag is binary",
        0x81: "the asset tag is in BCD",
        0x82: "the asset tag is 6-bit ASCII",
        0x83: "the asset tag is in another character set",
    }


class SetAssetTag(_SetText):
    """Set Asset Tag; section 6.4.3. The tag ends where the last part ends."""

    __slots__ = ()


class GetControllerId(_GetText):
    """Get Management Controller Identifier String; section 6.4.6.1. It ends with a zero."""

    __slots__ = ()
    command = 0x09


class SetControllerId(_SetText):
    """Set Management Controller Identifier String; section 6.4.6.2. Its last part ends with a zero."""

    __slots__ = ()
    command = 0x0A
    privilege = Privilege.ADMINISTRATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiSensors:
    """Where a kind of sensor is described; section 6.5.2."""

    instances: int = 0
    "How many sensors there are, 0 to 255."
    record_ids: tuple[int, ...] = ()
    "SDR record IDs, 0 to FFFFh, at most 8 at a time."

    def encode(self) -> bytes:
        """Two bytes, and two for each record."""
        head = bytes((self.instances, len(self.record_ids)))
        return head + b"".join(number.to_bytes(2, "little") for number in self.record_ids)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        instances, count = reader.take(2, "number of sensors")
        return cls(instances=instances, record_ids=tuple(reader.u16le("record ID") for _ in range(count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskSensors:
    sensor_type: int = TEMPERATURE
    "0 to 255."
    entity: DcmiEntity | int = DcmiEntity.INLET
    "0 to 255."
    instance: int = 0
    "Which one, 1 to 255; 0 is all of them."
    first: int = 1
    "Where to start among all of them, 0 to 255."

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.sensor_type, self.entity, self.instance, self.first))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        kind, entity, instance, first = Reader(data).take(4, "sensor, entity and instance")
        return cls(sensor_type=kind, entity=known(DcmiEntity, entity), instance=instance, first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDcmiSensorInfo(_AskSensors, Command[DcmiSensors]):
    """Get DCMI Sensor Info; section 6.5.2."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x07
    group = GROUP
    privilege = Privilege.OPERATOR
    safe = True
    response = DcmiSensors


@dataclass(frozen=True, slots=True, kw_only=True)
class DcmiTemperatures:
    """Temperatures of one kind of entity; section 6.7.3."""

    instances: int = 0
    "How many sensors there are, 0 to 255."
    readings: tuple[tuple[int, int], ...] = ()
    "Instance and degrees Celsius, -127 to 127."

    def encode(self) -> bytes:
        """Two bytes, and two for each reading."""
        pairs = (bytes(((celsius < 0) << 7 | abs(celsius), instance)) for instance, celsius in self.readings)
        return bytes((self.instances, len(self.readings))) + b"".join(pairs)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        instances, count = reader.take(2, "number of temperatures")
        pairs = (reader.take(2, "temperature") for _ in range(count))
        return cls(instances=instances, readings=tuple((pair[1], _celsius(pair[0])) for pair in pairs))


def _celsius(raw: int) -> int:
    """Seven bits and a sign."""
    return -(raw & 0x7F) if raw & 0x80 else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTemperatureReadings(_AskSensors, Command[DcmiTemperatures]):
    """Get Temperature Readings; section 6.7.3."""

    netfn = NetFn.GROUP_EXTENSION
    command = 0x10
    group = GROUP
    privilege = Privilege.USER
    safe = True
    response = DcmiTemperatures


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
    "DcmiEntity",
    "DcmiEventLog",
    "DcmiParameter",
    "DcmiPowerDevice",
    "DcmiPowerStatistics",
    "DcmiSensors",
    "DcmiSetting",
    "DcmiSupport",
    "DcmiTemperatures",
    "GetAssetTag",
    "GetControllerId",
    "GetDcmiCapabilities",
    "GetDcmiSensorInfo",
    "GetDcmiSetting",
    "GetTemperatureReadings",
    "SetAssetTag",
    "SetControllerId",
    "SetDcmiSetting",
    "TextPart",
]
