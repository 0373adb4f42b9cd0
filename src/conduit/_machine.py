"""The shape of a sans-IO protocol machine: bytes and time go in, bytes, events and a deadline come out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol


class Label(Enum):
    """Base of states and outcomes, which are keys of transition tables: its members hash by identity.

    They are singletons, so that is enough, and costs a tenth of the hash that ``Enum`` computes from a name.
    """

    __hash__ = object.__hash__


class DatagramMachine(Protocol):
    """A protocol over datagrams. It never touches a socket, a clock, a logger or entropy."""

    def receive_datagram(self, data: bytes, now: float) -> Sequence[object]:
        """Take one datagram from the peer; return what happened, perhaps nothing.

        :param now: the caller's monotonic clock, in seconds.
        """
        ...

    def datagrams_to_send(self) -> Iterable[bytes]:
        """Datagrams to put on the wire now, in order; each is handed out once."""
        ...

    def next_deadline(self) -> float | None:
        """When :meth:`handle_deadline` wants to be called, on the caller's clock, or None."""
        ...

    def handle_deadline(self, now: float) -> Sequence[object]:
        """Resend or give up what is due at *now*; return what happened."""
        ...
