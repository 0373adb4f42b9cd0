"""What both ends of SOL do alike (section 15.11): one numbered packet on the way at a time, until it is acknowledged.

A packet that is taken in part is followed by one with the rest, under the next number. One of which nothing is taken
is sent again under its own number: when the other side says that it has room, or after a while. So a packet is never
taken twice, whichever copies and acknowledges the network loses or delays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from conduit._machine import Label
from conduit.ipmi.sol_packets import MAX_SEQUENCE, NACK, SolPacket

LATE: Final = 3  # packets that a late copy may be behind
HOLD_DELAYS: Final = (0.02, 0.05, 0.1, 0.2, 0.5)  # seconds until a refused packet is offered again; the last goes on


class LinkState(Label):
    """Where the sending half of a link is."""

    IDLE = "nothing is on the way"
    SENT = "a packet waits for its acknowledge"
    HELD = "the other side has no room"


class LinkCause(Label):
    """What moves it."""

    SEND = "something to send"
    TAKEN = "all taken"
    TAKEN_IN_PART = "part taken"
    REFUSED = "nothing taken"
    SILENCE = "no answer in time"
    RESUMED = "room again, or time"


TRANSITIONS: Final[Mapping[tuple[LinkState, LinkCause], LinkState]] = {
    (LinkState.IDLE, LinkCause.SEND): LinkState.SENT,
    (LinkState.SENT, LinkCause.TAKEN): LinkState.IDLE,
    (LinkState.SENT, LinkCause.TAKEN_IN_PART): LinkState.SENT,
    (LinkState.SENT, LinkCause.SILENCE): LinkState.SENT,
    (LinkState.SENT, LinkCause.REFUSED): LinkState.HELD,
    (LinkState.HELD, LinkCause.RESUMED): LinkState.SENT,
    (LinkState.HELD, LinkCause.REFUSED): LinkState.HELD,
    (LinkState.HELD, LinkCause.TAKEN): LinkState.IDLE,
    (LinkState.HELD, LinkCause.TAKEN_IN_PART): LinkState.SENT,
}

IDLE: Final = LinkState.IDLE
SENT: Final = LinkState.SENT
HELD: Final = LinkState.HELD

Pull = Callable[[int], "tuple[bytes, int] | None"]
"Takes the most characters of a packet; returns those to send and the flags that go with them once, or None."
Push = Callable[[bytes], int]
"Takes received characters; returns how many of the first were taken."


class SolLink:
    """One end of a SOL connection.

    :param most: characters of one packet to the other side, 1 to 255.
    :param delays: seconds to wait after each sending of a packet; the last is used again and again.
    :param lenient: the other side's numbers mean nothing; the workaround ``solpacketseq``.
    """

    __slots__ = (
        "_accepted",
        "_acknowledge",
        "_attempt",
        "_data",
        "_delays",
        "_flags",
        "_late",
        "_lenient",
        "_pull",
        "_push",
        "_received",
        "_refused",
        "_seen",
        "_sequence",
        "_state",
        "_wait_until",
        "duplicates",
        "level",
        "most",
        "outbox",
        "repeats",
        "stale_acknowledges",
    )

    def __init__(self, *, most: int, delays: tuple[float, ...], pull: Pull, push: Push, lenient: bool = False) -> None:
        self.most = most
        self._delays = delays
        self._pull = pull
        self._push = push
        self._lenient = lenient
        self.level = 0
        "Flags that go with every packet."
        self.outbox: list[bytes] = []
        "Payloads to send; the owner takes them out."
        self._state = IDLE
        self._sequence = 0
        self._data = b""
        self._flags = 0
        self._attempt = 0
        self._wait_until = 0.0
        self._received = 0  # number of the last packet that was taken
        self._late = 0  # number of the last packet that came too late
        self._seen = 0  # how many characters it had
        self._accepted = 0  # and how many of them were taken
        self._acknowledge: tuple[int, int, int] | None = None  # number, characters, NACK: owed to the other side
        self._refused = 0  # number of the packet that was refused, until there is room
        self.duplicates = 0
        self.repeats = 0
        self.stale_acknowledges = 0

    @property
    def state(self) -> LinkState:
        """Where the sending half is."""
        return self._state

    @property
    def is_idle(self) -> bool:
        """Whether nothing of ours is on the way."""
        return self._state is IDLE

    @property
    def unconfirmed(self) -> bytes:
        """Characters sent that may or may not have arrived."""
        return self._data if self._state is not IDLE else b""

    def receive(self, packet: SolPacket, now: float) -> bool:
        """Take a packet; whether it had new characters or brought our own sending forward."""
        sequence, acknowledged, accepted, flags, data = packet
        moved = acknowledged != 0 and self._settle(acknowledged, accepted, flags & NACK, now)
        if sequence:
            moved = self._take_in(sequence, data) or moved
        self.poll(now)
        if self._acknowledge is not None:
            self._put(0, 0, b"")
        return moved

    def poll(self, now: float) -> None:
        """Send what there is to send, if nothing is on the way."""
        if self._state is IDLE:
            pulled = self._pull(self.most)
            if pulled is not None:
                self._data, self._flags = pulled
                self._launch(LinkCause.SEND, now)

    def notify(self, flags: int = 0) -> None:
        """Send the present flags in a packet that nobody acknowledges."""
        self._put(0, flags, b"")

    def make_room(self) -> None:
        """There is room for characters again: tell the other side, if it was refused."""
        if self._refused:
            self._acknowledge = (self._refused, 0, 0)
            self._refused = 0
            self._put(0, 0, b"")

    def next_deadline(self) -> float | None:
        """When to send a packet again."""
        return None if self._state is IDLE else self._wait_until

    def handle_deadline(self, now: float) -> bool:
        """Send the packet on the way again; whether it had been sent as often as it should be before."""
        if self._state is IDLE or now < self._wait_until:
            return False
        if self._state is HELD:
            self._state = TRANSITIONS[HELD, LinkCause.RESUMED]
            self._transmit(now + self._delays[0])
            return False
        self._state = TRANSITIONS[SENT, LinkCause.SILENCE]
        self._attempt += 1
        self.repeats += 1
        exhausted = self._attempt >= len(self._delays)
        self._transmit(now + self._delays[min(self._attempt, len(self._delays) - 1)])
        return exhausted

    # --- sending ---

    def _launch(self, cause: LinkCause, now: float) -> None:
        self._state = TRANSITIONS[self._state, cause]
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        self._attempt = 0
        self._transmit(now + self._delays[0])

    def _transmit(self, wait_until: float) -> None:
        self._wait_until = wait_until
        self._put(self._sequence, self._flags, self._data)

    def _put(self, sequence: int, flags: int, data: bytes) -> None:
        """A packet, with the acknowledge that is owed."""
        owed = self._acknowledge
        if owed is None:
            head = bytes((sequence, 0, 0, self.level | flags))
        else:
            head = bytes((sequence, owed[0], owed[1], self.level | flags | owed[2]))
            self._acknowledge = None
        self.outbox.append(head + data)

    def _settle(self, acknowledged: int, accepted: int, nack: int, now: float) -> bool:
        """What becomes of the packet on the way; whether it moved forward."""
        if self._state is IDLE or (acknowledged != self._sequence and not self._lenient):
            self.stale_acknowledges += 1
            return False
        size = len(self._data)
        if accepted >= size and not (nack and not size):  # all of it; or no characters, and not refused
            self._state = TRANSITIONS[self._state, LinkCause.TAKEN]
            return True
        if accepted:
            self._data, self._flags = self._data[accepted:], 0
            self._launch(LinkCause.TAKEN_IN_PART, now)
            return True
        if self._state is HELD and not nack:
            self._state = TRANSITIONS[HELD, LinkCause.RESUMED]
            self._transmit(now + self._delays[0])
            return False
        self._state = TRANSITIONS[self._state, LinkCause.REFUSED]
        self._wait_until = now + HOLD_DELAYS[min(self._attempt, len(HOLD_DELAYS) - 1)]
        self._attempt += 1
        return False

    # --- receiving ---

    def _is_late(self, sequence: int) -> bool:
        """Whether this is a copy of one of the last packets, that the network kept back; an old number that comes
        twice is from somebody who has begun to count anew.
        """
        if not self._received or self._lenient or (self._received - sequence) % MAX_SEQUENCE > LATE:
            return False
        if sequence == self._late:
            return False
        self._late = sequence
        self.duplicates += 1
        return True

    def _take_in(self, sequence: int, data: bytes) -> bool:
        """Take the characters of a packet and note the acknowledge to send; whether there were any."""
        seen = 0
        if sequence == self._received and not self._lenient:
            self.duplicates += 1
            if len(data) <= self._seen or self._accepted < self._seen:
                self._acknowledge = (sequence, self._accepted, 0)
                return False
            seen = self._seen  # a repeat to which the other side has added characters
        elif sequence != self._received % MAX_SEQUENCE + 1 and self._is_late(sequence):
            return False
        self._late = 0
        fresh = data[seen:]
        taken = self._push(fresh) if fresh else 0
        if fresh and not taken and not seen:
            self._refused = sequence
            self._acknowledge = (sequence, 0, NACK)
            return False
        self._refused = 0
        self._received, self._seen, self._accepted = sequence, len(data), seen + taken
        self._acknowledge = (sequence, seen + taken, 0)
        return taken > 0
