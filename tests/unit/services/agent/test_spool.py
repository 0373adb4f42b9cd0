"""The last output of a console, kept on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conduit.services.agent.spool import Kept, Spool


def keep(folder: Path | None, *pieces: bytes, segment: int = 10) -> Kept:
    """Open, append, close; what was there."""
    spool = Spool(folder, segment=segment)
    kept = spool.open()
    for piece in pieces:
        spool.append(piece)
    spool.close()
    return kept


def test_what_was_appended_is_there_again_with_its_offsets(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "spool"
    first = keep(folder, b"hello", b"world")
    again = keep(folder, b"!")
    assert (first.start, first.data, first.written_at) == (0, b"", None)
    assert (again.epoch, again.start, again.data) == (first.epoch, 0, b"helloworld")
    assert again.written_at is not None
    assert keep(folder).data == b"helloworld!"


def test_two_files_at_most_are_kept_and_one_full_one_at_least(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789" * 3 + b"abc")
    kept = keep(tmp_path)
    assert (kept.start, kept.data) == (20, b"0123456789abc")
    assert len(list(tmp_path.glob("output-*"))) == 2


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    keep(folder, b"password: ")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_without_a_folder_each_time_is_an_epoch_of_its_own() -> None:
    assert keep(None, b"x").epoch != keep(None).epoch


@pytest.mark.parametrize("name", ["epoch", "output-*"])
def test_where_half_is_missing_a_new_epoch_begins_at_nothing(tmp_path: Path, name: str) -> None:
    first = keep(tmp_path, b"hello")
    for path in tmp_path.glob(name):
        path.unlink()
    again = keep(tmp_path)
    assert again.epoch != first.epoch
    assert (again.start, again.data) == (0, b"")


def test_what_does_not_join_the_newest_file_goes(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789abc")
    first = min(tmp_path.glob("output-*"))
    first.write_bytes(b"short")
    (tmp_path / "output-notes").write_text("somebody's")
    kept = keep(tmp_path)
    assert (kept.start, kept.data) == (10, b"abc")
    assert not first.exists()


def test_files_of_another_size_are_gone_on_with(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789", segment=100)
    assert keep(tmp_path, b"abc", segment=5).data == b"0123456789"
    assert keep(tmp_path).data == b"0123456789abc"


def test_a_folder_that_cannot_be_used_is_told_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file")
    assert spool.open().epoch
    assert not spool.is_working
    spool.append(b"x")
    assert "is not kept" in caplog.text


def test_a_disk_that_fails_ends_the_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path)
    epoch = spool.open().epoch
    assert spool._file is not None
    os.close(spool._file)
    spool._file = os.open("/dev/full", os.O_WRONLY)
    spool.append(b"x")
    assert not spool.is_working
    assert "No space left" in caplog.text
    assert keep(tmp_path).epoch != epoch


@given(pieces=st.lists(st.binary(max_size=40), max_size=10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_end_of_what_was_said_is_kept_at_its_offset(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    said = b""
    for piece in pieces:
        kept = keep(folder, piece)
        assert said[kept.start :] == kept.data
        assert len(kept.data) >= min(10, len(said))
        said += piece


def test_what_one_tenant_left_is_not_for_the_next(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment=10)
    epoch = spool.open().epoch
    assert not spool.belong_to("acme")  # nobody had it before
    spool.append(b"the password is sesame")
    assert not spool.belong_to("acme")
    assert spool.belong_to("bolt")
    spool.append(b"hello")
    spool.close()
    assert b"sesame" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    again = Spool(tmp_path, segment=10)
    kept = again.open()
    assert (kept.epoch, kept.start, kept.data) == (epoch, 22, b"hello")
    assert not again.belong_to("bolt")
    assert again.belong_to("")  # the staff's
    again.close()
    assert keep(tmp_path).data == b""


def test_without_a_disk_the_tenant_is_known_as_long_as_it_runs(tmp_path: Path) -> None:
    nowhere = Spool(None)
    nowhere.open()
    assert [nowhere.belong_to(each) for each in ("acme", "acme", "bolt")] == [False, False, True]


def test_what_a_disk_did_not_forget_it_forgets_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.open()
    spool.belong_to("acme")
    spool.append(b"sesame")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _fail)
        assert spool.belong_to("bolt")
    assert not spool.is_working
    again = Spool(tmp_path)
    again.open()
    assert again.belong_to("bolt")
    again.close()
    assert keep(tmp_path).data == b""


def _fail(*_: object, **__: object) -> None:
    raise OSError(5, "Input/output error")
