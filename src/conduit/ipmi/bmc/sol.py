"""The BMC's side of SOL: who has the payload, how it is set up, and the packets between its owner and the serial port.

One instance, one owner. A packet that stays unacknowledged is repeated as configured, and then more slowly, but never
given up while the session lives: output waits in the serial port, whose host notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeVar, cast

from conduit.errors import DecodeError
from conduit.ipmi._fields import check_range
from conduit.ipmi.bmc.serial_port import HISTORY, SerialPort
from conduit.ipmi.bmc.sessions import BmcSession, SessionTable
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.commands.payloads import ActivatePayload, PayloadActivation
from conduit.ipmi.commands.sol import (
    RETRY_UNIT,
    BitRate,
    SolAccumulation,
    SolAuthentication,
    SolBitRate,
    SolEnable,
    SolParameter,
    SolPayloadChannel,
    SolPayloadPort,
    SolRetry,
    SolSelector,
    SolSetInProgress,
    SolVolatileBitRate,
)
from conduit.ipmi.messages import PrivilegeLimit
from conduit.ipmi.sol_link import SolLink
from conduit.ipmi.sol_packets import HEADER_SIZE, MAX_CHARACTERS, Operation, SolPacket, Status
from conduit.rmcp.packets import PORT

ParameterT = TypeVar("ParameterT", SolAccumulation, SolAuthentication, SolBitRate, SolEnable, SolRetry)

INSTANCE: Final = 1  # the only one
PAYLOAD_SIZE: Final = HEADER_SIZE + MAX_CHARACTERS  # bytes, each way
SLOW: Final = 4  # after the configured repeats, the interval is this many times as long
_LINES: Final = int(Operation.PAUSE | Operation.DROP_CARRIER)
_ONCE: Final = int(Operation.FLUSH_INBOUND | Operation.FLUSH_OUTBOUND | Operation.BREAK | Operation.RING)


class Denied(IntEnum):
    """Why an activation is refused: completion codes of Activate Payload (section 24.1)."""

    ACTIVE = 0x80
    DISABLED = 0x81
    NO_ENCRYPTION = 0x83
    ENCRYPTION_WANTED = 0x84
    PRIVILEGE = 0xD4
    NO_SUCH_INSTANCE = 0xCC


@dataclass(frozen=True, slots=True, kw_only=True)
class SolConfig:
    """How SOL is set up at the start."""

    enabled: bool = True
    privilege: PrivilegeLimit = PrivilegeLimit.USER
    "Least privilege that may activate it."
    force_encryption: bool = False
    force_authentication: bool = False
    accumulate_interval: int = 1
    "Units of 5 ms, 1 to 255."
    threshold: int = 1
    "Characters that are sent at once, 1 to 255; 1 sends every character as soon as it comes."
    retry_count: int = 7
    "0 to 7."
    retry_interval: int = 25
    "Units of 10 ms, 1 to 255."
    history: int = HISTORY
    "Bytes of output kept for the next console while nobody watches."
    needs_power: bool = False
    "Whether characters are unavailable while the machine is off."

    def __post_init__(self) -> None:
        check_range("accumulate_interval", self.accumulate_interval, 1, 255)
        check_range("threshold", self.threshold, 1, 255)
        check_range("retry_count", self.retry_count, 0, 7)
        check_range("retry_interval", self.retry_interval, 1, 255)
        check_range("history", self.history, 0, 1 << 30)


def initial_parameters(config: SolConfig, channel: int, port: int) -> dict[int, SolParameter]:
    """Every parameter as configured."""
    parameters: tuple[SolParameter, ...] = (
        SolSetInProgress(),
        SolEnable(enabled=config.enabled),
        SolAuthentication(
            force_encryption=config.force_encryption,
            force_authentication=config.force_authentication,
            privilege=config.privilege,
        ),
        SolAccumulation(interval=config.accumulate_interval, threshold=config.threshold),
        SolRetry(count=config.retry_count, interval=config.retry_interval),
        SolBitRate(rate=BitRate.BPS_115200),
        SolVolatileBitRate(rate=BitRate.BPS_115200),
        SolPayloadChannel(channel=channel),
        SolPayloadPort(port=port),
    )
    return {parameter.SELECTOR: parameter for parameter in parameters}


@dataclass(slots=True, eq=False)
class SolServer:
    """SOL of one BMC.

    :param sessions: the BMC's; an owner whose session has ended is none.
    :param channel: the LAN channel's number.
    """

    config: SolConfig
    sessions: SessionTable
    channel: int
    port: SerialPort = field(init=False)
    parameters: dict[int, SolParameter] = field(init=False)
    udp_port: int = PORT
    "What the activation says; the driver knows."
    may_not: set[int] = field(default_factory=set)
    "User IDs whose payload access to SOL was taken away."
    available: bool = True
    "Whether the machine can send and receive characters."
    _owner: BmcSession | None = None
    _farewell: tuple[BmcSession, list[bytes]] | None = None
    _link: SolLink = field(init=False)
    _test_mode: bool = False
    _breaks_told: int = 0
    _pending_since: float | None = None
    _may_send_now: bool = False

    def __post_init__(self) -> None:
        self.port = SerialPort(history=self.config.history)
        self.parameters = initial_parameters(self.config, self.channel, PORT)
        self._link = self._make_link()

    def serve_on(self, udp_port: int) -> None:
        """The driver says which UDP port this is."""
        self.udp_port = udp_port
        self.parameters[SolSelector.PAYLOAD_PORT] = SolPayloadPort(port=udp_port)

    # --- activation ---

    @property
    def owner(self) -> BmcSession | None:
        """The session that has the payload."""
        return self._owner

    @property
    def is_settled(self) -> bool:
        """Whether the console has confirmed everything that was sent to it."""
        return self._link.is_idle

    def activate(self, request: ActivatePayload, session: BmcSession, now: float) -> PayloadActivation | Denied:
        """Give the payload to *session*, or say why not. Its owner may activate it again, which starts afresh."""
        self.check_owner()
        denied = self._denial(request, session)
        if denied is not None:
            return denied
        if self._owner is not None:
            self._end()
        flags = request.aux[0]
        self._owner = session
        self._test_mode = bool(flags & request.TEST_MODE)
        self._link = self._make_link()
        self._breaks_told = self.port.host_breaks
        up = not flags & request.DEASSERT
        self.port.watch(cts=up, dcd=up)
        self._pending_since = None
        if not self.available:
            self._link.notify()
        return PayloadActivation(
            aux=bytes((self._test_mode, 0, 0, 0)),
            inbound_size=PAYLOAD_SIZE,
            outbound_size=PAYLOAD_SIZE,
            port=self.udp_port,
        )

    def _denial(self, request: ActivatePayload, session: BmcSession) -> Denied | None:
        wanted = self._parameter(SolAuthentication)
        if request.instance != INSTANCE:
            return Denied.NO_SUCH_INSTANCE
        if not self._parameter(SolEnable).enabled:
            return Denied.DISABLED
        if session.account.user_id in self.may_not or session.privilege < wanted.privilege:
            return Denied.PRIVILEGE
        encrypted, authenticated = session.protection
        asks = bool(request.aux[0] & request.ENCRYPT)
        if asks != encrypted:  # what a session encrypts, it encrypts for every payload
            return Denied.NO_ENCRYPTION if asks else Denied.ENCRYPTION_WANTED
        if wanted.force_encryption > encrypted or wanted.force_authentication > authenticated:
            return Denied.ENCRYPTION_WANTED
        taken = self._owner is not None and self._owner is not session
        return Denied.ACTIVE if taken else None

    def deactivate(self, by: BmcSession | None = None) -> bool:
        """End the payload, whoever has it; its owner is told if it is another. Whether it was active.

        :param by: the session that asks, or None when the BMC itself ends it.
        """
        self.check_owner()
        owner = self._owner
        if owner is None:
            return False
        self._end()
        if owner is not by:
            self._link.notify(Status.DEACTIVATING)
            self._farewell = (owner, self._take_outbox())
        return True

    def check_owner(self) -> None:
        """End the payload if its session has ended."""
        owner = self._owner
        if owner is not None and self.sessions.get(owner.session_id) is not owner:
            self._end()

    def reset(self) -> None:
        """The BMC restarts: volatile settings are as stored."""
        self._owner = None
        self.port.unwatch()
        stored = self._parameter(SolBitRate)
        self.parameters[SolSelector.VOLATILE_BIT_RATE] = SolVolatileBitRate(rate=stored.rate)
        self.parameters[SolSelector.SET_IN_PROGRESS] = SolSetInProgress(state=SetProgress.COMPLETE)

    def _end(self) -> None:
        """Nobody has the payload any more; what was not confirmed is history."""
        self.port.sol_unread(self._link.unconfirmed)
        self._owner = None
        self._link = self._make_link()
        self.port.unwatch()

    # --- packets ---

    def receive(self, session: BmcSession, payload: bytes, now: float) -> bool:
        """Take a payload of *session*; whether it could be used."""
        if session is not self._owner:
            return False
        try:
            packet = SolPacket.decode(payload)
        except DecodeError:
            return False
        link = self._link
        flags = packet.flags
        if flags & _LINES or not self.port.cts:
            self.port.sol_lines(cts=not flags & Operation.PAUSE, dcd=not flags & Operation.DROP_CARRIER)
        self._may_send_now = True
        duplicates = link.duplicates
        if self.available:
            link.receive(packet, now)
        else:
            link.receive(packet._replace(data=b""), now)
        if flags & _ONCE and packet.sequence and link.duplicates == duplicates:
            self._operate(flags)
        return True

    def _operate(self, flags: int) -> None:
        """What a packet asks for once, after its characters."""
        if flags & Operation.FLUSH_INBOUND:
            self.port.flush_input()
        if flags & Operation.FLUSH_OUTBOUND:
            self.port.flush_output()
        if flags & Operation.BREAK:
            self.port.sol_break()
        if flags & Operation.RING:
            self.port.sol_ring()

    def payloads_to_send(self) -> Sequence[tuple[BmcSession, bytes]]:
        """Payloads to send now, each with the session to send it in."""
        farewell, self._farewell = self._farewell, None
        owner = self._owner
        if farewell is not None:  # its owner has gone
            return [(farewell[0], payload) for payload in farewell[1]]
        if owner is None or not self._link.outbox:
            return ()
        return [(owner, payload) for payload in self._take_outbox()]

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do; in the past, if at once."""
        if self._owner is None:
            return None
        due = self._link.next_deadline()
        if due is not None or not self._wants_to_send():
            return due
        return 0.0 if self._pending_since is None else self._pending_since + self._parameter(SolAccumulation).seconds

    def advance(self, now: float) -> None:
        """Send again, or what has gathered."""
        self.check_owner()
        if self._owner is None:
            return
        self._link.handle_deadline(now)
        if self.port.input_room:
            self._link.make_room()
        if not self._link.is_idle or not self._wants_to_send():
            return
        if self._pending_since is None:
            self._pending_since = now
        accumulation = self._parameter(SolAccumulation)
        enough = self.port.pending >= accumulation.threshold or self.port.host_breaks > self._breaks_told
        self._may_send_now = enough or now >= self._pending_since + accumulation.seconds
        self._link.poll(now)

    # --- inside ---

    def _make_link(self) -> SolLink:
        retry = self._parameter(SolRetry)
        seconds = max(retry.seconds, RETRY_UNIT)
        delays = (*(seconds for _ in range(retry.count + 1)), SLOW * seconds)
        link = SolLink(most=MAX_CHARACTERS, delays=delays, pull=self._pull, push=self._push)
        self._set_level(link)
        return link

    def set_available(self, available: bool) -> None:
        """Say whether the machine can send and receive characters."""
        if available != self.available:
            self.available = available
            self._set_level(self._link)
            if self._owner is not None:
                self._link.notify()

    def _set_level(self, link: SolLink) -> None:
        link.level = 0 if self.available else int(Status.UNAVAILABLE)
        if self._test_mode:
            link.level |= (Status.DTR if self.port.dtr else 0) | (Status.RTS if self.port.rts else 0)

    def _wants_to_send(self) -> bool:
        return self.port.pending > 0 or self.port.host_breaks > self._breaks_told

    def _parameter(self, kind: type[ParameterT]) -> ParameterT:
        return cast("ParameterT", self.parameters[kind.SELECTOR])

    def _pull(self, most: int) -> tuple[bytes, int] | None:
        if not self._may_send_now:
            return None
        self._may_send_now = False
        self._pending_since = None
        data = self.port.sol_read(most)
        flags = 0
        if self.port.host_breaks > self._breaks_told:
            self._breaks_told = self.port.host_breaks
            flags = int(Status.BREAK)
        return (data, flags) if data or flags else None

    def _push(self, data: bytes) -> int:
        return self.port.sol_write(data)

    def _take_outbox(self) -> list[bytes]:
        outbox = self._link.outbox
        self._link.outbox = []
        return outbox
