from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.command_line import CommandLine
from tests.fakes.manager import PASSWORD
from tests.fakes.services import MANAGER, FakeServices


def kept_login(home: Path) -> Path:
    return home / "state/conduit/tokens/default.login.json"


def kept_files(home: Path) -> list[Path]:
    return list(home.glob("state/conduit/tokens/*.json"))


async def test_login_says_where_the_tokens_are_and_shows_none(
    line: CommandLine, password_file: Path, home: Path
) -> None:
    outcome = await line.done(
        "auth", "login", "--manager", MANAGER, "--email", "alice@acme.example", "--password-file", str(password_file)
    )
    assert outcome.out == (
        f"Logged in to {MANAGER} as alice@acme.example (profile default; tokens are in a file that only you can read)\n"
    )
    text = kept_login(home).read_text()
    kept = json.loads(text)
    assert kept["access"] not in outcome.out + outcome.err
    assert PASSWORD.reveal() not in text


async def test_a_wrong_password_is_one_line_and_keeps_nothing(line: CommandLine, tmp_path: Path, home: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    outcome = await line.run(
        "auth", "login", "--manager", MANAGER, "--email", "alice@acme.example", "--password-file", str(wrong)
    )
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert not kept_files(home)


async def test_without_a_terminal_nothing_is_asked(line: CommandLine) -> None:
    for args in (("--email", "a@b.c"), ("--manager", MANAGER), ("--manager", MANAGER, "--email", "a@b.c")):
        outcome = await line.run("auth", "login", *args)
        assert (outcome.status, outcome.err.count("\n")) == (2, 1), outcome


async def test_a_manager_without_tls_on_another_machine_is_refused(line: CommandLine, password_file: Path) -> None:
    outcome = await line.run(
        "auth", "login", "--manager", "http://m.example", "--email", "a@b.c", "--password-file", str(password_file)
    )
    assert outcome.status == 2
    assert "without TLS" in outcome.err


async def test_several_profiles_are_logged_in_side_by_side(alice: CommandLine, password_file: Path) -> None:
    await alice.done(
        "auth", "login", "--profile", "bob", "--manager", MANAGER, "--email", "bob@globex.example",
        "--password-file", str(password_file),
    )  # fmt: skip
    mine = await alice.json("server", "list")
    his = await alice.json("server", "--profile", "bob", "list")
    assert [server["id"] for server in mine["servers"]] == ["db-01", "web-01"]
    assert [server["id"] for server in his["servers"]] == ["build-01"]
    await alice.done("auth", "use", "bob")
    status = await alice.json("auth", "status")
    assert [(row["profile"], row["current"], row["state"]) for row in status["profiles"]] == [
        ("bob", True, "logged in"),
        ("default", False, "logged in"),
    ]


async def test_an_old_access_token_is_renewed_without_a_word(alice: CommandLine, services: FakeServices) -> None:
    services.manager.clock.now += 1000
    await alice.done("server", "list")
    assert services.hosts.calls("RefreshToken") == 1
    await alice.done("server", "list")
    assert services.hosts.calls("RefreshToken") == 1


async def test_a_stolen_refresh_token_ends_the_log_in_with_clear_words(
    alice: CommandLine, services: FakeServices, home: Path
) -> None:
    path = home / "state/conduit/tokens/default.login.json"
    old = path.read_text()
    await alice.done("auth", "refresh")
    path.write_text(old)
    services.manager.clock.now += 1000
    outcome = await alice.run("server", "list")
    assert (outcome.status, outcome.err) == (1, "Error: your log-in has ended; log in: conduit auth login\n")


async def test_logout_ends_the_log_in_at_the_manager_too(
    alice: CommandLine, services: FakeServices, home: Path
) -> None:
    await alice.done("auth", "logout")
    assert services.hosts.calls("Logout") == 1
    assert not kept_files(home)
    assert (await alice.run("auth", "status")).status == 1
    assert (await alice.done("auth", "logout")).out == "Nobody was logged in (profile default)\n"


async def test_logout_works_while_the_manager_is_away(alice: CommandLine, services: FakeServices, home: Path) -> None:
    services.hosts.down.add("manager.example")
    outcome = await alice.done("auth", "logout")
    assert "the Manager was not told" in outcome.err
    assert not kept_files(home)
