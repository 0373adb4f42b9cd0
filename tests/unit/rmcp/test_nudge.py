"""The workaround intelwv2: a nudge after each datagram, and nothing else changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conduit.rmcp.nudge import NUDGE, NudgingMachine


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def receive_datagram(self, data: bytes, now: float) -> Sequence[object]:
        self.calls.append(("receive", data, now))
        return ("event",)

    def datagrams_to_send(self) -> Iterable[bytes]:
        return (b"one", b"two")

    def next_deadline(self) -> float | None:
        return 7.0

    def handle_deadline(self, now: float) -> Sequence[object]:
        self.calls.append(("deadline", now))
        return ("late",)


def test_each_datagram_is_followed_by_a_nudge() -> None:
    assert NudgingMachine(Recorder()).datagrams_to_send() == [b"one", NUDGE, b"two", NUDGE]


def test_everything_else_goes_to_the_machine_inside() -> None:
    inside = Recorder()
    machine = NudgingMachine(inside)
    assert machine.receive_datagram(b"x", 1.0) == ("event",)
    assert machine.next_deadline() == 7.0
    assert machine.handle_deadline(8.0) == ("late",)
    assert inside.calls == [("receive", b"x", 1.0), ("deadline", 8.0)]


def test_nudge_is_no_rmcp() -> None:
    assert NUDGE[0] != 0x06
