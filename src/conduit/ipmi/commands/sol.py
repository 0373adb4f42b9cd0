"""SOL configuration (sections 26.2 and 26.3, table 26-5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.parameters import (
    GetChannelParameter,
    ParameterValue,
    ProgressShape,
    SetChannelParameter,
)
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn, PrivilegeLimit
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

ACCUMULATE_UNIT: Final = 0.005  # seconds
RETRY_UNIT: Final = 0.010  # seconds


class SolSelector(IntEnum):
    """SOL configuration parameters; C0h to FFh are OEM."""

    SET_IN_PROGRESS = 0
    ENABLE = 1
    AUTHENTICATION = 2
    ACCUMULATION = 3
    RETRY = 4
    NONVOLATILE_BIT_RATE = 5
    VOLATILE_BIT_RATE = 6
    PAYLOAD_CHANNEL = 7
    PAYLOAD_PORT = 8


class BitRate(IntEnum):
    """Speeds of the serial port while SOL has it."""

    SERIAL_PORT = 0
    "As configured for the port itself."
    BPS_9600 = 6
    BPS_19200 = 7
    BPS_38400 = 8
    BPS_57600 = 9
    BPS_115200 = 10


BIT_RATES: Final[Mapping[int, int]] = MappingProxyType(
    {
        BitRate.BPS_9600: 9_600,
        BitRate.BPS_19200: 19_200,
        BitRate.BPS_38400: 38_400,
        BitRate.BPS_57600: 57_600,
        BitRate.BPS_115200: 115_200,
    }
)
"Bits a second by value of the field."


class SolSetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0."""

    __slots__ = ()
    SELECTOR: ClassVar[SolSelector] = SolSelector.SET_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class SolEnable:
    """Whether SOL can be activated; parameter 1."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.ENABLE

    enabled: bool = True
    "On the channel that is asked."

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.enabled,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(enabled=bool(Reader(data).u8("SOL enable") & 0x01))


@dataclass(frozen=True, slots=True, kw_only=True)
class SolAuthentication:
    """Who may activate SOL, and how it must be protected; parameter 2."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.AUTHENTICATION

    force_encryption: bool = False
    "Whatever the console asks for, SOL is encrypted; where the session cannot, it is refused."
    force_authentication: bool = False
    "The same with authentication."
    privilege: PrivilegeLimit | int = PrivilegeLimit.USER
    "Least privilege that may activate SOL, 0 to 15."

    def __post_init__(self) -> None:
        check_range("SOL privilege", self.privilege, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.force_encryption << 7 | self.force_authentication << 6 | self.privilege,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags = Reader(data).u8("SOL authentication")
        return cls(
            force_encryption=bool(flags & 0x80),
            force_authentication=bool(flags & 0x40),
            privilege=known(PrivilegeLimit, flags & 0x0F),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SolAccumulation:
    """When the BMC sends what has gathered; parameter 3."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.ACCUMULATION

    interval: int = 12
    "Units of 5 ms after the first character, 0 to 255; 0 is reserved."
    threshold: int = 96
    "Characters that are sent at once, 0 to 255."

    def __post_init__(self) -> None:
        check_range("accumulate interval", self.interval, 0, 0xFF)
        check_range("send threshold", self.threshold, 0, 0xFF)

    @property
    def seconds(self) -> float:
        """The interval in seconds."""
        return self.interval * ACCUMULATE_UNIT

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.interval, self.threshold))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        interval, threshold = Reader(data).take(2, "SOL accumulation")
        return cls(interval=interval, threshold=threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolRetry:
    """How the BMC repeats packets that are not acknowledged; parameter 4."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.RETRY

    count: int = 7
    "Repeats after the first sending, 0 to 7; then the packet is given up."
    interval: int = 50
    "Units of 10 ms between them, 0 to 255."

    def __post_init__(self) -> None:
        check_range("retry count", self.count, 0, 7)
        check_range("retry interval", self.interval, 0, 0xFF)

    @property
    def seconds(self) -> float:
        """The interval in seconds."""
        return self.interval * RETRY_UNIT

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.count, self.interval))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        count, interval = Reader(data).take(2, "SOL retry")
        return cls(count=count & 0x07, interval=interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolBitRate:
    """Speed of the serial port, kept over a reset of the BMC; parameter 5."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.NONVOLATILE_BIT_RATE

    rate: BitRate | int = BitRate.BPS_115200
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("bit rate", self.rate, 0, 0x0F)

    @property
    def bits_per_second(self) -> int | None:
        """The speed, or None where the field names none."""
        return BIT_RATES.get(self.rate)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.rate,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(rate=known(BitRate, Reader(data).u8("bit rate") & 0x0F))


@dataclass(frozen=True, slots=True, kw_only=True)
class SolVolatileBitRate(SolBitRate):
    """Speed of the serial port until the BMC is reset; parameter 6."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.VOLATILE_BIT_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class SolPayloadChannel:
    """The channel whose SOL settings count here; parameter 7, read only."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.PAYLOAD_CHANNEL

    channel: int
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("payload channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.channel,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(channel=Reader(data).u8("payload channel") & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolPayloadPort:
    """The UDP port of SOL; parameter 8, on many BMCs read only."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.PAYLOAD_PORT

    port: int
    "0 to 65,535."

    def __post_init__(self) -> None:
        check_range("payload port", self.port, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return self.port.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(port=Reader(data).u16le("payload port"))


SolParameter = (
    SolSetInProgress
    | SolEnable
    | SolAuthentication
    | SolAccumulation
    | SolRetry
    | SolBitRate
    | SolVolatileBitRate
    | SolPayloadChannel
    | SolPayloadPort
)
SOL_PARAMETERS: Final[Mapping[int, type[SolParameter]]] = MappingProxyType(
    {
        kind.SELECTOR: kind
        for kind in (
            SolSetInProgress,
            SolEnable,
            SolAuthentication,
            SolAccumulation,
            SolRetry,
            SolBitRate,
            SolVolatileBitRate,
            SolPayloadChannel,
            SolPayloadPort,
        )
    }
)
"The class of each parameter."


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSolConfiguration(SetChannelParameter, Command[NoData]):
    """Set SOL Configuration Parameters, one of them; section 26.2. :meth:`of` makes it from a parameter."""

    netfn = NetFn.TRANSPORT
    command = 0x21
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the BMC does not have this SOL parameter",
        0x81: "somebody else is setting SOL parameters",
        0x82: "this SOL parameter cannot be written",
    }
    WHAT: ClassVar[str] = "SOL parameter"
    NUMBERS: ClassVar[type[IntEnum]] = SolSelector
    NUMBER_FIELD: ClassVar[str] = "selector"

    selector: SolSelector | int
    "0 to 255."

    @classmethod
    def of(cls, parameter: SolParameter, *, channel: int = PRESENT_CHANNEL) -> Self:
        """The request that sets *parameter*."""
        return cls(channel=channel, selector=parameter.SELECTOR, data=parameter.encode())


class SolConfiguration(ParameterValue):
    """One SOL parameter as the BMC has it; section 26.3."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSolConfiguration(GetChannelParameter, Command[SolConfiguration]):
    """Get SOL Configuration Parameters, one of them; section 26.3."""

    netfn = NetFn.TRANSPORT
    command = 0x22
    privilege = Privilege.USER
    safe = True
    response = SolConfiguration
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC does not have this SOL parameter"}
    WHAT: ClassVar[str] = "SOL parameter"
    NUMBERS: ClassVar[type[IntEnum]] = SolSelector
    NUMBER_FIELD: ClassVar[str] = "selector"

    selector: SolSelector | int
    "0 to 255."


def bit_rate(bits_per_second: int) -> BitRate:
    """The field's value for a speed.

    :raises LocalProtocolError: SOL has no such speed.
    """
    for value, speed in BIT_RATES.items():
        if speed == bits_per_second:
            return BitRate(value)
    raise LocalProtocolError(f"SOL runs at {', '.join(map(str, BIT_RATES.values()))} bits a second")


__all__ = [
    "BitRate",
    "GetSolConfiguration",
    "SetSolConfiguration",
    "SolAccumulation",
    "SolAuthentication",
    "SolBitRate",
    "SolConfiguration",
    "SolEnable",
    "SolParameter",
    "SolPayloadChannel",
    "SolPayloadPort",
    "SolRetry",
    "SolSelector",
    "SolSetInProgress",
    "SolVolatileBitRate",
]
