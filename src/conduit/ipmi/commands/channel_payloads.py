"""Payloads of a channel: types, versions, and their encryption while active (sections 24.3, 24.8 and 24.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.packets import PAYLOAD_TYPE_MASK, PayloadType
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPayloadSupport:
    """Which payload types a channel has; section 24.8."""

    types: frozenset[int]
    "Payload types, 0 to 47."

    def __post_init__(self) -> None:
        for kind in self.types:
            check_range("payload type", kind, 0, 47)

    def encode(self) -> bytes:
        """Eight bytes, the last two reserved."""
        return sum(1 << kind for kind in self.types).to_bytes(8, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        bits = int.from_bytes(Reader(data).take(8, "payload support"), "little")
        return cls(types=frozenset(kind for kind in range(48) if bits >> kind & 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelPayloadSupport(Command[ChannelPayloadSupport]):
    """Get Channel Payload Support; section 24.8."""

    netfn = NetFn.APP
    command = 0x4E
    privilege = Privilege.USER
    safe = True
    response = ChannelPayloadSupport

    channel: int = PRESENT_CHANNEL
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.channel,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(channel=Reader(data).u8("channel") & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPayloadVersion:
    """Version of a payload's format; section 24.9."""

    major: int = 1
    "0 to 15."
    minor: int = 0
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("major version", self.major, 0, 0x0F)
        check_range("minor version", self.minor, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.major << 4 | self.minor,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        version = Reader(data).u8("payload version")
        return cls(major=version >> 4, minor=version & 0x0F)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelPayloadVersion(Command[ChannelPayloadVersion]):
    """Get Channel Payload Version; section 24.9."""

    netfn = NetFn.APP
    command = 0x4F
    privilege = Privilege.USER
    safe = True
    response = ChannelPayloadVersion
    errors: ClassVar[dict[int, str]] = {0x80: "the channel does not have this payload type"}

    channel: int = PRESENT_CHANNEL
    "0 to 15."
    payload_type: int = PayloadType.SOL
    "0 to 63."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("payload type", self.payload_type, 0, PAYLOAD_TYPE_MASK)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.channel, self.payload_type))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, kind = Reader(data).take(2, "payload version request")
        return cls(channel=channel & 0x0F, payload_type=kind & PAYLOAD_TYPE_MASK)


class EncryptionOperation(IntEnum):
    """What becomes of an active payload's encryption."""

    SUSPEND = 0
    RESUME = 1
    REGENERATE = 2
    "New initialization vectors, for algorithms that keep them."


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPayloadEncryption(Command[NoData]):
    """Suspend/Resume Payload Encryption, of the console's packets; section 24.3."""

    netfn = NetFn.APP
    command = 0x55
    privilege = Privilege.USER
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "this payload type does not have this operation",
        0x81: "the BMC's configuration does not allow it",
        0x82: "the session has no encryption",
        0x83: "the payload is not active",
    }

    payload_type: int = PayloadType.SOL
    "0 to 63."
    instance: int = 1
    "0 to 15."
    operation: EncryptionOperation | int
    "0 to 31."

    def __post_init__(self) -> None:
        check_range("payload type", self.payload_type, 0, PAYLOAD_TYPE_MASK)
        check_range("payload instance", self.instance, 0, 0x0F)
        check_range("encryption operation", self.operation, 0, 0x1F)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.payload_type, self.instance, self.operation))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        kind, instance, operation = Reader(data).take(3, "payload encryption")
        return cls(
            payload_type=kind & PAYLOAD_TYPE_MASK,
            instance=instance & 0x0F,
            operation=known(EncryptionOperation, operation & 0x1F),
        )


__all__ = [
    "ChannelPayloadSupport",
    "ChannelPayloadVersion",
    "EncryptionOperation",
    "GetChannelPayloadSupport",
    "GetChannelPayloadVersion",
    "SetPayloadEncryption",
]
