"""What Prometheus reads of all three services moves with what people do, and names nobody."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import httpx
import pytest

from conduit._trio import open_background_nursery
from conduit.cli.up.fleet import ACME
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.connect_client import ConnectClient
from tests.fakes.path import HOST, open_path
from tests.fakes.path_client import Customer, Viewer, eventually, gets_token
from tests.fakes.path_displays import add_display, watching

pytestmark = pytest.mark.slow
LINE = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


async def figures(client: httpx.AsyncClient, url: str) -> dict[str, float]:
    """All that a service says of itself."""
    text = (await client.get(f"{url}/metrics")).raise_for_status().text
    assert ACME not in text
    return {name: float(value) for name, value in LINE.findall(text)}


async def works(customer: Customer) -> bool:
    """For :func:`eventually`."""
    await customer.power("web-01")
    return True


async def test_the_figures_of_all_three_services_move_with_what_is_done(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path, httpx.AsyncClient(trust_env=False) as http:
        await add_display(path, "web-01")
        urls = path.seed.manager_url, f"http://{HOST}:{path.gateway_port('gateway')}", await path.agent_health()
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        path.speak("web-01")
        customer = path.customer()
        await eventually(partial(gets_token, customer))
        await eventually(partial(works, customer))
        before = [await figures(http, url) for url in urls]
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            async with watching(customer, "web-01", read_only=True):
                manager, gateway, agent = [await figures(http, url) for url in urls]
    assert manager['manager_servers{datacenter="dc1",status="online"}'] == 1
    assert manager['manager_gateways{region="local",status="active"}'] == 1
    assert manager['manager_machines{kind="agent"}'] == manager["manager_db_up"] == 1
    assert manager["manager_customers"] >= 2
    assert manager["manager_log_ins"] == manager['manager_auth_requests_total{method="password",result="ok"}'] == 1
    assert manager["manager_server_tokens_total"] >= 1
    assert manager['manager_auth_duration_seconds_count{method="password"}'] == 1
    assert manager["manager_db_query_duration_seconds_count"] > before[0]["manager_db_query_duration_seconds_count"]
    assert gateway["gateway_agent_registrations_total"] == 1
    assert gateway["gateway_agents"] == gateway['gateway_sessions{type="console"}'] == 1
    assert gateway['gateway_viewers{type="display"}'] == gateway['gateway_sessions_opened_total{type="display"}'] == 1
    assert gateway['gateway_stream_bytes_total{direction="to viewer",type="console"}'] >= len(viewer.text) > 0
    assert gateway['gateway_stream_messages_total{direction="to agent",type="console"}'] > 0
    assert before[1].get('gateway_sessions_opened_total{type="console"}', 0) == 0
    assert agent['agent_console_seats{server="web-01"}'] == 2, "the screen's viewer has one, too"
    assert agent['agent_console_live{server="web-01"}'] == 1
    assert agent['agent_console_output_bytes_total{server="web-01"}'] >= 200
    assert agent['agent_display_viewers{server="web-01"}'] == agent['agent_display_connected{server="web-01"}'] == 1
    assert agent["agent_servers"] == 1
    assert agent['agent_display_output_bytes_total{server="web-01"}'] > 0
    assert agent['agent_display_input_bytes_total{server="web-01"}'] > 0
    assert agent['agent_discovery_cycles_total{server="web-01"}'] >= 1
    assert agent['agent_discovery_errors_total{server="web-01"}'] == 0


async def test_an_end_and_a_key_are_counted(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path, httpx.AsyncClient(trust_env=False) as http:
        health = await path.agent_health()
        for service in (path.manager(), path.gateway(), path.agent()):
            await service.start()
        path.speak("web-01")
        customer = path.customer()
        await eventually(partial(works, customer))
        request = gateway_pb.CreateSOLSessionRequest(server_id="web-01")
        created = await customer.ask("CreateSOLSession", request, gateway_pb.CreateSOLSessionResponse)
        token = await customer.token("web-01")
        client = ConnectClient(path.http, token.gateway_endpoint, "gateway.v1.GatewayService")
        close = gateway_pb.CloseSOLSessionRequest(session_id=created.session_id)
        await client.call("CloseSOLSession", close, gateway_pb.CloseSOLSessionResponse, bearer=token.token)
        gateway = await figures(http, f"http://{HOST}:{path.gateway_port('gateway')}")
        assert gateway['gateway_sessions_ended_total{reason="closed",type="console"}'] == 1
        assert gateway['gateway_session_duration_seconds_count{type="console"}'] == 1
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await viewer.type(b"whoami\r")
            await eventually(partial(_took, http, health, 7))
            path.end_console("web-01")
            await viewer.until(lambda: bool(viewer.gaps), "it is lost and back")
        assert (await figures(http, health))['agent_console_losses_total{server="web-01"}'] == 1


async def _took(http: httpx.AsyncClient, health: str, count: int) -> bool:
    return (await figures(http, health))['agent_console_input_bytes_total{server="web-01"}'] == count
