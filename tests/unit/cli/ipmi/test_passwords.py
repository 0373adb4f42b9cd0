"""Where passwords come from, and where they do not go."""

from __future__ import annotations

import getpass
import io
import sys
from pathlib import Path

import asyncclick as click
import pytest

from conduit.cli.ipmi.passwords import PasswordSource
from conduit.cli.params import to_bytes
from conduit.cli.prompts import ask_twice, first_line, read_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_passwords_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPMI_PASSWORD", raising=False)
    monkeypatch.delenv("IPMITOOL_PASSWORD", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("piped\n"))


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    waiting = iter(answers)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(waiting))


def test_precedence_is_prompt_argument_file_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n")
    monkeypatch.setenv("IPMI_PASSWORD", "from environment")
    typed(monkeypatch, "typed", "typed")
    assert PasswordSource(argument="given", file=str(file), environment=True, prompt=True).read() == "typed"
    assert PasswordSource(argument="given", file=str(file), environment=True).read() == "given"
    assert PasswordSource(file=str(file), environment=True).read() == "from file"
    assert PasswordSource(environment=True).read() == "from environment"
    assert PasswordSource().read() == "typed"


def test_environment_is_read_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPMI_PASSWORD", "secret")
    with pytest.raises(click.UsageError, match="no password"):
        PasswordSource().read()


def test_ipmitools_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPMI_PASSWORD", "b")
    monkeypatch.setenv("IPMITOOL_PASSWORD", "a")
    assert PasswordSource(environment=True).read() == "a"


def test_empty_argument_is_a_password() -> None:
    assert PasswordSource(argument="").read() == ""


def test_nothing_is_asked_where_no_password_is_needed() -> None:
    assert PasswordSource().read(needless=True) == ""


def test_missing_sources_are_told() -> None:
    with pytest.raises(click.UsageError, match="IPMI_PASSWORD is not set"):
        PasswordSource(environment=True).read()
    with pytest.raises(click.UsageError, match="is not there"):
        PasswordSource(file="/nonexistent/password").read()
    with pytest.raises(click.UsageError, match="not a terminal"):
        PasswordSource(prompt=True).read()


def test_empty_password_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(click.UsageError, match="empty"):
        first_line(str(tmp_path / "empty"))


def test_dash_is_standard_input() -> None:
    assert first_line("-") == "piped"
    with pytest.raises(click.UsageError, match="standard input"):
        first_line("-")


def test_odd_bytes_in_a_password_file_reach_the_bmc_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"p\xff\xe4ss\r\n")
    assert to_bytes(first_line(str(tmp_path / "file"))) == b"p\xff\xe4ss"


def test_new_password_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "a", "a", "a", "b")
    assert ask_twice("New password") == "a"
    with pytest.raises(click.UsageError, match="differ"):
        ask_twice("New password")


def test_source_does_not_show_the_password() -> None:
    assert "hunter2" not in repr(PasswordSource(argument="hunter2"))


def test_directory_and_nonsense_are_no_files(tmp_path: Path) -> None:
    assert read_text(str(tmp_path)) is None
    assert read_text("a\0b") is None


def test_only_a_line_feed_ends_a_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes("\ufeffa\x0bb\x85c\u2028d\r\nsecond line\n".encode())
    assert first_line(str(file)) == "a\x0bb\x85c\u2028d"


def test_with_standard_input_closed_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(click.UsageError, match="no password: use -f"):
        PasswordSource().read()
    with pytest.raises(click.UsageError, match="not a terminal"):
        PasswordSource(prompt=True).read()
    with pytest.raises(click.UsageError, match="no password on standard input"):
        PasswordSource(file="-").read()
