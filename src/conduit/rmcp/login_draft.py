"""What the steps of a log-in share: what was found out so far, how a step ends, and what a step is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from conduit._machine import Label
from conduit.errors import LocalProtocolError, PeerTimeoutError
from conduit.rmcp.ciphers import Entropy
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import START_PRIVILEGE
from conduit.rmcp.session import PlusSession
from conduit.rmcp.session_commands import ChannelAuthenticationCapabilities
from conduit.rmcp.workarounds import Workaround

Session = PlusSession | LanSession

NOTHING_KNOWN: Final = ChannelAuthenticationCapabilities()


class Outcome(Label):
    """How a step ended."""

    HAS_PLUS = "the BMC has IPMI 2.0"
    LACKS_PLUS = "the BMC lacks IPMI 2.0"
    SUITE_CHOSEN = "a cipher suite is chosen"
    AGAIN = "once more from the start of this step"
    ACTIVE = "session active, privilege too low"
    ENOUGH = "session active, privilege enough"
    RAISED = "privilege raised"


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the steps of one log-in have found out so far."""

    credentials: Credentials
    console_id: int
    entropy: Entropy
    sequence: int
    "Last rqSeq used, 0 to 63."
    reasons: tuple[str, ...] = ()
    capabilities: ChannelAuthenticationCapabilities = NOTHING_KNOWN
    suites: tuple[int, ...] = ()
    "Cipher suites to try, in turn."
    auth_type: int = AuthType.NONE
    active: Session | None = None
    limit: int = 0
    guid: bytes = b""
    restarts: int = 0

    @property
    def session(self) -> Session:
        """The live session."""
        if self.active is None:
            raise LocalProtocolError("no session is active yet")
        return self.active

    def note(self, reason: str) -> None:
        """Remember why something was decided."""
        self.reasons = (*self.reasons, reason)

    def activate(self, session: Session, limit: int) -> Outcome:
        """Take over an active session."""
        self.active, self.limit = session, limit
        enough = self.credentials.privilege <= START_PRIVILEGE or Workaround.I82571SPT in self.credentials.workarounds
        return Outcome.ENOUGH if enough else Outcome.ACTIVE

    def restart(self, why: str, most: int) -> Outcome:
        """Once more, if that was not *most* times already.

        :raises PeerTimeoutError: not again.
        """
        self.restarts += 1
        if self.restarts > most:
            raise PeerTimeoutError(why)
        return Outcome.AGAIN


class Step(Protocol):
    """One step; made anew each time it is entered."""

    patience: int | None
    "Sendings of one message before :meth:`silence` is asked, or None for as many as the retry policy has."

    def start(self) -> bytes:
        """The first datagram."""
        ...

    def repeat(self) -> bytes:
        """The last datagram once more; inside a session under a new sequence number."""
        ...

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """The next datagram, how the step ended, or None for a stale one.

        :raises DecodeError: *data* makes no sense, or belongs elsewhere; nothing has changed.
        :raises ConduitError: the log-in failed.
        """
        ...

    def silence(self) -> Outcome:
        """What follows when nobody answers.

        :raises PeerTimeoutError: nothing does.
        """
        ...

    def farewell(self) -> bytes | None:
        """A datagram to send after a failure, so that the BMC need not wait for us."""
        ...
