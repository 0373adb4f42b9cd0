"""The sessions that a virtual BMC has open, and how many it will have."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from conduit.rmcp.accounts import Account
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session import PlusSession

Address = tuple[str, int] | tuple[str, int, int, int]
"What a UDP socket calls its peer."

REMEMBERED_ANSWERS: Final = 4  # per session
MEMORY: Final = 60.0  # seconds that an answer is remembered
MAX_HANDLE: Final = 255


class Answered(NamedTuple):
    """An answer that may have been lost."""

    request: bytes
    "The whole frame, requester's sequence number and all."
    replies: tuple[bytes, ...]
    "The frames sent for it."
    at: float


@dataclass(slots=True, kw_only=True, eq=False)
class BmcSession:
    """One open session."""

    protected: PlusSession | LanSession
    account: Account
    address: Address
    limit: Privilege
    "Most that it may be raised to."
    privilege: Privilege
    "What it works at now."
    handle: int
    "1 to 255."
    suite: int | None
    "Cipher suite, or None for IPMI 1.5."
    auth_type: int
    opened: float
    last_active: float
    closing: bool = False
    "To be closed when the answer is out."
    bridged: list[bytes] = field(default_factory=list)
    "Frames from behind the BMC that follow the answer."
    answered: deque[Answered] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ANSWERS))

    @property
    def session_id(self) -> int:
        """Our ID of the session."""
        return self.protected.local_id

    @property
    def protection(self) -> tuple[bool, bool]:
        """Whether packets are encrypted, and whether they are authenticated."""
        return self.protected.protection if isinstance(self.protected, PlusSession) else (False, True)

    def remembered(self, request: bytes, now: float) -> tuple[bytes, ...] | None:
        """What was answered to this very frame not long ago, or None."""
        for entry in self.answered:
            if entry.request == request and now - entry.at < MEMORY:
                return entry.replies
        return None


class SessionTable:
    """Open sessions by ID.

    :param slots: how many there may be.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._sessions: dict[int, BmcSession] = {}
        self._last_handle = 0
        self.opened = 0
        "Sessions so far; when it changes, so may the time at which the next one ends."

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[BmcSession]:
        return iter(tuple(self._sessions.values()))

    def __contains__(self, session_id: int) -> bool:
        return session_id in self._sessions

    @property
    def is_full(self) -> bool:
        """Whether no slot is left."""
        return len(self._sessions) >= self.slots

    def get(self, session_id: int) -> BmcSession | None:
        """The session with this ID."""
        return self._sessions.get(session_id)

    def by_handle(self, handle: int) -> BmcSession | None:
        """The session with this handle."""
        return next((session for session in self if session.handle == handle), None)

    def count_of(self, user_id: int) -> int:
        """How many sessions a user has."""
        return sum(session.account.user_id == user_id for session in self)

    def next_handle(self) -> int:
        """A handle that no session has."""
        used = {session.handle for session in self}
        while True:
            self._last_handle = self._last_handle % MAX_HANDLE + 1
            if self._last_handle not in used:
                return self._last_handle

    def add(self, session: BmcSession) -> None:
        """Take a session in."""
        self.opened += 1
        self._sessions[session.session_id] = session

    def remove(self, session: BmcSession) -> None:
        """End a session; one that has ended already is no error."""
        self._sessions.pop(session.session_id, None)

    def clear(self) -> None:
        """End all of them."""
        self._sessions.clear()
