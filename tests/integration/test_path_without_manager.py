"""Gateway and Agent start while the Manager is down: they live on what they remember of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
import trio
from protobuf import Oneof

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.services.api.manager.v1 import admin_pb
from conduit.services.connect_client import ConnectClient
from conduit.tunnel.call_frames import Code
from tests.fakes.path import GLOBEX, STAFF, RunningPath, open_path, plan
from tests.fakes.path_client import Customer, Viewer, eventually, gets_token

pytestmark = pytest.mark.slow


async def test_both_start_without_the_manager_and_what_was_revoked_stays_so(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01"), plan("build-01", GLOBEX)) as path:
        leaks = await path.leaks()
        manager, gateway, agent = (await path.start_all()).values()
        path.speak("web-01")
        customer, other = path.customer(), path.customer(GLOBEX)
        for each, server_id in ((customer, "web-01"), (other, "build-01")):
            await eventually(partial(gets_token, each, server_id))
            await eventually(partial(_answers, each, server_id))
        await _end_sessions(path, GLOBEX)
        await eventually(lambda: _is_revoked(other))
        async with open_background_nursery() as nursery:
            before = Viewer(customer, "web-01")
            nursery.start_soon(before.run)
            await before.more()
            await leaks.look()
            nursery.cancel_scope.cancel()
        await manager.stop()
        await gateway.stop()
        await agent.stop()
        await gateway.start()
        await agent.start()
        await eventually(lambda: _answers(customer, "web-01"), "the Agent dials a Gateway that it remembers")
        assert (await customer.power("web-01")).state == PowerState.OFF
        assert await _is_revoked(other)
        assert "remembered from the Manager" in (await _keys_of(path))["text"]
        async with open_background_nursery() as nursery:
            viewer = Viewer(customer, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await manager.start()
            await eventually(lambda: _hears(path), "the Manager is heard of")
            await viewer.more()
            assert viewer.connections == 1
        assert await _is_revoked(other)
        await leaks.check()


async def _answers(customer: Customer, server_id: str) -> bool:
    await customer.power(server_id)
    return True


async def _is_revoked(customer: Customer) -> bool:
    """The Gateway refuses the token that the customer has."""
    try:
        await customer.power("build-01")
    except CallError as error:
        return error.code == Code.UNAUTHENTICATED and "revoked" in error.message
    return False


async def _end_sessions(path: RunningPath, email: str) -> None:
    staff = path.customer(STAFF)
    await staff.log_in()
    admin = ConnectClient(path.http, path.seed.manager_url, "manager.v1.AdminService")
    what: Oneof[Literal["customer_id"], str] = Oneof("customer_id", email)
    request = admin_pb.RevokeRequest(what=what)
    await admin.call("Revoke", request, admin_pb.RevokeResponse, bearer=staff.access)


async def _keys_of(path: RunningPath) -> dict[str, Any]:
    """What the Gateway's /ready says of its keys."""
    answer = await path.http.get(f"{path.seed.gateway_url}/ready")
    (found,) = [check for check in answer.json()["checks"] if check["name"] == "keys"]
    assert isinstance(found, dict)
    return found


async def _hears(path: RunningPath) -> bool:
    return str((await _keys_of(path))["text"]).startswith("from the Manager")


async def test_services_say_that_they_serve_and_do_not_fill_the_log_while_the_manager_is_down(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        manager, gateway, agent = (await path.start_all()).values()
        await eventually(partial(gets_token, path.customer()))
        await manager.stop()
        await trio.sleep(7)  # three attempts and more
        for service in (gateway, agent):
            lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
            troubles = [line["event"] for line in lines if line["level"] == "warning"]
            assert troubles
            assert len(troubles) <= 2 * len(set(troubles)), troubles  # the stream breaks off, then nobody answers
        text = gateway.log.read_text()
        address = path.seed.gateway_url
        assert f"ready: gateway gw1: clients at {address}, agents at 127.0.0.1:{path.seed.ports.tunnel}\n" in text
        (ready,) = [json.loads(line) for line in text.splitlines() if '"event": "ready"' in line]
        assert (ready["service"], ready["name"], ready["clients"]) == ("gateway", "gw1", address)
        assert "ready: agent agent1\n" in agent.log.read_text()
