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
from conduit.ipmi.commands.boot_options import SetProgress
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn, PrivilegeLimit
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

REVISION: Final = 0x11
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SolSetInProgress:
    """A lock among those who set parameters; parameter 0."""

    SELECTOR: ClassVar[SolSelector] = SolSelector.SET_IN_PROGRESS

    state: SetProgress | int = SetProgress.COMPLETE
    "0 to 3."

    def __post_init__(self) -> None:
        check_range("set in progress", self.state, 0, 3)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.state,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(state=known(SetProgress, Reader(data).u8("set in progress") & 0x03))


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
class SetSolConfiguration(Command[NoData]):
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

    channel: int = PRESENT_CHANNEL
    "0 to 15."
    selector: SolSelector | int
    "0 to 255."
    data: bytes
    "The parameter's bytes."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("SOL parameter", self.selector, 0, 0xFF)

    @classmethod
    def of(cls, parameter: SolParameter, *, channel: int = PRESENT_CHANNEL) -> Self:
        """The request that sets *parameter*."""
        return cls(channel=channel, selector=parameter.SELECTOR, data=parameter.encode())

    def encode(self) -> bytes:
        """Two bytes and the parameter's."""
        return bytes((self.channel, self.selector)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, selector = reader.take(2, "SOL parameter")
        return cls(channel=channel & 0x0F, selector=known(SolSelector, selector), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class SolConfiguration:
    """One SOL parameter as the BMC has it; section 26.3."""

    revision: int = REVISION
    "Of the parameter, 0 to 255; 11h in IPMI 2.0."
    data: bytes = b""
    "The parameter's bytes; none when only the revision was asked for."

    def __post_init__(self) -> None:
        check_range("parameter revision", self.revision, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.revision,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(revision=reader.u8("parameter revision"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSolConfiguration(Command[SolConfiguration]):
    """Get SOL Configuration Parameters, one of them; section 26.3."""

    netfn = NetFn.TRANSPORT
    command = 0x22
    privilege = Privilege.USER
    safe = True
    response = SolConfiguration
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC does not have this SOL parameter"}

    channel: int = PRESENT_CHANNEL
    "0 to 15."
    revision_only: bool = False
    "Ask for no more than the parameter's revision."
    selector: SolSelector | int
    "0 to 255."
    set_selector: int = 0
    "0 to 255; 0 if the parameter has no such thing."
    block_selector: int = 0
    "The same."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("SOL parameter", self.selector, 0, 0xFF)
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("block selector", self.block_selector, 0, 0xFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.revision_only << 7 | self.channel, self.selector, self.set_selector, self.block_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        head, selector, set_selector, block_selector = Reader(data).take(4, "SOL parameter request")
        return cls(
            channel=head & 0x0F,
            revision_only=bool(head & 0x80),
            selector=known(SolSelector, selector),
            set_selector=set_selector,
            block_selector=block_selector,
        )


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
