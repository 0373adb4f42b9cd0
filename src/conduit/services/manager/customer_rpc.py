"""``manager.v1.BMCManagerService``: what customers, staff and Gateways ask. Parse, call, render."""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext

from conduit import __version__
from conduit.errors import CallError
from conduit.services.api.manager.v1 import manager_pb as pb
from conduit.services.api.manager.v1.manager_connect import BMCManagerService
from conduit.services.clock import timestamp
from conduit.services.headers import address_of
from conduit.services.manager import messages
from conduit.services.manager.manager import Manager
from conduit.services.manager.pages import in_pages
from conduit.services.manager.registry import GATEWAY_SILENCE, Filters
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

HEARTBEAT: int = int(GATEWAY_SILENCE / 4)  # seconds between a Gateway's
_Context = RequestContext[Any, Any]


class CustomerRpc(BMCManagerService):
    """Answers for customers; what is of others does not exist for them."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def authenticate(self, request: pb.AuthenticateRequest, ctx: _Context) -> pb.AuthenticateResponse:
        """Log in."""
        account, refresh = await self._manager.accounts.log_in(
            request.email, Secret(request.password), address=address_of(ctx.client_address)
        )
        token, expires_at = self._manager.access_token(account)
        return pb.AuthenticateResponse(
            access_token=token,
            refresh_token=refresh.token.reveal(),
            expires_at=timestamp(expires_at),
            customer=messages.customer_message(account),
            refresh_expires_at=timestamp(refresh.expires_at),
        )

    async def refresh_token(self, request: pb.RefreshTokenRequest, ctx: _Context) -> pb.RefreshTokenResponse:
        """The next access token, and the next refresh token."""
        account, refresh = await self._manager.accounts.refresh(Secret(request.refresh_token))
        token, expires_at = self._manager.access_token(account)
        return pb.RefreshTokenResponse(
            access_token=token,
            expires_at=timestamp(expires_at),
            refresh_token=refresh.token.reveal(),
            refresh_expires_at=timestamp(refresh.expires_at),
        )

    async def logout(self, request: pb.LogoutRequest, ctx: _Context) -> pb.LogoutResponse:
        """End a log-in."""
        await self._manager.accounts.log_out(Secret(request.refresh_token))
        return pb.LogoutResponse()

    async def get_server_token(self, request: pb.GetServerTokenRequest, ctx: _Context) -> pb.GetServerTokenResponse:
        """What opens one server at a Gateway."""
        way = await self._manager.way_to(request.server_id, self._manager.callers.claims(ctx))
        token, claims = await self._manager.server_token(way.account, way.server)
        return pb.GetServerTokenResponse(
            token=token,
            expires_at=timestamp(claims.expires_at),
            gateway_endpoint=way.gateway.endpoint,
            permissions=sorted(claims.permissions),
        )

    async def get_server(self, request: pb.GetServerRequest, ctx: _Context) -> pb.GetServerResponse:
        """One server."""
        account = await self._manager.callers.customer(ctx)
        server = await self._manager.registry.server(account, request.server_id)
        return pb.GetServerResponse(server=messages.server_message(server))

    async def list_servers(self, request: pb.ListServersRequest, ctx: _Context) -> pb.ListServersResponse:
        """A page of the servers that the caller may see."""
        account = await self._manager.callers.customer(ctx)
        filters = Filters(
            query=request.query,
            status=request.status,
            tag=request.tag,
            datacenter_id=request.datacenter_id,
            customer_id=request.customer_id,
        )
        page = await self._manager.registry.servers(account, filters, request.page_size, request.page_token)
        found = [messages.server_message(server) for server in page.servers]
        return pb.ListServersResponse(servers=found, next_page_token=page.next_token, total_count=page.total)

    async def update_server(self, request: pb.UpdateServerRequest, ctx: _Context) -> pb.UpdateServerResponse:
        """Change a server's name or tags."""
        account = await self._manager.callers.customer(ctx)
        name = request.display_name if request.has_field("display_name") else None
        tags = request.tags if request.replace_tags else None
        server = await self._manager.registry.update(account, request.server_id, display_name=name, tags=tags)
        return pb.UpdateServerResponse(server=messages.server_message(server))

    async def get_server_location(
        self, request: pb.GetServerLocationRequest, ctx: _Context
    ) -> pb.GetServerLocationResponse:
        """Where a server is reached."""
        way = await self._manager.way_to(request.server_id, self._manager.callers.claims(ctx))
        message = messages.server_message(way.server)
        return pb.GetServerLocationResponse(
            regional_gateway_id=way.gateway.id,
            regional_gateway_endpoint=way.gateway.endpoint,
            datacenter_id=way.server.datacenter_id,
            features=message.features,
            bmc_protocols=message.control_endpoints,
            primary_protocol=message.primary_protocol,
        )

    async def list_gateways(self, request: pb.ListGatewaysRequest, ctx: _Context) -> pb.ListGatewaysResponse:
        """A page of the Gateways that are alive."""
        await self._manager.callers.customer(ctx)
        alive = await self._manager.registry.gateways(request.region, alive=True)
        found, token = in_pages(alive, lambda gateway: gateway.id, request.page_size, request.page_token)
        return pb.ListGatewaysResponse(
            gateways=[messages.gateway_message(gateway) for gateway in found], next_page_token=token
        )

    async def register_gateway(self, request: pb.RegisterGatewayRequest, ctx: _Context) -> pb.RegisterGatewayResponse:
        """A Gateway's heartbeat; the answer has the keys of its region."""
        known = await self._manager.callers.machine(ctx, "gateway")
        await self._manager.registry.heartbeat(
            gateway_id=known.name,
            region=known.region,
            endpoint=request.endpoint,
            tunnel_endpoint=request.tunnel_endpoint,
            version=request.version,
            agents=request.agent_ids,
        )
        keys = await self._manager.region_keys(known.region)
        return pb.RegisterGatewayResponse(
            success=True,
            heartbeat_interval_seconds=HEARTBEAT,
            region_keys=[pb.RegionKey(key_id=key.key_id, key=key.key) for key in keys],
        )

    async def get_system_status(self, request: pb.GetSystemStatusRequest, ctx: _Context) -> pb.GetSystemStatusResponse:
        """How much there is, and how it is; for staff."""
        account = await self._manager.callers.staff(ctx)
        everything = await self._manager.registry.servers(account, Filters(), 1, "")
        gateways = await self._manager.registry.gateways()
        alive = await self._manager.registry.gateways(alive=True)
        status = pb.SystemStatus(
            version=__version__,
            started_at=timestamp(self._manager.started_at),
            status_time=timestamp(self._manager.clock()),
            total_gateways=len(gateways),
            active_gateways=len(alive),
            total_servers=everything.total,
        )
        return pb.GetSystemStatusResponse(status=status)

    async def register_server(self, request: pb.RegisterServerRequest, ctx: _Context) -> pb.RegisterServerResponse:
        """Nobody registers servers by hand any more.

        :raises CallError: always.
        """
        await self._manager.callers.staff(ctx)
        raise CallError(Code.UNIMPLEMENTED, "servers come from the Agents' configuration")

    async def report_available_endpoints(
        self, request: pb.ReportAvailableEndpointsRequest, ctx: _Context
    ) -> pb.ReportAvailableEndpointsResponse:
        """Nor do Gateways report them.

        :raises CallError: always.
        """
        await self._manager.callers.machine(ctx, "gateway")
        raise CallError(Code.UNIMPLEMENTED, "Agents report their servers themselves, see MachineService")
