"""A whole BMC without a socket: datagrams from any number of peers in, datagrams to them out.

What it cannot use is counted by reason and dropped; nothing that arrives can make it raise.

A request that is not safe to repeat (:attr:`~conduit.rmcp.command.Command.safe`) and arrives once more within 60 s in
the same session, byte for byte the same IPMI frame, is answered from memory and not carried out again: a power cycle
whose answer was lost happens once. Four answers a session are remembered. Safe commands are simply done again, so
that a console which never counts its sequence number up does not read old states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.config import BmcConfig
from conduit.ipmi.bmc.faults import Loss, spoil_frame, spoil_lan, spoil_plus
from conduit.ipmi.bmc.handlers import entry_of, execute
from conduit.ipmi.bmc.log_ins import LogIns
from conduit.ipmi.bmc.sessions import Address, Answered, BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.challenge_server import ChallengeServer, Denial
from conduit.rmcp.ciphers import Entropy
from conduit.rmcp.lan_message import LanMessage, decode_frame, encode_response
from conduit.rmcp.misbehaviour import Misbehaviour
from conduit.rmcp.packets import (
    NO_ACK,
    AuthType,
    LanPacket,
    MessageClass,
    PayloadType,
    PresencePing,
    PresencePong,
    decode_lan_packet,
    decode_plus_packet,
    decode_rmcp_header,
    encode_ack,
    encode_lan_packet,
    encode_plus_packet,
)
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import REQUESTS
from conduit.rmcp.rakp_server import reply_to_malformed
from conduit.rmcp.session import PlusSession
from conduit.rmcp.session_commands import ActivateSession, GetChannelCipherSuites, GetSessionChallenge, SessionActivated

_AUTH_TYPE_OFFSET: Final = 4  # in every IPMI datagram
_PLUS_ID: Final = slice(6, 10)
_IPMI: Final = int(PayloadType.IPMI)
_SOL: Final = int(PayloadType.SOL)
_CHALLENGE: Final = (GetSessionChallenge.netfn, GetSessionChallenge.command)
_ACTIVATE: Final = (ActivateSession.netfn, ActivateSession.command)
_CIPHER_LIST: Final = (GetChannelCipherSuites.netfn, GetChannelCipherSuites.command)


class Drop(Enum):
    """Why a datagram was not used."""

    LOST = "lost on purpose"
    NOT_RMCP = "no RMCP, or of another version"
    UNKNOWN_CLASS = "an RMCP class that is not served"
    ACKNOWLEDGE = "an RMCP acknowledge, which nobody waits for"
    BAD_ASF = "a malformed or unknown ASF message"
    BAD_PACKET = "a malformed session header"
    BAD_MESSAGE = "a malformed IPMI message, or a response"
    BAD_HANDSHAKE = "a malformed or stale log-in message"
    DISABLED = "a version of IPMI that is off"
    UNKNOWN_SESSION = "a session that does not exist"
    WRONG_ADDRESS = "a session of another address"
    NOT_AUTHENTIC = "forged, replayed or not as protected as agreed"
    BAD_SOL = "a malformed SOL packet, or one of a session without SOL"
    UNKNOWN_PAYLOAD = "a payload type that is not served"
    SILENT = "not answered on purpose"


class VirtualBmc:
    """One BMC.

    :param entropy: gives session IDs, challenges, random numbers and IVs.
    """

    def __init__(self, config: BmcConfig, *, entropy: Entropy) -> None:
        self.config = config
        self.state = BmcState(config)
        self.drops: Counter[Drop] = Counter()
        self.datagrams = 0
        "Datagrams received."
        self.repeats = 0
        "Requests answered from memory."
        self.log_ins = LogIns(self.state, entropy)
        self._loss = Loss(config.faults)
        self._misbehaviours = config.faults.misbehaviours
        self._outbox: list[tuple[bytes, Address]] = []
        self._generation = (0, 0)
        self._peers_due: float | None = None

    # --- the machine's four methods, for many peers ---

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        """Take one datagram from *address*.

        :param now: the caller's monotonic clock, in seconds.
        """
        self.datagrams += 1
        self.state.datagrams = self.datagrams
        if self._loss.loses():
            self.drops[Drop.LOST] += 1
            return
        dropped = self._route(data, address, now)
        if dropped is not None:
            self.drops[dropped] += 1

    def datagrams_to_send(self) -> Sequence[tuple[bytes, Address]]:
        """Datagrams to send now, with their receivers; each is handed out once. Traps go from here too."""
        for trap, place in self.state.alerting.traps_to_send():
            self._send(trap, place)
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_deadline(self) -> float | None:
        """When :meth:`handle_deadline` wants to be called, or None. It may then find that nothing is due yet."""
        generation = self.state.sessions.opened, self.log_ins.started
        if generation != self._generation:
            self._generation = generation
            self._peers_due = self._next_peer_deadline()
        due, peers_due = self.state.next_deadline(), self._peers_due
        if due is None or peers_due is None:
            return peers_due if due is None else due
        return min(due, peers_due)

    def _next_peer_deadline(self) -> float | None:
        """The first end of a session or log-in. Traffic only puts it off, so it is not looked for after each packet."""
        deadlines = [self._session_deadline(session) for session in self.state.sessions]
        pending = self.log_ins.next_deadline()
        return min((*deadlines, *(() if pending is None else (pending,))), default=None)

    def handle_deadline(self, now: float) -> None:
        """Do what time alone brings: end idle sessions, forget log-ins, let machine and watchdog go on."""
        self.log_ins.expire(now)
        for session in self.state.sessions:
            if self._session_deadline(session) <= now:
                self.state.sessions.remove(session)
        self.state.advance(now)
        self._send_sol()
        self._peers_due = self._next_peer_deadline()

    def _session_deadline(self, session: BmcSession) -> float:
        idle = session.last_active + self.config.limits.idle_timeout
        forgotten = self.config.faults.drop_sessions_after
        return min(idle, session.opened + forgotten) if forgotten else idle

    # --- RMCP ---

    def _route(self, data: bytes, address: Address, now: float) -> Drop | None:
        try:
            header = decode_rmcp_header(data)
        except DecodeError:
            return Drop.NOT_RMCP
        if header.is_ack:
            return Drop.ACKNOWLEDGE
        if header.message_class == MessageClass.IPMI:
            if len(data) <= _AUTH_TYPE_OFFSET:
                return Drop.BAD_PACKET
            plus = data[_AUTH_TYPE_OFFSET] == AuthType.RMCP_PLUS
            return self._receive_plus(data, address, now) if plus else self._receive_lan(data, address, now)
        if header.message_class != MessageClass.ASF:
            return Drop.UNKNOWN_CLASS
        try:
            ping = PresencePing.decode(data)
        except DecodeError:
            return Drop.BAD_ASF
        if header.sequence != NO_ACK:  # only ASF messages are acknowledged; IPMI has answers of its own
            self._send(encode_ack(header), address)
        self._send(PresencePong(tag=ping.tag).encode(), address)
        return None

    def _send(self, datagram: bytes, address: Address) -> None:
        if self._loss.loses():
            self.drops[Drop.LOST] += 1
        else:
            self._outbox.append((datagram, address))

    # --- RMCP+ ---

    def _receive_plus(self, data: bytes, address: Address, now: float) -> Drop | None:
        if not self.config.plus.enabled:
            return Drop.DISABLED
        session_id = int.from_bytes(data[_PLUS_ID], "little")
        if session_id:
            return self._receive_in_session(session_id, data, address, now)
        try:
            packet = decode_plus_packet(data)
        except DecodeError:
            return Drop.BAD_PACKET
        if packet.payload_type == PayloadType.IPMI:
            return self._receive_outside(packet.payload, address, now, plus=True)
        return self._receive_handshake(packet.payload_type, packet.payload, address, now)

    def _receive_handshake(self, payload_type: int, payload: bytes, address: Address, now: float) -> Drop | None:
        kind = REQUESTS.get(payload_type)
        if kind is None:
            return Drop.UNKNOWN_PAYLOAD
        try:
            request = kind.decode(payload)
        except DecodeError:
            refusal = reply_to_malformed(payload_type, payload)
            if refusal is not None:
                self._send(encode_plus_packet(refusal.payload_type, refusal.encode()), address)
            return Drop.BAD_HANDSHAKE
        reply = self.log_ins.receive_handshake(request, address, now)
        if reply is None:
            return Drop.BAD_HANDSHAKE
        self._send(encode_plus_packet(reply.payload_type, reply.encode()), address)
        return None

    # --- IPMI 1.5 ---

    def _receive_lan(self, data: bytes, address: Address, now: float) -> Drop | None:
        try:
            packet = decode_lan_packet(data)
        except DecodeError:
            return Drop.BAD_PACKET
        if not packet.session_id:
            return self._receive_outside(packet.payload, address, now, plus=False)
        if not self.config.lan.enabled:
            return Drop.DISABLED
        if packet.session_id in self.state.sessions:
            return self._receive_in_session(packet.session_id, data, address, now)
        return self._receive_activation(packet, address, now)

    def _receive_activation(self, packet: LanPacket, address: Address, now: float) -> Drop | None:
        message = _decode_request(packet.payload)
        if message is None:
            return Drop.BAD_MESSAGE
        if (message.netfn, message.command) != _ACTIVATE:
            return Drop.UNKNOWN_SESSION
        if not self.log_ins.is_temporary(packet.session_id):
            self._send_lan(packet, encode_response(message, Denial.UNKNOWN_SESSION), address)
            return Drop.UNKNOWN_SESSION
        try:
            answer = self.log_ins.activate(packet, lambda: ActivateSession.decode(message.data), address, now)
        except DecodeError:
            return Drop.BAD_MESSAGE
        if answer is None:
            return Drop.NOT_AUTHENTIC
        self._send_activation(packet, message, *answer, address)
        return None

    def _send_activation(
        self,
        packet: LanPacket,
        message: LanMessage,
        server: ChallengeServer,
        answer: SessionActivated | int,
        address: Address,
    ) -> None:
        """Answer an activation in the temporary session, authenticated as it was."""
        if isinstance(answer, SessionActivated):
            frame, sequence = encode_response(message, CompletionCode.OK, answer.encode()), server.outbound_sequence
        else:
            frame, sequence = encode_response(message, int(answer)), 0
        frame = spoil_frame(frame, self._misbehaviours)
        code = server.wrap_code(packet.session_id, sequence, frame)
        datagram = encode_lan_packet(
            frame, auth_type=packet.auth_type, sequence=sequence, session_id=packet.session_id, auth_code=code
        )
        self._send(spoil_lan(datagram, server.password, self._misbehaviours), address)

    def _send_lan(self, packet: LanPacket, frame: bytes, address: Address) -> None:
        self._send(encode_lan_packet(spoil_frame(frame, self._misbehaviours), session_id=packet.session_id), address)

    # --- commands ---

    def _receive_outside(self, frame: bytes, address: Address, now: float, *, plus: bool) -> Drop | None:
        """A command without a session."""
        message = _decode_request(frame)
        if message is None:
            return Drop.BAD_MESSAGE
        asked = (message.netfn, message.command)
        if asked == _CIPHER_LIST and Misbehaviour.SILENT_CIPHER_LIST in self._misbehaviours:
            return Drop.SILENT
        if asked == _CHALLENGE and self.config.lan.enabled:
            code, data = self._challenge(message, address, now)
        else:
            code, data = execute(self.state, message, None, now)
        answer = spoil_frame(encode_response(message, code, data), self._misbehaviours)
        self._send(encode_plus_packet(PayloadType.IPMI, answer) if plus else encode_lan_packet(answer), address)
        return None

    def _challenge(self, message: LanMessage, address: Address, now: float) -> tuple[int, bytes]:
        try:
            request = GetSessionChallenge.decode(message.data)
        except DecodeError:
            return CompletionCode.DATA_LENGTH_INVALID, b""
        answer = self.log_ins.challenge(request, address, now)
        return (int(answer), b"") if isinstance(answer, Denial) else (CompletionCode.OK, answer.encode())

    def _receive_in_session(self, session_id: int, data: bytes, address: Address, now: float) -> Drop | None:
        session = self.state.sessions.get(session_id)
        if session is None or self._session_deadline(session) <= now:
            return Drop.UNKNOWN_SESSION
        if session.address != address:
            return Drop.WRONG_ADDRESS
        opened = session.protected.open(data)
        if opened is None:
            return Drop.NOT_AUTHENTIC
        payload_type, frame = opened
        if payload_type != _IPMI:
            return self._receive_payload(session, payload_type, frame, now)
        message = _decode_request(frame)
        if message is None:
            return Drop.BAD_MESSAGE
        session.last_active = now
        if not session.protected.is_plus and not self._may_be_unprotected(session, message, data[_AUTH_TYPE_OFFSET]):
            return Drop.NOT_AUTHENTIC
        for reply in self._answer(session, message, frame, now):
            self._send(self._seal(session, reply), address)
        self._settle(session, now)
        self._send_sol()
        return None

    def _receive_payload(self, session: BmcSession, payload_type: int, payload: bytes, now: float) -> Drop | None:
        """A payload other than IPMI messages, in a session."""
        if payload_type != _SOL:
            return Drop.UNKNOWN_PAYLOAD
        session.last_active = now
        if not self.state.sol.receive(session, payload, now):
            return Drop.BAD_SOL
        self._send_sol()
        return None

    def _send_sol(self) -> None:
        """Send what the serial console has to say."""
        for session, payload in self.state.sol.payloads_to_send():
            self._send(session.protected.seal(_SOL, payload), session.address)

    def _may_be_unprotected(self, session: BmcSession, message: LanMessage, auth_type: int) -> bool:
        """Whether a packet of this auth type may carry the command: user level commands may do without sooner."""
        if auth_type == session.auth_type or not self.state.access.per_message_authentication:
            return True
        entry = entry_of(message)
        return entry is not None and entry.request.privilege <= Privilege.USER

    def _answer(self, session: BmcSession, message: LanMessage, frame: bytes, now: float) -> tuple[bytes, ...]:
        """Frames that answer a request, which is carried out unless it has been before."""
        remembered = session.remembered(frame, now)
        if remembered is not None:
            self.repeats += 1
            return remembered
        code, data = execute(self.state, message, session, now)
        replies = (encode_response(message, code, data), *session.bridged)
        session.bridged.clear()
        entry = entry_of(message)
        if entry is not None and not entry.request.safe:
            session.answered.append(Answered(frame, replies, now))
        return replies

    def _seal(self, session: BmcSession, frame: bytes) -> bytes:
        datagram = session.protected.seal(PayloadType.IPMI, spoil_frame(frame, self._misbehaviours))
        if not self._misbehaviours:
            return datagram
        if isinstance(session.protected, PlusSession):
            return spoil_plus(datagram, self._misbehaviours)
        return spoil_lan(datagram, session.account.password, self._misbehaviours)

    def _settle(self, session: BmcSession, now: float) -> None:
        """Carry out what had to wait until the answer was on its way."""
        if session.closing:
            self.state.sessions.remove(session)
            self.state.sol.check_owner()
        if self.state.requested_reset is not None:
            self.log_ins.clear()
            self.state.restart(self.state.requested_reset, now)


def _decode_request(frame: bytes) -> LanMessage | None:
    try:
        message = decode_frame(frame)
    except DecodeError:
        return None
    return None if message.is_response else message
