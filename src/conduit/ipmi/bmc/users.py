"""The users of a virtual BMC: names, passwords, rights, and who is locked out."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range
from conduit.ipmi.commands.users import LONG_PASSWORD_SIZE, MAX_USER_ID, NAME_SIZE, SHORT_PASSWORD_SIZE
from conduit.ipmi.messages import PrivilegeLimit

NULL_USER: Final = 1  # the user whose name is empty and cannot change


@dataclass(slots=True, kw_only=True)
class Rights:
    """What a user may do on one channel."""

    limit: PrivilegeLimit | int = PrivilegeLimit.NO_ACCESS
    "Highest privilege."
    messaging: bool = False
    "Whether IPMI sessions are allowed."
    callback_only: bool = False
    link_authentication: bool = False
    session_limit: int = 0
    "Sessions at once; 0 is no limit but the BMC's."


@dataclass(slots=True, kw_only=True)
class User:
    """One slot of the table."""

    user_id: int
    "1 to 63."
    name: bytes = b""
    "0 to 16 bytes; a user other than the first without a name does not exist."
    password: bytes = field(default=b"", repr=False)
    password_size: int = SHORT_PASSWORD_SIZE
    "Bytes it was set with, 16 or 20; one of 20 is no good for IPMI 1.5."
    enabled: bool = False
    rights: dict[int, Rights] = field(default_factory=dict)
    "By channel."

    def on(self, channel: int) -> Rights:
        """Rights on *channel*: none where nobody gave any."""
        return self.rights.setdefault(channel, Rights())

    def may_log_in(self, channel: int) -> bool:
        """Whether sessions are open to this user at all."""
        rights = self.on(channel)
        known = bool(self.name) or self.user_id == NULL_USER
        limited = PrivilegeLimit.CALLBACK <= rights.limit <= PrivilegeLimit.OEM
        return self.enabled and known and rights.messaging and limited

    def set_password(self, password: bytes, size: int) -> None:
        """:raises LocalProtocolError: the password is longer than *size*."""
        if len(password) > size or size not in (SHORT_PASSWORD_SIZE, LONG_PASSWORD_SIZE):
            raise LocalProtocolError(f"a password has at most {size} bytes")
        self.password, self.password_size = password, size

    def has_password(self, password: bytes) -> bool:
        """Whether it is this one; takes as long for a near miss as for any other."""
        padded = self.password.ljust(LONG_PASSWORD_SIZE, b"\0")
        return hmac.compare_digest(padded, password.ljust(LONG_PASSWORD_SIZE, b"\0"))


class UserTable:
    """All slots, numbered from 1.

    :param slots: how many, 1 to 63.
    """

    def __init__(self, slots: int, users: Iterable[User] = ()) -> None:
        if not 1 <= slots <= MAX_USER_ID:
            raise LocalProtocolError(f"a BMC has 1 to {MAX_USER_ID} users, not {slots}")
        self._users = {user_id: User(user_id=user_id) for user_id in range(1, slots + 1)}
        for user in users:
            if user.user_id not in self._users:
                raise LocalProtocolError(f"there is no room for user {user.user_id}")
            self._users[user.user_id] = user

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def __len__(self) -> int:
        return len(self._users)

    def get(self, user_id: int) -> User | None:
        """The user in this slot, or None where there is no such slot."""
        return self._users.get(user_id)

    def enabled_count(self) -> int:
        """How many are enabled."""
        return sum(user.enabled for user in self)

    def find(self, name: bytes, channel: int, limit: int | None = None) -> User | None:
        """The first user called *name* who may log in on *channel*, with exactly this *limit* if one is given."""
        for user in self:
            if user.name == name and user.may_log_in(channel) and limit in (None, int(user.on(channel).limit)):
                return user
        return None

    def rename(self, user: User, name: bytes) -> bool:
        """Give *user* another name; False where that may not be: user 1, a name in use, one that is too long."""
        taken = bool(name) and any(other.name == name and other is not user for other in self)
        if taken or len(name) > NAME_SIZE or (user.user_id == NULL_USER and name):
            return False
        user.name = name
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutPolicy:
    """When bad passwords close a user's door."""

    attempts: int = 10
    "Bad passwords that lock the user out; 0 switches the lock-out off."
    window: float = 60.0
    "Seconds within which they must come."
    duration: float = 60.0
    "Seconds that the door stays closed."

    def __post_init__(self) -> None:
        check_range("attempts", self.attempts, 0, math.inf)
        check_range("window", self.window, 0, math.inf)
        check_range("duration", self.duration, 0, math.inf)


class LockOut:
    """Counts bad passwords by user."""

    def __init__(self, policy: LockOutPolicy) -> None:
        self.policy = policy
        "May change at any time."
        self._failures: dict[int, list[float]] = {}
        self._until: dict[int, float] = {}

    def is_locked_out(self, user_id: int, now: float) -> bool:
        """Whether this user may not even try."""
        return now < self._until.get(user_id, now)

    def record(self, user_id: int, now: float, *, succeeded: bool) -> None:
        """Count one attempt."""
        if succeeded:
            self._failures.pop(user_id, None)
            return
        if not self.policy.attempts:
            return
        recent = [when for when in self._failures.get(user_id, ()) if now - when < self.policy.window]
        recent.append(now)
        if len(recent) >= self.policy.attempts:
            self._until[user_id] = now + self.policy.duration
            recent = []
        self._failures[user_id] = recent

    def release(self, user_id: int) -> None:
        """Open the door again."""
        self._failures.pop(user_id, None)
        self._until.pop(user_id, None)

    def clear(self) -> None:
        """Forget everything, as a reset of the BMC does."""
        self._failures.clear()
        self._until.clear()
