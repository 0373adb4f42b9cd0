"""What the Agent's process says of itself: to who watches it over HTTP, and to the service manager."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from trio import socket

from tests.fakes.console_seen import PATIENCE
from tests.fakes.path import RunningPath, open_path
from tests.fakes.path_client import eventually

pytestmark = pytest.mark.slow


@asynccontextmanager
async def client_of_health(path: RunningPath) -> AsyncIterator[httpx.AsyncClient]:
    """The Agent is configured to serve it; not started yet."""
    url = await path.agent_health()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        yield client


async def answers(client: httpx.AsyncClient, path: str, status: int) -> bool:
    """For :func:`eventually`."""
    try:
        return (await client.get(path)).status_code == status
    except httpx.TransportError:
        return False


async def test_an_agent_is_alive_then_ready_and_its_metrics_are_fed(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path, client_of_health(path) as health:
        manager, gateway, agent = path.manager(), path.gateway(), path.process("agent")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(agent.start)
            await eventually(lambda: answers(health, "/health", 200), "alive before there is a Manager")
            checks = {each["name"]: each["text"] for each in (await health.get("/ready")).json()["checks"]}
            assert checks["manager"] == "this machine has not enrolled yet"
            await manager.start()
        await eventually(lambda: answers(health, "/metrics", 200))
        assert (await health.get("/ready")).status_code == 503
        await gateway.start()
        await eventually(lambda: answers(health, "/ready", 200), "ready")
        await eventually(lambda: has_power(path), "an operation")
        text = (await health.get("/metrics")).text
        assert "agent_tunnels 1.0" in text
        assert "agent_manager_up 1.0" in text
        assert 'agent_bmc_operations_total{operation="GetPowerStatus",status="ok"} 1.0' in text
        assert 'agent_bmc_log_ins_total{endpoint="ipmi-1",server="web-01"} 1.0' in text
        assert 'agent_http_requests_total{endpoint="other",method="GET",status_code="503"}' in text
        for secret in (path.fleet.plans["web-01"].password, str(path.fleet.served["web-01"].port)):
            assert secret not in text
        await gateway.cut()
        await eventually(lambda: answers(health, "/ready", 503), "no Gateway")


async def has_power(path: RunningPath) -> bool:
    """For :func:`eventually`: an operation goes through."""
    await path.customer().power("web-01")
    return True


async def test_the_watchdog_is_fed_and_the_end_is_told(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        await path.manager().start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, trio.fail_after(2 * PATIENCE):
            await notices.bind(str(tmp_path / "notify"))
            environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
            command = [sys.executable, "-m", "conduit", "agent", "run", "--config", str(path.seed.config("agent"))]
            process = await trio.lowlevel.open_process(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                told = [await notices.recv(64) for _ in range(4)]
                assert told == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
                process.send_signal(signal.SIGTERM)
                while await notices.recv(64) != b"STOPPING=1":
                    pass
                assert await process.wait() == 0
            finally:
                process.kill()
                await process.wait()
