"""Real servers of displays on loopback: QEMU, TigerVNC's Xvnc, x11vnc, and websockify before one of them."""

from __future__ import annotations

import os
import socket  # noqa: TID251  # asks for free ports
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
PASSWORD: Final = "labpass1"  # what VncAuth uses of it is eight bytes
PATIENCE: Final = 20.0  # seconds that a server may take to answer
GRACE: Final = 5.0  # seconds to end in
FIRST_PORT: Final = 5900

FindPeer = Callable[[str], Path]


def free_port() -> int:
    """A port that can be written as a display, too."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str | Path], log: Path, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block; what it says is in *log*."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            **more,  # type: ignore[call-overload]  # pass_fds and env, as Popen has them
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(port: int, log: Path) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.05)  # noqa: TID251  # a process has no event
        else:
            return
    raise AssertionError(f"nobody listens on port {port}: {log.read_text(errors='replace')[-2000:]}")


def connect_local(path: Path, log: Path) -> socket.socket:
    """A connection with whoever listens at *path*, as soon as it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            time.sleep(0.05)  # noqa: TID251  # a process has no event
        else:
            return connection
    raise AssertionError(f"nobody listens at {path}: {log.read_text(errors='replace')[-2000:]}")


def wait_for_words(words: str, log: Path) -> None:
    """Until a program has said so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if words in log.read_text(errors="replace").splitlines():
            return
        time.sleep(0.05)  # noqa: TID251  # a process has no event
    raise AssertionError(f"it does not say {words!r}: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def x_server(command: Sequence[str | Path], log: Path) -> Iterator[str]:
    """An X server that chooses its own name."""
    reader, writer = os.pipe()
    with open(reader) as said, ExitStack() as stack:
        try:
            stack.enter_context(running([*command, "-displayfd", str(writer)], log, pass_fds=(writer,)))
        finally:
            os.close(writer)
        number = said.readline().strip()
        assert number, log.read_text(errors="replace")[-2000:]
        yield f":{number}"


@dataclass(frozen=True)
class Display:
    """One that runs."""

    port: int
    x: str = ""
    "Its name among X servers, where it is one."


class Displays:
    """Starts servers; all end with it."""

    def __init__(self, peer: FindPeer, folder: Path, stack: ExitStack) -> None:
        self._peer = peer
        self.folder = folder
        self._stack = stack
        self._count = 0

    def start(self, program: str, *words: str | Path, **more: object) -> Path:
        """Run a program; its log."""
        self._count += 1
        log = self.folder / f"{self._count}-{program}.log"
        self._stack.enter_context(running([self._peer(program), *words], log, **more))
        return log

    def qemu(self, vnc: str = "", *words: str | Path, serial: Path | None = None) -> Display:
        """QEMU with a firmware and nothing to boot, unless *words* have it.

        :param vnc: more for its ``-vnc``.
        """
        port = free_port()
        where = f"file:{serial}" if serial else "none"
        log = self.start(
            "qemu-system-x86_64",
            *("-display", "none", "-machine", "pc", "-m", "32", "-nic", "none", "-monitor", "none", "-serial", where),
            *("-object", f"secret,id=password,data={PASSWORD}"),
            *words,
            *("-vnc", f"{HOST}:{port - FIRST_PORT}{',' if vnc else ''}{vnc}"),
        )
        wait_for_port(port, log)
        return Display(port)

    def xvnc(self, types: str, *words: str | Path) -> Display:
        """TigerVNC's server, which offers *types*."""
        passwords = self.folder / "vncpasswd"
        if not passwords.exists():
            tool = self._peer("vncpasswd")
            hidden = subprocess.run([tool, "-f"], input=PASSWORD.encode(), capture_output=True, check=True).stdout
            passwords.write_bytes(hidden)
        port = free_port()
        name = self._x_server("Xvnc", "-rfbport", str(port), "-localhost", "-SecurityTypes", types,
                              "-PasswordFile", passwords, "-geometry", "400x300", "-depth", "24", *words)  # fmt: skip
        wait_for_port(port, self.folder / f"{self._count}-Xvnc.log")
        return Display(port, name)

    def xvfb(self) -> str:
        """An X server that nobody sees; its name."""
        return self._x_server("Xvfb", "-screen", "0", "640x480x24", "-nolisten", "tcp")

    def _x_server(self, program: str, *words: str | Path) -> str:
        self._count += 1
        log = self.folder / f"{self._count}-{program}.log"
        return self._stack.enter_context(x_server([self._peer(program), *words], log))

    def x_client(self, x: str, program: str, *words: str | Path) -> Path:
        """A program with a window there; its log."""
        return self.start(program, *words, env=os.environ | {"DISPLAY": x})

    def x11vnc(self, x: str, *words: str | Path) -> Display:
        """x11vnc of the X server *x*."""
        port = free_port()
        log = self.start(
            "x11vnc",
            *("-display", x, "-rfbport", str(port), "-localhost", "-no6", "-forever", "-shared", "-noxdamage", "-nopw"),
            *words,
        )
        wait_for_words(f"PORT={port}", log)  # with TLS a connection is a client to it, and it serves one at a time
        return Display(port, x)

    def websockify(self, target: Display, *words: str | Path) -> int:
        """websockify before it; its port."""
        port = free_port()
        log = self.start("websockify", *words, f"{HOST}:{port}", f"{HOST}:{target.port}")
        wait_for_port(port, log)
        return port

    def conduit(self, *words: str | Path) -> tuple[Path, subprocess.Popen[bytes]]:
        """Our own command; its log, and itself."""
        self._count += 1
        log = self.folder / f"{self._count}-conduit.log"
        command = [sys.executable, "-m", "conduit", *words]
        return log, self._stack.enter_context(running(command, log))


@contextmanager
def open_displays(peer: FindPeer, folder: Path) -> Iterator[Displays]:
    """Servers that end with the block."""
    with ExitStack() as stack:
        yield Displays(peer, folder, stack)
