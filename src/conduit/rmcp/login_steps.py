"""The steps of a log-in. Each asks, listens, and says how it ended; :mod:`conduit.rmcp.login` strings them together."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from conduit.errors import (
    AuthenticationError,
    DecodeError,
    NegotiationError,
    PeerTimeoutError,
    SessionRefused,
)
from conduit.rmcp.challenge_client import Activated, ChallengeClient
from conduit.rmcp.command import Command, require_success
from conduit.rmcp.credentials import Interface
from conduit.rmcp.lan_message import MAX_SEQUENCE, decode_frame, encode_frame
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.login_draft import Draft, Outcome
from conduit.rmcp.negotiation import choose_auth_type, choose_suite
from conduit.rmcp.packets import (
    PayloadType,
    decode_lan_packet,
    decode_plus_packet,
    encode_lan_packet,
    encode_plus_packet,
)
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_client import UNSUPPORTED_SUITE, Established, RakpClient
from conduit.rmcp.rakp_messages import REPLIES, Request, Status
from conduit.rmcp.session_commands import (
    ActivateSession,
    ChannelAuthenticationCapabilities,
    CipherSuiteRecords,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SessionActivated,
    SessionPrivilege,
    SetSessionPrivilegeLevel,
    decode_cipher_suites,
)
from conduit.rmcp.workarounds import Workaround

BLIND_SUITES: Final = (17, 3)  # tried in turn where a BMC does not list its suites
RESTART_AFTER: Final = 3  # sendings of one RAKP or activation message before the exchange starts afresh
NO_CODE_CHECK: Final = ", try workaround noauthcodecheck"
LOWER_PRIVILEGE: Final = "ask for a lower privilege with -L, such as -L USER"
FORGOTTEN: Final = frozenset({Status.INVALID_SESSION_ID, Status.INACTIVE_SESSION_ID})  # what a repeat may be told
MAX_RESTARTS: Final = 3  # of a RAKP exchange
MAX_ACTIVATIONS: Final = 1  # restarts of IPMI 1.5's: each may be a wrong password, and BMCs lock accounts
LIST_PATIENCE: Final = 2  # sendings of Get Channel Cipher Suites before we do without the list
RAISE_TO: Final = {level: SetSessionPrivilegeLevel(level=level) for level in Privilege}
_IPMI: Final = int(PayloadType.IPMI)
MAX_SUITE_PARTS: Final = 8  # of 16 bytes each: more than any BMC has suites for


class _Asking:
    """A step made of IPMI commands: frames them, numbers them and finds the answer."""

    patience: int | None = None

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._pending = (0, 0, 0)  # netFn of the response, command, rqSeq
        self._frame = b""
        self._wrap: Callable[[bytes], bytes] = encode_lan_packet

    def repeat(self) -> bytes:
        """The last command once more."""
        return self._wrap(self._frame)

    def _ask(self, command: Command[Any], wrap: Callable[[bytes], bytes] = encode_lan_packet) -> bytes:
        self._draft.sequence = sequence = (self._draft.sequence + 1) % MAX_SEQUENCE
        self._pending = (command.netfn | 1, command.command, sequence)
        self._frame = encode_frame(command.netfn, command.command, command.encode(), sequence=sequence)
        self._wrap = wrap
        return self.repeat()

    def _answer(self, payload: bytes) -> tuple[int, bytes] | None:
        """Completion code and data of the answer in *payload*, or None when it answers something else."""
        verify = Workaround.NOCHECKSUMCHECK not in self._draft.credentials.workarounds
        message = decode_frame(payload, verify=verify)
        if (message.netfn, message.command, message.sequence) != self._pending or not message.data:
            return None
        return message.data[0], message.data[1:]

    def _outside(self, data: bytes) -> tuple[int, bytes] | None:
        """The same for a packet outside a session."""
        packet = decode_lan_packet(data)
        return None if packet.session_id else self._answer(packet.payload)

    def silence(self) -> Outcome:
        """Nothing helps."""
        raise PeerTimeoutError("the BMC does not answer")

    def farewell(self) -> bytes | None:
        """Nothing to say."""
        return None


class Capabilities(_Asking):
    """What can the BMC do?"""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._extended = draft.credentials.interface is not Interface.LAN

    def start(self) -> bytes:
        """Get Channel Authentication Capabilities."""
        want = self._draft.credentials.privilege
        return self._ask(GetChannelAuthenticationCapabilities(want=want, extended=self._extended))

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """Whether RMCP+ or IPMI 1.5 comes next."""
        answer = self._outside(data)
        if answer is None:
            return None
        code, body = answer
        if code and self._extended:  # a BMC older than IPMI 2.0 may refuse the question's new bit
            self._extended = False
            return self.start()
        require_success(GetChannelAuthenticationCapabilities, code)
        self._draft.capabilities = ChannelAuthenticationCapabilities.decode(body)
        return self._judge(self._draft.capabilities)

    def _judge(self, capabilities: ChannelAuthenticationCapabilities) -> Outcome:
        if self._draft.credentials.interface is Interface.LAN:
            self._draft.note("lan was asked for")
            return Outcome.LACKS_PLUS
        if capabilities.ipmi_20:
            self._draft.note("the BMC has IPMI 2.0")
            return Outcome.HAS_PLUS
        if self._draft.credentials.cipher_suite is not None:
            raise NegotiationError("the BMC lacks IPMI 2.0, so it has no cipher suites; leave out -C or use -I lan")
        self._draft.note("the BMC lacks IPMI 2.0")
        return Outcome.LACKS_PLUS


class CipherSuites(_Asking):
    """Which cipher suites does the BMC have?"""

    patience: int | None = LIST_PATIENCE

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._records = b""
        self._part = 0

    def start(self) -> bytes:
        """Get Channel Cipher Suites, first part."""
        return self._ask(GetChannelCipherSuites(index=self._part))

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """The next part, or the choice."""
        answer = self._outside(data)
        if answer is None:
            return None
        code, body = answer
        if code:
            return self._choose_blindly(f"the BMC does not list its cipher suites ({code:#04x})")
        part = CipherSuiteRecords.decode(body).records
        self._records += part
        self._part += 1
        if len(part) >= CipherSuiteRecords.PART and self._part < MAX_SUITE_PARTS:
            return self.start()
        return self._choose()

    def silence(self) -> Outcome:
        """Do without the list."""
        return self._choose_blindly("the BMC does not answer which cipher suites it has")

    def _choose(self) -> Outcome:
        try:
            listed = [record.number for record in decode_cipher_suites(self._records) if record.oem is None]
        except DecodeError:
            return self._choose_blindly("the BMC's list of cipher suites makes no sense")
        if not listed:
            return self._choose_blindly("the BMC lists no cipher suite")
        best = choose_suite(listed)
        self._draft.suites = (best,)
        self._draft.note(f"cipher suite {best} is the best of {', '.join(map(str, sorted(listed)))}")
        return Outcome.SUITE_CHOSEN

    def _choose_blindly(self, why: str) -> Outcome:
        self._draft.suites = BLIND_SUITES
        self._draft.note(f"{why}, so {' then '.join(map(str, BLIND_SUITES))} is tried")
        return Outcome.SUITE_CHOSEN


class Rakp:
    """Open Session and RAKP 1 to 4 with the first of the suites left to try."""

    __slots__ = ("_answered", "_client", "_draft", "_last", "_repeated", "patience")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._client = RakpClient(
            draft.credentials, draft.suites[0], console_id=draft.console_id, entropy=draft.entropy
        )
        self._last: Request = self._client.start()
        self._answered = False
        self._repeated = False
        # Some BMCs are silent about a suite that they lack, so one of several is not waited for long.
        self.patience: int | None = RESTART_AFTER if len(draft.suites) > 1 else None

    def start(self) -> bytes:
        """Open Session Request."""
        return _pack(self._last)

    def repeat(self) -> bytes:
        """The last message once more, tag and all."""
        self._repeated = True
        return _pack(self._last)

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """The next message, or the session."""
        packet = decode_plus_packet(data)
        kind = REPLIES.get(packet.payload_type)
        if kind is None:
            raise DecodeError(f"payload type {packet.payload_type:#04x} in a log-in", offset=5)
        reply = kind.decode(packet.payload)
        try:
            answer = self._client.receive(reply)
        except SessionRefused as error:
            if self._repeated and error.status in FORGOTTEN:  # it answered the first, and that answer was lost
                return self._draft.restart(str(error), MAX_RESTARTS)
            return self._next_suite(error)
        if answer is None:
            return None
        if isinstance(answer, Established):
            self._draft.guid = answer.guid
            return self._draft.activate(answer.session, answer.limit)
        self._answered = True
        self.patience = RESTART_AFTER  # a BMC that saw our RAKP 3 but whose RAKP 4 was lost may never repeat it
        self._last = answer
        self._repeated = False
        return _pack(answer)

    def silence(self) -> Outcome:
        """From the top if the BMC has answered before, as its answer may have been lost for good."""
        if self._answered:
            return self._draft.restart("the BMC stopped answering in the middle of the log-in", MAX_RESTARTS)
        if len(self._draft.suites) < 2:
            raise PeerTimeoutError("the BMC does not answer; if it has IPMI 1.5 only, use -I lan and no -C or -k")
        return self._drop_suite("did not answer to")

    def farewell(self) -> bytes | None:
        """A RAKP 3 that frees the half-open session."""
        return _pack(self._client.give_up()) if self._client.half_open else None

    def _next_suite(self, error: SessionRefused) -> Outcome:
        if error.status not in UNSUPPORTED_SUITE or len(self._draft.suites) < 2:
            raise error
        return self._drop_suite("refused")

    def _drop_suite(self, did: str) -> Outcome:
        self._draft.note(f"the BMC {did} cipher suite {self._draft.suites[0]}")
        self._draft.suites = self._draft.suites[1:]
        return Outcome.AGAIN


class Challenge(_Asking):
    """IPMI 1.5: Get Session Challenge and Activate Session."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        draft.auth_type = choose_auth_type(draft.capabilities.auth_types, draft.credentials)
        self._client = ChallengeClient(
            draft.credentials, draft.capabilities, auth_type=draft.auth_type, entropy=draft.entropy
        )

    def start(self) -> bytes:
        """Get Session Challenge."""
        return self._ask(self._client.start())

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """Activate Session, or the session."""
        if self.patience is None:
            return self._receive_challenge(data)
        answer = self._answer_to_activation(data)
        if answer is None:
            return None
        code, body = answer
        if code:
            raise SessionRefused(code, ActivateSession.errors.get(code, "the BMC does not activate the session"))
        activated = self._client.receive(SessionActivated.decode(body))
        return self._draft.activate(activated.session, activated.limit) if isinstance(activated, Activated) else None

    def silence(self) -> Outcome:
        """From the top if there was a challenge: a second activation would be refused."""
        if self.patience is None:
            return super().silence()
        return self._draft.restart(
            "the BMC does not activate the session, as IPMI 1.5 BMCs do when the password is wrong", MAX_ACTIVATIONS
        )

    def _receive_challenge(self, data: bytes) -> bytes | None:
        answer = self._outside(data)
        if answer is None:
            return None
        code, body = answer
        if code in GetSessionChallenge.errors:
            raise AuthenticationError(f"BMC refused the log-in: {GetSessionChallenge.errors[code]} ({code:#04x})")
        require_success(GetSessionChallenge, code)
        command = self._client.receive(GetSessionChallenge.response.decode(body))
        self.patience = RESTART_AFTER
        return self._ask(command, self._client.wrap) if isinstance(command, ActivateSession) else None

    def _answer_to_activation(self, data: bytes) -> tuple[int, bytes] | None:
        packet = decode_lan_packet(data)
        if packet.session_id not in (0, self._client.temporary_id):
            raise DecodeError("packet of another session", offset=9)
        answer = self._answer(packet.payload)
        if answer is None or answer[0] or Workaround.NOAUTHCODECHECK in self._draft.credentials.workarounds:
            return answer
        if not self._client.is_authentic(packet):
            raise AuthenticationError(
                f"wrong password: the BMC's activation is not authenticated with ours{NO_CODE_CHECK}"
            )
        return answer


class RaisePrivilege(_Asking):
    """The first command in the session: Set Session Privilege Level."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._session = draft.session
        # Not a method of ours: the step would hold itself, and the session's keys, until garbage is collected.
        self._seal = functools.partial(self._session.seal, _IPMI)

    def start(self) -> bytes:
        """Set Session Privilege Level, as far as asked and no further."""
        return self._ask(RAISE_TO[self._draft.credentials.privilege], self._seal)

    def receive(self, data: bytes) -> bytes | Outcome | None:
        """Done, or refused."""
        opened = self._session.open(data)
        if opened is None or opened[0] != _IPMI:
            return None
        answer = self._answer(opened[1])
        if answer is None:
            return None
        code, body = answer
        if code:
            text = SetSessionPrivilegeLevel.errors.get(code, "the BMC does not raise the privilege")
            raise SessionRefused(code, text, hint=LOWER_PRIVILEGE)
        return self._judge(SessionPrivilege.decode(body).level)

    def _judge(self, level: int) -> Outcome:
        wanted = self._draft.credentials.privilege
        if level < wanted:
            raise SessionRefused(level, f"it raised the privilege to {level}, not {wanted}", hint=LOWER_PRIVILEGE)
        return Outcome.RAISED

    def silence(self) -> Outcome:
        """The session is open and the BMC says nothing in it: say what that points to."""
        raise PeerTimeoutError(f"the BMC does not answer in the session it opened; {self._suspicion()}")

    def farewell(self) -> bytes | None:
        """Close Session, because the session is open however little it may do."""
        return self._ask(CloseSession(session_id=self._session.remote_id), self._seal)

    def _suspicion(self) -> str:
        session = self._session
        if isinstance(session, LanSession) and session.zero_ids:
            return "its packets have session ID 0, try workaround idzero"
        if session.replays:
            return "its sequence numbers are wrong" + ("" if session.is_plus else ", try workaround endianseq")
        if session.wrong_macs:
            return "its packets are not authenticated as agreed" + ("" if session.is_plus else NO_CODE_CHECK)
        if self._draft.capabilities.per_message_disabled and not session.is_plus:
            return "try workaround forcepermsg"
        return "try workaround icts" if session.is_plus else "try workaround intelwv2"


def _pack(message: Request) -> bytes:
    return encode_plus_packet(message.payload_type, message.encode())
