"""Which payloads a user may activate (sections 24.6 and 24.7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, from_wire, known
from conduit.ipmi.commands.users import MAX_USER_ID
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPayloadAccess:
    """Which payloads a user may activate; section 24.7."""

    standard: int = 0
    "Bit by payload type 0 to 15; IPMI messages (bit 0) are not subject to it, SOL is bit 1."
    oem: int = 0
    "Bit by payload type 20h to 2Fh, 16 bits."

    def __post_init__(self) -> None:
        check_range("standard payloads", self.standard, 0, 0xFFFF)
        check_range("OEM payloads", self.oem, 0, 0xFFFF)

    @property
    def sol(self) -> bool:
        """Whether SOL is among them."""
        return bool(self.standard >> PayloadType.SOL & 1)

    def encode(self) -> bytes:
        """Four bytes."""
        return self.standard.to_bytes(2, "little") + self.oem.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(standard=reader.u16le("standard payloads"), oem=reader.u16le("OEM payloads"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserPayloadAccess(Command[UserPayloadAccess]):
    """Get User Payload Access; section 24.7."""

    netfn = NetFn.APP
    command = 0x4D
    privilege = Privilege.OPERATOR
    safe = True
    response = UserPayloadAccess

    channel: int = PRESENT_CHANNEL
    "0 to 15."
    user_id: int
    "1 to 63."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("user ID", self.user_id, 1, MAX_USER_ID)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.channel, self.user_id))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, user_id = Reader(data).take(2, "user payload access request")
        return from_wire(cls, channel=channel & 0x0F, user_id=user_id & 0x3F)


class PayloadAccessOperation(IntEnum):
    """What Set User Payload Access does with the payloads that it names."""

    ENABLE = 0
    DISABLE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserPayloadAccess(Command[NoData]):
    """Set User Payload Access; section 24.6. Payloads whose bit is not set stay as they are."""

    netfn = NetFn.APP
    command = 0x4C
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    channel: int = PRESENT_CHANNEL
    "0 to 15."
    user_id: int
    "1 to 63."
    operation: PayloadAccessOperation | int = PayloadAccessOperation.ENABLE
    "0 to 3."
    payloads: UserPayloadAccess = UserPayloadAccess(standard=1 << PayloadType.SOL)
    "Those that are enabled or disabled."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("user ID", self.user_id, 1, MAX_USER_ID)
        check_range("operation", self.operation, 0, 3)

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes((self.channel, self.operation << 6 | self.user_id)) + self.payloads.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, user = reader.take(2, "user payload access")
        return from_wire(
            cls,
            channel=channel & 0x0F,
            user_id=user & 0x3F,
            operation=known(PayloadAccessOperation, user >> 6),
            payloads=UserPayloadAccess.decode(reader.rest()),
        )


__all__ = [
    "GetUserPayloadAccess",
    "PayloadAccessOperation",
    "SetUserPayloadAccess",
    "UserPayloadAccess",
]
