"""What somebody sees of a console that says numbered lines, over WebSocket or gRPC."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import trio

from conduit.console.messages import Ended, Gap, Output, StateChanged
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode, State
from conduit.errors import ConduitError

PATIENCE: Final = 20.0  # seconds, on a busy machine
Check = Callable[[], bool]


class Seen:
    """Keeps every byte that it is given."""

    def __init__(self, mode: Mode = Mode.WRITE) -> None:
        self.session = ViewerSession(name="test", mode=mode)
        self.start = 0
        "Offset of the first byte of the text."
        self.text = bytearray()
        self.gaps: list[Gap] = []
        self.ends: list[Ended] = []
        self.states: list[State] = []
        self.failures: list[ConduitError] = []
        self._is_connected = False
        self._news = trio.Event()

    def take(self, data: bytes) -> None:
        """A message of the hub."""
        for message in self.session.receive(data):
            self._note(message)
        self._tell()

    @property
    def whole_lines(self) -> list[int]:
        """Numbers of the lines, without the first and the last, of which there may be a part."""
        lines = bytes(self.text).split(b"\r\n")[1:-1]
        return [int(line) if len(line) == 8 and line.isdigit() else -1 for line in lines]

    def check_whole(self) -> None:
        """No byte is lost, none came twice."""
        lines = self.whole_lines
        assert lines, "nothing was seen"
        breaks = [(before, after) for before, after in itertools.pairwise(lines) if after != before + 1]
        assert not breaks, f"{len(breaks)} breaks among {len(lines)} lines: {breaks[:5]}"
        assert (self.session.missing, self.session.doubled) == (0, 0)

    def check_honest(self) -> None:
        """Where lines are missing, or begin anew, a gap was told; no byte came twice."""
        assert (self.session.missing, self.session.doubled) == (0, 0)
        told = [gap.at for gap in self.gaps]
        lines, at = bytes(self.text).split(b"\r\n"), self.start
        before: int | None = None
        for line in lines[:-1]:
            number = int(line) if len(line) == 8 and line.isdigit() else None
            whole = before is None or number == before + 1
            near = any(at - 10 <= offset <= at + len(line) + 2 for offset in told)
            assert whole or near, f"{line!r} at {at} after {before}; gaps at {told}"
            before, at = number, at + len(line) + 2

    @property
    def is_live(self) -> bool:
        return self._is_connected and self.session.is_live

    def is_in(self, state: State) -> bool:
        """What it was told last."""
        return self.session.state is not None and self.session.state.state is state

    async def until(self, check: Check, what: str = "", *, patience: float = PATIENCE) -> None:
        """Return when *check* is true; it is asked whenever something comes."""
        with trio.move_on_after(patience):
            while not check():
                await self._news.wait()
            return
        raise AssertionError(
            f"not within {patience:.0f} s: {what}; ends {self.ends[-3:]}, failures {self.failures[-3:]},"
            f" state {self.session.state}, {len(self.text)} bytes"
        )

    async def more(self, lines: int = 20) -> None:
        """Return when it is live and so many lines more have come."""
        await self.until(lambda: self.is_live, "live")
        want = len(self.text) + 10 * lines
        await self.until(lambda: len(self.text) >= want, "more lines")

    def _note(self, message: object) -> None:
        match message:
            case Output():
                if not self.text:
                    self.start = message.offset
                self.text += message.data
            case Gap():
                self.gaps.append(message)
            case StateChanged():
                self.states.append(message.state)
            case Ended():
                self.ends.append(message)
            case _:
                pass

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()
