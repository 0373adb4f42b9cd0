"""``conduit tunnel keys``: throw-away certificates."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import asyncclick as click

from conduit.cli.tunnel.authority import Authority
from conduit.cli.tunnel.options import AGENT_URI, GATEWAY_URI, parse_name
from conduit.errors import LocalProtocolError, TransportError

PUBLIC: Final = 0o644
PRIVATE: Final = 0o600
WARNING: Final = (
    "these are for trying it out: the CA's key is thrown away, so nobody can be added, and nobody can be revoked"
)


def write(path: Path, data: bytes, mode: int, *, force: bool) -> None:
    """Write a file that nobody but the owner could ever read, unless *mode* lets them.

    :raises LocalProtocolError: it is there, and *force* was not given.
    :raises TransportError: it cannot be written.
    """
    try:
        if force:
            path.unlink(missing_ok=True)  # its mode may be another
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except FileExistsError:
        raise LocalProtocolError(f"{path} is there already; --force replaces it") from None
    except OSError as error:
        raise TransportError(f"cannot write {path}: {error.strerror or error}") from error


def make(folder: Path, agents: tuple[str, ...], names: tuple[str, ...], days: int, *, force: bool) -> list[Path]:
    """A CA, a Gateway's files and those of each Agent; the paths.

    :raises LocalProtocolError: one is there, and *force* was not given.
    """
    authority = Authority(days)
    files = [(folder / "ca.pem", authority.certificate, PUBLIC)]
    for stem, identity in (
        ("gateway", GATEWAY_URI + "gateway"),
        *((name, AGENT_URI + name) for name in agents),
    ):
        certificate, key = authority.issue(identity, names)
        files += [(folder / f"{stem}.pem", certificate, PUBLIC), (folder / f"{stem}.key", key, PRIVATE)]
    there = [path for path, _, _ in files if path.exists()]
    if there and not force:
        raise LocalProtocolError(f"{there[0]} is there already; --force replaces it")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise TransportError(f"cannot make {folder}: {error.strerror or error}") from error
    for path, data, mode in files:
        write(path, data, mode, force=force)
    return [path for path, _, _ in files]


@click.command(epilog="Example: conduit tunnel keys /tmp/keys --agent rack7 --name gateway.example")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--agent", "agents", multiple=True, metavar="ID", help='an Agent, by default "agent"; may be repeated')
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="name or address in the certificates, besides localhost, 127.0.0.1 and ::1; may be repeated",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 825), default=30, show_default=True, help="how long they are valid")
@click.option("--force", is_flag=True, help="replace files that are there")
def command(directory: Path, agents: tuple[str, ...], names: tuple[str, ...], days: int, force: bool) -> None:
    """Make a throw-away CA, and certificates for a Gateway and for Agents, in DIRECTORY.

    They are for trying it out. In earnest, your own CA signs certificates whose URI is conduit://gateway/ID or
    conduit://agent/ID.
    """
    wanted = tuple(parse_name(name) for name in agents) or ("agent",)
    if "gateway" in wanted or "ca" in wanted:
        raise click.BadParameter("--agent: gateway and ca are the names of other files")
    for path in make(directory, wanted, names, days, force=force):
        sys.stdout.write(f"{path}\n")
    sys.stderr.write(f"Warning: {WARNING}.\n")
