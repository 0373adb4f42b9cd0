"""Machines that are revoked come back with a new join token, without anybody on their hosts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from protobuf import Oneof

from conduit.errors import CallError
from conduit.services.api.manager.v1 import admin_pb
from conduit.services.connect_client import ConnectClient
from conduit.tunnel.call_frames import Code
from tests.fakes.path import STAFF, RunningPath, open_path
from tests.fakes.path_client import Customer, eventually, gets_token

pytestmark = pytest.mark.slow


async def test_a_revoked_gateway_serves_nobody_until_it_and_the_agent_have_enrolled_anew(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        await path.start_all()
        customer = path.customer()
        await eventually(partial(gets_token, customer))
        await eventually(partial(_works, customer))
        admin = Admin(path)
        await admin.log_in()
        await admin.revoke("gateway/gw1")
        await admin.revoke("agent/agent1")
        await eventually(partial(_is_refused, customer))
        assert not (path.seed.data / "gateway" / "remembered.sealed").exists()
        await admin.renew_token("gateway", "", "local")
        await admin.renew_token("agent", "dc1", "")
        await eventually(partial(_works, customer), "both are back")


class Admin:
    """Staff."""

    def __init__(self, path: RunningPath) -> None:
        self._path = path
        self._staff = path.customer(STAFF)
        self._client = ConnectClient(path.http, path.seed.manager_url, "manager.v1.AdminService")

    async def log_in(self) -> None:
        await self._staff.log_in()

    async def revoke(self, machine: str) -> None:
        what: Oneof[Literal["machine_id"], str] = Oneof("machine_id", machine)
        request = admin_pb.RevokeRequest(what=what)
        await self._client.call("Revoke", request, admin_pb.RevokeResponse, bearer=self._staff.access)

    async def renew_token(self, kind: str, datacenter: str, region: str) -> None:
        """Into the machine's configuration."""
        request = admin_pb.CreateJoinTokenRequest(
            kind=kind, datacenter_id=datacenter, region=region, ttl_seconds=600, uses=1
        )
        answer = await self._client.call(
            "CreateJoinToken", request, admin_pb.CreateJoinTokenResponse, bearer=self._staff.access
        )
        (self._path.seed.data / f"{kind}.join-token").write_text(answer.join_token)


async def _works(customer: Customer) -> bool:
    await customer.power("web-01")
    return True


async def _is_refused(customer: Customer) -> bool:
    """The Gateway knows that it is nobody any more."""
    try:
        await customer.power("web-01")
    except CallError as error:
        return error.code == Code.UNAVAILABLE and "take this Gateway's certificate" in error.message
    return False
