"""``manager.v1.MachineService``: what Agents and Gateways ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import trio
from connectrpc.request import RequestContext

from conduit.services.api.manager.v1 import machine_pb as pb
from conduit.services.api.manager.v1.machine_connect import MachineService
from conduit.services.clock import timestamp
from conduit.services.manager import messages
from conduit.services.manager.machines import Certified
from conduit.services.manager.manager import Manager
from conduit.services.manager.registry import AGENT_SILENCE
from conduit.services.manager.revocations import AT_ONCE
from conduit.services.secret import Secret

REPORT_INTERVAL: Final = int(AGENT_SILENCE / 3)  # seconds between an Agent's reports
POLL: Final = 1.0  # seconds; news are as late as that
SIGN_OF_LIFE: Final = 15.0  # seconds
_Context = RequestContext[Any, Any]


class MachineRpc(MachineService):
    """Answers machines, each for itself alone: who it is stands in its certificate, not in the request."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def enroll(self, request: pb.EnrollRequest, ctx: _Context) -> pb.EnrollResponse:
        """The first certificate, for a join token."""
        certified = await self._manager.machines.enroll(
            Secret(request.join_token), request.name, request.certificate_request
        )
        return pb.EnrollResponse(
            machine_id=str(certified.identity),
            certificate=certified.certificate,
            ca=certified.ca,
            expires_at=timestamp(certified.expires_at),
            datacenter_id=certified.datacenter_id,
            region=certified.region,
        )

    async def renew_certificate(
        self, request: pb.RenewCertificateRequest, ctx: _Context
    ) -> pb.RenewCertificateResponse:
        """The next certificate."""
        known = await self._manager.callers.machine(ctx, "any")
        certified: Certified = await self._manager.machines.renew(known.machine, request.certificate_request)
        return pb.RenewCertificateResponse(
            certificate=certified.certificate, ca=certified.ca, expires_at=timestamp(certified.expires_at)
        )

    async def report_servers(self, request: pb.ReportServersRequest, ctx: _Context) -> pb.ReportServersResponse:
        """An Agent's servers."""
        known = await self._manager.callers.machine(ctx, "agent")
        reported = [messages.reported_server(server) for server in request.servers]
        refused = await self._manager.registry.report(known.name, known.datacenter_id, reported)
        return pb.ReportServersResponse(refused=refused, report_interval_seconds=REPORT_INTERVAL)

    async def watch_gateways(
        self, request: pb.WatchGatewaysRequest, ctx: _Context
    ) -> AsyncIterator[pb.WatchGatewaysResponse]:
        """The Gateways of the Agent's region, at once and whenever the list changes."""
        known = await self._manager.callers.machine(ctx, "agent")
        last: list[tuple[str, str]] | None = None
        told = -SIGN_OF_LIFE
        while True:
            await self._manager.machines.check_still(known.machine)
            wanted = await self._manager.registry.gateways_to_dial(known.region)
            now = [(gateway.id, gateway.tunnel_endpoint) for gateway in wanted]
            if now != last or trio.current_time() >= told + SIGN_OF_LIFE:
                last, told = now, trio.current_time()
                addresses = [pb.GatewayAddress(gateway_id=name, tunnel_endpoint=where) for name, where in now]
                yield pb.WatchGatewaysResponse(gateways=addresses)
            if not await self._manager.pause(POLL):
                return

    async def watch_revocations(
        self, request: pb.WatchRevocationsRequest, ctx: _Context
    ) -> AsyncIterator[pb.WatchRevocationsResponse]:
        """What is revoked, after the one that the Gateway knows."""
        known = await self._manager.callers.machine(ctx, "gateway")
        after, told = request.after, -SIGN_OF_LIFE
        while True:
            await self._manager.machines.check_still(known.machine)
            found = await self._manager.revocations_after(after)
            if found or trio.current_time() >= told + SIGN_OF_LIFE:
                after, told = found[-1].number if found else after, trio.current_time()
                yield pb.WatchRevocationsResponse(revocations=[messages.revocation_message(each) for each in found])
            if not await self._manager.pause(0.0 if len(found) >= AT_ONCE else POLL):
                return
