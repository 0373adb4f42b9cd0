"""A PostgreSQL of our own on loopback, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import trio

from conduit.cli.up.tree import free_ports

HOST = "127.0.0.1"
USER = "conduit"
PATIENCE = 30.0  # seconds
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_COLLATION = "C.UTF-8"


@dataclass(frozen=True)
class Postgresql:
    """A server that runs."""

    port: int
    folder: Path
    password: str = field(repr=False)

    def url(self, database: str) -> str:
        """SQLAlchemy's."""
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database}"

    @property
    def environment(self) -> dict[str, str]:
        """For PostgreSQL's own programs."""
        return {**os.environ, "PGHOST": HOST, "PGPORT": str(self.port), "PGUSER": USER, "PGPASSWORD": self.password}

    def new_database(self) -> str:
        """An empty one."""
        name = f"conduit_{secrets.token_hex(4)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """As the one who may do everything."""
        return psycopg.connect(
            host=HOST, port=self.port, user=USER, password=self.password, dbname="postgres", autocommit=True
        )


@contextmanager
def run_postgresql(programs: Path) -> Iterator[Postgresql]:
    """Until the block ends.

    :param programs: folder with ``initdb`` and ``postgres``.
    """
    folder = Path(tempfile.mkdtemp(prefix="conduit-postgresql-"))
    account = _account()
    if account is not None:
        shutil.chown(folder, account, account)
    server = Postgresql(trio.run(free_ports, 1, HOST)[0], folder, secrets.token_urlsafe(12))
    try:
        _make(programs, server, account)
        with (folder / "log").open("wb") as log, _started(programs, server, account, log.fileno()) as process:
            _wait_ready(server, process)
            yield server
    finally:
        shutil.rmtree(folder)


def _account() -> str | None:
    """PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


def _make(programs: Path, server: Postgresql, account: str | None) -> None:
    password = server.folder / "password"
    password.write_text(server.password)
    if account is not None:
        shutil.chown(password, account)
    words = [f"--pgdata={server.folder}/data", f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256"]
    words += ["--encoding=UTF8", f"--locale={_COLLATION}", "--no-sync"]
    done = subprocess.run(
        [programs / "initdb", *words],
        user=account, group=account, extra_groups=[] if account else None, cwd=server.folder,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    password.unlink()


@contextmanager
def _started(programs: Path, server: Postgresql, account: str | None, log: int) -> Iterator[subprocess.Popen[bytes]]:
    words = ["-D", str(server.folder / "data"), "-p", str(server.port), "-k", str(server.folder), "-h", HOST, *_FAST]
    with subprocess.Popen(
        [programs / "postgres", *words],
        user=account, group=account, extra_groups=[] if account else None, cwd=server.folder,
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGQUIT)  # at once; nobody needs the files any more
            process.wait(PATIENCE)


def _wait_ready(server: Postgresql, process: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        with suppress(psycopg.OperationalError), server.connect():
            return
        assert process.poll() is None, (server.folder / "log").read_text()
        pause.wait(0.1)
    raise AssertionError(f"PostgreSQL does not answer: {(server.folder / 'log').read_text()}")
