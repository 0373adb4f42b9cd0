"""Programs typed at through a pseudo-terminal, and what a test puts behind a virtual BMC's serial port."""

from __future__ import annotations

import os
import pty
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.serve import ServedBmc


def upper_case(served: ServedBmc) -> SerialPort:
    """Have the machine answer everything in capitals, which no local echo can do."""
    port = served.bmc.state.sol.port

    def answer() -> None:
        while data := port.host_read(1024):
            port.host_write(data.upper())

    port.wake_host = answer
    return port


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another program makes happen."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110  # nobody tells us
            await trio.sleep(0.01)


class Terminal:
    """A program on the other end of a pseudo-terminal."""

    def __init__(self, process: trio.Process, master: int) -> None:
        self.process = process
        self.master = master
        self.seen = b""

    async def type(self, text: bytes) -> None:
        """Press keys."""
        await trio.lowlevel.wait_writable(self.master)
        os.write(self.master, text)

    async def until(self, text: bytes) -> None:
        """Wait until the screen has shown *text*."""
        while text not in self.seen:
            await trio.lowlevel.wait_readable(self.master)
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # what Linux says when the program has gone
                data = b""
            if not data:
                raise AssertionError(f"{text!r} never came, but {self.seen!r}")
            self.seen += data


@asynccontextmanager
async def open_terminal(program: Path, *words: str, limit: float = 20.0) -> AsyncIterator[Terminal]:
    """Run a program at a terminal; killed when the block is left."""
    master, slave = pty.openpty()
    tty.setraw(slave, termios.TCSANOW)
    os.set_blocking(master, False)
    try:
        with trio.fail_after(limit):
            process = await trio.lowlevel.open_process(
                [str(program), *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
            )
            os.close(slave)
            slave = -1
            try:
                yield Terminal(process, master)
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
    finally:
        trio.lowlevel.notify_closing(master)
        os.close(master)
        if slave >= 0:
            os.close(slave)
