"""Channels: what they are, and who may use them how (sections 22.22 to 22.24)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, known, label
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn, PrivilegeLimit
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

IPMI_VENDOR_ID: Final = 7154  # the IPMI forum's IANA number, for protocols the specification defines
AUX_INFO_SIZE: Final = 2  # bytes


class ChannelMedium(IntEnum):
    """What carries a channel (table 6-3); 60h to 7Fh are OEM media."""

    IPMB = 0x01
    ICMB_1_0 = 0x02
    ICMB_0_9 = 0x03
    LAN = 0x04
    SERIAL = 0x05
    OTHER_LAN = 0x06
    PCI_SMBUS = 0x07
    SMBUS_1 = 0x08
    SMBUS_2 = 0x09
    USB_1 = 0x0A
    USB_2 = 0x0B
    SYSTEM_INTERFACE = 0x0C


class ChannelProtocol(IntEnum):
    """How messages are framed on it (table 6-2); 1Ch to 1Fh are OEM protocols."""

    IPMB = 0x01
    ICMB = 0x02
    SMBUS = 0x04
    KCS = 0x05
    SMIC = 0x06
    BT_10 = 0x07
    BT_15 = 0x08
    TERMINAL_MODE = 0x09


class SessionSupport(IntEnum):
    """How many sessions a channel holds."""

    SESSION_LESS = 0
    SINGLE_SESSION = 1
    MULTI_SESSION = 2
    SESSION_BASED = 3
    "It can be switched between single and multiple."


MEDIUM_TEXTS: Final[Mapping[int, str]] = {
    ChannelMedium.IPMB: "IPMB (I2C)",
    ChannelMedium.ICMB_1_0: "ICMB v1.0",
    ChannelMedium.ICMB_0_9: "ICMB v0.9",
    ChannelMedium.LAN: "802.3 LAN",
    ChannelMedium.SERIAL: "serial/modem",
    ChannelMedium.OTHER_LAN: "other LAN",
    ChannelMedium.PCI_SMBUS: "PCI SMBus",
    ChannelMedium.SMBUS_1: "SMBus v1.0/1.1",
    ChannelMedium.SMBUS_2: "SMBus v2.0",
    ChannelMedium.USB_1: "USB 1.x",
    ChannelMedium.USB_2: "USB 2.x",
    ChannelMedium.SYSTEM_INTERFACE: "system interface",
}

PROTOCOL_TEXTS: Final[Mapping[int, str]] = {
    ChannelProtocol.IPMB: "IPMB-1.0",
    ChannelProtocol.ICMB: "ICMB-1.0",
    ChannelProtocol.SMBUS: "IPMI-SMBus",
    ChannelProtocol.KCS: "KCS",
    ChannelProtocol.SMIC: "SMIC",
    ChannelProtocol.BT_10: "BT-10",
    ChannelProtocol.BT_15: "BT-15",
    ChannelProtocol.TERMINAL_MODE: "TMode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """What a channel is; section 22.24."""

    channel: int
    "The channel's real number, 0 to 15, also when the request asked for the present channel."
    medium: ChannelMedium | int
    "0 to 127."
    protocol: ChannelProtocol | int
    "0 to 31."
    session_support: SessionSupport | int
    "0 to 3."
    active_sessions: int = 0
    "0 to 63."
    vendor_id: int = IPMI_VENDOR_ID
    "IANA number of who defined the protocol, 0 to 0xFFFFFF."
    aux_info: bytes = bytes(AUX_INFO_SIZE)
    "Two bytes: interrupts for the system interface, OEM data for OEM protocols."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("channel medium", self.medium, 0, 0x7F)
        check_range("channel protocol", self.protocol, 0, 0x1F)
        check_range("session support", self.session_support, 0, 3)
        check_range("active sessions", self.active_sessions, 0, 0x3F)
        check_range("vendor ID", self.vendor_id, 0, 0xFFFFFF)
        if len(self.aux_info) != AUX_INFO_SIZE:
            raise LocalProtocolError("auxiliary channel info has two bytes")

    @property
    def medium_text(self) -> str:
        """The medium in words."""
        return _text_of(self.medium, MEDIUM_TEXTS, oem_from=0x60)

    @property
    def protocol_text(self) -> str:
        """The protocol by the name the specification gives it."""
        return _text_of(self.protocol, PROTOCOL_TEXTS, oem_from=0x1C)

    @property
    def session_support_text(self) -> str:
        """E.g. ``multi session``."""
        return label(self.session_support)

    def encode(self) -> bytes:
        """Nine bytes."""
        sessions = self.session_support << 6 | self.active_sessions
        head = bytes((self.channel, self.medium, self.protocol, sessions))
        return head + self.vendor_id.to_bytes(3, "little") + self.aux_info

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, medium, protocol, sessions = reader.take(4, "channel info")
        return cls(
            channel=channel & 0x0F,
            medium=known(ChannelMedium, medium & 0x7F),
            protocol=known(ChannelProtocol, protocol & 0x1F),
            session_support=known(SessionSupport, sessions >> 6),
            active_sessions=sessions & 0x3F,
            vendor_id=reader.u24le("vendor ID"),
            aux_info=reader.take(AUX_INFO_SIZE, "auxiliary channel info"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelInfo(Command[ChannelInfo]):
    """Get Channel Info; section 22.24."""

    netfn = NetFn.APP
    command = 0x42
    privilege = Privilege.USER
    safe = True
    response = ChannelInfo

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.channel,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(channel=Reader(data).u8("channel") & 0x0F)


class AccessMode(IntEnum):
    """When a channel takes IPMI messages."""

    DISABLED = 0
    PRE_BOOT_ONLY = 1
    ALWAYS_AVAILABLE = 2
    SHARED = 3


class Store(IntEnum):
    """Which copy of a channel's settings a command means (sections 22.22 and 22.23)."""

    NO_CHANGE = 0
    "Only in a set request."
    NON_VOLATILE = 1
    "What holds after the next reset."
    VOLATILE = 2
    "What holds now."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAccess:
    """How a channel may be used; section 22.23. On the wire the three booleans are "disabled" bits."""

    access_mode: AccessMode | int = AccessMode.ALWAYS_AVAILABLE
    "0 to 7."
    pef_alerting: bool = True
    "Platform event filtering sends alerts over it."
    per_message_authentication: bool = True
    "IPMI 1.5: every packet has an authentication code, not only those that open the session."
    user_level_authentication: bool = True
    "IPMI 1.5: also commands at User privilege are authenticated."
    privilege_limit: PrivilegeLimit | int = PrivilegeLimit.ADMINISTRATOR
    "The most that any session on it gets, 0 to 15."

    def __post_init__(self) -> None:
        check_range("access mode", self.access_mode, 0, 7)
        check_range("channel privilege limit", self.privilege_limit, 0, 0x0F)

    def encode(self) -> bytes:
        """Two bytes."""
        disabled = (
            (not self.pef_alerting) << 5
            | (not self.per_message_authentication) << 4
            | (not self.user_level_authentication) << 3
        )
        return bytes((disabled | self.access_mode, self.privilege_limit))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        settings, limit = Reader(data).take(2, "channel access")
        return cls(
            access_mode=known(AccessMode, settings & 0x07),
            pef_alerting=not settings & 0x20,
            per_message_authentication=not settings & 0x10,
            user_level_authentication=not settings & 0x08,
            privilege_limit=known(PrivilegeLimit, limit & 0x0F),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChannelAccess(Command[ChannelAccess]):
    """Get Channel Access; section 22.23."""

    netfn = NetFn.APP
    command = 0x41
    privilege = Privilege.USER
    safe = True
    response = ChannelAccess
    errors: ClassVar[dict[int, str]] = {0x82: "this channel has no sessions, so it has no access settings"}

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    store: Store | int = Store.VOLATILE
    "0 to 3."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("store", self.store, 0, 3)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.channel, self.store << 6))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, store = Reader(data).take(2, "channel access request")
        return cls(channel=channel & 0x0F, store=known(Store, store >> 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChannelAccess(Command[NoData]):
    """Set Channel Access; section 22.22."""

    netfn = NetFn.APP
    command = 0x40
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x82: "this channel has no sessions, so it has no access settings",
        0x83: "this channel does not support that access mode",
    }

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    access: ChannelAccess
    "The settings."
    settings_store: Store | int = Store.VOLATILE
    "Where all of them but the privilege limit go, 0 to 3; NO_CHANGE keeps the old ones."
    limit_store: Store | int = Store.VOLATILE
    "Where the privilege limit goes, 0 to 3; NO_CHANGE keeps the old one."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("settings store", self.settings_store, 0, 3)
        check_range("limit store", self.limit_store, 0, 3)

    def encode(self) -> bytes:
        """Three bytes."""
        settings, limit = self.access.encode()
        return bytes((self.channel, self.settings_store << 6 | settings, self.limit_store << 6 | limit))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        channel, settings, limit = Reader(data).take(3, "channel access")
        return cls(
            channel=channel & 0x0F,
            access=ChannelAccess.decode(bytes((settings, limit))),
            settings_store=known(Store, settings >> 6),
            limit_store=known(Store, limit >> 6),
        )


def _text_of(value: int, texts: Mapping[int, str], *, oem_from: int) -> str:
    if value in texts:
        return texts[value]
    return f"OEM ({value:#04x})" if value >= oem_from else label(value)


__all__ = [
    "AccessMode",
    "ChannelAccess",
    "ChannelInfo",
    "ChannelMedium",
    "ChannelProtocol",
    "GetChannelAccess",
    "GetChannelInfo",
    "SessionSupport",
    "SetChannelAccess",
    "Store",
]
