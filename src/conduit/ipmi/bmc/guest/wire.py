"""What the machine writes to its serial port, and text that appears bit by bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

MAX_PENDING: Final = 1 << 16  # bytes that wait to be fetched; more are lost, as in any UART


class Wire:
    """Bytes that wait to be sent. Text gets CR before each LF, as a terminal wants it."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.at_margin = True
        "Whether the cursor stands at the left margin."
        self.lost = 0
        "Bytes lost because nobody fetched them."

    def write(self, text: str) -> None:
        """Add text."""
        if text:
            self.write_bytes(text.replace("\n", "\r\n").encode())

    def write_bytes(self, data: bytes) -> None:
        """Add bytes as they are; not none."""
        room = MAX_PENDING - len(self._pending)
        self.lost += max(0, len(data) - room)
        self._pending += data[:room]
        self.at_margin = data[-1] in b"\r\n"

    def line(self, text: str) -> None:
        """Add a line that starts at the margin."""
        self.write(("" if self.at_margin else "\n") + text + "\n")

    def take(self) -> bytes:
        """All that waits."""
        data = bytes(self._pending)
        self._pending.clear()
        return data

    def discard(self) -> None:
        """Forget what waits: there is no power to send it."""
        self._pending.clear()
        self.at_margin = True


class Script:
    """Texts with the time of each.

    :param texts: pairs of seconds after *start* and text, in order.
    """

    def __init__(self, texts: Iterable[tuple[float, str]], start: float) -> None:
        self._start = start
        self._texts = deque(texts)

    def due(self, now: float) -> list[tuple[float, str]]:
        """The texts whose time has come, with the clock's time of each."""
        found: list[tuple[float, str]] = []
        while self._texts and self._start + self._texts[0][0] <= now:
            offset, text = self._texts.popleft()
            found.append((self._start + offset, text))
        return found

    def next_deadline(self) -> float | None:
        """When the next text is due, or None."""
        return self._start + self._texts[0][0] if self._texts else None
