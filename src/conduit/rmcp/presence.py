"""Presence ping as a machine: repeats the ping, waits for the pong (section 13.2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conduit.errors import DecodeError, PeerTimeoutError
from conduit.rmcp.packets import PresencePing, PresencePong
from conduit.rmcp.retry import RetryPolicy


class PresenceProbe:
    """One ping to one address; a :class:`~conduit._machine.DatagramMachine`."""

    def __init__(self, retry: RetryPolicy, *, tag: int) -> None:
        self._delays = retry.delays
        self._tag = tag
        self._attempt = 0
        self._outbox: list[bytes] = []
        self._deadline: float | None = None
        self.bad_datagrams = 0

    def start(self, now: float) -> None:
        """Queue the ping."""
        self._send(now)

    def receive_datagram(self, data: bytes, now: float) -> Sequence[PresencePong]:
        """The pong, when *data* is the one that belongs to our ping."""
        try:
            pong = PresencePong.decode(data)
        except DecodeError:
            self.bad_datagrams += 1
            return ()
        if pong.tag != self._tag or self._deadline is None:
            return ()
        self._deadline = None
        return (pong,)

    def datagrams_to_send(self) -> Iterable[bytes]:
        """Pings to send now."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_deadline(self) -> float | None:
        """When to ping again."""
        return self._deadline

    def handle_deadline(self, now: float) -> Sequence[PresencePong]:
        """Ping again.

        :raises PeerTimeoutError: nobody answered any of them.
        """
        if self._deadline is None or now < self._deadline:
            return ()
        self._attempt += 1
        if self._attempt >= len(self._delays):
            self._deadline = None
            raise PeerTimeoutError("no presence pong")
        self._send(now)
        return ()

    def _send(self, now: float) -> None:
        self._outbox.append(PresencePing(tag=self._tag).encode())
        self._deadline = now + self._delays[self._attempt]
