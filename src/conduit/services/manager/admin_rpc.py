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
