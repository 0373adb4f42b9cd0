"""What is revoked at the Manager ends at the Gateway within seconds, and those who looked are told."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import trio
from protobuf import Oneof

from conduit._trio import open_background_nursery
from conduit.cli.up.fleet import ACME, GLOBEX
from conduit.cli.up.seed import STAFF
from conduit.console.words import End
from conduit.errors import CallError
from conduit.rfb.images import decode_png
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import admin_pb as pb
from conduit.services.connect_client import ConnectClient
from conduit.tunnel.call_frames import Code
from tests.fakes.console_seen import Seen
from tests.fakes.grpc_viewers import open_grpc
from tests.fakes.path import RunningPath, open_path, plan
from tests.fakes.path_client import Customer, Viewer, eventually
from tests.fakes.path_displays import add_display

pytestmark = pytest.mark.slow
SECONDS: Final = 5.0  # within which it ends: the Manager looks every second, and so does the Gateway


class Staff:
    """Somebody who may revoke."""

    def __init__(self, path: RunningPath) -> None:
        self._admin = ConnectClient(path.http, path.seed.manager_url, "manager.v1.AdminService")
        self._customer = path.customer(STAFF)

    async def do(self, method: str, request: Any, answer: Any) -> Any:
        if not self._customer.access:
            await self._customer.log_in()
        return await self._admin.call(method, request, answer, bearer=self._customer.access)

    async def account_of(self, email: str) -> str:
        listed = await self.do("ListAllCustomers", pb.ListAllCustomersRequest(), pb.ListAllCustomersResponse)
        (account,) = [each.customer_id for each in listed.customers if each.email == email]
        return str(account)

    async def assign(self, server_id: str, email: str) -> None:
        request = pb.AssignServerRequest(server_id=server_id, customer_id=await self.account_of(email))
        await self.do("AssignServer", request, pb.AssignServerResponse)

    async def revoke_customer(self, email: str) -> None:
        what: Oneof[Literal["customer_id"], str] = Oneof("customer_id", await self.account_of(email))
        await self.do("Revoke", pb.RevokeRequest(what=what), pb.RevokeResponse)

    async def revoke_machine(self, machine_id: str) -> None:
        what: Oneof[Literal["machine_id"], str] = Oneof("machine_id", machine_id)
        await self.do("Revoke", pb.RevokeRequest(what=what), pb.RevokeResponse)


async def told_revoked(viewer: Seen) -> None:
    """In time, and not to come back."""
    await viewer.until(lambda: bool(viewer.ends), "it is told", patience=SECONDS)
    last = viewer.ends[0]
    assert (last.reason, last.retry, last.text) == (End.REVOKED, False, "Your access to this server has ended.")


async def is_refused(customer: Customer, code: Code) -> bool:
    """For :func:`eventually`."""
    with pytest.raises(CallError) as refused:
        await customer.power("web-01")
    return refused.value.code == code


async def test_consoles_end_when_their_customer_or_their_server_is_taken_away(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01"), plan("web-02"), plan("other-01", GLOBEX)) as path:
        leaks = await path.leaks()
        await path.start_all()
        for server_id in path.fleet.plans:
            path.speak(server_id)
        staff, alice, bob = Staff(path), path.customer(), path.customer(GLOBEX)
        async with open_background_nursery() as nursery, open_grpc(path.seed.gateway_url) as connection:
            owners = {"web-01": alice, "web-02": alice, "other-01": bob}
            viewers = {server_id: Viewer(owner, server_id) for server_id, owner in owners.items()}
            for viewer in viewers.values():
                nursery.start_soon(viewer.run)
                await viewer.more()
            over_grpc = await connection.open(alice, "web-02")
            await over_grpc.more()
            await leaks.look()

            await staff.do("AssignServer", pb.AssignServerRequest(server_id="web-01"), pb.AssignServerResponse)
            await told_revoked(viewers["web-01"])
            assert await is_refused(alice, Code.UNAUTHENTICATED)

            await staff.revoke_customer(ACME)
            await told_revoked(viewers["web-02"])
            await told_revoked(over_grpc)
            await over_grpc.until(lambda: over_grpc.status == "0", "the stream ends in good order")
            await viewers["other-01"].more()
            assert viewers["other-01"].connections == 1
            viewers["other-01"].check_whole()
        await leaks.check()


async def look(customer: Customer) -> gateway_pb.GetScreenshotResponse:
    """At what was last seen, if it is not too old."""
    request = gateway_pb.GetScreenshotRequest(server_id="web-01", max_age_seconds=1 << 30)
    return await customer.ask("GetScreenshot", request, gateway_pb.GetScreenshotResponse)


async def test_the_next_tenant_of_a_server_sees_nothing_of_the_one_before(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01"), plan("other-01", GLOBEX)) as path:
        screen = await add_display(path, "web-01")
        leaks = await path.leaks()
        await path.start_all()
        path.speak("web-01")
        staff, alice, bob = Staff(path), path.customer(), path.customer(GLOBEX)
        hers, his, of_staff = Viewer(alice, "web-01"), Viewer(bob, "web-01"), Viewer(path.customer(STAFF), "web-01")
        async with open_background_nursery() as nursery:
            nursery.start_soon(hers.run)
            await hers.more()
            screen.write("\x1b[1;33;44mthe password is sesame\x1b[0m")
            await look(alice)
            await leaks.look()

            await staff.assign("web-01", GLOBEX)
            await told_revoked(hers)
            screen.write("\x1b[2Jlogin: ")
            nursery.start_soon(his.run)
            await his.more()
            assert his.start >= hers.start + len(hers.text)
            his.check_whole()
            assert decode_png((await look(bob)).image)[2] == screen.picture()

            nursery.start_soon(of_staff.run)  # who looks after it is no tenant
            await of_staff.more()
            assert (of_staff.start, his.connections) == (his.start, 1)
        await leaks.check()


async def test_an_agent_whose_certificate_is_revoked_has_no_tunnel_any_more(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        leaks = await path.leaks()
        await path.start_all()
        path.speak("web-01")
        staff, alice = Staff(path), path.customer()
        async with open_background_nursery() as nursery:
            viewer = Viewer(alice, "web-01")
            nursery.start_soon(viewer.run)
            await viewer.more()
            await leaks.look()
            await staff.revoke_machine("agent/agent1")
            with trio.fail_after(SECONDS):
                await viewer.until(lambda: bool(viewer.ends), "it is told")
                await eventually(partial(is_refused, alice, Code.UNAVAILABLE))
            assert viewer.ends[0].reason is End.LOST
            assert viewer.connections == 1
        await leaks.check()
