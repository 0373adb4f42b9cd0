"""What a console showed, in files: raw, or as asciicast version 2 with its timing."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from conduit.errors import LocalProtocolError

OWNER_ONLY: Final = 0o600  # a console shows secrets
FLUSH_AFTER: Final = 1.0  # seconds that anything stays out of the file, as long as something is shown


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read; what was there is gone.

    :raises LocalProtocolError: it cannot be made.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_ONLY)
        if path.is_file():
            os.fchmod(handle, OWNER_ONLY)
    except OSError as error:
        raise LocalProtocolError(f"cannot write {path}: {error.strerror or error}") from error
    with os.fdopen(handle, "wb") as file:
        yield file


class Flusher:
    """Writes to a file, and lets nothing stay in its buffer for long."""

    def __init__(self, file: IO[bytes], clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._flushed = clock()

    def write(self, data: bytes) -> None:
        """Add *data*."""
        self._file.write(data)
        if self._clock() - self._flushed >= FLUSH_AFTER:
            self._file.flush()
            self._flushed = self._clock()


class Asciicast:
    """A recording: a header, and a line for each piece of output and each new size. What is typed is not recorded.

    :param clock: seconds, monotonic.
    :param started: seconds since 1970.
    """

    def __init__(
        self,
        file: IO[bytes],
        clock: Callable[[], float],
        *,
        size: tuple[int, int],
        started: int,
        environment: Mapping[str, str],
    ) -> None:
        self._out = Flusher(file, clock)
        self._clock = clock
        self._start = clock()
        self._size = size
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        shown = {name: environment[name] for name in ("SHELL", "TERM") if name in environment}
        width, height = size
        header = {"version": 2, "width": width, "height": height, "timestamp": started, "env": shown}
        self._out.write(json.dumps(header).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Output."""
        self._event("o", self._decoder.decode(data))

    def resize(self, size: tuple[int, int]) -> None:
        """The terminal has this size now: columns and rows."""
        if size != self._size:
            self._size = size
            self._event("r", f"{size[0]}x{size[1]}")

    def close(self) -> None:
        """Add what was left of an unfinished character."""
        self._event("o", self._decoder.decode(b"", final=True))

    def _event(self, kind: str, text: str) -> None:
        if text:
            moment = round(self._clock() - self._start, 6)
            self._out.write(json.dumps([moment, kind, text]).encode() + b"\n")
