"""From nothing to a live session: asks what the BMC can do, picks the best common way, proves the password, raises
the privilege. One machine per log-in; it repeats lost datagrams and gives up in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from conduit._machine import Label
from conduit.errors import ConduitError, DecodeError, PeerTimeoutError
from conduit.rmcp.ciphers import SUITES, Entropy
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.login_draft import Draft, Outcome, Session, Step
from conduit.rmcp.login_steps import Capabilities, Challenge, CipherSuites, RaisePrivilege, Rakp
from conduit.rmcp.packets import AuthType, require_ipmi
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.workarounds import Workaround


class Phase(Label):
    """What the log-in is at."""

    CAPABILITIES = "asking what the BMC can do"
    CIPHER_SUITES = "listing cipher suites"
    RAKP = "proving the password (RAKP)"
    CHALLENGE = "answering the challenge (IPMI 1.5)"
    PRIVILEGE = "raising the privilege"
    OPEN = "session open"
    FAILED = "given up"


# Every legal move.
TRANSITIONS: Final[Mapping[tuple[Phase, Outcome], Phase]] = {
    (Phase.CAPABILITIES, Outcome.HAS_PLUS): Phase.CIPHER_SUITES,
    (Phase.CAPABILITIES, Outcome.LACKS_PLUS): Phase.CHALLENGE,
    (Phase.CIPHER_SUITES, Outcome.SUITE_CHOSEN): Phase.RAKP,
    (Phase.RAKP, Outcome.AGAIN): Phase.RAKP,
    (Phase.RAKP, Outcome.ACTIVE): Phase.PRIVILEGE,
    (Phase.RAKP, Outcome.ENOUGH): Phase.OPEN,
    (Phase.CHALLENGE, Outcome.AGAIN): Phase.CHALLENGE,
    (Phase.CHALLENGE, Outcome.ACTIVE): Phase.PRIVILEGE,
    (Phase.CHALLENGE, Outcome.ENOUGH): Phase.OPEN,
    (Phase.PRIVILEGE, Outcome.RAISED): Phase.OPEN,
}

STEPS: Final[Mapping[Phase, Callable[[Draft], Step]]] = {
    Phase.CAPABILITIES: Capabilities,
    Phase.CIPHER_SUITES: CipherSuites,
    Phase.RAKP: Rakp,
    Phase.CHALLENGE: Challenge,
    Phase.PRIVILEGE: RaisePrivilege,
}


class SessionInfo(NamedTuple):
    """How a session came to be; no secrets. A tuple, as each log-in makes one and few are looked at."""

    interface: Interface
    "LANPLUS or LAN."
    reasons: tuple[str, ...]
    "Why this interface and these algorithms, in the order of the decisions."
    cipher_suite: int | None
    "Number of the RMCP+ cipher suite, None for IPMI 1.5."
    auth_type: int | None
    "Auth type of IPMI 1.5, None for RMCP+."
    privilege: Privilege
    "Privilege that the session has."
    limit: int
    "Highest privilege that the BMC allows it; 0 when it did not say."
    guid: bytes
    "The BMC's GUID, 16 bytes; empty for IPMI 1.5."
    session_id: int
    "The BMC's ID of the session."

    @property
    def reason(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)

    @property
    def algorithms(self) -> str:
        """The suite's algorithms, or the auth type of IPMI 1.5, as people write them."""
        return AuthType(self.auth_type).name if self.auth_type is not None else str(SUITES[self.cipher_suite or 0])


class LoggedIn(NamedTuple):
    """The log-in succeeded."""

    session: Session
    info: SessionInfo


class Login:
    """Opens one session; a :class:`~conduit._machine.DatagramMachine`.

    A failure is raised by the method in which it shows; the machine is then dead.

    :param console_id: our session ID, not 0 and unique on this socket.
    :param first_sequence: first rqSeq, 0 to 63; log-ins to one BMC that run at the same time start eight apart.
    """

    __slots__ = (
        "_attempt",
        "_deadline",
        "_delays",
        "_draft",
        "_last_fault",
        "_outbox",
        "_phase",
        "_step",
        "bad_datagrams",
        "stale_replies",
    )

    def __init__(self, credentials: Credentials, *, console_id: int, entropy: Entropy, first_sequence: int = 0) -> None:
        self._draft = Draft(credentials=credentials, console_id=console_id, entropy=entropy, sequence=first_sequence)
        self._delays = credentials.retry.delays
        self._phase = self._first_phase(credentials)
        self._step = STEPS[self._phase](self._draft)
        self._outbox: tuple[bytes, ...] = ()
        self._attempt = 0
        self._deadline: float | None = None
        self._last_fault = ""
        self.bad_datagrams = 0
        self.stale_replies = 0

    @property
    def phase(self) -> Phase:
        """What the log-in is at."""
        return self._phase

    def start(self, now: float) -> None:
        """Queue the first datagram."""
        self._send(self._step.start(), now)

    def receive_datagram(self, data: bytes, now: float) -> Sequence[LoggedIn]:
        """Take one datagram; bad and stale ones are counted and dropped.

        :raises ConduitError: the log-in failed, and why.
        """
        if self._deadline is None:
            self.stale_replies += 1
            return ()
        try:
            require_ipmi(data)
            result = self._step.receive(data)
        except DecodeError as error:
            self.bad_datagrams += 1
            self._last_fault = error.what
            return ()
        except ConduitError:
            self._fail()
            raise
        return self._proceed(result, now)

    def give_up(self) -> None:
        """Queue a farewell, where there is one, and be dead; for callers who want no session any more."""
        if self._phase is Phase.OPEN:  # nobody will take it
            self._step = RaisePrivilege(self._draft)
        if self._phase is not Phase.FAILED:
            self._fail()

    def datagrams_to_send(self) -> Iterable[bytes]:
        """Datagrams to send now."""
        outbox, self._outbox = self._outbox, ()
        return outbox

    def next_deadline(self) -> float | None:
        """When the last datagram must be repeated, or None."""
        return self._deadline

    def handle_deadline(self, now: float) -> Sequence[LoggedIn]:
        """Repeat the last datagram, take another way, or give up.

        :raises PeerTimeoutError: nobody answers.
        """
        if self._deadline is None or now < self._deadline:
            return ()
        self._attempt += 1
        if self._attempt < min(len(self._delays), self._step.patience or len(self._delays)):
            self._outbox = (*self._outbox, self._step.repeat())
            self._deadline = now + self._delays[self._attempt]
            return ()
        try:
            outcome = self._step.silence()
        except PeerTimeoutError as error:
            self._fail()
            raise PeerTimeoutError(f"{error}{self._complaint()}") from None
        return self._proceed(outcome, now)

    def _first_phase(self, credentials: Credentials) -> Phase:
        """Skip the questions whose answers the caller gave."""
        asked = credentials.interface is Interface.LANPLUS
        implied = credentials.interface is Interface.AUTO and Workaround.I82571SPT in credentials.workarounds
        if not asked and not implied:
            return Phase.CAPABILITIES
        self._draft.note("IPMI 2.0 was asked for" if asked else "workaround i82571spt is for IPMI 2.0")
        return self._suite_phase(credentials)

    def _suite_phase(self, credentials: Credentials) -> Phase:
        if credentials.cipher_suite is None:
            return Phase.CIPHER_SUITES
        self._draft.suites = (credentials.cipher_suite,)
        self._draft.note(f"cipher suite {credentials.cipher_suite} was asked for")
        return Phase.RAKP

    def _proceed(self, result: bytes | Outcome | None, now: float) -> Sequence[LoggedIn]:
        if result is None:
            self.stale_replies += 1
        elif isinstance(result, bytes):
            self._send(result, now)
        else:
            return self._enter(TRANSITIONS[self._phase, result], now)
        return ()

    def _enter(self, phase: Phase, now: float) -> Sequence[LoggedIn]:
        if phase is Phase.CIPHER_SUITES:
            phase = self._suite_phase(self._draft.credentials)
        self._phase = phase
        if phase is Phase.OPEN:
            self._deadline = None
            return (self._logged_in(),)
        try:
            self._step = STEPS[phase](self._draft)
        except ConduitError:
            self._fail()
            raise
        self._send(self._step.start(), now)
        return ()

    def _send(self, datagram: bytes, now: float) -> None:
        self._outbox = (*self._outbox, datagram)
        self._attempt = 0
        self._deadline = now + self._delays[0]

    def _fail(self) -> None:
        self._phase = Phase.FAILED
        self._deadline = None
        farewell = self._step.farewell()
        if farewell is not None:
            self._outbox = (*self._outbox, farewell)

    def _complaint(self) -> str:
        """What was wrong with the datagrams that did come."""
        if not self.bad_datagrams:
            return ""
        hint = "; try workaround nochecksumcheck" if "checksum" in self._last_fault else ""
        return f" ({self.bad_datagrams} datagrams were dropped, the last one for a {self._last_fault}{hint})"

    def _logged_in(self) -> LoggedIn:
        draft = self._draft
        suite = draft.suites[0] if draft.session.is_plus else None
        info = SessionInfo(
            interface=Interface.LAN if suite is None else Interface.LANPLUS,
            reasons=draft.reasons,
            cipher_suite=suite,
            auth_type=draft.auth_type if suite is None else None,
            privilege=draft.credentials.privilege,
            limit=draft.limit,
            guid=draft.guid,
            session_id=draft.session.remote_id,
        )
        return LoggedIn(draft.session, info)
