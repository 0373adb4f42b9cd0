"""The BMC's side of Open Session and RAKP 1 to 4 (section 13.15), for one half-open session.

It knows neither datagrams nor timers. A request that arrives again is answered again with the same reply, because the
first one may have been lost: answers are compared without their tags, which some consoles renew with each repeat.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from conduit._machine import Label
from conduit.rmcp.accounts import Account, Doorkeeper
from conduit.rmcp.ciphers import (
    PASSWORD_LENGTH,
    SUITES,
    Authentication,
    Confidentiality,
    Entropy,
    Integrity,
    RakpTranscript,
)
from conduit.rmcp.misbehaviour import WELL_BEHAVED, Misbehaviour
from conduit.rmcp.packets import PayloadType
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import (
    MAX_USERNAME,
    NAME_ONLY_LOOKUP,
    RANDOM_LENGTH,
    ROLE_MASK,
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
)
from conduit.rmcp.session import PlusSession


class State(Label):
    """How far the exchange is."""

    IDLE = "waiting for Open Session Request"
    AWAIT_RAKP1 = "waiting for RAKP 1"
    AWAIT_RAKP3 = "waiting for RAKP 3"
    ACTIVE = "session open"
    FAILED = "refused"


# Every legal move. An absent pair is a stale message, counted and dropped, or a repeated one, answered as before.
TRANSITIONS: Final[Mapping[tuple[State, type[Request]], State]] = {
    (State.IDLE, OpenSessionRequest): State.AWAIT_RAKP1,
    (State.AWAIT_RAKP1, Rakp1): State.AWAIT_RAKP3,
    (State.AWAIT_RAKP3, Rakp3): State.ACTIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RakpPolicy:
    """What a BMC allows and who it is."""

    guid: bytes
    "The GUID of the system, 16 bytes."
    kg: bytes = field(default=b"", repr=False)
    "The BMC's key for two-key log-ins, 0 to 20 bytes; empty for one-key log-ins."
    suites: Mapping[int, Privilege]
    "Cipher suites that may be used, by number, and the most that a session under each gets."
    hide_unknown_users: bool = False
    """Whether a user name that does not exist gets a RAKP 2 like any other and fails only at RAKP 3, as after a wrong
    password. The specification's way, status 0Dh at RAKP 2, tells strangers which names exist."""
    misbehaviours: frozenset[Misbehaviour] = WELL_BEHAVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Both sides have proved the password."""

    session: PlusSession
    account: Account
    limit: Privilege
    "Most that the session may be raised to: the least of what user, suite and console's role allow."
    suite: int
    "Cipher suite by number."


class RakpServer:
    """One exchange.

    :param bmc_id: our ID for the session, not 0.
    :param entropy: gives Rc and, in the session, IVs.
    """

    def __init__(self, policy: RakpPolicy, doorkeeper: Doorkeeper, *, bmc_id: int, entropy: Entropy) -> None:
        self._policy = policy
        self._doorkeeper = doorkeeper
        self._bmc_id = bmc_id
        self._entropy = entropy
        self._state = State.IDLE
        self._suite = 0
        self._console_id = 0
        self._role_limit = Privilege.USER
        self._account: Account | None = None
        self._transcript: RakpTranscript | None = None
        self._last: tuple[Request, Reply | None] | None = None
        self._opened: Opened | None = None
        self.stale_requests = 0

    @property
    def state(self) -> State:
        """How far the exchange is."""
        return self._state

    @property
    def opened(self) -> Opened | None:
        """The session, once it is open."""
        return self._opened

    @property
    def console_id(self) -> int:
        """The console's ID for the session; 0 before it gave one."""
        return self._console_id

    def is_repeat(self, request: Request) -> bool:
        """Whether *request* is, its tag apart, the last one that was answered."""
        return self._last is not None and self._last[0] == replace(request, tag=0)

    def receive(self, request: Request, now: float) -> Reply | None:
        """Advance by one message from the console: the reply, or None where none is due.

        :param now: the caller's monotonic clock, in seconds; the lock-out counts with it.
        """
        if self._last is not None and self.is_repeat(request):
            return None if self._last[1] is None else replace(self._last[1], tag=request.tag)
        target = TRANSITIONS.get((self._state, type(request)))
        if target is None:
            self.stale_requests += 1
            return self._reject(request, Status.INACTIVE_SESSION_ID) if self._state is State.FAILED else None
        answer = self._answer(request, now)
        reply: Reply | None
        if isinstance(answer, Status):
            target = State.FAILED
            reply = self._reject(request, answer) if _wants_answer(request) else None
        else:
            reply = answer
        self._state = target
        self._last = (replace(request, tag=0), reply)
        return reply

    def _reject(self, request: Request, status: Status) -> Reply:
        return rejection(request, status, console_id=self._console_id)

    def _answer(self, request: Request, now: float) -> Reply | Status:
        match request:
            case OpenSessionRequest():
                return self._answer_open(request)
            case Rakp1():
                return self._answer_rakp1(request, now)
            case Rakp3():
                return self._answer_rakp3(request, now)
            case _:  # pragma: no cover
                assert_never(request)

    # --- Open Session (section 13.17) ---

    def _answer_open(self, request: OpenSessionRequest) -> OpenSessionResponse | Status:
        self._console_id = request.console_id
        if not request.console_id:
            return Status.INVALID_SESSION_ID
        if request.privilege > Privilege.OEM:
            return Status.INVALID_ROLE
        suite = find_suite(request.algorithms)
        if isinstance(suite, Status):
            return suite
        if suite not in self._policy.suites:
            return Status.NO_CIPHER_SUITE_MATCH
        self._suite = suite
        # Not what the console asks for, often 0, but the most it can have: FreeIPMI wants at least what it will use.
        self._role_limit = self._policy.suites[suite]
        echoed = Misbehaviour.ECHOES_PRIVILEGE in self._policy.misbehaviours
        algorithms = request.algorithms
        if Misbehaviour.WRONG_SUITE in self._policy.misbehaviours:
            algorithms = replace(algorithms, integrity=algorithms.integrity ^ 1)
        return OpenSessionResponse(
            tag=request.tag,
            privilege=request.privilege if echoed else self._role_limit,
            console_id=self._console_id,
            bmc_id=self._bmc_id,
            algorithms=algorithms,
        )

    # --- RAKP 1 and 2 (sections 13.20 and 13.21) ---

    def _answer_rakp1(self, request: Rakp1, now: float) -> Rakp2 | Status:
        role = request.role & ROLE_MASK
        if not Privilege.CALLBACK <= role <= Privilege.OEM:
            return Status.INVALID_ROLE
        account = self._find(request.username, request.role, now)
        if account is None and self._hides_users:
            secret = self._entropy(PASSWORD_LENGTH)
            account = Account(user_id=0, username=request.username, password=secret, limit=Privilege.OEM)
        if account is None:
            return Status.UNAUTHORIZED_NAME
        # What only a user who exists can be told waits, where users are hidden, until the password is proved.
        limit = self._role_limit if self._hides_users else min(account.limit, self._role_limit)
        if role > limit:
            return Status.UNAUTHORIZED_ROLE
        if not self._hides_users and not self._doorkeeper.has_room_for(account):
            return Status.INSUFFICIENT_RESOURCES_FOR_ROLE
        self._account = account
        self._role_limit = Privilege(role)
        self._transcript = transcript = RakpTranscript(
            authentication=SUITES[self._suite].authentication,
            console_id=self._console_id,
            bmc_id=self._bmc_id,
            console_random=request.console_random,
            bmc_random=self._entropy(RANDOM_LENGTH),
            guid=self._policy.guid,
            role=request.role,
            username=request.username,
        )
        return Rakp2(
            tag=request.tag,
            console_id=self._console_id,
            bmc_random=transcript.bmc_random,
            guid=transcript.guid,
            code=self._spoilt(transcript.rakp2_code(account.password), Misbehaviour.WRONG_RAKP2_CODE),
        )

    def _find(self, username: bytes, role: int, now: float) -> Account | None:
        return self._doorkeeper.find(username, None if role & NAME_ONLY_LOOKUP else role & ROLE_MASK, now)

    @property
    def _hides_users(self) -> bool:
        """Whether strangers must not learn who exists; without a proof of the password nobody can be hidden."""
        proves = SUITES[self._suite].authentication is not Authentication.RAKP_NONE
        return self._policy.hide_unknown_users and proves

    # --- RAKP 3 and 4 (sections 13.22 and 13.23) ---

    def _answer_rakp3(self, request: Rakp3, now: float) -> Rakp4 | Status:
        account, transcript = self._account, self._transcript
        if account is None or transcript is None or request.status != Status.NO_ERRORS:
            return Status.ILLEGAL_PARAMETER  # the console has given up: nobody waits for this
        proved = hmac.compare_digest(transcript.rakp3_code(account.password), request.code)
        # Once more: or guesses made side by side, all of them begun before the lock-out, would slip past it. An account
        # that we made up to hide that there is none ends here, too.
        if self._find(transcript.username, transcript.role, now) != account:
            return Status.INVALID_INTEGRITY_CHECK_VALUE if self._hides_users else Status.UNAUTHORIZED_NAME
        self._doorkeeper.record(account, now, succeeded=proved)
        if not proved:
            return Status.INVALID_INTEGRITY_CHECK_VALUE
        if self._role_limit > account.limit:
            return Status.UNAUTHORIZED_ROLE
        if not self._doorkeeper.has_room_for(account):  # others were faster since RAKP 1
            return Status.INSUFFICIENT_RESOURCES
        sik = transcript.session_integrity_key(self._policy.kg or account.password)
        session = PlusSession(
            SUITES[self._suite],
            transcript.session_keys(sik),
            password=account.password,
            local_id=self._bmc_id,
            remote_id=self._console_id,
            entropy=self._entropy,
        )
        self._opened = Opened(session=session, account=account, limit=self._role_limit, suite=self._suite)
        check = self._spoilt(transcript.rakp4_check(sik), Misbehaviour.WRONG_RAKP4_CHECK)
        if not check and Misbehaviour.CHECK_IN_SUITE_0 in self._policy.misbehaviours:
            check = bytes(12)
        return Rakp4(tag=request.tag, console_id=self._console_id, check=check)

    def _spoilt(self, code: bytes, by: Misbehaviour) -> bytes:
        return bytes(byte ^ 0xFF for byte in code) if by in self._policy.misbehaviours else code


def _wants_answer(request: Request) -> bool:
    """Whether anybody waits for a reply: not after a RAKP 3 that says the console has given up."""
    return not (isinstance(request, Rakp3) and request.status != Status.NO_ERRORS)


def find_suite(algorithms: Algorithms) -> int | Status:
    """The standard cipher suite of these algorithms, or the status that says what is wrong with them."""
    for kind, number, status in (
        (Authentication, algorithms.authentication, Status.INVALID_AUTHENTICATION_ALGORITHM),
        (Integrity, algorithms.integrity, Status.INVALID_INTEGRITY_ALGORITHM),
        (Confidentiality, algorithms.confidentiality, Status.INVALID_CONFIDENTIALITY_ALGORITHM),
    ):
        if number >= len(kind):
            return status
    wanted = (algorithms.authentication, algorithms.integrity, algorithms.confidentiality)
    for suite, known in SUITES.items():
        if tuple(known) == wanted:
            return suite
    return Status.NO_CIPHER_SUITE_MATCH


def rejection(request: Request, status: Status, *, console_id: int) -> Reply:
    """The reply that refuses *request*."""
    match request:
        case OpenSessionRequest():
            return OpenSessionResponse(tag=request.tag, status=status, console_id=request.console_id)
        case Rakp1():
            return Rakp2(tag=request.tag, status=status, console_id=console_id)
        case Rakp3():
            return Rakp4(tag=request.tag, status=status, console_id=console_id)
        case _:  # pragma: no cover
            assert_never(request)


_NAME_LENGTH_OFFSET: Final = 27  # of the user name's length in RAKP 1
_CONSOLE_ID: Final = slice(4, 8)  # in Open Session Request


def reply_to_malformed(payload_type: int, payload: bytes) -> Reply | None:
    """The refusal of a message that cannot be decoded, where table 13-15 has a status for what is wrong with it."""
    if payload_type == PayloadType.RAKP_1 and len(payload) > _NAME_LENGTH_OFFSET:
        if payload[_NAME_LENGTH_OFFSET] > MAX_USERNAME:
            return Rakp2(tag=payload[0], status=Status.INVALID_NAME_LENGTH, console_id=0)
    elif payload_type == PayloadType.OPEN_SESSION_REQUEST and len(payload) >= _CONSOLE_ID.stop:
        whole = len(payload) >= _CONSOLE_ID.stop + Algorithms.STRUCT.size
        status = Status.INVALID_PAYLOAD_TYPE if whole else Status.ILLEGAL_PARAMETER
        console_id = int.from_bytes(payload[_CONSOLE_ID], "little")
        return OpenSessionResponse(tag=payload[0], status=status, console_id=console_id)
    return None
