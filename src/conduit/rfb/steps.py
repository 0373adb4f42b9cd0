"""Reads a handshake piece by piece: each step says how many bytes it needs, and what happens with them."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[bytes], None]


class Steps:
    """The bytes of a peer, of which no more is taken than the step at hand wants."""

    __slots__ = ("_buffer", "_needed", "_step")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0
        self._step: Step | None = None

    def expect(self, count: int, step: Step) -> None:
        """*count* bytes are for *step*."""
        self._needed, self._step = count, step

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """More bytes. Steps that have all of theirs are taken."""
        self._buffer += data
        self.advance()

    def advance(self) -> None:
        """Take what steps can be taken."""
        while (step := self._step) is not None and len(self._buffer) >= self._needed:
            piece = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            self._step = None
            step(piece)

    def take_rest(self) -> bytes:
        """What nobody has asked for: it belongs to what comes next."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    @property
    def held(self) -> bytes:
        """What is there of the present step."""
        return bytes(self._buffer)
