"""Anything on a virtual machine's serial port: a TCP peer, a pseudo-terminal, a program.

Each function here inhabits a :class:`~conduit.ipmi.bmc.serial_port.SerialPort` until it is cancelled.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import termios
import tty
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.virtual_machine import VirtualMachine

logger = logging.getLogger(__name__)

CHUNK: Final = 4096  # bytes moved at a time
BREAK: Final = b""  # in the place of characters
MAX_BREAKS: Final = 16  # that wait for the host; further ones are lost
BACK_OFF: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before each further attempt to connect
POLL: Final = 0.1  # seconds between looks at the machine's power
GRACE: Final = 2.0  # seconds for a program to end in


class HostEnd:
    """The machine's side of a serial port for one task that reads and one that writes."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self._lot = trio.lowlevel.ParkingLot()
        self._breaks = port.breaks
        self._places: deque[int] = deque()  # characters to be read before each break
        port.wake_host = self._wake

    def _wake(self) -> None:
        """The port calls this for each piece, which is how breaks keep their place."""
        while self._breaks < self._port.breaks:
            self._breaks += 1
            if len(self._places) < MAX_BREAKS:
                self._places.append(self._port.typed)
        self._lot.unpark_all()

    async def receive_some(self) -> bytes:
        """What was typed, or :data:`BREAK`; waits until there is something."""
        while True:
            most = min(self._places[0], self._port.typed) if self._places else CHUNK
            if not most:
                self._places.popleft()
                return BREAK
            if data := self._port.host_read(min(most, CHUNK)):
                self._places = deque(place - len(data) for place in self._places)
                return data
            await self._lot.park()

    async def send_all(self, data: bytes) -> None:
        """Output of the machine; waits while the console is slow."""
        while data := data[self._port.host_write(data) :]:
            await self._lot.park()
        await trio.lowlevel.checkpoint()


SendBreak = Callable[[], Awaitable[None]]
"Passes a break on, as far as the other side can have one."


async def no_break() -> None:
    """The other side has no breaks: plain TCP, for one, would need RFC 2217."""
    await trio.lowlevel.checkpoint()


async def pump(end: HostEnd, stream: trio.abc.Stream, send_break: SendBreak = no_break) -> None:
    """Move bytes both ways, and breaks to the stream's side, until the stream ends."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_to_stream, end, stream, send_break, scope)
            try:
                while data := await stream.receive_some(CHUNK):
                    await end.send_all(bytes(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
                logger.debug("serial pipe: %s", error)
            scope.cancel()


async def _to_stream(end: HostEnd, stream: trio.abc.Stream, send_break: SendBreak, scope: trio.CancelScope) -> None:
    try:
        while True:
            data = await end.receive_some()
            await (send_break() if data == BREAK else stream.send_all(data))
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        logger.debug("serial pipe: %s", error)
        scope.cancel()


# --- TCP ---


async def connect_tcp(port: SerialPort, host: str, tcp_port: int) -> None:
    """Keep a connection to a TCP peer, such as a terminal server; connect again when it is lost."""
    end = HostEnd(port)
    failures = 0
    while True:
        try:
            stream = await trio.open_tcp_stream(host, tcp_port)
        except OSError as error:
            logger.info("serial port: cannot connect to %s port %d: %s", host, tcp_port, error)
        else:
            failures = 0
            async with stream:
                await pump(end, stream)
        await trio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
        failures += 1


async def listen_tcp(
    port: SerialPort, host: str, tcp_port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Take TCP connections, one at a time; ``nursery.start`` returns the TCP port.

    :raises TransportError: the address cannot be had.
    """
    end = HostEnd(port)
    try:
        listeners = await trio.open_tcp_listeners(tcp_port, host=host)
    except OSError as error:
        raise TransportError(f"cannot listen on {host} TCP port {tcp_port}: {error.strerror or error}") from error
    async with listeners[0] as listener:
        task_status.started(listener.socket.getsockname()[1])
        while True:
            stream = await listener.accept()
            async with stream:
                await pump(end, stream)


# --- pseudo-terminals ---


async def _break_pty(stream: trio.lowlevel.FdStream) -> None:
    """Do what a terminal's driver does at a break (termios(3)): Linux has no way to send one into a pty."""
    flags, *_ = termios.tcgetattr(stream.fileno())
    if flags & termios.IGNBRK:
        await trio.lowlevel.checkpoint()
    elif flags & termios.BRKINT:
        termios.tcflush(stream.fileno(), termios.TCIOFLUSH)
        if group := os.tcgetpgrp(stream.fileno()):
            os.killpg(group, signal.SIGINT)
        await trio.lowlevel.checkpoint()
    else:
        await stream.send_all(b"\0")


@contextmanager
def _open_pty() -> Iterator[tuple[int, int]]:
    """Master and slave of a new pty, the slave raw."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        yield master, slave
    finally:
        os.close(slave)
        os.close(master)


async def serve_pty(port: SerialPort, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Offer a pty for any program to open; ``nursery.start`` returns its path. It stays when programs close it."""
    end = HostEnd(port)
    with _open_pty() as (master, slave):  # the slave is kept open, or the master would fail between programs
        async with trio.lowlevel.FdStream(os.dup(master)) as stream:
            task_status.started(os.ttyname(slave))
            await pump(end, stream, partial(_break_pty, stream))


async def run_program(port: SerialPort, machine: VirtualMachine, command: str) -> None:
    """Run a shell command on a pty whenever the machine has power: from each start, and again when it ends."""
    end = HostEnd(port)
    while True:
        while not machine.is_on:  # noqa: ASYNC110 - the machine is no task and has no event
            await trio.sleep(POLL)
        boots = len(machine.boots), machine.boots[-1:]
        with trio.CancelScope() as scope:
            async with open_background_nursery() as nursery:
                nursery.start_soon(_cancel_at_power_change, machine, boots, scope)
                await _run_once(end, command)
        await trio.sleep(POLL)


async def _cancel_at_power_change(machine: VirtualMachine, boots: object, scope: trio.CancelScope) -> None:
    while machine.is_on and boots == (len(machine.boots), machine.boots[-1:]):  # noqa: ASYNC110 - as above
        await trio.sleep(POLL)
    scope.cancel()


def _take_terminal() -> None:
    """In the child: the pty on standard input becomes the controlling terminal, so that Ctrl+C does what it should."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _run_once(end: HostEnd, command: str) -> None:
    master, slave = os.openpty()
    async with trio.lowlevel.FdStream(master) as stream:
        try:
            async with _process(command, slave) as close_slave:
                close_slave()
                await pump(end, stream, partial(_break_pty, stream))
        except OSError as error:
            logger.warning("cannot run %r on the serial port: %s", command, error)
            await trio.sleep(BACK_OFF[-1])


@asynccontextmanager
async def _process(command: str, slave: int) -> AsyncIterator[Callable[[], None]]:
    """The program, ended by its own process ID when the block is left."""
    try:
        process: trio.Process = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
    except BaseException:
        os.close(slave)
        raise
    try:
        yield lambda: os.close(slave)
    finally:
        await end_process(process)


async def end_process(process: trio.Process) -> None:
    """Ask a child of ours to end, make it, and reap it."""
    with trio.CancelScope(shield=True):
        if process.returncode is None:
            process.send_signal(signal.SIGHUP)
            with trio.move_on_after(GRACE):
                await process.wait()
        if process.returncode is None:
            process.kill()
        await process.wait()
