"""The last output of a console on disk, so that offsets go on where they were after the Agent was restarted.

A folder holds the epoch, whose server it is, and two files of output at most, each named after the offset of its first
byte. They are written without waiting for the disk: a crash of the Agent loses nothing, one of the machine perhaps the
last seconds.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SEGMENT: Final = 256 << 10  # bytes of a file; one full file at least is kept, beside the one that is being written
SEGMENTS: Final = 2
_EPOCH: Final = "epoch"
_PREFIX: Final = "output-"
_TENANT: Final = "tenant"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a spool had when it was opened."""

    epoch: str
    start: int = 0
    "Offset of the first byte."
    data: bytes = b""
    written_at: float | None = None
    "When it was last written, in seconds since 1970; None for a new epoch."


class Spool:
    """A folder, or nothing at all: without one, offsets begin anew with each hub.

    :param segment: bytes of one file.
    """

    def __init__(self, folder: Path | None, *, segment: int = SEGMENT) -> None:
        self._folder = folder
        self._segment = segment
        self._paths: list[Path] = []
        self._file: int | None = None
        self._end = 0  # offset of the next byte
        self._room = 0  # bytes that the file may yet have
        self._tenant: str | None = None

    @property
    def is_working(self) -> bool:
        """Whether what is appended is kept."""
        return self._file is not None

    def open(self) -> Kept:
        """What is there; where it is of no use, it goes, and a new epoch begins."""
        if self._folder is None:
            return Kept(epoch=_new_epoch())
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._load(self._folder) or self._begin_epoch(self._folder)
        except OSError as error:
            self._give_up(error)
            return Kept(epoch=_new_epoch())

    def append(self, data: bytes) -> None:
        """Keep it. A disk that fails is told once; what was kept is then of no use, and goes."""
        view = memoryview(data)
        try:
            while view and self._file is not None:
                written = os.write(self._file, view[: self._room])
                view = view[written:]
                self._end += written
                self._room -= written
                if not self._room:
                    self._begin_segment()
        except OSError as error:
            self._give_up(error)

    def belong_to(self, tenant: str) -> bool:
        """It is this one's from now on; whether it was somebody else's, of whose output nothing is kept."""
        before, self._tenant = self._tenant, tenant
        try:
            if self._file is not None and before not in (None, tenant):
                self._forget()
            if self._folder is not None and before != tenant:
                self._write(self._folder / _TENANT, tenant)
        except OSError as error:
            self._give_up(error)
        return before not in (None, tenant)

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    # --- inside ---

    def _load(self, folder: Path) -> Kept | None:
        """What is there, if it is a whole."""
        epoch = _text_of(folder / _EPOCH)
        found = _segments(folder)
        if not epoch or not found:
            return None
        self._paths = _last_run(found)
        for other in found.values():
            if other not in self._paths:
                other.unlink()
        data = b"".join(each.read_bytes() for each in self._paths)
        self._tenant = _text_of(folder / _TENANT)
        newest = self._paths[-1]
        written_at = newest.stat().st_mtime
        start = _offset(self._paths[0])
        self._end = start + len(data)
        self._open_segment(newest)
        return Kept(epoch=epoch, start=start, data=data, written_at=written_at)

    def _begin_epoch(self, folder: Path) -> Kept:
        for path in _segments(folder).values():
            path.unlink()
        epoch = _new_epoch()
        self._write(folder / _EPOCH, epoch)
        self._paths, self._end = [], 0
        self._begin_segment()
        return Kept(epoch=epoch)

    def _forget(self) -> None:
        """Offsets go on in a file of their own."""
        while self._paths:
            self._paths.pop().unlink()
        self._begin_segment()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """All of it or nothing."""
        fresh = path.with_name(f"{path.name}.new")
        with open(fresh, "w", opener=_private) as file:
            file.write(text)
        fresh.replace(path)

    def _begin_segment(self) -> None:
        if self._folder is not None:
            path = self._folder / f"{_PREFIX}{self._end:020}"
            self._paths.append(path)
            self._open_segment(path)
            while len(self._paths) > SEGMENTS:
                self._paths.pop(0).unlink(missing_ok=True)

    def _open_segment(self, path: Path) -> None:
        self.close()
        self._file = _private(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._room = self._segment - os.fstat(self._file).st_size
        if self._room <= 0:  # it was written with another size in mind
            self._begin_segment()

    def _give_up(self, error: OSError) -> None:
        logger.warning("%s: output of the console is not kept: %s", self._folder, error.strerror or error)
        self.close()
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / _EPOCH).unlink()


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _text_of(path: Path) -> str | None:
    """What a file says; None where there is none."""
    return path.read_text("ascii", "replace").strip() if path.exists() else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _segments(folder: Path) -> dict[int, Path]:
    """By offset, in order."""
    paths = sorted(path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdecimal())
    return {_offset(path): path for path in paths}


def _offset(path: Path) -> int:
    return int(path.name.removeprefix(_PREFIX))


def _last_run(segments: dict[int, Path]) -> list[Path]:
    """The newest, and what ends where it begins."""
    run: list[Path] = []
    for offset, path in reversed(segments.items()):
        if run and offset + path.stat().st_size != _offset(run[0]):
            break
        run.insert(0, path)
    return run[-SEGMENTS:]
