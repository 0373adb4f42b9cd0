from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trio
from prometheus_client import CollectorRegistry

from conduit._trio import open_background_nursery
from conduit.errors import ConduitError, LocalProtocolError, TransportError
from conduit.services.agent.app import serve_health
from conduit.services.agent.config import AgentConfig, load_config
from conduit.services.agent.standing import Standing

NOW = 1_000.0


def standing(*, expires_at: float | None = NOW + 60) -> Standing:
    """Of an Agent that has reached everything."""
    made = Standing(lambda: NOW)
    certificate: Any = None if expires_at is None else SimpleNamespace(expires_at=expires_at)
    made.certificate, made.has_servers, made.manager_answers = certificate, True, True
    return made


async def trouble(of: Standing) -> dict[str, str]:
    """What the checks say."""
    found = {}
    for name, check in of.checks.items():
        try:
            await check()
        except ConduitError as error:
            found[name] = str(error)
    return found


async def test_who_has_enrolled_and_has_servers_and_a_tunnel_is_ready() -> None:
    agent = standing()
    assert list(await trouble(agent)) == ["gateways"]
    with agent.tunnel():
        assert not await trouble(agent)
    assert list(await trouble(agent)) == ["gateways"]


async def test_a_new_agent_says_what_it_waits_for() -> None:
    found = await trouble(Standing(lambda: NOW))
    assert list(found) == ["configuration", "gateways", "manager"]
    assert "not enrolled" in found["manager"]


@pytest.mark.parametrize(
    ("answers", "expires_at", "ok"),
    [(False, NOW + 1, True), (True, NOW - 1, True), (False, NOW - 1, False)],
    ids=["down", "takes reports all the same", "down for too long"],
)
async def test_the_manager_may_be_down_while_the_certificate_lasts(answers: bool, expires_at: float, ok: bool) -> None:
    agent = standing(expires_at=expires_at)
    agent.manager_answers = answers
    assert ("manager" not in await trouble(agent)) is ok


def test_prometheus_learns_of_tunnels_manager_configuration_and_certificate() -> None:
    registry, agent = CollectorRegistry(), standing()
    registry.register(agent)
    agent.reload_failed = True
    with agent.tunnel(), agent.tunnel():
        assert registry.get_sample_value("agent_tunnels") == 2
    assert registry.get_sample_value("agent_tunnels") == 0
    assert registry.get_sample_value("agent_manager_up") == 1
    assert registry.get_sample_value("agent_configuration_refused") == 1
    assert registry.get_sample_value("agent_certificate_expiry_timestamp_seconds") == NOW + 60


# --- served ---


@asynccontextmanager
async def served(agent: Standing, leaving: trio.Event, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its pages."""
    config = AgentConfig(manager="http://127.0.0.1:1", name="agent1", health="127.0.0.1:0", **changes)
    registry = CollectorRegistry()
    registry.register(agent)
    async with open_background_nursery() as nursery:
        bound = await nursery.start(serve_health, config, registry, agent, leaving)
        async with httpx.AsyncClient(base_url=bound.urls[0], trust_env=False) as client:
            yield client


async def test_it_is_alive_before_it_is_ready_and_no_longer_ready_when_it_leaves() -> None:
    agent, leaving = standing(), trio.Event()
    async with served(agent, leaving) as client:
        assert (await client.get("/health")).json() == {"status": "alive"}
        ready = await client.get("/ready")
        assert ready.status_code == 503
        assert {check["name"]: check["ok"] for check in ready.json()["checks"]} == {
            "configuration": True,
            "gateways": False,
            "manager": True,
        }
    async with served(agent, leaving) as client:
        with agent.tunnel():
            assert (await client.get("/ready")).status_code == 200
            leaving.set()
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200


async def test_nothing_else_is_there() -> None:
    async with served(standing(), trio.Event()) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.post("/health/../servers")).status_code == 404


async def test_metrics_are_for_their_readers_alone() -> None:
    async with served(standing(), trio.Event()) as client:
        answer = await client.get("/metrics")
        assert "agent_tunnels 0.0" in answer.text
    async with served(standing(), trio.Event(), metrics_readers=["10.0.0.0/8"]) as client:
        assert (await client.get("/metrics")).status_code == 403


async def test_an_address_that_is_taken_is_one_line_that_names_the_setting() -> None:
    async with await open_listener() as listener:
        port = listener.socket.getsockname()[1]
        config = AgentConfig(manager="http://127.0.0.1:1", name="agent1", health=f"127.0.0.1:{port}")
        with pytest.raises(TransportError, match="another address as health"):
            await serve_health(config, CollectorRegistry(), standing(), trio.Event())


async def open_listener() -> trio.SocketListener:
    """A port that is taken."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    return listener


@pytest.mark.parametrize("line", ['health = "127.0.0.1:http"', 'metrics_readers = ["everybody"]'])
def test_a_configuration_with_no_address_or_network_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(f'manager = "http://127.0.0.1:1"\nname = "agent1"\n{line}\n')
    with pytest.raises(LocalProtocolError):
        load_config(path)


def test_it_is_on_loopback_unless_said_otherwise() -> None:
    assert AgentConfig(manager="http://m", name="agent1").health_address == ("127.0.0.1", 8082)
    assert AgentConfig(manager="http://m", name="agent1", health="[::1]:9").health_address == ("::1", 9)
