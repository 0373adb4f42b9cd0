"""The remote console's side of Open Session and RAKP 1 to 4 (section 13.15): who proves what to whom, in which order.

It knows neither datagrams nor time; :mod:`conduit.rmcp.login` sends, repeats and gives up.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, assert_never

from conduit._machine import Label
from conduit.errors import AuthenticationError, ConduitError, NegotiationError, SessionRefused
from conduit.rmcp.ciphers import (
    RAKP_HASHES,
    SUITES,
    Authentication,
    CipherSuite,
    Entropy,
    Integrity,
    RakpHash,
    RakpTranscript,
    SessionKeys,
)
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.rakp_messages import (
    MAX_USERNAME,
    NAME_ONLY_LOOKUP,
    RANDOM_LENGTH,
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
    Reply,
    Request,
    Status,
    status_name,
)
from conduit.rmcp.session import PlusSession
from conduit.rmcp.workarounds import RakpDialect, Workaround


class State(Label):
    """How far the exchange is."""

    OPENING = "waiting for Open Session Response"
    AWAIT_RAKP2 = "waiting for RAKP 2"
    AWAIT_RAKP4 = "waiting for RAKP 4"
    ACTIVE = "session open"
    FAILED = "given up"


# Every legal move. An absent pair is a stale or repeated datagram: counted, dropped.
TRANSITIONS: Final[Mapping[tuple[State, type[Reply]], State]] = {
    (State.OPENING, OpenSessionResponse): State.AWAIT_RAKP2,
    (State.AWAIT_RAKP2, Rakp2): State.AWAIT_RAKP4,
    (State.AWAIT_RAKP4, Rakp4): State.ACTIVE,
}

# What a person may do about a status (table 13-15).
HINTS: Final[Mapping[int, str]] = {
    Status.INSUFFICIENT_RESOURCES: "every session slot is taken; wait for one to time out",
    Status.INVALID_ROLE: "ask for another privilege with -L",
    Status.UNAUTHORIZED_ROLE: "ask for a lower privilege with -L, such as -L USER",
    Status.INSUFFICIENT_RESOURCES_FOR_ROLE: "ask for a lower privilege with -L",
    Status.INVALID_AUTHENTICATION_ALGORITHM: "try another cipher suite with -C",
    Status.INVALID_INTEGRITY_ALGORITHM: "try another cipher suite with -C",
    Status.INVALID_CONFIDENTIALITY_ALGORITHM: "try another cipher suite with -C",
    Status.NO_CIPHER_SUITE_MATCH: "try another cipher suite with -C",
}
# Hashes of RAKP 4 where a BMC takes the integrity algorithm's instead of its own (workaround intelplus).
INTEGRITY_HASHES: Final[Mapping[Integrity, RakpHash]] = {
    Integrity.HMAC_SHA1_96: RAKP_HASHES[Authentication.RAKP_HMAC_SHA1],
    Integrity.HMAC_MD5_128: RAKP_HASHES[Authentication.RAKP_HMAC_MD5],
    Integrity.HMAC_SHA256_128: RAKP_HASHES[Authentication.RAKP_HMAC_SHA256],
}
NO_KEYS: Final = SessionKeys()
OFFERS: Final[Mapping[int, Algorithms]] = {
    number: Algorithms(authentication=suite[0], integrity=suite[1], confidentiality=suite[2])
    for number, suite in SUITES.items()
}
DISBELIEVERS: Final = frozenset({Workaround.OPENSESSPRIV, Workaround.SUN20})  # of Open Session Response's limit
# Dialects tried, without believing them, when a BMC's proof does not match: one that fits is worth a hint.
KNOWN_DIALECTS: Final = (Workaround.INTEL20, Workaround.I82571SPT)
# Statuses of Open Session that say "not with these algorithms".
UNSUPPORTED_SUITE: Final = frozenset(
    {
        Status.INVALID_AUTHENTICATION_ALGORITHM,
        Status.INVALID_INTEGRITY_ALGORITHM,
        Status.NO_MATCHING_AUTHENTICATION_PAYLOAD,
        Status.NO_MATCHING_INTEGRITY_PAYLOAD,
        Status.INVALID_CONFIDENTIALITY_ALGORITHM,
        Status.NO_CIPHER_SUITE_MATCH,
    }
)


@dataclass(slots=True, kw_only=True)
class Established:
    """The session is open and both sides have proved the password."""

    session: PlusSession
    limit: int
    "Highest privilege that the BMC allows this session, 0 when it does not say."
    guid: bytes
    "The BMC's GUID, 16 bytes."


class RakpClient:
    """One exchange, for one cipher suite.

    :param console_id: our session ID, not 0.
    :param entropy: gives Rm and, in the session, IVs.
    """

    __slots__ = (
        "_bmc_id",
        "_console_id",
        "_console_random",
        "_credentials",
        "_dialect",
        "_entropy",
        "_expected_check",
        "_guid",
        "_keys",
        "_limit",
        "_offered",
        "_state",
        "_suite",
        "_tag",
        "stale_replies",
    )

    def __init__(self, credentials: Credentials, suite: int, *, console_id: int, entropy: Entropy) -> None:
        self._credentials = credentials
        self._dialect = RakpDialect.of(credentials.workarounds)
        self._suite: CipherSuite = SUITES[suite]
        self._console_id = console_id
        self._entropy = entropy
        self._console_random = entropy(RANDOM_LENGTH)
        self._offered = OFFERS[suite]
        self._state = State.OPENING
        self._tag = entropy(1)[0]
        self._bmc_id = 0
        self._limit = 0
        self._guid = b""
        self._keys = NO_KEYS
        self._expected_check = b""
        self.stale_replies = 0

    @property
    def state(self) -> State:
        """How far the exchange is."""
        return self._state

    def start(self) -> OpenSessionRequest:
        """The first message."""
        return OpenSessionRequest(
            tag=self._tag,
            privilege=self._credentials.privilege,
            console_id=self._console_id,
            algorithms=self._offered,
        )

    def receive(self, reply: Reply) -> Request | Established | None:
        """Advance by one reply from the BMC: the next message, the session, or None for a stale reply.

        :raises SessionRefused: the BMC says no.
        :raises NegotiationError: the BMC chose algorithms that nobody offered.
        :raises AuthenticationError: user name, password or Kg differ between us and the BMC.
        """
        target = TRANSITIONS.get((self._state, type(reply)))
        # Statuses are not authenticated: believe a reply only if tag and session ID match.
        if target is None or reply.tag != self._tag or reply.console_id not in (None, self._console_id):
            self.stale_replies += 1
            return None
        try:
            answer = self._answer(reply)
        except ConduitError:
            self._state = State.FAILED
            raise
        self._state = target
        return answer

    def give_up(self) -> Rakp3:
        """The message that lets the BMC forget a half-open session after an error of ours."""
        return Rakp3(tag=self._next_tag(), status=Status.INVALID_INTEGRITY_CHECK_VALUE, bmc_id=self._bmc_id)

    @property
    def half_open(self) -> bool:
        """Whether the BMC waits for a RAKP 3 that :meth:`give_up` could give it."""
        return self._state is not State.ACTIVE and bool(self._bmc_id)

    def _answer(self, reply: Reply) -> Request | Established:
        self._check_status(reply)
        match reply:
            case OpenSessionResponse():
                return self._answer_open(reply)
            case Rakp2():
                return self._answer_rakp2(reply)
            case Rakp4():
                return self._answer_rakp4(reply)
            case _:  # pragma: no cover
                assert_never(reply)

    def _check_status(self, reply: Reply) -> None:
        """:raises AuthenticationError: the status names user or password. :raises SessionRefused: any other error."""
        status = reply.status
        if status == Status.NO_ERRORS:
            return
        if status == Status.INVALID_INTEGRITY_CHECK_VALUE and isinstance(reply, Rakp4):
            raise AuthenticationError(
                f"the BMC refused our proof though its own was right ({status:#04x}); try workaround intelplus"
            )
        if status in (Status.UNAUTHORIZED_NAME, Status.INVALID_INTEGRITY_CHECK_VALUE):
            raise AuthenticationError(f"the BMC refused the log-in: {status_name(status)} ({status:#04x})")
        raise SessionRefused(status, status_name(status), hint=HINTS.get(status, ""))

    def _answer_open(self, reply: OpenSessionResponse) -> Rakp1:
        if reply.algorithms != self._offered:
            raise NegotiationError(f"BMC chose {reply.algorithms} though only cipher suite {self._suite} was offered")
        if not reply.bmc_id:
            raise NegotiationError("BMC chose session ID 0, which means that there is no session")
        self._bmc_id = reply.bmc_id
        self._limit = reply.privilege
        if 0 < self._limit < self._credentials.privilege and not self._credentials.workarounds & DISBELIEVERS:
            raise SessionRefused(
                Status.UNAUTHORIZED_ROLE,
                f"this cipher suite allows privilege {self._limit} at most",
                hint="ask for less with -L, or try workaround opensesspriv",
            )
        name = self._credentials.username
        return Rakp1(
            tag=self._next_tag(),
            bmc_id=self._bmc_id,
            console_random=self._console_random,
            role=self._credentials.role,
            username=name.ljust(MAX_USERNAME, b"\0") if self._dialect.padded_name else name,
            padding=MAX_USERNAME - len(name) if self._dialect.long_rakp1 else 0,
        )

    def _answer_rakp2(self, reply: Rakp2) -> Rakp3:
        dialect = self._dialect
        transcript = self._transcript(reply, dialect)
        password = self._password(dialect)
        if not self._proves(reply, dialect, transcript):
            raise AuthenticationError(f"the BMC's proof in RAKP 2 does not match: {self._explain_rakp2(reply)}")
        self._guid = reply.guid
        proof = transcript
        if dialect.bare_role_in_rakp3:
            role = self._credentials.role & ~NAME_ONLY_LOOKUP
            proof = replace(transcript, username=self._credentials.username, role=role)
        code = proof.rakp3_code(password)
        sik = transcript.session_integrity_key(self._credentials.kg or password)
        self._keys = transcript.session_keys(sik)
        other = INTEGRITY_HASHES.get(self._suite.integrity) if dialect.check_by_integrity else None
        self._expected_check = transcript.rakp4_check(sik, other)
        return Rakp3(tag=self._next_tag(), bmc_id=self._bmc_id, code=code)

    def _answer_rakp4(self, reply: Rakp4) -> Established:
        if not self._is_expected_check(reply.check):
            raise AuthenticationError(
                "the BMC's integrity check in RAKP 4 does not match: wrong, missing or needless BMC key Kg (-k); "
                "or try workaround intelplus"
            )
        session = PlusSession(
            self._suite,
            self._keys,
            password=self._credentials.password,
            local_id=self._console_id,
            remote_id=self._bmc_id,
            entropy=self._entropy,
            icts=Workaround.ICTS in self._credentials.workarounds,
        )
        return Established(session=session, limit=self._limit, guid=self._guid)

    def _is_expected_check(self, check: bytes) -> bool:
        if self._suite.authentication is Authentication.RAKP_NONE:
            if check and Workaround.INTEGRITYCHECKVALUE not in self._credentials.workarounds:
                raise NegotiationError("RAKP 4 has a check that nobody can verify; try workaround integritycheckvalue")
            return True
        return hmac.compare_digest(self._expected_check, check)

    # --- what the BMC's proof should be, and why it is not ---

    def _transcript(self, reply: Rakp2, dialect: RakpDialect) -> RakpTranscript:
        credentials = self._credentials
        name = credentials.username
        return RakpTranscript(
            authentication=self._suite.authentication,
            console_id=self._console_id,
            bmc_id=self._bmc_id,
            console_random=self._console_random,
            bmc_random=reply.bmc_random,
            guid=reply.guid,
            role=credentials.role & ~NAME_ONLY_LOOKUP if dialect.bare_role else credentials.role,
            username=name.ljust(MAX_USERNAME, b"\0") if dialect.padded_name else name,
        )

    def _password(self, dialect: RakpDialect) -> bytes:
        cut = dialect.short_password and self._suite.authentication is Authentication.RAKP_HMAC_MD5
        return self._credentials.password[:16] if cut else self._credentials.password

    def _proves(self, reply: Rakp2, dialect: RakpDialect, transcript: RakpTranscript) -> bool:
        code = reply.code[:-1] if dialect.surplus_byte and self._has_surplus(reply) else reply.code
        return hmac.compare_digest(transcript.rakp2_code(self._password(dialect)), code)

    def _has_surplus(self, reply: Rakp2) -> bool:
        return len(reply.code) == RAKP_HASHES[self._suite.authentication].code_length + 1

    def _explain_rakp2(self, reply: Rakp2) -> str:
        if self._has_surplus(reply):
            return "it has one byte too many; try workaround supermicro20 or sun20"
        for workaround in KNOWN_DIALECTS:
            dialect = RakpDialect.of(frozenset({workaround}))
            if self._proves(reply, dialect, self._transcript(reply, dialect)):
                return f"try workaround {workaround.value}"
        return "wrong password"

    def _next_tag(self) -> int:
        self._tag = self._tag + 1 & 0xFF
        return self._tag
