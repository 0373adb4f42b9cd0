"""Files that only their owner reads, that are old or new and never half, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import trio

from conduit.errors import LocalProtocolError, TransportError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LOCK_PATIENCE: Final = 30.0  # seconds; whoever has the lock asks the Manager at most this long
LOCK_POLL: Final = 0.02  # seconds


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing and closed to others.

    :raises LocalProtocolError: it cannot be.
    """
    with _told(path):
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(FOLDER_MODE)
    return path


def write_private(path: Path, text: str) -> None:
    """Put *text* in place of what was there, all of it or nothing, whatever happens meanwhile.

    :raises LocalProtocolError: it cannot be written.
    """
    folder = private_folder(path.parent)
    with _told(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=folder)  # 0600, and nobody else's
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise


def read_private(path: Path) -> str | None:
    """What is in the file, None where there is none.

    :raises LocalProtocolError: it cannot be read, or others can read it too.
    """
    with _told(path):
        try:
            if path.stat().st_mode & 0o077:
                raise LocalProtocolError(f"{path} can be read by others: chmod 600 {path}")
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise LocalProtocolError(f"{path} is damaged: delete it") from None


def remove(path: Path) -> None:
    """Delete it where it is there.

    :raises LocalProtocolError: it cannot be.
    """
    with _told(path), suppress(FileNotFoundError):
        path.unlink()


@asynccontextmanager
async def locked(path: Path, patience: float = LOCK_PATIENCE) -> AsyncIterator[None]:
    """Alone among all processes of this user; the kernel lets go when a process dies.

    :raises TransportError: somebody else has it for too long.
    """
    private_folder(path.parent)
    with _told(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        with trio.move_on_after(patience) as scope:
            while not _try_lock(handle):  # noqa: ASYNC110 - the kernel tells nobody; a thread could not be cancelled
                await trio.sleep(LOCK_POLL)
        if scope.cancelled_caught:
            raise TransportError(f"another conduit command holds {path} since {patience:g} s: end it, and try again")
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalProtocolError(f"cannot use {path}: {error.strerror or error}") from error
