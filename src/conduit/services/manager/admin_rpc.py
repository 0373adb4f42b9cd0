"""``manager.v1.AdminService``: what staff ask."""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext

from conduit.errors import CallError
from conduit.services.api.manager.v1 import admin_pb as pb
from conduit.services.api.manager.v1.admin_connect import AdminService
from conduit.services.clock import timestamp
from conduit.services.manager import messages
from conduit.services.manager.manager import Manager
from conduit.services.manager.pages import in_pages
from conduit.services.manager.registry import Filters
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

_Context = RequestContext[Any, Any]
DEFAULT_TTL = 3600.0  # seconds


class AdminRpc(AdminService):
    """Answers staff, and nobody else."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def create_join_token(self, request: pb.CreateJoinTokenRequest, ctx: _Context) -> pb.CreateJoinTokenResponse:
        """Lets a machine enrol."""
        staff = await self._manager.callers.staff(ctx)
        token, expires_at = await self._manager.machines.create_join_token(
            kind=request.kind,
            datacenter_id=request.datacenter_id,
            region=request.region,
            ttl=request.ttl_seconds or DEFAULT_TTL,
            uses=request.uses or 1,
            created_by=staff.email,
        )
        return pb.CreateJoinTokenResponse(join_token=token.reveal(), expires_at=timestamp(expires_at))

    async def create_customer(self, request: pb.CreateCustomerRequest, ctx: _Context) -> pb.CreateCustomerResponse:
        """A new account."""
        await self._manager.callers.staff(ctx)
        account = await self._manager.accounts.create(
            request.email, Secret(request.password), display_name=request.display_name, is_staff=request.is_staff
        )
        return pb.CreateCustomerResponse(customer=messages.customer_summary(account))

    async def set_customer_password(
        self, request: pb.SetCustomerPasswordRequest, ctx: _Context
    ) -> pb.SetCustomerPasswordResponse:
        """Ends their sessions too."""
        await self._manager.callers.staff(ctx)
        await self._manager.accounts.set_password(request.customer_id, Secret(request.password))
        return pb.SetCustomerPasswordResponse()

    async def assign_server(self, request: pb.AssignServerRequest, ctx: _Context) -> pb.AssignServerResponse:
        """Give a server to a customer."""
        await self._manager.callers.staff(ctx)
        owner = None
        if request.customer_id:
            account = await self._manager.accounts.find(request.customer_id)
            if account is None:
                raise CallError(Code.NOT_FOUND, f"there is no customer {request.customer_id}")
            owner = account.id
        await self._manager.registry.assign(request.server_id, owner)
        return pb.AssignServerResponse()

    async def revoke(self, request: pb.RevokeRequest, ctx: _Context) -> pb.RevokeResponse:
        """End a machine's certificates, or a customer's sessions."""
        await self._manager.callers.staff(ctx)
        match request.what:
            case None:
                raise CallError(Code.INVALID_ARGUMENT, "say what to revoke: a machine or a customer")
            case what if what.field == "machine_id":
                await self._manager.machines.revoke(what.value)
            case what:
                await self._manager.accounts.end_sessions(what.value)
        return pb.RevokeResponse()

    # --- what there is ------------------------------------------------------------------------------------------------

    async def get_dashboard_metrics(
        self, request: pb.GetDashboardMetricsRequest, ctx: _Context
    ) -> pb.GetDashboardMetricsResponse:
        """How much there is of everything."""
        staff = await self._manager.callers.staff(ctx)
        registry = self._manager.registry
        everything = await registry.servers(staff, Filters(), 1, "")
        offline = await registry.servers(staff, Filters(status="offline"), 1, "")
        gateways = await registry.gateways()
        alive = await registry.gateways(alive=True)
        return pb.GetDashboardMetricsResponse(
            total_bmcs=everything.total,
            online_bmcs=everything.total - offline.total,
            offline_bmcs=offline.total,
            total_gateways=len(gateways),
            active_gateways=len(alive),
            total_customers=await self._manager.accounts.count(),
        )

    async def list_all_servers(self, request: pb.ListAllServersRequest, ctx: _Context) -> pb.ListAllServersResponse:
        """A page of all servers."""
        staff = await self._manager.callers.staff(ctx)
        filters = Filters(
            customer_id=request.customer_filter,
            status=request.status_filter,
            regions=tuple(request.region_filter),
            agents=await self._agents_at(request.gateway_filter) if request.gateway_filter else None,
        )
        page = await self._manager.registry.servers(staff, filters, request.page_size, request.page_token)
        found = [messages.server_details(server) for server in page.servers]
        return pb.ListAllServersResponse(servers=found, next_page_token=page.next_token, total_count=page.total)

    async def _agents_at(self, gateway_id: str) -> list[str]:
        """Those that have a tunnel with a Gateway."""
        everyone = await self._manager.registry.gateways()
        return [agent for gateway in everyone if gateway.id == gateway_id for agent in gateway.agent_ids]

    async def list_all_customers(
        self, request: pb.ListAllCustomersRequest, ctx: _Context
    ) -> pb.ListAllCustomersResponse:
        """A page of all accounts."""
        await self._manager.callers.staff(ctx)
        found, token = await self._manager.accounts.list(request.page_size, request.page_token)
        counts = await self._manager.registry.counts_by_customer()
        return pb.ListAllCustomersResponse(
            customers=[messages.customer_summary(account, counts.get(account.id, (0, 0))) for account in found],
            next_page_token=token,
        )

    async def get_gateway_health(
        self, request: pb.GetGatewayHealthRequest, ctx: _Context
    ) -> pb.GetGatewayHealthResponse:
        """A page of the Gateways: which are alive, and what they reach."""
        await self._manager.callers.staff(ctx)
        registry = self._manager.registry
        alive = {gateway.id for gateway in await registry.gateways(alive=True)}
        behind = await registry.behind_agents()
        everyone = await registry.gateways()
        found, token = in_pages(everyone, lambda gateway: gateway.id, request.page_size, request.page_token)
        return pb.GetGatewayHealthResponse(
            gateways=[messages.gateway_health(each, behind, alive=each.id in alive) for each in found],
            next_page_token=token,
        )

    async def get_regions(self, request: pb.GetRegionsRequest, ctx: _Context) -> pb.GetRegionsResponse:
        """Where there are Gateways."""
        await self._manager.callers.staff(ctx)
        everyone = await self._manager.registry.gateways()
        return pb.GetRegionsResponse(regions=sorted({gateway.region for gateway in everyone}))

    async def list_machines(self, request: pb.ListMachinesRequest, ctx: _Context) -> pb.ListMachinesResponse:
        """A page of the Agents and Gateways that have a certificate."""
        await self._manager.callers.staff(ctx)
        everything = await self._manager.machines.list()
        found, token = in_pages(everything, lambda machine: machine.id, request.page_size, request.page_token)
        return pb.ListMachinesResponse(
            machines=[messages.machine_message(each) for each in found], next_page_token=token
        )

    async def launch_vnc_session(self, request: pb.LaunchSessionRequest, ctx: _Context) -> pb.LaunchSessionResponse:
        """Staff open displays like everybody, with a server token.

        :raises CallError: always.
        """
        return await self._launch(ctx)

    async def launch_sol_session(self, request: pb.LaunchSessionRequest, ctx: _Context) -> pb.LaunchSessionResponse:
        """And consoles.

        :raises CallError: always.
        """
        return await self._launch(ctx)

    async def _launch(self, ctx: _Context) -> pb.LaunchSessionResponse:
        await self._manager.callers.staff(ctx)
        raise CallError(Code.UNIMPLEMENTED, "get a server token, and create the session at the Gateway")
