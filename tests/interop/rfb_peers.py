"""Real RFB servers on loopback, and what they show: a virtual machine of QEMU, and displays of X."""

from __future__ import annotations

import os
import socket  # noqa: TID251 - to find a free port, and for QEMU's serial port
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.interop.x11 import XClient

LIMIT: Final = 30.0  # seconds until a server answers; QEMU may run without KVM
FIRST_PORT: Final = 5900

# A boot sector: sets mode 13h, paints colours 0 to 255 over and over, writes "!" to COM1 and then each key.
PAINTER: Final = (
    bytes.fromhex(
        "B81300 CD10 B800A0 8EC0 31FF"  # mode 13h; es:di is the picture
        "89F8 AA 81FF00FA 72F7"  # each pixel's colour is the low byte of its place
        "B021 BAF803 EE"  # "!" to COM1
        "30E4 CD16 BAF803 EE EBF6"  # each key to COM1
    ).ljust(510, b"\0")
    + b"\x55\xaa"
)


class Server(NamedTuple):
    """Where it listens."""

    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class Machine(NamedTuple):
    """A virtual machine."""

    server: Server
    serial: socket.socket
    "What the machine writes to COM1."

    def read_serial(self, until: bytes) -> bytes:
        """All up to what ends with *until*."""
        said = b""
        while not said.endswith(until):
            said += self.serial.recv(1)
        return said


def free_port() -> int:
    """A port that nobody listens on, and which has a display's number."""
    for port in range(FIRST_PORT + 100 + os.getpid() % 1000, 1 << 16):
        with closing(socket.socket()) as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@contextmanager
def running(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(is_done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_done():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} is not ready: {log.read_text(errors='replace')}")
        time.sleep(0.02)  # noqa: TID251 - a process has no event


def answers(port: int) -> bool:
    with closing(socket.socket()) as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running_qemu(program: Path, folder: Path, *options: str) -> Iterator[Machine]:
    """A machine that shows all colours and writes to its serial port what is typed.

    :param options: of ``-vnc``.
    """
    image, serial, log = folder / "disk.img", folder / "serial", folder / "qemu.log"
    image.write_bytes(PAINTER)
    os.truncate(image, 16 << 20)  # SeaBIOS reads nothing from a disk of less than a cylinder
    port = free_port()
    command = [
        str(program), "-display", "none", "-m", "32", "-net", "none", "-accel", "tcg",
        "-drive", f"file={image},format=raw", "-serial", f"unix:{serial},server=on,wait=off",
        "-vnc", ",".join((f"127.0.0.1:{port - FIRST_PORT}", *options)),
    ]  # fmt: skip
    with running(command, log) as process:
        wait_until(lambda: serial.exists() and answers(port), process, log)
        with closing(socket.socket(socket.AF_UNIX)) as com1:
            com1.settimeout(LIMIT)
            com1.connect(str(serial))
            machine = Machine(Server(port, log), com1)
            machine.read_serial(b"!")
            yield machine


class Desktop(NamedTuple):
    """A display of X, which RFB shows."""

    server: Server
    display: int

    def connect(self) -> XClient:
        """A client that draws and gets keys."""
        return XClient(self.display)


@contextmanager
def running_xvnc(program: Path, folder: Path, *options: str) -> Iterator[Desktop]:
    """TigerVNC's server, 800x600."""
    log, port = folder / "xvnc.log", free_port()
    with numbered_display(
        [str(program), "-rfbport", str(port), "-localhost", "-geometry", "800x600", "-depth", "24", "-ac", *options],
        log,
    ) as display:
        yield Desktop(Server(port, log), display)


@contextmanager
def running_x11vnc(program: Path, xvfb: Path, folder: Path, *options: str) -> Iterator[Desktop]:
    """LibVNCServer's, with the screen of an X server that has none, 800x600."""
    log, port = folder / "x11vnc.log", free_port()
    with numbered_display([str(xvfb), "-screen", "0", "800x600x24", "-ac"], folder / "xvfb.log") as display:
        command = [
            str(program), "-display", f":{display}", "-rfbport", str(port), "-localhost", "-forever", "-shared",
            "-noxdamage", "-noipv6", *(options or ("-nopw",)),
        ]  # fmt: skip
        with running(command, log) as process:
            wait_until(lambda: answers(port), process, log)
            yield Desktop(Server(port, log), display)


@contextmanager
def numbered_display(command: list[str], log: Path) -> Iterator[int]:
    """An X server that chooses its own number."""
    where, tell = os.pipe()
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "-displayfd", str(tell)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(tell,),
            )  # fmt: skip
    finally:
        os.close(tell)
    try:
        with open(where, "rb") as said:
            number = said.readline()
        if not number.strip():
            raise RuntimeError(f"{command[0]} does not start: {log.read_text(errors='replace')}")
        yield int(number)
    finally:
        process.terminate()
        process.wait(10)
