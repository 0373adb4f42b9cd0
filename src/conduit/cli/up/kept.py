"""What ``conduit up --data`` finds again: its ports and everybody's passwords. And that one of them uses the folder."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import asyncclick as click

from conduit.errors import LocalProtocolError
from conduit.services.files import replace_file

_NAME: Final = "up.json"
_LOCK: Final = "up.lock"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the services listen."""

    manager: int
    gateway: int
    tunnel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Of the first start."""

    ports: Ports
    accounts: Mapping[str, str] = field(repr=False)
    "Passwords, by email."
    servers: Mapping[str, str] = field(repr=False)
    "Passwords of the BMCs, by server."

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None where nothing ever started.

        :raises LocalProtocolError: the folder was used, and not by us or not to the end.
        """
        path = folder / _NAME
        if not path.exists():
            if (folder / "manager").exists():
                raise LocalProtocolError(f"{folder} was used before: give a folder that is empty, or not there yet")
            return None
        try:
            found = json.loads(path.read_text())
            return cls(ports=Ports(**found["ports"]), accounts=dict(found["accounts"]), servers=dict(found["servers"]))
        except (ValueError, KeyError, TypeError) as error:
            raise LocalProtocolError(f"{path} makes no sense: give a folder that is empty, or not there yet") from error

    def write(self, folder: Path) -> None:
        """For the next time; only we read it."""
        ports = {"manager": self.ports.manager, "gateway": self.ports.gateway, "tunnel": self.ports.tunnel}
        found = {"ports": ports, "accounts": dict(self.accounts), "servers": dict(self.servers)}
        replace_file(folder / _NAME, json.dumps(found).encode())

    def check_password(self, password: str | None) -> None:
        """:raises LocalProtocolError: it is another than the first time."""
        if password is not None and set(self.accounts.values()) != {password}:
            raise LocalProtocolError("the passwords are those of the first time: leave --password out")


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Nobody else uses the folder while the block lasts; it is made where it is missing.

    :raises ClickException: somebody does.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(descriptor, 20).decode(errors="replace").strip()
            words = f"{folder} is in use by `conduit up`, process {other}: end that one, or give another folder"
            raise click.ClickException(words) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
