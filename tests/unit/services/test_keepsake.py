"""What a machine remembers of the Manager: who can read it, and how long it counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import structlog.testing

from conduit.services.clock import MAX_SKEW
from conduit.services.keepsake import MAX_AGE, SETTLED, Keepsake, in_words
from tests.fakes.machine import certify, enrolled
from tests.fakes.manager import Clock

FACTS = {"keys": ["secret-of-the-region"]}


def reason_of(remembered: Keepsake, now: float) -> str:
    """Why it is not believed."""
    with structlog.testing.capture_logs() as lines:
        assert remembered.read(now) is None
    return str(lines[-1]["reason"]) if lines else ""


def test_what_was_written_is_read_after_a_restart_with_its_age(tmp_path: Path) -> None:
    clock = Clock()
    certificate = enrolled(tmp_path, clock)
    Keepsake(certificate, "remembered").write(FACTS, clock())
    assert Keepsake(certificate, "remembered").read(clock() + 60) == (FACTS, clock())


def test_the_file_is_its_owners_and_tells_nothing(tmp_path: Path) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.write(FACTS, Clock().now)
    assert remembered.path.stat().st_mode & 0o777 == 0o600
    assert b"secret" not in remembered.path.read_bytes()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_nothing_is_remembered_before_anything_was_said(tmp_path: Path) -> None:
    assert reason_of(Keepsake(enrolled(tmp_path, Clock()), "remembered"), Clock().now) == ""


@pytest.mark.parametrize(
    ("later", "words"), [(MAX_AGE + 1, "older than 24 hours"), (-MAX_SKEW - 1, "from the future: check the clock")]
)
def test_it_counts_for_a_day_and_not_before_it_was_written(tmp_path: Path, later: float, words: str) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.write(FACTS, Clock().now)
    assert words in reason_of(remembered, Clock().now + later)


def test_another_machines_file_and_another_kinds_are_not_believed(tmp_path: Path) -> None:
    clock = Clock()
    mine, other = (Keepsake(enrolled(tmp_path / name, clock, name=name), "remembered") for name in ("gw1", "gw2"))
    other.write(FACTS, clock())
    mine.path.write_bytes(other.path.read_bytes())
    assert "not known here" in reason_of(mine, clock())
    mine.write(FACTS, clock())
    different = Keepsake(enrolled(tmp_path / "gw3", clock, name="gw3"), "different")
    different.path.write_bytes(mine.path.read_bytes())
    assert reason_of(different, clock())


@pytest.mark.parametrize("broken", [b"", b"\xff\xfe", b"a.b", b"nonsense"])
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, broken: bytes) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.path.write_bytes(broken)
    assert reason_of(remembered, Clock().now)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.write(FACTS, Clock().now)
    data = bytearray(remembered.path.read_bytes())
    data[40] = ord("A") if data[40] != ord("A") else ord("B")
    remembered.path.write_bytes(data)
    assert reason_of(remembered, Clock().now) == "the seal is broken"


def test_it_is_sealed_anew_when_the_certificate_is_renewed(tmp_path: Path) -> None:
    clock = Clock()
    certificate = enrolled(tmp_path, clock)
    remembered = Keepsake(certificate, "remembered")
    remembered.write(FACTS, clock())
    certify(certificate.files, clock, certificate.identity)
    certificate.load()
    assert "not known here" in reason_of(Keepsake(certificate, "remembered"), clock())
    remembered.write(FACTS, clock() + 1)
    assert Keepsake(certificate, "remembered").read(clock()) == (FACTS, clock() + 1)


def test_signs_of_life_cost_no_write_until_the_mark_is_a_minute_behind(tmp_path: Path) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.write(FACTS, Clock().now)
    before = remembered.path.read_bytes()
    remembered.write(json.loads(json.dumps(FACTS)), Clock().now + SETTLED - 1)
    assert remembered.path.read_bytes() == before
    remembered.write(FACTS, Clock().now + SETTLED)
    assert remembered.path.read_bytes() != before


def test_what_cannot_be_written_is_told_and_no_more(tmp_path: Path) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.path.mkdir()
    with structlog.testing.capture_logs() as lines:
        remembered.write(FACTS, Clock().now)
    assert lines[0]["event"] == "what the Manager says cannot be kept"


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    remembered = Keepsake(enrolled(tmp_path, Clock()), "remembered")
    remembered.write(FACTS, Clock().now)
    remembered.forget()
    remembered.forget()
    assert remembered.read(Clock().now) is None
    remembered.write(FACTS, Clock().now)
    assert remembered.read(Clock().now) is not None


@pytest.mark.parametrize(
    ("age", "words"), [(-5, "0 s"), (3, "3 s"), (60, "1 min"), (3599, "60 min"), (3600, "1 h"), (90000, "25 h")]
)
def test_ages_are_told_in_words(age: float, words: str) -> None:
    assert in_words(age) == words
