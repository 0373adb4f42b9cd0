"""What real displays show: a virtual machine of QEMU that paints all colours, and desktops of X to draw on."""

from __future__ import annotations

import os
import socket  # noqa: TID251 - QEMU's serial port
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.interop.displays import FIRST_PORT, HOST, connect_local, free_port, running, wait_for_port, x_server
from tests.interop.x11 import XClient

LIMIT: Final = 30.0  # seconds until a machine says something; QEMU may run without KVM

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
        return f"{HOST}:{self.port}"


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
        "-drive", f"file={image},format=raw", "-serial", f"unix:{serial},server=on,wait=on",
        "-vnc", ",".join((f"{HOST}:{port - FIRST_PORT}", *options)),
    ]  # fmt: skip
    with running(command, log), closing(connect_local(serial, log)) as com1:  # it waits: not a word may be lost
        wait_for_port(port, log)
        com1.settimeout(LIMIT)
        machine = Machine(Server(port, log), com1)
        machine.read_serial(b"!")
        yield machine


class Desktop(NamedTuple):
    """A display of X, which RFB shows."""

    server: Server
    x: str
    "Its name, such as ``:1``."

    def connect(self) -> XClient:
        """A client that draws and gets keys."""
        return XClient(int(self.x.removeprefix(":")))


@contextmanager
def running_xvnc(program: Path, folder: Path, *options: str) -> Iterator[Desktop]:
    """TigerVNC's server, 800x600."""
    log, port = folder / "xvnc.log", free_port()
    command = [
        str(program),
        "-rfbport",
        str(port),
        "-localhost",
        "-geometry",
        "800x600",
        "-depth",
        "24",
        "-ac",
        *options,
    ]
    with x_server(command, log) as x:
        wait_for_port(port, log)
        yield Desktop(Server(port, log), x)


@contextmanager
def running_x11vnc(program: Path, xvfb: Path, folder: Path, *options: str) -> Iterator[Desktop]:
    """LibVNCServer's, with the screen of an X server that has none, 800x600."""
    log, port = folder / "x11vnc.log", free_port()
    with x_server([xvfb, "-screen", "0", "800x600x24", "-ac"], folder / "xvfb.log") as x:
        command = [
            str(program), "-display", x, "-rfbport", str(port), "-localhost", "-forever", "-shared",
            "-noxdamage", "-noipv6", *(options or ("-nopw",)),
        ]  # fmt: skip
        with running(command, log):
            wait_for_port(port, log)
            yield Desktop(Server(port, log), x)
