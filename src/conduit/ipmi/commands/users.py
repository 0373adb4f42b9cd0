"""Users: their rights on a channel, names and passwords (sections 22.26 to 22.30)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, check_size, from_wire, known
from conduit.ipmi.messages import PRESENT_CHANNEL, NetFn, PrivilegeLimit
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

MAX_USER_ID: Final = 63  # 0 is reserved; 1 is the anonymous user, whose name cannot change
NAME_SIZE: Final = 16  # bytes, NUL padded
SHORT_PASSWORD_SIZE: Final = 16  # bytes, NUL padded; the only size that IPMI 1.5 sessions can use
LONG_PASSWORD_SIZE: Final = 20  # bytes, NUL padded; IPMI 2.0


class UserState(IntEnum):
    """Whether Set User Password enabled or disabled a user (section 22.27)."""

    UNSPECIFIED = 0
    "Older BMCs do not say."
    ENABLED = 1
    DISABLED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccess:
    """A user's rights on one channel, and how many users there are; section 22.27."""

    max_users: int
    "User IDs that this channel has, the anonymous one included; 0 to 63."
    state: UserState | int = UserState.UNSPECIFIED
    "0 to 3."
    enabled_users: int
    "How many of them are enabled, 0 to 63."
    fixed_names: int = 0
    "How many of them, from user 1 up, have names that cannot change; 0 to 63."
    callback_only: bool = False
    "Over serial the user may only ask to be called back."
    link_authentication: bool = False
    "Name and password also serve PPP's link authentication."
    ipmi_messaging: bool = False
    "The user may open IPMI sessions and send commands."
    privilege_limit: PrivilegeLimit | int = PrivilegeLimit.NO_ACCESS
    "0 to 15."

    def __post_init__(self) -> None:
        check_range("maximum of users", self.max_users, 0, 0x3F)
        check_range("user state", self.state, 0, 3)
        check_range("enabled users", self.enabled_users, 0, 0x3F)
        check_range("fixed names", self.fixed_names, 0, 0x3F)
        check_range("user privilege limit", self.privilege_limit, 0, 0x0F)

    def encode(self) -> bytes:
        """Four bytes."""
        flags = self.callback_only << 6 | self.link_authentication << 5 | self.ipmi_messaging << 4
        enabled = self.state << 6 | self.enabled_users
        return bytes((self.max_users, enabled, self.fixed_names, flags | self.privilege_limit))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        max_users, enabled, fixed, access = Reader(data).take(4, "user access")
        return cls(
            max_users=max_users & 0x3F,
            state=known(UserState, enabled >> 6),
            enabled_users=enabled & 0x3F,
            fixed_names=fixed & 0x3F,
            callback_only=bool(access & 0x40),
            link_authentication=bool(access & 0x20),
            ipmi_messaging=bool(access & 0x10),
            privilege_limit=known(PrivilegeLimit, access & 0x0F),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserAccess(Command[UserAccess]):
    """Get User Access; section 22.27."""

    netfn = NetFn.APP
    command = 0x44
    privilege = Privilege.OPERATOR
    safe = True
    response = UserAccess

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
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
        channel, user_id = Reader(data).take(2, "user access request")
        return from_wire(cls, channel=channel & 0x0F, user_id=user_id & 0x3F)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserAccess(Command[NoData]):
    """Set a user's rights on a channel; section 22.26."""

    netfn = NetFn.APP
    command = 0x43
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    channel: int = PRESENT_CHANNEL
    "0 to 15; 14 is the one the request comes in on."
    user_id: int
    "1 to 63."
    change_flags: bool = True
    "Set the next three fields; if false only the limits are set."
    callback_only: bool = False
    "Over serial the user may only ask to be called back."
    link_authentication: bool = False
    "Name and password also serve PPP's link authentication."
    ipmi_messaging: bool = True
    "The user may open IPMI sessions and send commands."
    privilege_limit: PrivilegeLimit | int
    "0 to 15."
    session_limit: int | None = None
    "Sessions at once, 1 to 15; 0 is no limit; None does not send the byte, which is optional and often unsupported."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("user ID", self.user_id, 1, MAX_USER_ID)
        check_range("user privilege limit", self.privilege_limit, 0, 0x0F)
        check_range("session limit", self.session_limit or 0, 0, 0x0F)

    def encode(self) -> bytes:
        """Three bytes, or four with a session limit."""
        flags = (
            self.change_flags << 7 | self.callback_only << 6 | self.link_authentication << 5 | self.ipmi_messaging << 4
        )
        head = bytes((flags | self.channel, self.user_id, self.privilege_limit))
        return head if self.session_limit is None else head + bytes((self.session_limit,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        flags, user_id, limit = reader.take(3, "user access")
        return from_wire(
            cls,
            channel=flags & 0x0F,
            user_id=user_id & 0x3F,
            change_flags=bool(flags & 0x80),
            callback_only=bool(flags & 0x40),
            link_authentication=bool(flags & 0x20),
            ipmi_messaging=bool(flags & 0x10),
            privilege_limit=known(PrivilegeLimit, limit & 0x0F),
            session_limit=reader.u8() & 0x0F if reader.remaining else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserName:
    """A user's name; section 22.29."""

    name: bytes
    "0 to 16 bytes without NUL; the specification wants ASCII, BMCs take anything."

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def text(self) -> str:
        """The name to show: unused entries that a BMC fills with FFh are empty, bytes that are no UTF-8 are escaped."""
        return self.name.rstrip(b"\xff").decode("utf-8", "backslashreplace")

    def encode(self) -> bytes:
        """Sixteen bytes, NUL padded."""
        return self.name.ljust(NAME_SIZE, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(name=_take_name(Reader(data)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserName(Command[UserName]):
    """Get User Name; section 22.29."""

    netfn = NetFn.APP
    command = 0x46
    privilege = Privilege.OPERATOR
    safe = True
    response = UserName

    user_id: int
    "1 to 63."

    def __post_init__(self) -> None:
        check_range("user ID", self.user_id, 1, MAX_USER_ID)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.user_id,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return from_wire(cls, user_id=Reader(data).u8("user ID") & 0x3F)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserName(Command[NoData]):
    """Set User Name; section 22.28."""

    netfn = NetFn.APP
    command = 0x45
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    user_id: int
    "1 to 63; the name of user 1 is fixed."
    name: bytes
    "0 to 16 bytes without NUL; ASCII is what everybody's tools can type."

    def __post_init__(self) -> None:
        check_range("user ID", self.user_id, 1, MAX_USER_ID)
        _check_name(self.name)

    def encode(self) -> bytes:
        """Seventeen bytes."""
        return bytes((self.user_id,)) + self.name.ljust(NAME_SIZE, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return from_wire(cls, user_id=reader.u8("user ID") & 0x3F, name=_take_name(reader))


class PasswordOperation(IntEnum):
    """What Set User Password does (section 22.30); all four values of the field are taken."""

    DISABLE_USER = 0
    ENABLE_USER = 1
    SET_PASSWORD = 2
    TEST_PASSWORD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserPassword(Command[NoData]):
    """Disable or enable a user, or set or test the password; section 22.30."""

    netfn = NetFn.APP
    command = 0x47
    privilege = Privilege.ADMINISTRATOR
    # Not safe: a test that is repeated may count twice as a bad password, and nobody should guess whether a set worked.
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the password is wrong",
        0x81: "the password was stored with the other size, 16 or 20 bytes",
    }

    user_id: int
    "1 to 63."
    operation: PasswordOperation
    "To disable and to enable need no password."
    password: bytes = field(default=b"", repr=False)
    "At most *size* bytes, the last of them no NUL. Secret."
    size: int = SHORT_PASSWORD_SIZE
    "16, or 20 for a password that only IPMI 2.0 sessions can use; a test must name the size it was set with."

    def __post_init__(self) -> None:
        check_range("user ID", self.user_id, 1, MAX_USER_ID)
        if self.size not in (SHORT_PASSWORD_SIZE, LONG_PASSWORD_SIZE):
            raise LocalProtocolError("a password is sent as 16 or 20 bytes")
        check_size("password", self.password, 0, self.size)
        if self.password.endswith(b"\0"):
            raise LocalProtocolError("a password cannot end in NUL, which is its padding")

    def encode(self) -> bytes:
        """Eighteen or twenty-two bytes; the password also where it is optional, since some BMCs insist on it."""
        long = (self.size == LONG_PASSWORD_SIZE) << 7
        return bytes((long | self.user_id, self.operation)) + self.password.ljust(self.size, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        user_id, operation = reader.take(2, "password request")
        size = LONG_PASSWORD_SIZE if user_id & 0x80 else SHORT_PASSWORD_SIZE
        parsed = PasswordOperation(operation & 0x03)
        optional = parsed in (PasswordOperation.DISABLE_USER, PasswordOperation.ENABLE_USER)
        password = b"" if optional and reader.remaining < size else reader.take(size, "password")
        return from_wire(cls, user_id=user_id & 0x3F, operation=parsed, password=password.rstrip(b"\0"), size=size)


def _check_name(name: bytes) -> None:
    check_size("user name", name, 0, NAME_SIZE)
    if b"\0" in name:
        raise LocalProtocolError("a user name cannot contain NUL, which ends it")


def _take_name(reader: Reader) -> bytes:
    return reader.take(NAME_SIZE, "user name").partition(b"\0")[0]


__all__ = [
    "GetUserAccess",
    "GetUserName",
    "PasswordOperation",
    "SetUserAccess",
    "SetUserName",
    "SetUserPassword",
    "UserAccess",
    "UserName",
    "UserState",
]
