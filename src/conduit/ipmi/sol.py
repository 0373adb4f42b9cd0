"""The console's SOL machine: characters in and out, break, lines, what the BMC tells, across activations.

It knows SOL payloads, not sessions: payloads go out to be sealed, opened ones come in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from conduit._machine import Label
from conduit.errors import DecodeError
from conduit.ipmi.commands.payloads import PayloadActivation
from conduit.ipmi.sol_link import SolLink
from conduit.ipmi.sol_packets import HEADER_SIZE, MAX_CHARACTERS, Operation, SolPacket, Status

# Seconds to wait after each sending of a packet. After the last the console counts as stalled, which costs whatever is
# on the way: of the packets that go through while a fifth of all datagrams is lost, one in 200,000 takes as many.
RETRY_DELAYS: Final = (0.25, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)
BUFFER: Final = 64 << 10  # characters received that nobody has read yet
CAUTIOUS_SIZE: Final = 32  # characters of a packet to a BMC that says nothing sensible about what it takes
_SANE_SIZE: Final = 1024  # bytes; more is a number with its bytes in the wrong order


class SolState(Label):
    """Where a console is."""

    INACTIVE = "the payload is not active"
    ACTIVE = "characters go both ways"
    UNAVAILABLE = "the BMC has no serial port to pass them to"


class SolCause(Label):
    """What moves it."""

    ACTIVATED = "activated"
    UNAVAILABLE = "transfer unavailable"
    AVAILABLE = "transfer available"
    DEACTIVATING = "deactivating"
    LOST = "session lost"


TRANSITIONS: Final[Mapping[tuple[SolState, SolCause], SolState]] = {
    (SolState.INACTIVE, SolCause.ACTIVATED): SolState.ACTIVE,
    (SolState.ACTIVE, SolCause.UNAVAILABLE): SolState.UNAVAILABLE,
    (SolState.ACTIVE, SolCause.DEACTIVATING): SolState.INACTIVE,
    (SolState.ACTIVE, SolCause.LOST): SolState.INACTIVE,
    (SolState.UNAVAILABLE, SolCause.AVAILABLE): SolState.ACTIVE,
    (SolState.UNAVAILABLE, SolCause.DEACTIVATING): SolState.INACTIVE,
    (SolState.UNAVAILABLE, SolCause.LOST): SolState.INACTIVE,
}


class SolNews(Label):
    """What a :class:`SolEvent` tells."""

    MOVED = "characters arrived, or were taken"
    BREAK = "the machine sent a break"
    OVERRUN = "characters of the machine were lost"
    UNAVAILABLE = "transfer unavailable"
    AVAILABLE = "transfer available"
    DEACTIVATED = "the BMC ended it"
    STALLED = "the BMC takes no packets"
    LOST = "the session is gone"


class SolEvent(NamedTuple):
    """Something happened to a console."""

    token: Any
    "Whose console: what the machine was made with."
    news: SolNews


class _Control(NamedTuple):
    """An operation in its place among the characters."""

    position: int
    "Characters that go before it."
    flags: int


def packet_size(activation: PayloadActivation, *, ignore_sizes: bool = False) -> int:
    """Characters of one packet to the BMC, 1 to 255, from what it said at activation.

    Sizes with their bytes in the wrong order are understood; where nothing makes sense, packets are small.

    :param ignore_sizes: do not look at them; the workaround ``solpayloadsize``.
    """
    if ignore_sizes:
        return CAUTIOUS_SIZE
    size = activation.inbound_size
    if size > _SANE_SIZE:
        size = (size & 0xFF) << 8 | size >> 8
    if not HEADER_SIZE < size <= _SANE_SIZE:
        return CAUTIOUS_SIZE
    return min(size - HEADER_SIZE, MAX_CHARACTERS)


class SolMachine:
    """One console.

    :param token: goes into every event.
    :param lenient: the workaround ``solpacketseq``.
    """

    __slots__ = (
        "_controls",
        "_lenient",
        "_lines",
        "_link",
        "_moved",
        "_received",
        "_received_size",
        "_state",
        "_token",
        "_unsent",
        "bad_packets",
    )

    def __init__(self, token: object, *, lenient: bool = False) -> None:
        self._token = token
        self._lenient = lenient
        self._lines = 0
        self._state = SolState.INACTIVE
        self._unsent = bytearray()
        self._controls: deque[_Control] = deque()
        self._received: deque[bytes] = deque()
        self._received_size = 0
        self._moved = (SolEvent(token, SolNews.MOVED),)
        self._link = self._make_link()
        self.bad_packets = 0

    # --- what the console does ---

    @property
    def state(self) -> SolState:
        """Where it is."""
        return self._state

    @property
    def link(self) -> SolLink:
        """The packets' link, with its counters."""
        return self._link

    @property
    def has_data(self) -> bool:
        """Whether characters wait to be read."""
        return self._received_size > 0

    @property
    def is_settled(self) -> bool:
        """Whether everything written was acknowledged."""
        return not self._unsent and not self._controls and self._link.is_idle

    def write(self, data: bytes) -> None:
        """Queue characters; the caller bounds the queue by waiting until it is settled."""
        self._unsent += data

    def operate(self, flags: int) -> None:
        """Queue an operation, after the characters that were written before."""
        self._controls.append(_Control(len(self._unsent), flags))

    def set_lines(self, *, pause: bool, carrier: bool) -> None:
        """What every packet from now on says about CTS, DCD and DSR; one is queued that does."""
        self._lines = (Operation.PAUSE if pause else 0) | (0 if carrier else Operation.DROP_CARRIER)
        self._link.level = self._lines
        self.operate(0)

    @property
    def lines(self) -> int:
        """The operation bits that go with every packet."""
        return self._lines

    def forget_unsent(self) -> None:
        """Drop what was not sent yet: whoever wrote it has been cancelled."""
        self._unsent.clear()
        self._controls.clear()

    def read(self, most: int | None = None) -> bytes:
        """Received characters, at most *most*; perhaps none."""
        if not self._received:
            return b""
        if len(self._received) == 1:
            data = self._received.popleft()
        else:
            data = b"".join(self._received)
            self._received.clear()
        if most is not None and len(data) > most:
            self._received.append(data[most:])
            data = data[:most]
        was_full = self._received_size > BUFFER // 2
        self._received_size -= len(data)
        if was_full and self._received_size <= BUFFER // 2:
            self._link.make_room()
        return data

    # --- activations ---

    def prepare(self) -> None:
        """An activation is on the way: packets may come before its answer. Forgets the last one's numbers."""
        self._link = self._make_link()

    def activate(self, most: int) -> None:
        """The payload is active.

        :param most: characters of one packet to the BMC.
        """
        self._state = TRANSITIONS[self._state, SolCause.ACTIVATED]
        self._link.most = most

    def deactivate(self, cause: SolCause = SolCause.LOST) -> bytes:
        """The payload is not active any more; returns what may or may not have arrived, which is not sent again."""
        unconfirmed = self._link.unconfirmed
        self._state = TRANSITIONS.get((self._state, cause), SolState.INACTIVE)
        self._link = self._make_link()
        return unconfirmed

    # --- the machine's methods ---

    def receive(self, payload: bytes, now: float) -> Sequence[SolEvent]:
        """Take one SOL payload."""
        try:
            packet = SolPacket.decode(payload)
        except DecodeError:
            self.bad_packets += 1
            return ()
        link = self._link
        duplicates = link.duplicates
        moved = self._moved if link.receive(packet, now) else ()
        status = packet.flags
        if not status and self._state is not SolState.UNAVAILABLE:
            return moved
        if link.duplicates != duplicates:
            status &= ~(Status.BREAK | Status.OVERRUN)  # told before
        return (*moved, *(SolEvent(self._token, news) for news in self._news(status)))

    def poll(self, now: float) -> None:
        """Send what was written, if nothing is on the way."""
        if self._state is not SolState.INACTIVE:
            self._link.poll(now)

    def payloads_to_send(self) -> Sequence[bytes]:
        """Payloads to send now, in order."""
        outbox = self._link.outbox
        if not outbox:
            return ()
        self._link.outbox = []
        return outbox

    def next_deadline(self) -> float | None:
        """When to send again."""
        return self._link.next_deadline()

    def handle_deadline(self, now: float) -> Sequence[SolEvent]:
        """Send again."""
        if self._link.handle_deadline(now):
            return (SolEvent(self._token, SolNews.STALLED),)
        return ()

    def lose(self) -> Sequence[SolEvent]:
        """The session is gone."""
        return (SolEvent(self._token, SolNews.LOST),)

    # --- inside ---

    def _make_link(self) -> SolLink:
        link = SolLink(most=CAUTIOUS_SIZE, delays=RETRY_DELAYS, pull=self._pull, push=self._push, lenient=self._lenient)
        link.level = self._lines
        return link

    def _pull(self, most: int) -> tuple[bytes, int] | None:
        if self._state is SolState.INACTIVE:
            return None
        if self._controls:
            position, flags = self._controls[0]
            if not position:
                self._controls.popleft()
                return b"", flags
            most = min(most, position)
        elif not self._unsent:
            return None
        data = bytes(self._unsent[:most])
        del self._unsent[:most]
        if self._controls:
            self._controls = deque(_Control(place - len(data), flags) for place, flags in self._controls)
        return data, 0

    def _push(self, data: bytes) -> int:
        room = BUFFER - self._received_size
        if len(data) > room:
            data = data[:room]
        if data:
            self._received.append(data)
            self._received_size += len(data)
        return len(data)

    def _news(self, status: int) -> list[SolNews]:
        news = []
        unavailable = bool(status & Status.UNAVAILABLE)
        if unavailable and self._state is SolState.ACTIVE:
            news.append(self._move(SolCause.UNAVAILABLE, SolNews.UNAVAILABLE))
        elif not unavailable and self._state is SolState.UNAVAILABLE:
            news.append(self._move(SolCause.AVAILABLE, SolNews.AVAILABLE))
        if status & Status.BREAK:
            news.append(SolNews.BREAK)
        if status & Status.OVERRUN:
            news.append(SolNews.OVERRUN)
        if status & Status.DEACTIVATING and self._state is not SolState.INACTIVE:
            news.append(SolNews.DEACTIVATED)
        return news

    def _move(self, cause: SolCause, news: SolNews) -> SolNews:
        self._state = TRANSITIONS[self._state, cause]
        return news
