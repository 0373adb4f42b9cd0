"""``--serial`` of ``conduit bmc sim``: what lives on the virtual machines' serial ports."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

import asyncclick as click
import trio

from conduit.ipmi.bmc.serial_pipes import connect_tcp, listen_tcp, run_program, serve_pty
from conduit.ipmi.bmc.serve import ServedBmc

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
