"""Is the peer still there? Asks when it has been quiet, and decides; measures the round trip on the way.

The first PING leaves at once, and one leaves every interval even while the peer talks: windows grow by the round trip,
and a tunnel that is never idle needs it most.
"""

from __future__ import annotations

from typing import Final

INTERVAL: Final = 10.0  # seconds of silence before a PING
MISSES: Final = 2  # PINGs that may go unanswered
GRACE: Final = 5.0  # seconds after the last of them
_SMOOTHING: Final = 0.125  # weight of a new sample, as in RFC 6298
_MICRO: Final = 1_000_000


class Liveness:
    """One end's view. Any byte from the peer is a sign of life.

    The opaque bytes of a PING are the time at which it was sent, in microseconds: the answer tells the round trip.
    """

    __slots__ = ("_asked", "_heard", "_next", "dead_after", "interval", "round_trip")

    def __init__(self, now: float, *, interval: float = INTERVAL, dead_after: float | None = None) -> None:
        self.interval = interval
        self.dead_after = MISSES * interval + GRACE if dead_after is None else dead_after
        self._heard = now
        self._next = now
        self._asked = b""  # the last PING's opaque bytes, until it is answered
        self.round_trip = 0.0
        "Seconds, smoothed; 0 until the first answer."

    def heard(self, now: float) -> None:
        """Bytes came."""
        self._heard = now

    def next_deadline(self) -> float:
        """When to call :meth:`handle_deadline`."""
        return min(self._next, self._heard + self.dead_after)

    def is_dead(self, now: float) -> bool:
        """Whether the peer has been silent for too long."""
        return now >= self._heard + self.dead_after

    def handle_deadline(self, now: float) -> bytes | None:
        """Opaque bytes of a PING to send now, or None."""
        if now < self._next:
            return None
        self._next = now + self.interval
        self._asked = stamp(now)
        return self._asked

    def answered(self, opaque: bytes, now: float) -> None:
        """The answer to a PING; one that answers none of ours is ignored, and so is one that comes late."""
        if opaque != self._asked:
            return
        self._asked = b""
        sample = max(now - int.from_bytes(opaque, "big") / _MICRO, 1 / _MICRO)
        self.round_trip += (sample - self.round_trip) * _SMOOTHING if self.round_trip else sample


def stamp(now: float) -> bytes:
    """Opaque bytes for a PING that is sent at *now*."""
    return int(now * _MICRO).to_bytes(8, "big")
