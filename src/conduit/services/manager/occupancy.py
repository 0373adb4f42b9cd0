"""Whether a Manager runs on a folder: the system forgets it with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conduit.errors import LocalProtocolError


@contextmanager
def occupied(state: Path) -> Iterator[None]:
    """While a Manager runs on it.

    :raises LocalProtocolError: somebody wants it alone, or it cannot be opened.
    """
    with _locked(state, fcntl.LOCK_SH, f"a database is being restored in {state}; try again when that is done"):
        yield


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """While no Manager may run on it.

    :raises LocalProtocolError: one does, or it cannot be opened.
    """
    with _locked(state, fcntl.LOCK_EX, f"a Manager runs on {state}; stop it first"):
        yield


@contextmanager
def _locked(folder: Path, how: int, refusal: str) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LocalProtocolError(f"cannot open {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LocalProtocolError(refusal) from error
    finally:
        os.close(descriptor)
