"""Log-ins that are under way at a virtual BMC: finds the exchange a message belongs to, and forgets old ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from conduit.ipmi.bmc.sessions import Address, BmcSession
from conduit.ipmi.bmc.state import BmcState, privilege_of
from conduit.rmcp.accounts import Account
from conduit.rmcp.challenge_server import ChallengePolicy, ChallengeServer, Denial, find_account
from conduit.rmcp.ciphers import Entropy
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.packets import AuthType, LanPacket
from conduit.rmcp.privilege import START_PRIVILEGE, Privilege
from conduit.rmcp.rakp_messages import OpenSessionRequest, Rakp1, Reply, Request, Status
from conduit.rmcp.rakp_server import RakpPolicy, RakpServer, State, rejection
from conduit.rmcp.session import PlusSession
from conduit.rmcp.session_commands import ActivateSession, GetSessionChallenge, SessionActivated, SessionChallenge


@dataclass(slots=True, kw_only=True)
class LogIn:
    """One log-in, and where it comes from."""

    server: RakpServer | ChallengeServer
    address: Address
    deadline: float
    session: BmcSession | None = None
    "What it led to."


class LogIns:
    """All log-ins under way, by the ID that we gave them.

    Finished ones stay until their time is up, so that a repeated last message is answered again.
    """

    def __init__(self, state: BmcState, entropy: Entropy) -> None:
        self._state = state
        self._entropy = entropy
        self._log_ins: dict[int, LogIn] = {}
        self.started = 0
        "Log-ins so far; when it changes, so may :meth:`next_deadline`."
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._log_ins)

    def expire(self, now: float) -> None:
        """Forget those whose time is up."""
        self._log_ins = {number: log_in for number, log_in in self._log_ins.items() if log_in.deadline > now}

    def next_deadline(self) -> float | None:
        """When :meth:`expire` has something to do."""
        return min((log_in.deadline for log_in in self._log_ins.values()), default=None)

    def clear(self) -> None:
        """Forget all of them."""
        self._log_ins.clear()

    def _free_id(self) -> int:
        while True:
            candidate = int.from_bytes(self._entropy(4), "little")
            if candidate and candidate not in self._log_ins and candidate not in self._state.sessions:
                return candidate

    def _admit(self, log_in_id: int, log_in: LogIn) -> None:
        """Take a log-in in. Where there are too many, the host that has most of them loses its oldest: anybody could
        keep everybody out if the newest had to go, or push everybody out if the oldest of all did.
        """
        if len(self._log_ins) >= self._state.config.limits.half_open:
            (crowding, _), *_ = Counter(known.address[0] for known in self._log_ins.values()).most_common(1)
            del self._log_ins[next(number for number, known in self._log_ins.items() if known.address[0] == crowding)]
            self.evictions += 1
        self._log_ins[log_in_id] = log_in
        self.started += 1

    def _deadline(self, now: float) -> float:
        return now + self._state.config.limits.half_open_timeout

    def _enter(
        self,
        log_in: LogIn,
        protected: PlusSession | LanSession,
        account: Account,
        limit: Privilege,
        *,
        suite: int | None,
        auth_type: int,
        now: float,
    ) -> None:
        log_in.session = BmcSession(
            protected=protected,
            account=account,
            address=log_in.address,
            limit=limit,
            privilege=min(limit, START_PRIVILEGE),
            handle=self._state.sessions.next_handle(),
            suite=suite,
            auth_type=auth_type,
            opened=now,
            last_active=now,
        )
        self._state.sessions.add(log_in.session)

    # --- RMCP+ ---

    def _rakp_policy(self) -> RakpPolicy:
        config = self._state.config
        return RakpPolicy(
            guid=config.identity.guid,
            kg=config.plus.kg,
            suites=self._state.lan.suite_limits(self._state.channel_limit),
            hide_unknown_users=config.plus.hide_unknown_users,
            misbehaviours=config.faults.misbehaviours,
        )

    def receive_handshake(self, request: Request, address: Address, now: float) -> Reply | None:
        """The reply to an Open Session or RAKP message, or None for a stale one."""
        if isinstance(request, OpenSessionRequest):
            return self._open(request, address, now)
        log_in = self._log_ins.get(request.bmc_id)
        if log_in is None or log_in.address != address or not isinstance(log_in.server, RakpServer):
            return rejection(request, Status.INVALID_SESSION_ID, console_id=0)
        reply = log_in.server.receive(request, now)
        opened = log_in.server.opened
        if opened is not None and log_in.session is None:
            plus = int(AuthType.RMCP_PLUS)
            self._enter(
                log_in, opened.session, opened.account, opened.limit, suite=opened.suite, auth_type=plus, now=now
            )
        elif isinstance(request, Rakp1) and log_in.server.state is State.AWAIT_RAKP3:
            log_in.deadline = self._deadline(now)
        return reply

    def _open(self, request: OpenSessionRequest, address: Address, now: float) -> Reply | None:
        for log_in in self._log_ins.values():
            server = log_in.server
            if log_in.address == address and isinstance(server, RakpServer) and server.is_repeat(request):
                return server.receive(request, now)
        if self._state.sessions.is_full:
            return rejection(request, Status.INSUFFICIENT_RESOURCES, console_id=request.console_id)
        bmc_id = self._free_id()
        server = RakpServer(self._rakp_policy(), self._state, bmc_id=bmc_id, entropy=self._entropy)
        reply = server.receive(request, now)
        if server.state is State.AWAIT_RAKP1:
            self._admit(bmc_id, LogIn(server=server, address=address, deadline=self._deadline(now)))
        return reply

    # --- IPMI 1.5 ---

    def _challenge_policy(self) -> ChallengePolicy:
        config, access = self._state.config, self._state.access
        return ChallengePolicy(
            auth_types=frozenset(int(kind) for kind in self._state.lan.auth_types()),
            limit=privilege_of(access.privilege_limit),
            per_message=access.per_message_authentication,
            user_level=access.user_level_authentication,
            hide_unknown_users=config.lan.hide_unknown_users,
            misbehaviours=config.faults.misbehaviours,
        )

    def challenge(self, request: GetSessionChallenge, address: Address, now: float) -> SessionChallenge | Denial:
        """A challenge for a user, or why there is none."""
        policy = self._challenge_policy()
        account = find_account(request, policy, self._state, now)
        if isinstance(account, Denial):
            return account
        temporary_id = self._free_id()
        server = ChallengeServer(
            policy,
            self._state,
            account,
            auth_type=request.auth_type,
            temporary_id=temporary_id,
            session_id=self._free_id(),
            entropy=self._entropy,
        )
        self._admit(temporary_id, LogIn(server=server, address=address, deadline=self._deadline(now)))
        return server.challenge

    def is_temporary(self, session_id: int) -> bool:
        """Whether this is the ID of an IPMI 1.5 log-in."""
        log_in = self._log_ins.get(session_id)
        return log_in is not None and isinstance(log_in.server, ChallengeServer)

    def activate(
        self, packet: LanPacket, decode: Callable[[], ActivateSession], address: Address, now: float
    ) -> tuple[ChallengeServer, SessionActivated | int] | None:
        """The answer to an activation, or None for one that is dropped: from elsewhere, or with a wrong AuthCode.

        :param decode: reads the request, once its packet has proved authentic.
        :raises DecodeError: from *decode*.
        """
        log_in = self._log_ins.get(packet.session_id)
        if log_in is None or log_in.address != address or not isinstance(log_in.server, ChallengeServer):
            return None
        if not log_in.server.is_authentic(packet, now):
            return None
        if self._state.sessions.is_full and log_in.session is None:
            return log_in.server, Denial.NO_SLOT
        answer = log_in.server.receive(decode())
        activated = log_in.server.activated
        if activated is not None and log_in.session is None:
            kind = activated.auth_type
            self._enter(
                log_in, activated.session, activated.account, activated.limit, suite=None, auth_type=kind, now=now
            )
        return log_in.server, answer
