"""Settings from TOML and the environment, and secrets that they point to."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.services.agent.config import AgentConfig, host_and_port, load_config
from conduit.services.gateway.run import GatewaySettings
from conduit.services.manager.run import ManagerSettings
from conduit.services.secret import Secret
from conduit.services.settings import load, read_secret, structure


@dataclass(frozen=True, kw_only=True)
class Settings:
    """An example."""

    name: str
    port: int = 1
    folder: Path = Path("/x")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "s.toml", 'name = "a"\nport = 5\nfolder = "/srv/f"\n')
    settings = load(Settings, file, "example", {"CONDUIT_EXAMPLE_NAME": "b", "CONDUIT_OTHER_PORT": "9", "HOME": "/"})
    assert settings == Settings(name="b", port=5, folder=Path("/srv/f"))


def test_numbers_in_the_environment_are_numbers() -> None:
    found = load(Settings, None, "example", {"CONDUIT_EXAMPLE_NAME": "b", "CONDUIT_EXAMPLE_PORT": "7"})
    assert found.port == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 1", "name"),
        ('name = "a"\nprot = 1', "prot"),
        ('name = "a"\nport = "many"', "port"),
        ('name = "a"\nfolder = ""', "folder"),
        ("name = ", "no TOML"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words) as refused:
        load(Settings, write(tmp_path / "s.toml", text), "example", {})
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalProtocolError, match="cannot read"):
        load(Settings, tmp_path / "none.toml", "example", {})


def test_a_machine_cannot_be_called_anything() -> None:
    with pytest.raises(LocalProtocolError, match="machine's name"):
        structure({"manager": "http://m", "name": "Gate Way"}, GatewaySettings, where="x")


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_secret_is_read_from_a_file_that_only_we_read(tmp_path: Path) -> None:
    assert read_secret(file=write(tmp_path / "s", "hush\n"), what="x") == Secret("hush")
    with pytest.raises(LocalProtocolError, match="chmod 600"):
        read_secret(file=write(tmp_path / "t", "hush\n", 0o644), what="x")


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSH", "hush")
    assert read_secret(environment="HUSH", what="x") == Secret("hush")
    with pytest.raises(LocalProtocolError, match="has no NOTHING"):
        read_secret(environment="NOTHING", what="x")


def test_a_secret_that_is_nowhere_is_asked_for(tmp_path: Path) -> None:
    for missing in (None, tmp_path / "none"):
        with pytest.raises(LocalProtocolError, match="password of db"):
            read_secret(file=missing, what="password of db")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("hush")
    assert "hush" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("hush") != Secret("other")
    with pytest.raises(TypeError):
        secret.__reduce__()


# --- the Agent's ------------------------------------------------------------------------------------------------------

AGENT = """
manager = "https://m"
name = "a1"
[servers.db-01]
[[servers.db-01.control]]
type = "ipmi"
address = "10.0.0.1"
user = "u"
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "give one of"),
        ('password = "secret-words"', "does not belong in this file"),
        ('password_file = "/a"\npassword_env = "B"', "give one of"),
        ('password_file = "/a"\nport = 0', "is no port"),
        ('password_file = "/a"\nkind = "ipmi"', "kind"),
    ],
)
def test_an_agents_file_is_refused_in_words_without_the_password(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words) as refused:
        load_config(write(tmp_path / "a.toml", AGENT + more))
    assert "secret-words" not in str(refused.value)


def test_a_password_in_the_file_is_taken_where_that_is_allowed(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "a.toml", "inline_secrets = true\n" + AGENT + 'password = "secret-words"'))
    assert "secret-words" not in repr(config)


@pytest.mark.parametrize("name", ["a b", "", "-x", "é"])
def test_servers_have_plain_ids(tmp_path: Path, name: str) -> None:
    with pytest.raises(LocalProtocolError, match="server's id"):
        load_config(write(tmp_path / "a.toml", AGENT.replace("db-01", f'"{name}"') + 'password_file = "/a"'))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gw", ("gw", 8444)),
        ("gw:1", ("gw", 1)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("::1", ("::1", 8444)),
        ("[::1]", ("::1", 8444)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, 8444) == expected


@pytest.mark.parametrize("text", ["gw:", "gw:x", ":1", "gw:99999"])
def test_some_addresses_are_none(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="host:port"):
        host_and_port(text, 8444)


def test_what_is_missing_and_what_is_wrong_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LocalProtocolError) as missing:
        load(Settings, None, "example", {})
    assert str(missing.value) == "the environment: missing: name"
    with pytest.raises(LocalProtocolError, match="port: "):
        load(Settings, None, "example", {"CONDUIT_EXAMPLE_NAME": "a", "CONDUIT_EXAMPLE_PORT": "many"})


def test_a_list_in_the_environment_is_written_with_commas() -> None:
    names = {
        "MANAGER": "http://m",
        "NAME": "gw1",
        "PUBLIC_TUNNEL": "gw1:8444",
        "ORIGINS": "https://a.example,https://b.example",
    }
    found = load(GatewaySettings, None, "gateway", {f"CONDUIT_GATEWAY_{name}": value for name, value in names.items()})
    assert list(found.origins) == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("ops", "long enough for all", "'ops' is no email address"), ("ops@b.example", "short", "a password has 10 to ")],
)
def test_a_first_account_that_cannot_be_leaves_nothing_behind(
    tmp_path: Path, email: str, password: str, words: str
) -> None:
    config, file = tmp_path / "manager.toml", tmp_path / "password"
    config.write_text(f'state = "{tmp_path / "state"}"\n')
    config.chmod(0o600)
    options = ("--config", str(config), "--password-file", str(file))

    def init(email: str, password: str) -> subprocess.CompletedProcess[str]:
        file.write_text(password)
        file.chmod(0o600)
        command = [sys.executable, "-m", "conduit", "manager", "init", *options, "--admin", email]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    refused = init(email, password)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Error: {words}")
    assert init("ops@b.example", "long enough for all").returncode == 0


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        ({}, "public_tunnel, where others reach this Gateway, such as gw1.example:8444"),
        ({"public_tunnel": "gw1:1", "host": "::"}, "public_url, where others reach this Gateway, such as https://gw1"),
        ({"public_tunnel": "gw1:1", "port": 0}, "public_url"),
        ({"tunnel_host": "192.0.2.1"}, None),
        ({"public_tunnel": "gw1:1", "public_url": "https://gw1", "host": "0.0.0.0"}, None),  # noqa: S104
    ],
)
def test_nobody_is_told_to_go_where_only_listening_makes_sense(found: dict[str, Any], missing: str | None) -> None:
    settings = partial(GatewaySettings, manager="http://m", name="gw1", **found)
    if missing is None:
        assert settings().name == "gw1"
    else:
        with pytest.raises(LocalProtocolError, match=missing):
            settings()


def test_a_file_that_is_not_there_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conduit", "manager", "init", "--admin", "a@b.example"]
    done = subprocess.run(
        [*command, "--password-file", str(tmp_path / "none")], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {tmp_path / 'none'}: No such file or directory\n")


GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "enrol-an-agent.md"
KINDS = (ManagerSettings, GatewaySettings, AgentConfig, ManagerSettings)  # of the files in the guide, in order


def test_the_files_of_the_guide_are_taken(tmp_path: Path) -> None:
    files = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    taken: list[object] = [
        load(kind, write(tmp_path / "guide.toml", text), "guide", {}) for kind, text in zip(KINDS, files, strict=True)
    ]
    agent = next(settings for settings in taken if isinstance(settings, AgentConfig))
    assert {name: server.display is not None for name, server in agent.servers.items()} == {
        "db-02": True,
        "db-03": False,
    }
