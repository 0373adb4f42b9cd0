"""Sessions: who may look at which console or display, until when. A one-time ticket opens one."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio
from prometheus_client import Counter, Histogram

from conduit.console.words import End
from conduit.errors import CallError
from conduit.services.clock import Clock
from conduit.services.gateway.access import Access, Grant
from conduit.services.permissions import Permission
from conduit.services.secret import Secret
from conduit.services.tokens import SESSION_LIFE
from conduit.tunnel.call_frames import Code

TICKET_LIFE: Final = 30.0  # seconds
IDLE_LIFE: Final = 900.0  # seconds without a viewer
LIVES: Final = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)  # seconds
MAX_SESSIONS: Final = 10_000
MAX_PER_CUSTOMER: Final = 200
_TOO_MANY: Final = "too many sessions are open: close some"
_NO_SESSION: Final = "there is no such session"


class Face(enum.StrEnum):
    """What of a server a session shows."""

    CONSOLE = "console"
    "Its serial port."
    DISPLAY = "display"
    "Its screen."


_NEEDS: Final[Mapping[Face, tuple[Permission, Permission]]] = {  # to look, and to type
    Face.CONSOLE: (Permission.CONSOLE_READ, Permission.CONSOLE_WRITE),
    Face.DISPLAY: (Permission.VNC_READ, Permission.VNC_WRITE),
}


@dataclass(slots=True, eq=False)
class Session:
    """Somebody's access to one console or display."""

    id: str
    face: Face
    grant: Grant
    read_only: bool
    created_at: float
    expires_at: float
    idle_since: float | None
    scopes: set[trio.CancelScope] = field(default_factory=set)
    "Of its live streams."
    was_viewed: bool = False
    "Whether anybody has looked at it; its ticket is used then."
    ended_because: End = End.CLOSED

    @property
    def server_id(self) -> str:
        """The server."""
        return self.grant.claims.server_id

    @property
    def may_take(self) -> bool:
        """Whether it may take the keyboard from others at once."""
        return Permission.ADMIN_ALL in self.grant.claims.permissions

    @property
    def viewers(self) -> int:
        """Live streams."""
        return len(self.scopes)


class Sessions:
    """The sessions of this Gateway."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._tickets: dict[str, tuple[Session, float]] = {}
        self.opened = Counter("gateway_sessions_opened", "Sessions.", ("type",), registry=None)
        self.ended = Counter("gateway_sessions_ended", "Sessions.", ("type", "reason"), registry=None)
        self.lives = Histogram("gateway_session_duration_seconds", "", ("type",), buckets=LIVES, registry=None)

    def create(
        self, grant: Grant, server_id: str, *, read_only: bool, face: Face = Face.CONSOLE
    ) -> tuple[Session, Secret]:
        """A session and its first ticket.

        :raises CallError: PERMISSION_DENIED, RESOURCE_EXHAUSTED.
        """
        grant.check_server(server_id)
        look, type_ = _NEEDS[face]
        grant.check(look)
        if not read_only:
            grant.check(type_)
        self.sweep()
        self._make_room(grant.claims.customer_id)
        if len(self._sessions) >= MAX_SESSIONS:
            raise CallError(Code.RESOURCE_EXHAUSTED, _TOO_MANY)
        now = self._clock()
        session = Session(secrets.token_urlsafe(24), face, grant, read_only, now, now + SESSION_LIFE, now)
        self._sessions[session.id] = session
        self.opened.labels(face).inc()
        return session, self.ticket(session)

    def _make_room(self, customer_id: str) -> None:
        """Who has as many sessions as anybody may loses the one that was left first.

        :raises CallError: RESOURCE_EXHAUSTED: none was left.
        """
        mine = [each for each in self._sessions.values() if each.grant.claims.customer_id == customer_id]
        if len(mine) < MAX_PER_CUSTOMER:
            return
        unopened = self._clock() - TICKET_LIFE
        left = [
            (each.idle_since, number)
            for number, each in enumerate(mine)
            if each.idle_since is not None and (each.was_viewed or each.idle_since < unopened)
        ]
        if not left:
            raise CallError(Code.RESOURCE_EXHAUSTED, _TOO_MANY)
        self.end(mine[min(left)[1]], End.EXPIRED)

    def ticket(self, session: Session) -> Secret:
        """Opens the session once, within thirty seconds."""
        ticket = Secret(secrets.token_urlsafe(24))
        self._tickets[_digest(ticket)] = (session, self._clock() + TICKET_LIFE)
        return ticket

    def redeem(self, ticket: Secret, session_id: str, face: Face = Face.CONSOLE) -> Session:
        """:raises CallError: UNAUTHENTICATED: it is used, old, or for another session."""
        session, until = self._tickets.pop(_digest(ticket), (None, 0.0))
        if session is None or until < self._clock() or session.id not in self._sessions:
            session = None
        if session is None or (session.id, session.face) != (session_id, face):
            raise CallError(Code.UNAUTHENTICATED, f"the ticket is used up or too old: open the {face} again")
        return session

    def find(self, grant: Grant, session_id: str, face: Face = Face.CONSOLE) -> Session:
        """A session of the same customer, server and kind.

        :raises CallError: NOT_FOUND, also for somebody else's.
        """
        session = self._sessions.get(session_id)
        if session is None or session.face is not face or _owner(session.grant) != _owner(grant):
            raise CallError(Code.NOT_FOUND, _NO_SESSION)
        return session

    def find_to_use(self, grant: Grant, session_id: str, face: Face = Face.CONSOLE) -> Session:
        """The same, for one that may do itself what the session may: that is perhaps a colleague's.

        :raises CallError: NOT_FOUND, PERMISSION_DENIED.
        """
        session = self.find(grant, session_id, face)
        look, type_ = _NEEDS[face]
        grant.check(look if session.read_only else type_)
        return session

    def close(self, grant: Grant, session_id: str, face: Face = Face.CONSOLE) -> None:
        """:raises CallError: NOT_FOUND, PERMISSION_DENIED."""
        self.end(self.find_to_use(grant, session_id, face), End.CLOSED)

    def end(self, session: Session, reason: End) -> None:
        """End it and its live streams, which are told *reason*."""
        if self._sessions.pop(session.id, None) is not None:
            self.ended.labels(session.face, reason.value).inc()
            self.lives.labels(session.face).observe(max(0.0, self._clock() - session.created_at))
        session.ended_because = reason
        for scope in session.scopes:
            scope.cancel()

    def end_all(self, reason: End) -> None:
        """End every session."""
        for session in list(self._sessions.values()):
            self.end(session, reason)

    def census(self) -> dict[Face, tuple[int, int]]:
        """Of each kind, how many there are, and how many live streams they have."""
        found = {face: [each for each in self._sessions.values() if each.face is face] for face in Face}
        return {face: (len(each), sum(session.viewers for session in each)) for face, each in found.items()}

    def sweep(self) -> None:
        """End what has expired, is revoked, or was left."""
        now = self._clock()
        self._tickets = {digest: kept for digest, kept in self._tickets.items() if kept[1] >= now}
        for session in list(self._sessions.values()):
            if not self._access.still_good(session.grant):
                self.end(session, End.REVOKED)
            elif session.expires_at < now or (session.idle_since is not None and session.idle_since < now - IDLE_LIFE):
                self.end(session, End.EXPIRED)

    @contextmanager
    def viewing(self, session: Session) -> Iterator[trio.CancelScope]:
        """A live stream of it; the scope is cancelled when the session ends, or has ended already."""
        with trio.CancelScope() as scope:
            if session.id not in self._sessions:
                scope.cancel()
            session.scopes.add(scope)
            session.idle_since, session.was_viewed = None, True
            try:
                yield scope
            finally:
                session.scopes.discard(scope)
                if not session.scopes:
                    session.idle_since = self._clock()


def _owner(grant: Grant) -> tuple[str, str]:
    return grant.claims.customer_id, grant.claims.server_id


def _digest(ticket: Secret) -> str:
    return hashlib.sha256(ticket.reveal().encode()).hexdigest()
