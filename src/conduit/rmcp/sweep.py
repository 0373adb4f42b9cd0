"""Presence pings to tens of thousands of addresses, paced, as one machine (section 13.2.4).

A machine for each address would cost far more: here an address is a place in a list, whether it has answered is a
byte, and all pings of a pass are the same datagram.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rmcp.packets import PresencePing, PresencePong

Address = tuple[Any, ...]
"A socket address; the host's text must be as the system writes it, for by it answers are known."

MAX_ADDRESSES: Final = 65_536
MAX_TRIES: Final = 8
MAX_RATE: Final = 1e6  # pings a second
TICK: Final = 0.002  # seconds between looks at what is due: timers are no finer than a millisecond
CATCH_UP: Final = 0.006  # seconds' worth of pings that may leave at once after a delay
RATE: Final = 2000.0  # pings a second: gentle to switches, whose address tables fill with those who are not there
TRIES: Final = 2
PATIENCE: Final = 1.0  # seconds that the last pong may take


class Alive(NamedTuple):
    """Somebody who speaks RMCP."""

    host: str
    port: int
    pong: PresencePong
    seconds: float
    "From the ping to the pong."


class PresenceSweep:
    """Who of *addresses* speaks RMCP? Each is pinged *tries* times at most, the silent ones again in a second pass.

    :param rate: pings a second, more than 0.
    :param tries: passes, 1 to 8.
    :param patience: seconds to wait for the last pong of a pass.
    :param tag: of the first pass's pings; 0 to 254 less the tries.
    :raises LocalProtocolError: one of them is out of range, or there are more than 65,536 addresses.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        rate: float = RATE,
        tries: int = TRIES,
        patience: float = PATIENCE,
        tag: int = 0,
    ) -> None:
        if len(addresses) > MAX_ADDRESSES:
            raise LocalProtocolError(f"a sweep takes {MAX_ADDRESSES:,} addresses at most, not {len(addresses):,}")
        if not (0 < rate <= MAX_RATE and 1 <= tries <= MAX_TRIES and 0 < patience < float("inf")):
            raise LocalProtocolError(f"a sweep takes a rate up to {MAX_RATE:g}/s, 1 to {MAX_TRIES} tries, and patience")
        self._addresses = addresses
        self._places = {address[:2]: place for place, address in enumerate(addresses)}
        self._heard = bytearray(len(addresses))
        self._sent_at = [array("d", bytes(8 * len(addresses))) for _ in range(tries)]  # seconds, by pass and place
        self._rate = rate
        self._burst = max(1, int(rate * CATCH_UP))
        self._patience = patience
        self._tag = tag
        self._pings = [PresencePing(tag=tag + attempt).encode() for attempt in range(tries)]
        self._pass = 0
        self._next = 0  # place of the next address
        self._due = 0.0  # when it is to be pinged
        self._pass_started = 0.0
        self._deadline: float | None = None
        self._outbox: list[tuple[bytes, Address]] = []
        self.sent = 0
        "Pings so far."
        self.found = 0
        "Addresses that answered."
        self.strays = 0
        "Datagrams that were no pong to a ping of ours."

    def start(self, now: float) -> None:
        """Queue the first pings."""
        self._begin_pass(now)
        self.handle_deadline(now)

    def receive_datagram(self, data: bytes, address: Address, now: float) -> Alive | None:
        """Who answered, unless it has before."""
        place = self._places.get(address[:2])
        try:
            pong = PresencePong.decode(data)
        except DecodeError:
            self.strays += 1
            return None
        attempt = pong.tag - self._tag
        if place is None or not 0 <= attempt <= self._pass:
            self.strays += 1
            return None
        sent_at = self._sent_at[attempt][place]
        if self._heard[place] or not sent_at:
            return None
        self._heard[place] = 1
        self.found += 1
        if self.found == len(self._addresses):
            self._deadline = None
        host, port = address[:2]
        return Alive(host, port, pong, now - sent_at)

    def datagrams_to_send(self) -> Sequence[tuple[bytes, Address]]:
        """Pings to send now."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_deadline(self) -> float | None:
        """When to look again; None when it is over."""
        return self._deadline

    def handle_deadline(self, now: float) -> None:
        """Queue what is due, begin the next pass, or end."""
        if self._deadline is None or now < self._deadline:
            return
        if self._next >= len(self._addresses):  # the patience of this pass is at its end
            self._pass += 1
            if self._pass >= len(self._pings) or not self._addresses:
                self._deadline = None
                return
            self._begin_pass(now)
        self._queue_due(now)
        done = self._next >= len(self._addresses)
        self._deadline = self._end_of_pass(now) if done else max(self._due, now + TICK)

    def _begin_pass(self, now: float) -> None:
        self._next, self._due, self._pass_started, self._deadline = 0, now, now, now

    def _end_of_pass(self, now: float) -> float:
        """When the next pass may begin: the first addresses need no more patience than they had."""
        last = self._pass + 1 >= len(self._pings)
        return now + self._patience if last else max(now, self._pass_started + self._patience)

    def _queue_due(self, now: float) -> None:
        """As many as the rate allows by now, but no more at once than a burst."""
        heard, addresses, ping = self._heard, self._addresses, self._pings[self._pass]
        sent_at, outbox = self._sent_at[self._pass], self._outbox
        room = min(self._burst, int((now - self._due) * self._rate) + 1)
        place, end = self._next, len(addresses)
        count = 0
        while place < end and count < room:
            if not heard[place]:
                sent_at[place] = now
                outbox.append((ping, addresses[place]))
                count += 1
            place += 1
        self._next = place
        self._due += count / self._rate
        self.sent += count
