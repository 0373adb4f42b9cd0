"""A console's output in a file that people read: raw, or with the time before each line; rotated by size."""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conduit.services.clock import Clock, system_clock

MAX_BYTES: Final = 10 << 20  # bytes of a file, by default
KEEP: Final = 5  # older files, by default
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Where it goes, and how."""

    path: Path
    timestamps: bool = True
    "The time (UTC) before each line; otherwise the bytes as they came."
    max_bytes: int = MAX_BYTES
    keep: int = KEEP
    "Older files, named ``.1`` and so on; more are deleted."


class ConsoleLog:
    """One log, or none."""

    def __init__(self, settings: LogSettings | None, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._settings = settings
        self._file: int | None = None
        self._size = 0
        self._in_line = False
        self._open()

    def configure(self, settings: LogSettings | None) -> None:
        """Go on so; the file is opened anew in any case, as somebody may have moved it."""
        self.close()
        self._settings = settings
        self._open()

    def write(self, data: bytes) -> None:
        """Something was said. A disk that fails is told once, and the log waits for the next :meth:`configure`."""
        settings = self._settings
        if settings is None or self._file is None:
            return
        text = memoryview(self._stamp(data) if settings.timestamps else data)
        try:
            while text:
                written = os.write(self._file, text)
                text = text[written:]
                self._size += written
            if self._size >= settings.max_bytes * (2 if self._in_line else 1):  # a line without an end is cut
                self._rotate(settings)
        except OSError as error:
            self._give_up(error)

    def note(self, text: str) -> None:
        """A line of our own: what happened to the console."""
        settings = self._settings
        if settings is not None and settings.timestamps:
            self.write((b"\n" if self._in_line else b"") + f"[{text}]\n".encode())

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    # --- inside ---

    def _stamp(self, data: bytes) -> bytes:
        """*data* with the time where a line begins."""
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC).isoformat(" ", "milliseconds")
        stamp = now.removesuffix("+00:00").encode() + b"Z "
        out = bytearray()
        for line in _lines(data):
            if not self._in_line:
                out += stamp
            out += line
            self._in_line = not line.endswith(b"\n")
        return bytes(out)

    def _open(self) -> None:
        self._in_line = False
        if self._settings is None:
            return
        try:
            path = self._settings.path
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            self._give_up(error)

    def _rotate(self, settings: LogSettings) -> None:
        self.close()
        path = settings.path
        if not settings.keep:
            path.unlink()
        for number in range(settings.keep, 0, -1):
            older = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number}"))
        self._open()

    def _give_up(self, error: OSError) -> None:
        logger.warning("%s: the console is not logged: %s", self._settings and self._settings.path, error)
        self.close()


def _lines(data: bytes) -> list[bytes]:
    """Each with its end; ends are line feeds alone, as consoles send carriage returns for many things."""
    return [line for line in re.split(rb"(?<=\n)", data) if line]
