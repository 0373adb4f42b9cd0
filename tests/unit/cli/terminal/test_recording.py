from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from conduit.cli.terminal.recording import Asciicast, Flusher, private_file
from conduit.errors import LocalProtocolError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_recording_is_asciicast_2_and_characters_stay_whole() -> None:
    file, clock = io.BytesIO(), Clock()
    cast = Asciicast(file, clock, size=(80, 24), started=1_700_000_000, environment={"TERM": "xterm", "SECRET": "x"})
    clock.now += 0.5
    cast.write("é".encode()[:1])
    cast.write("é".encode()[1:] + b"\x1b[2J")
    cast.resize((80, 24))
    cast.resize((132, 50))
    cast.resize((132, 50))
    cast.write(b"\xe2\x82")
    clock.now += 1
    cast.close()
    header, *events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert header == {"version": 2, "width": 80, "height": 24, "timestamp": 1_700_000_000, "env": {"TERM": "xterm"}}
    assert events == [[0.5, "o", "é\x1b[2J"], [0.5, "r", "132x50"], [1.5, "o", "\ufffd"]]


class CountingFile(io.BytesIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_nothing_stays_in_the_buffer_for_long() -> None:
    file, clock = CountingFile(), Clock()
    flusher = Flusher(file, clock)
    for _ in range(10):
        clock.now += 0.3
        flusher.write(b"x")
    assert file.flushes == 2


def test_files_are_their_owners_and_old_ones_become_so(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("old text")
    old.chmod(0o644)
    for path in (old, tmp_path / "new"):
        with private_file(path) as file:
            file.write(b"x")
        assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o600, b"x")
    with pytest.raises(LocalProtocolError, match=r"cannot write .*Is a directory"), private_file(tmp_path):
        pytest.fail("opened")
