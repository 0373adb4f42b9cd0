"""The workaround ``intelwv2``: a BMC that stalls until another packet nudges it gets one after every datagram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from conduit._machine import DatagramMachine

NUDGE: Final = b"thump" + bytes(5)  # what ipmitool sends; no RMCP, and never answered


class NudgingMachine:
    """Another machine, with a nudge after each of its datagrams."""

    def __init__(self, machine: DatagramMachine) -> None:
        self._machine = machine

    def receive_datagram(self, data: bytes, now: float) -> Sequence[object]:
        """As the machine inside."""
        return self._machine.receive_datagram(data, now)

    def datagrams_to_send(self) -> Iterable[bytes]:
        """The machine's datagrams, a nudge after each."""
        return list(self._nudged())

    def next_deadline(self) -> float | None:
        """As the machine inside."""
        return self._machine.next_deadline()

    def handle_deadline(self, now: float) -> Sequence[object]:
        """As the machine inside."""
        return self._machine.handle_deadline(now)

    def _nudged(self) -> Iterator[bytes]:
        for datagram in self._machine.datagrams_to_send():
            yield datagram
            yield NUDGE
