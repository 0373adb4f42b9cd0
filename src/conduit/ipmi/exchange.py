"""Pairs responses with requests: numbers them, sends them again, and knows when nobody will answer any more.

It knows IPMI messages, not sessions: frames go out to be sealed, opened payloads come in. The hot path of a client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rmcp.lan_message import BMC_ADDRESS, MAX_SEQUENCE, MIN_FRAME, LanMessage, decode_frame, encode_frame
from conduit.rmcp.retry import RetryPolicy

_NETFN_APP: Final = 0x06
_SEND_MESSAGE: Final = 0x34
_TRACKED: Final = 0x40  # of the channel byte: the BMC keeps track of the response (table 22-9)
SUCCESS: Final = 0


class Hop(NamedTuple):
    """One bridge on the way to a controller behind the BMC (section 6.13)."""

    channel: int
    "Channel to send on, 0 to 15; 0 is the primary IPMB."
    address: int
    "Slave address on that channel, 8-bit form."


class Target(NamedTuple):
    """Who a command is for."""

    address: int = BMC_ADDRESS
    "Slave address, 8-bit form."
    lun: int = 0
    "Logical unit, 0 to 3."
    bridges: tuple[Hop, ...] = ()
    "None for the BMC itself, one hop for a controller on its IPMB, two for one behind that."

    def overhead(self) -> int:
        """Bytes that the way there adds to a request.

        :raises LocalProtocolError: an address, LUN or channel does not exist.
        """
        addresses = (self.address, *(hop.address for hop in self.bridges))
        channels = (hop.channel for hop in self.bridges)
        if not (self.lun in range(4) and _all_in(range(256), addresses) and _all_in(range(16), channels)):
            raise LocalProtocolError(f"{self} is nowhere: addresses end at 255, LUNs at 3, channels at 15")
        return len(self.bridges) * BRIDGE_OVERHEAD


def _all_in(allowed: range, numbers: Iterable[int]) -> bool:
    return all(number in allowed for number in numbers)


BMC: Final = Target()
BRIDGE_OVERHEAD: Final = MIN_FRAME + 1  # bytes: the frame inside, and the channel it goes to


class Answered(NamedTuple):
    """A response came."""

    token: Any
    "What :meth:`Exchange.submit` was given."
    code: int
    "Completion code, 0 is success."
    data: bytes
    "Data after the completion code."
    by_bridge: bool = False
    "Whether a bridge on the way answered, with the code of its Send Message, and the target never did."


class Unanswered(NamedTuple):
    """No response came, however often the request was sent."""

    token: Any
    bridged: bool = False
    "Whether it was for a controller behind the BMC, whose silence says nothing about the BMC."


class Pending:
    """A request that waits: for its turn, or for its answer."""

    __slots__ = ("attempt", "command", "data", "deadline", "delays", "netfn", "sequence", "target", "token")

    def __init__(self, token: object, netfn: int, command: int, data: bytes, target: Target) -> None:
        self.token = token
        self.netfn = netfn
        self.command = command
        self.data = data
        self.target = target
        self.sequence = 0
        self.attempt = 0
        self.deadline = 0.0
        self.delays: tuple[float, ...] | None = None  # seconds to wait after each sending, when not the usual ones

    def frame(self) -> bytes:
        """The request as it travels: bridged ones wrapped in Send Message, from the inside out."""
        target = self.target
        if not target.bridges:
            return encode_frame(
                self.netfn,
                self.command,
                self.data,
                sequence=self.sequence,
                to_address=target.address,
                to_lun=target.lun,
            )
        return self._bridged(target)

    def _bridged(self, target: Target) -> bytes:
        netfn, command, data, lun = self.netfn, self.command, self.data, target.lun
        senders = [BMC_ADDRESS, *(hop.address for hop in target.bridges)]
        for sender, hop in reversed(list(zip(senders, target.bridges, strict=False))):
            frame = encode_frame(
                netfn,
                command,
                data,
                sequence=self.sequence,
                to_address=hop.address,
                from_address=sender,
                to_lun=lun,
            )
            netfn, command, data, lun = _NETFN_APP, _SEND_MESSAGE, bytes([_TRACKED | hop.channel]) + frame, 0
        return encode_frame(netfn, command, data, sequence=self.sequence)


class Exchange:
    """Requests of one session and what became of them.

    :param max_outstanding: requests on the way at once, 1 to 64; BMCs are slow and lose what they cannot queue.
    :param verify: check the checksums of responses; False is the workaround ``nochecksumcheck``.
    """

    __slots__ = ("_delays", "_max", "_pending", "_sequence", "_verify", "_waiting", "stale_replies", "wrong_replies")

    def __init__(self, retry: RetryPolicy, *, max_outstanding: int = 1, verify: bool = True) -> None:
        check_outstanding(max_outstanding)
        self._delays = retry.delays
        self._max = max_outstanding
        self._verify = verify
        self._sequence = 0
        self._pending: dict[int, Pending] = {}
        self._waiting: deque[Pending] | None = None  # made when needed: most sessions send one at a time
        self.stale_replies = 0
        self.wrong_replies = 0

    def submit(self, pending: Pending, now: float) -> bytes | None:
        """Send a request now and return its frame, or queue it for :meth:`next_frame` behind those on the way."""
        if len(self._pending) >= self._max:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(pending)
            return None
        return self._launch(pending, now)

    def next_frame(self, now: float) -> bytes | None:
        """The frame of the next queued request, if one may go."""
        if not self._waiting or len(self._pending) >= self._max:
            return None
        return self._launch(self._waiting.popleft(), now)

    def forget(self, pending: Pending) -> None:
        """Nobody waits for this one any more; its answer will be stale."""
        if self._pending.get(pending.sequence) is pending:
            del self._pending[pending.sequence]
        elif self._waiting is not None and pending in self._waiting:
            self._waiting.remove(pending)

    def receive(self, payload: bytes) -> Answered | None:
        """The answer in an IPMI payload, or None for one that answers nothing of ours (counted)."""
        try:
            message = decode_frame(payload, verify=self._verify)
        except DecodeError:
            self.wrong_replies += 1
            return None
        pending = self._pending.get(message.sequence)
        if pending is None or not message.data:
            self.stale_replies += 1
            return None
        if pending.target.bridges:
            return self._receive_bridged(pending, message)
        if message.command != pending.command or message.netfn != pending.netfn | 1:
            self.stale_replies += 1
            return None
        return self._finish(pending, message.data)

    def next_deadline(self) -> float | None:
        """When the first of the outstanding requests must be sent again."""
        pending = self._pending
        if not pending:  # as beside a busy console
            return None
        if len(pending) == 1:  # as nearly always
            return next(iter(pending.values())).deadline
        return min(waiting.deadline for waiting in pending.values())

    def handle_deadline(self, now: float) -> tuple[list[bytes], list[Unanswered]]:
        """Frames to send again, and requests that nobody answered."""
        again: list[bytes] = []
        dead: list[Unanswered] = []
        for pending in [pending for pending in self._pending.values() if pending.deadline <= now]:
            pending.attempt += 1
            delays = pending.delays or self._delays
            if pending.attempt < len(delays):
                pending.deadline = now + delays[pending.attempt]
                again.append(pending.frame())
            else:
                del self._pending[pending.sequence]
                dead.append(Unanswered(pending.token, bool(pending.target.bridges)))
        return again, dead

    def abandon(self) -> list[Unanswered]:
        """Give up on everything, queued or on the way."""
        everything = [*self._pending.values(), *(self._waiting or ())]
        self._pending.clear()
        self._waiting = None
        return [Unanswered(pending.token) for pending in everything]

    @property
    def has_queue(self) -> bool:
        """Whether requests wait for their turn."""
        return bool(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on the way."""
        return not self._pending

    def _launch(self, pending: Pending, now: float) -> bytes:
        while True:
            self._sequence = sequence = (self._sequence + 1) % MAX_SEQUENCE
            if sequence not in self._pending:
                break
        pending.sequence = sequence
        pending.deadline = now + (pending.delays or self._delays)[0]
        frame = pending.frame()
        self._pending[sequence] = pending
        return frame

    def _finish(self, pending: Pending, data: bytes) -> Answered:
        del self._pending[pending.sequence]
        return Answered(pending.token, data[0], data[1:])

    def _receive_bridged(self, pending: Pending, message: LanMessage) -> Answered | None:
        """The answer of a controller behind the BMC, which arrives in one of three ways.

        As a message of its own, which is what tracking asks for; wrapped in the response to Send Message; or not
        at all, when that response has an error.
        """
        while (message.netfn, message.command) == (_NETFN_APP | 1, _SEND_MESSAGE):
            if message.data[0] != SUCCESS:
                return self._finish(pending, message.data)._replace(by_bridge=True)
            if len(message.data) == 1:  # "sent": the answer proper is still to come
                return None
            try:
                message = decode_frame(message.data[1:], verify=self._verify)
            except DecodeError:
                self.wrong_replies += 1
                return None
            if not message.data:
                self.wrong_replies += 1
                return None
        if (message.netfn, message.command) != (pending.netfn | 1, pending.command):
            self.stale_replies += 1
            return None
        return self._finish(pending, message.data)


def check_outstanding(most: int) -> None:
    """:raises LocalProtocolError: so many requests cannot be on the way at once."""
    if not 1 <= most <= MAX_SEQUENCE:
        raise LocalProtocolError(f"1 to {MAX_SEQUENCE} requests can be outstanding, not {most}")
