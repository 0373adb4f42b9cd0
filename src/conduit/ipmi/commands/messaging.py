"""Messages through the BMC to other channels, and its own switches (sections 22.1, 22.2, 22.6, 22.7 and 22.11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.messages import PRIMARY_IPMB_CHANNEL, NetFn, RawData
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

MAX_WRITE_SIZE: Final = 252  # bytes, what a request of 255 data bytes leaves


class Tracking(IntEnum):
    """What the BMC remembers of a message it passes on (table 22-9)."""

    NONE = 0
    "Nothing: the response comes back through Get Message, if at all."
    REQUEST = 1
    "Who asked, so that the response comes back as one to Send Message's sender."
    RAW = 2
    "Nothing, and the message is sent as it is, for tests."


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage(Command[RawData]):
    """Pass a message on to another channel; table 22-9.

    The response is empty, but for channels that answer at once.
    """

    netfn = NetFn.APP
    command = 0x34
    privilege = Privilege.USER
    # Not safe: the message inside may be anything.
    response = RawData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the session that the message was for does not exist any more",
        0x81: "lost arbitration of the bus",
        0x82: "bus error",
        0x83: "nobody on the bus acknowledged the message",
    }

    channel: int = PRIMARY_IPMB_CHANNEL
    "0 to 15."
    tracking: Tracking | int = Tracking.NONE
    "0 to 3."
    authenticated: bool = False
    "Send it authenticated, where the session allows the choice."
    encrypted: bool = False
    "Send it encrypted, likewise."
    message: bytes
    "The whole message as its channel wants it; for IPMB from the slave address to the second checksum."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("tracking", self.tracking, 0, 3)

    def encode(self) -> bytes:
        """One byte and the message."""
        flags = self.tracking << 6 | self.encrypted << 5 | self.authenticated << 4
        return bytes((flags | self.channel,)) + self.message

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        head = reader.u8("channel")
        return cls(
            channel=head & 0x0F,
            tracking=known(Tracking, head >> 6),
            encrypted=bool(head & 0x20),
            authenticated=bool(head & 0x10),
            message=reader.rest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message out of the BMC's receive queue; section 22.6."""

    channel: int
    "The one it came in on, 0 to 15."
    privilege: Privilege | int = 0
    "The level that the BMC takes it to have, 0 to 15; 0 is unspecified."
    message: bytes
    "Its bytes, as that channel has them."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("privilege", self.privilege, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte and the message."""
        return bytes((self.privilege << 4 | self.channel,)) + self.message

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        head = reader.u8("channel")
        return cls(channel=head & 0x0F, privilege=known(Privilege, head >> 4), message=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMessage(Command[ReceivedMessage]):
    """Take the next message out of the receive queue; section 22.6."""

    netfn = NetFn.APP
    command = 0x33
    privilege = Privilege.ADMINISTRATOR  # appendix G: from the system interface only, where there are no sessions
    # Not safe: the queue forgets what it has given.
    response = ReceivedMessage
    errors: ClassVar[dict[int, str]] = {0x80: "the receive queue is empty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterWriteRead(Command[RawData]):
    """Write to a device on one of the BMC's I2C busses, then read from it; section 22.11."""

    netfn = NetFn.APP
    command = 0x52
    privilege = Privilege.OPERATOR
    # Not safe: on many devices even reading moves something on.
    response = RawData
    errors: ClassVar[dict[int, str]] = {
        0x81: "lost arbitration of the bus",
        0x82: "bus error",
        0x83: "the device did not acknowledge what was written",
        0x84: "the device sent less than was asked for",
    }

    channel: int = PRIMARY_IPMB_CHANNEL
    "Channel of a public bus, 0 to 15."
    bus: int = 0
    "0 to 7."
    private: bool = False
    "It is a bus behind the BMC, not one that other controllers share."
    address: int
    "The device's 8-bit address, 0 to 254, even."
    read_count: int = 0
    "Bytes to read, 0 to 255."
    data: bytes = b""
    "Bytes to write first, 0 to 252."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("bus", self.bus, 0, 7)
        check_range("device address", self.address, 0, 0xFE)
        check_range("lowest bit of the device address", self.address & 1, 0, 0)
        check_range("read count", self.read_count, 0, 0xFF)
        check_size("data to write", self.data, 0, MAX_WRITE_SIZE)

    def encode(self) -> bytes:
        """Three bytes and what to write."""
        return bytes((self.channel << 4 | self.bus << 1 | self.private, self.address, self.read_count)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        bus, address, count = reader.take(3, "master write-read")
        return cls(
            channel=bus >> 4,
            bus=bus >> 1 & 0x07,
            private=bool(bus & 1),
            address=address & 0xFE,
            read_count=count,
            data=reader.take(min(reader.remaining, MAX_WRITE_SIZE)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalEnables:
    """Switches of the BMC's messaging; sections 22.1 and 22.2."""

    receive_queue_interrupt: bool = False
    "Interrupt the system when a message comes into the receive queue."
    event_buffer_interrupt: bool = False
    "Interrupt it when the event message buffer is full."
    event_buffer: bool = False
    "Keep event messages in that buffer."
    event_logging: bool = False
    "Write events to the SEL."
    oem: int = 0
    "Three switches of the manufacturer's, 0 to 7, OEM 0 lowest."

    def __post_init__(self) -> None:
        check_range("OEM enables", self.oem, 0, 7)

    def encode(self) -> bytes:
        """One byte."""
        low = self.event_buffer << 2 | self.event_buffer_interrupt << 1 | self.receive_queue_interrupt
        return bytes((self.oem << 5 | self.event_logging << 3 | low,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        enables = Reader(data).u8("global enables")
        return cls(
            receive_queue_interrupt=bool(enables & 0x01),
            event_buffer_interrupt=bool(enables & 0x02),
            event_buffer=bool(enables & 0x04),
            event_logging=bool(enables & 0x08),
            oem=enables >> 5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBmcGlobalEnables(Command[GlobalEnables]):
    """Get BMC Global Enables; section 22.2."""

    netfn = NetFn.APP
    command = 0x2F
    privilege = Privilege.USER
    safe = True
    response = GlobalEnables


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBmcGlobalEnables(Command[NoData]):
    """Set BMC Global Enables; section 22.1."""

    netfn = NetFn.APP
    command = 0x2E
    privilege = Privilege.ADMINISTRATOR  # appendix G: from the system interface only; BMCs that allow more want this
    safe = True
    response = NoData

    enables: GlobalEnables
    "All the switches; each is set."

    def encode(self) -> bytes:
        """One byte."""
        return self.enables.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(enables=GlobalEnables.decode(data))


__all__ = [
    "GetBmcGlobalEnables",
    "GetMessage",
    "GlobalEnables",
    "MasterWriteRead",
    "ReceivedMessage",
    "SendMessage",
    "SetBmcGlobalEnables",
    "Tracking",
]
