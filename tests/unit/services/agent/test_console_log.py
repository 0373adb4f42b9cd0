"""A console's output in a file for people."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conduit.services.agent.console_log import ConsoleLog, LogSettings


def clock() -> float:
    return 1_700_000_000.25


STAMP = b"2023-11-14 22:13:20.250Z "


def test_each_line_has_its_time_however_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "db-02.log"
    log = ConsoleLog(LogSettings(path=path), clock=clock)
    for piece in (b"a", b"b\r\nc\n\nd", b"", b"e\n"):
        log.write(piece)
    assert path.read_bytes() == STAMP + b"ab\r\n" + STAMP + b"c\n" + STAMP + b"\n" + STAMP + b"de\n"
    assert path.stat().st_mode & 0o777 == 0o600
    log.close()


def test_what_happened_is_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = ConsoleLog(LogSettings(path=path), clock=clock)
    log.write(b"half a li")
    log.note("Lost.")
    log.note("Live.")
    assert path.read_bytes() == STAMP + b"half a li\n" + STAMP + b"[Lost.]\n" + STAMP + b"[Live.]\n"
    log.close()


def test_raw_is_what_came_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = ConsoleLog(LogSettings(path=path, timestamps=False))
    log.write(b"\x1b[2Ja\n")
    log.note("Lost.")
    assert path.read_bytes() == b"\x1b[2Ja\n"
    log.close()


def test_a_full_file_is_moved_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = ConsoleLog(LogSettings(path=path, timestamps=False, max_bytes=4, keep=2))
    for number in range(4):
        log.write(b"%d\n\n\n" % number)
    assert [(tmp_path / name).read_bytes()[:1] for name in ("log.1", "log.2")] == [b"3", b"2"]
    assert path.read_bytes() == b""
    assert not (tmp_path / "log.3").exists()
    log.configure(LogSettings(path=path, timestamps=False, max_bytes=4, keep=0))
    log.write(b"many\n")
    assert path.read_bytes() == b""
    log.close()


def test_a_line_that_never_ends_is_cut_so_that_no_server_fills_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    log = ConsoleLog(LogSettings(path=path, max_bytes=1000, keep=2))
    for _ in range(100):
        log.write(b"x" * 100)
    log.close()
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 3 * 2200


def test_a_file_that_somebody_moved_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    settings = LogSettings(path=path, timestamps=False)
    log = ConsoleLog(settings)
    path.rename(tmp_path / "moved")
    log.configure(settings)
    log.write(b"x")
    assert path.read_bytes() == b"x"
    log.configure(None)
    log.write(b"y")
    log.note("z")
    assert path.read_bytes() == b"x"


def test_a_log_that_cannot_be_written_is_told_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = ConsoleLog(LogSettings(path=tmp_path))
    log.write(b"x")
    assert "is not logged" in caplog.text
    caplog.clear()
    log.configure(LogSettings(path=tmp_path / "log"))
    assert log._file is not None
    os.close(log._file)
    log._file = os.open("/dev/full", os.O_WRONLY)
    log.write(b"x")
    log.write(b"x")
    assert caplog.text.count("is not logged") == 1
