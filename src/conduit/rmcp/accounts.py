"""What the BMC's side of a log-in must know of users; whoever keeps them answers these questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who may try to log in: enabled, allowed on this channel, not locked out."""

    user_id: int
    "1 to 63."
    username: bytes
    "0 to 16 bytes; empty for the null user."
    password: bytes = field(repr=False)
    "0 to 20 bytes."
    limit: Privilege
    "Highest privilege on this channel."


class Doorkeeper(Protocol):
    """Knows the users, counts their failures and their sessions."""

    def find(self, username: bytes, privilege: int | None, now: float) -> Account | None:
        """The user called *username*, or None for one who may not even try.

        :param privilege: look for the user of that name with exactly this limit; None looks up by name alone.
        """
        ...

    def has_room_for(self, account: Account) -> bool:
        """Whether this user may have one more session."""
        ...

    def record(self, account: Account, now: float, *, succeeded: bool) -> None:
        """Count a log-in for the lock-out."""
        ...
