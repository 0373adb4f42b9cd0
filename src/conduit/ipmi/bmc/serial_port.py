"""The machine's serial port as the BMC has it: a bounded byte pipe each way between the host and whoever watches.

The host side is for what inhabits the port: a guest, a pipe to a pty, a function. The other side is SOL's. Nothing
here blocks or waits: what does not fit is not accepted, and a callback tells when to look again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ROOM: Final = 64 << 10  # bytes on their way to a console that watches
HISTORY: Final = 16 << 10  # bytes kept for the next console while nobody watches
INPUT_ROOM: Final = 4 << 10  # bytes typed that the host has not read


def _ignore() -> None:
    """Nobody is to be woken."""


def _ignore_output(data: bytes) -> None:
    """Nobody listens in."""


class SerialPort:
    """Two byte pipes, a break counter and the modem lines.

    :param room: bytes of output that wait for a console, when there is one; the host then accepts back-pressure.
    :param history: bytes of output kept when there is none, the oldest dropped first; the next console gets them.
    :param input_room: bytes typed that wait for the host.
    """

    __slots__ = (
        "_history",
        "_input",
        "_input_room",
        "_output",
        "_room",
        "_starved",
        "breaks",
        "cts",
        "dcd",
        "dropped",
        "dtr",
        "host_breaks",
        "overruns",
        "rings",
        "rts",
        "tap",
        "wake_host",
        "wake_sol",
        "watched",
    )

    def __init__(self, *, room: int = ROOM, history: int = HISTORY, input_room: int = INPUT_ROOM) -> None:
        self._room = room
        self._history = history
        self._input_room = input_room
        self._output = bytearray()
        self._input = bytearray()
        self._starved = False  # the pipe was full, and the host has to be told when it no longer is
        self.wake_host: Callable[[], None] = _ignore
        "Called when the host may find input, a break, room for output or another line state. Must not block."
        self.wake_sol: Callable[[], None] = _ignore
        "Called when there is output or a break for the console, or room for input again. Must not block."
        self.tap: Callable[[bytes], None] = _ignore_output
        "Called with each piece of output that was accepted, for a display that shows the same. Must not block."
        self.watched = False
        "Whether a console has the port."
        self.breaks = 0
        "Breaks that consoles have sent to the host so far."
        self.host_breaks = 0
        "Breaks that the host has sent so far."
        self.rings = 0
        "Rings (wake on ring) that consoles have sent so far."
        self.cts = False
        "Whether the host may send: CTS, driven by the BMC for the console."
        self.dcd = False
        "Whether somebody is there: DCD and DSR, driven by the BMC for the console."
        self.dtr = True
        "Whether the host has the port open: its DTR."
        self.rts = True
        "Whether the host takes input: its RTS."
        self.dropped = 0
        "Bytes of output that nobody has seen, because nobody watched."
        self.overruns = 0
        "Bytes of input thrown away."

    # --- the host's side ---

    def host_write(self, data: bytes) -> int:
        """Output of the machine; returns how many of the first bytes were accepted.

        Without a console everything is, and old output is forgotten. With one, what does not fit has to be offered
        again once :attr:`wake_host` was called.
        """
        if not self.watched:
            self._output += data
            self._forget()
            self.tap(data)
            return len(data)
        accepted = min(len(data), self.room)
        if accepted:
            self._output += data[:accepted]
            self.wake_sol()
            self.tap(data[:accepted])
        self._starved = len(self._output) >= self._room
        return accepted

    def host_read(self, most: int) -> bytes:
        """Up to *most* bytes that were typed, perhaps none."""
        data = bytes(self._input[:most])
        if data:
            was_full = len(self._input) >= self._input_room
            del self._input[:most]
            if was_full:
                self.wake_sol()
        return data

    @property
    def typed(self) -> int:
        """Bytes that were typed and the host has not read."""
        return len(self._input)

    def host_break(self) -> None:
        """The machine sends a break; the console is told."""
        self.host_breaks += 1
        self.wake_sol()

    def host_lines(self, *, dtr: bool, rts: bool) -> None:
        """The machine sets its modem lines; without RTS no input is accepted."""
        self.dtr, self.rts = dtr, rts
        self.wake_sol()

    @property
    def room(self) -> int:
        """Bytes that :meth:`host_write` would accept now, when there is a console; without one it takes all."""
        return max(0, self._room - len(self._output)) if self.cts or not self.watched else 0

    # --- the console's side ---

    @property
    def pending(self) -> int:
        """Bytes of output that wait for the console."""
        return len(self._output)

    @property
    def input_room(self) -> int:
        """Bytes that :meth:`sol_write` would accept now."""
        return self._input_room - len(self._input) if self.rts else 0

    def sol_read(self, most: int) -> bytes:
        """Up to *most* bytes of output, taken out of the pipe."""
        data = bytes(self._output[:most])
        del self._output[:most]
        if self._starved and len(self._output) <= self._room // 2:
            self._starved = False
            self.wake_host()
        return data

    def sol_unread(self, data: bytes) -> None:
        """Put back, in front, what no console has confirmed."""
        self._output[:0] = data

    def sol_write(self, data: bytes) -> int:
        """Input from the console; returns how many of the first bytes were accepted."""
        accepted = min(len(data), self.input_room)
        if accepted > 0:
            self._input += data[:accepted]
            self.wake_host()
        return max(accepted, 0)

    def sol_break(self) -> None:
        """The console sends a break."""
        self.breaks += 1
        self.wake_host()

    def sol_ring(self) -> None:
        """The console rings, to wake a machine that sleeps (WOR)."""
        self.rings += 1
        self.wake_host()

    def sol_lines(self, *, cts: bool, dcd: bool) -> None:
        """The BMC sets the lines that the console controls."""
        if (cts, dcd) != (self.cts, self.dcd):
            self.cts, self.dcd = cts, dcd
            self.wake_host()

    def flush_input(self) -> None:
        """Throw away what was typed and not read."""
        self.overruns += len(self._input)
        self._input.clear()

    def flush_output(self) -> None:
        """Throw away output that waits for the console."""
        self.dropped += len(self._output)
        self._output.clear()
        self.wake_host()

    def watch(self, *, cts: bool, dcd: bool) -> None:
        """A console takes the port; it finds the history there."""
        self.watched = True
        self.sol_lines(cts=cts, dcd=dcd)

    def unwatch(self) -> None:
        """The console has left: what it had not read is history now."""
        self.watched = False
        self._starved = False
        self._forget()
        self.sol_lines(cts=False, dcd=False)
        self.wake_host()

    def _forget(self) -> None:
        """Drop the oldest output beyond the history."""
        excess = len(self._output) - self._history
        if excess > 0:
            del self._output[:excess]
            self.dropped += excess
