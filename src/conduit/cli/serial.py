"""``--serial`` and ``--qemu`` of ``conduit bmc sim``: what lives on the virtual machines' serial ports, or is one."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit.ipmi.bmc import BmcConfig, Timings
from conduit.ipmi.bmc.qemu import FIRST_VNC_PORT, QemuConfig, find_qemu, run_qemu
from conduit.ipmi.bmc.serial_pipes import connect_tcp, listen_tcp, run_program, serve_pty
from conduit.ipmi.bmc.serve import ServedBmc

ACPI_PATIENCE: Final = 60.0  # seconds that a real system gets to shut down
LAST_VNC_PORT: Final = 0xFFFF
KINDS: Final = ("guest", "none", "pty", "tcp", "tcp-listen", "exec")
USAGE: Final = "guest, none, pty:, tcp:HOST:PORT, tcp-listen:ADDRESS:PORT or exec:COMMAND"


@dataclass(frozen=True, slots=True)
class Serial:
    """What ``--serial`` says."""

    kind: str = "guest"
    "One of KINDS."
    host: str = ""
    port: int = 0
    command: str = ""
    image: str = ""


def parse_serial(text: str) -> Serial:
    """:raises click.BadParameter: it is none of the things that a serial port may lead to."""
    kind, _, rest = text.partition(":")
    if kind not in KINDS or (rest and kind in ("guest", "none", "pty")) or (kind == "exec" and not rest.strip()):
        raise click.BadParameter(f"--serial {text!r}: not {USAGE}")
    if kind == "exec":
        return Serial(kind, command=rest)
    if not kind.startswith("tcp"):
        return Serial(kind)
    host, _, number = rest.rpartition(":")
    lowest = int(kind == "tcp")  # nobody can be connected to at port 0
    if not host or not number.isdecimal() or not lowest <= int(number) <= 0xFFFF:
        raise click.BadParameter(
            f"--serial {text!r}: {kind} takes an address and a port, such as {kind}:127.0.0.1:7000"
        )
    return Serial(kind, host.removeprefix("[").removesuffix("]"), int(number))


async def attach(serial: Serial, number: int, served: ServedBmc, address: str, nursery: trio.Nursery) -> None:
    """Put it on one machine's port, and say on standard output where to find it.

    :param number: of the BMC, from 0; listeners take consecutive TCP ports.
    """
    state = served.bmc.state
    port, where = state.sol.port, ""
    if serial.kind == "pty":
        where = await nursery.start(serve_pty, port)
    elif serial.kind == "tcp-listen":
        wanted = serial.port + number if serial.port else 0
        where = f"tcp {serial.host}:{await nursery.start(listen_tcp, port, serial.host, wanted)}"
    elif serial.kind == "tcp":
        nursery.start_soon(connect_tcp, port, serial.host, serial.port)
    elif serial.kind == "exec":
        nursery.start_soon(run_program, port, state.machine, serial.command)
    if where:
        sys.stdout.write(f"serial {address} {where}\n")


def parse_qemu(image: str, count: int) -> Serial:
    """What ``--qemu`` says; QEMU must be there.

    :raises click.BadParameter: there is no such image, or several machines would share it.
    :raises TransportError: QEMU is not installed.
    """
    if image and not Path(image).is_file():
        raise click.BadParameter(f"--qemu: there is no disk image {image!r}")
    if image and count > 1:
        raise click.BadParameter("--qemu: one disk image is one machine's, and --count asks for more")
    find_qemu()
    return Serial("qemu", image=image)


def with_qemu(config: BmcConfig) -> BmcConfig:
    """A shutdown in good order takes a real system longer than ours."""
    if config.timings != Timings():
        return config
    return replace(config, timings=replace(config.timings, post=0.0, soft_shutdown=ACPI_PATIENCE))


async def free_vnc_port(first: int) -> int:
    """A TCP port from *first* on that nobody listens on now.

    :raises click.ClickException: there is none.
    """
    for port in range(first, LAST_VNC_PORT):
        with trio.socket.socket() as sock:
            try:
                await sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"no TCP port from {first} on is free for a display")


async def attach_all(serial: Serial, served: list[ServedBmc], addresses: list[str], nursery: trio.Nursery) -> None:
    """:func:`attach` or a QEMU for each, with a line on standard output that says where to find it."""
    vnc_port = FIRST_VNC_PORT
    for number, (one, address) in enumerate(zip(served, addresses, strict=True)):
        if serial.kind != "qemu":
            await attach(serial, number, one, address, nursery)
            continue
        vnc_port = await free_vnc_port(vnc_port)
        image = Path(serial.image) if serial.image else None
        nursery.start_soon(run_qemu, one, QemuConfig(image=image, vnc_port=vnc_port))
        sys.stdout.write(f"display {address} vnc 127.0.0.1:{vnc_port}\n")
        vnc_port += 1
