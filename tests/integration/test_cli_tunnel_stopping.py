"""``conduit tunnel`` that is asked to stop, with and without something open."""

from __future__ import annotations

import signal
import socket  # noqa: TID251  # users that know nothing of Trio
import time
from contextlib import suppress

import pytest

from tests.fakes.tunnel_commands import PATIENCE, Command, connect, make_keys, receive_all, running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_keys(tmp_path_factory.mktemp("keys"))


def until_turned_away(address: str) -> None:
    """Come as a user until there is no way in."""
    give_up = time.monotonic() + PATIENCE
    with suppress(ConnectionError):
        while time.monotonic() < give_up:
            with connect(address) as user:
                user.sendall(b"x")
                assert user.recv(1) == b"x"
        raise AssertionError("users are let in as before")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("who", "options"), [("gateway", ()), ("agent", ()), ("agent", ("--once",))])
def test_a_second_signal_stops_at_once(keys: str, who: str, number: signal.Signals, options: tuple[str, ...]) -> None:
    with running(keys, agent_options=options) as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        leaving: Command = getattr(lab, who)
        leaving.process.send_signal(number)
        leaving.until("draining")
        assert leaving.stop(number) == 0


def test_without_open_connections_one_signal_ends_both_and_the_other_is_told_why(keys: str) -> None:
    with running(keys) as lab:
        assert lab.agent.stop() == 0
        assert "leaves" in lab.gateway.until("lost")["reason"]
        agent = lab.dial(lab.agents)
        lab.gateway.until("connected")
        assert lab.gateway.stop() == 0
        assert "the Gateway leaves" in agent.until("retry")["reason"]


def test_what_is_open_has_no_more_than_the_drain_time(keys: str) -> None:
    with running(keys, "--drain-time", "0.3") as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        lab.gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            receive_all(user)
        lab.gateway.process.communicate(timeout=PATIENCE)
        assert lab.gateway.process.returncode == 0


def test_a_resumable_connection_is_let_end_too(keys: str) -> None:
    with running(keys, "--resumable") as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        lab.agent.process.send_signal(signal.SIGTERM)
        lab.agent.until("draining")
        user.sendall(b"y")
        assert user.recv(1) == b"y"
        user.shutdown(socket.SHUT_WR)
        assert receive_all(user) == b""
        lab.agent.process.communicate(timeout=PATIENCE)
        assert lab.agent.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("who", "options"), [("gateway", ()), ("agent", ()), ("agent", ("--once",))])
def test_a_signal_lets_what_is_open_end_and_takes_nothing_new(
    keys: str, who: str, number: signal.Signals, options: tuple[str, ...]
) -> None:
    with running(keys, agent_options=options) as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        leaving: Command = getattr(lab, who)
        leaving.process.send_signal(number)
        leaving.until("draining")
        until_turned_away(lab.users)
        user.sendall(b"y")
        assert user.recv(1) == b"y"
        user.shutdown(socket.SHUT_WR)
        assert receive_all(user) == b""
        leaving.process.communicate(timeout=PATIENCE)
        assert leaving.process.returncode == 0
