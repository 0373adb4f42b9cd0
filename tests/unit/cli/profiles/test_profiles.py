"""Profiles, the tokens that they keep, and who may read them."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from conduit.cli.profiles.files import locked, private_folder, read_private, write_private
from conduit.cli.profiles.keeper import LOGIN_OVER, NOT_LOGGED_IN, LoginKeeper
from conduit.cli.profiles.logins import Login, ServerToken, tokens_from_text, tokens_to_text
from conduit.cli.profiles.profiles import Profile, Profiles
from conduit.cli.profiles.urls import check_url
from conduit.cli.profiles.vaults import FileVault, KeyringVault, VaultError
from conduit.errors import AuthenticationError, CallError, LocalProtocolError, TransportError
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import Clock

NOW = 1_800_000_000.0
LOGIN = Login(
    email="alice@acme.example",
    customer_id="c1",
    is_staff=False,
    access=Secret("access-0"),
    access_until=NOW + 900,
    refresh=Secret("refresh-0"),
    refresh_until=NOW + 86_400,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- files ---


def test_a_private_file_is_its_owners_alone_and_so_is_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "secret"
    write_private(path, "one")
    write_private(path, "two")
    assert read_private(path) == "two"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert os.listdir(path.parent) == ["secret"]


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    private_folder(folder)
    assert mode(folder) == 0o700


def test_a_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o644)
    with pytest.raises(LocalProtocolError, match="chmod 600"):
        read_private(path)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "taken").mkdir(parents=True)
    with pytest.raises(LocalProtocolError, match="cannot use"):
        write_private(tmp_path / "folder" / "taken", "x")
    assert os.listdir(tmp_path / "folder") == ["taken"]


async def test_a_lock_has_one_holder_and_waits_no_longer_than_it_may(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with locked(tmp_path / "lock"):
        with pytest.raises(TransportError, match="another conduit command"):
            async with locked(tmp_path / "lock", patience=5):
                pytest.fail("two hold it")
        assert trio.current_time() == pytest.approx(5, abs=0.1)
    async with locked(tmp_path / "lock"):
        pass


# --- profiles ---


def test_profiles_come_back_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    made = Profiles({}).with_profile("acme", Profile(manager="https://m", email="a@b.c", vault="file"))
    made = made.with_profile("staff", Profile(manager="https://n", allow_http=True))
    made.save(path)
    assert Profiles.load(path) == made
    assert made.current == "acme"
    assert made.using("staff").current == "staff"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"profiles": {"a": 1}}',
        '{"profiles": {"../a": {"manager": "x"}}}',
        '{"profiles":{"a":{"manager":1}}}',
    ],
)
def test_damaged_profiles_are_told_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profiles.json"
    write_private(path, text)
    with pytest.raises(LocalProtocolError):
        Profiles.load(path)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "ü", "x" * 65])
def test_names_of_profiles_name_no_other_files(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="no name of a profile"):
        Profiles({}).find(name)


# --- to whom ---


@pytest.mark.parametrize(
    "url", ["https://m.example", "https://m.example:8080/", "http://127.0.0.1:1", "http://[::1]:1"]
)
def test_tokens_go_over_tls_or_stay_on_this_machine(url: str) -> None:
    assert check_url(url, allow_http=False) == url.rstrip("/")


def test_tokens_without_tls_need_a_word_of_permission() -> None:
    with pytest.raises(LocalProtocolError, match="without TLS"):
        check_url("http://10.0.0.1:8080", allow_http=False)
    assert check_url("http://10.0.0.1:8080", allow_http=True) == "http://10.0.0.1:8080"


@pytest.mark.parametrize(
    "url", ["", "m.example", "ftp://m", "https://", "https://u:p@m", "https://m/?a=1", "http://[", "https://m:x"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="is no URL"):
        check_url(url, allow_http=True)


# --- log-ins ---


def test_a_login_comes_back_from_its_text_and_shows_no_token() -> None:
    assert Login.from_text(LOGIN.to_text()) == LOGIN
    assert "access-0" not in repr(LOGIN)
    assert "refresh-0" not in repr(LOGIN)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"email": 1}'])
def test_a_damaged_login_asks_for_a_new_one(text: str) -> None:
    with pytest.raises(AuthenticationError, match="conduit auth login"):
        Login.from_text(text)
    assert tokens_from_text(text if text != '{"email": 1}' else '{"s": 1}') == {}


def test_server_tokens_come_back_from_their_text() -> None:
    tokens = {"db-01": ServerToken(Secret("t"), NOW, "https://gw")}
    assert tokens_from_text(tokens_to_text(tokens)) == tokens


class Manager:
    """Gives the next log-in, and counts."""

    def __init__(self) -> None:
        self.renewals = 0
        self.error: CallError | None = None

    async def __call__(self, login: Login) -> Login:
        await trio.sleep(0.2)
        if self.error is not None:
            raise self.error
        assert login.refresh == Secret(f"refresh-{self.renewals}"), "an old refresh token was used"
        self.renewals += 1
        return replace(
            login,
            email="",
            access=Secret(f"access-{self.renewals}"),
            access_until=login.access_until + 900,
            refresh=Secret(f"refresh-{self.renewals}"),
        )


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def keeper(tmp_path: Path, clock: Clock) -> LoginKeeper:
    made = LoginKeeper(FileVault(tmp_path / "t"), "p", tmp_path / "t" / "p.lock", clock)
    await made.put(LOGIN)
    return made


async def test_a_fresh_token_is_used_as_it_is(keeper: LoginKeeper) -> None:
    manager = Manager()
    assert await keeper.fresh(manager) == LOGIN
    assert manager.renewals == 0


async def test_many_commands_at_once_renew_a_log_in_once(
    keeper: LoginKeeper, clock: Clock, tmp_path: Path, autojump_clock: MockClock
) -> None:
    clock.now += 890
    manager = Manager()
    got: list[Login] = []

    async def command() -> None:
        other = LoginKeeper(FileVault(tmp_path / "t"), "p", tmp_path / "t" / "p.lock", clock)
        got.append(await other.fresh(manager))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(command)
    assert manager.renewals == 1
    assert {login.access.reveal() for login in got} == {"access-1"}
    assert {login.email for login in got} == {"alice@acme.example"}


async def test_a_token_that_the_manager_does_not_like_is_renewed_however_fresh(
    keeper: LoginKeeper, autojump_clock: MockClock
) -> None:
    assert (await keeper.fresh(Manager(), unlike=LOGIN)).access == Secret("access-1")


async def test_a_log_in_that_has_ended_is_forgotten_and_told(
    keeper: LoginKeeper, clock: Clock, autojump_clock: MockClock
) -> None:
    manager = Manager()
    manager.error = CallError(Code.UNAUTHENTICATED, "no")
    clock.now += 1000
    with pytest.raises(AuthenticationError, match=LOGIN_OVER):
        await keeper.fresh(manager)
    with pytest.raises(AuthenticationError, match=NOT_LOGGED_IN):
        await keeper.fresh(manager)


async def test_a_manager_that_is_away_takes_no_log_in_away(
    keeper: LoginKeeper, clock: Clock, autojump_clock: MockClock
) -> None:
    manager = Manager()
    manager.error = CallError(Code.UNAVAILABLE, "away")
    clock.now += 1000
    with pytest.raises(CallError):
        await keeper.fresh(manager)
    assert await keeper.get() == LOGIN


async def test_a_log_in_whose_time_is_over_is_not_even_tried(keeper: LoginKeeper, clock: Clock) -> None:
    clock.now += 90_000
    with pytest.raises(AuthenticationError, match=LOGIN_OVER):
        await keeper.fresh(Manager())


async def test_server_tokens_are_kept_until_shortly_before_their_end(keeper: LoginKeeper, clock: Clock) -> None:
    token = ServerToken(Secret("t"), NOW + 3600, "https://gw")
    await keeper.put_server_token("db-01", token)
    assert await keeper.server_token("db-01") == token
    assert await keeper.server_token("db-02") is None
    clock.now += 3550
    assert await keeper.server_token("db-01") is None
    await keeper.put_server_token("db-01", None)


async def test_a_new_log_in_has_no_server_tokens_of_the_old_one(keeper: LoginKeeper) -> None:
    await keeper.put_server_token("db-01", ServerToken(Secret("t"), NOW + 3600, "https://gw"))
    await keeper.put(replace(LOGIN, email="bob@globex.example"))
    assert await keeper.server_token("db-01") is None


# --- the keyring ---


class Backend:
    """As keyring's classes are."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise RuntimeError("the collection is locked")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        self.kept[service, name] = text

    def delete_password(self, service: str, name: str) -> None:
        from keyring.errors import PasswordDeleteError

        if self.kept.pop((service, name), None) is None:
            raise PasswordDeleteError("not found")


async def test_a_keyring_keeps_and_forgets() -> None:
    vault = KeyringVault(Backend())
    await vault.delete("p.login")
    await vault.write("p.login", "x")
    assert await vault.read("p.login") == "x"
    await vault.delete("p.login")
    assert await vault.read("p.login") is None


async def test_a_locked_keyring_says_what_to_do() -> None:
    backend = Backend()
    backend.locked = True
    with pytest.raises(VaultError, match="unlock it, or log in again with CONDUIT_KEYRING=off"):
        await KeyringVault(backend).read("p.login")
