"""``gateway.v1.GatewayService``. Parse, call, render."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final, TypeVar

from connectrpc.request import RequestContext
from protobuf import Message

from conduit.errors import CallError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.gateway.v1.gateway_connect import GatewayService
from conduit.services.clock import timestamp
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.grpc_console import console_chunks
from conduit.services.gateway.grpc_display import display_chunks
from conduit.services.gateway.sessions import Face
from conduit.services.headers import bearer_of
from conduit.services.permissions import Permission
from conduit.tunnel.call_frames import Code

_Context = RequestContext[Any, Any]
_Answer = TypeVar("_Answer", bound=Message[Any])
_NO_HANDSHAKE: Final = "the first chunk must be a handshake"


class GatewayRpc(GatewayService):
    """Answers the holders of server tokens."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def _perform(self, method: str, request: Message[Any], ctx: _Context, answer: type[_Answer]) -> _Answer:
        grant = await self._gateway.grant(bearer_of(ctx))
        deadline = None if ctx.timeout_ms is None else max(ctx.timeout_ms / 1000, 0.001)
        return await self._gateway.operations.perform(grant, method, request, answer, deadline=deadline)

    async def health_check(self, request: pb.HealthCheckRequest, ctx: _Context) -> pb.HealthCheckResponse:
        """That it is alive; how much there is, is nobody's business."""
        return pb.HealthCheckResponse(status="healthy", timestamp=timestamp(self._gateway.clock()))

    async def power_on(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """Switch on."""
        return await self._perform("PowerOn", request, ctx, pb.PowerOperationResponse)

    async def power_off(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """Switch off at once."""
        return await self._perform("PowerOff", request, ctx, pb.PowerOperationResponse)

    async def power_cycle(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """Switch off and on."""
        return await self._perform("PowerCycle", request, ctx, pb.PowerOperationResponse)

    async def reset(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """Reset without switching off."""
        return await self._perform("Reset", request, ctx, pb.PowerOperationResponse)

    async def power_soft(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """Ask the system to shut down."""
        return await self._perform("PowerSoft", request, ctx, pb.PowerOperationResponse)

    async def power_diag(self, request: pb.PowerOperationRequest, ctx: _Context) -> pb.PowerOperationResponse:
        """A diagnostic interrupt."""
        return await self._perform("PowerDiag", request, ctx, pb.PowerOperationResponse)

    async def get_power_status(self, request: pb.PowerStatusRequest, ctx: _Context) -> pb.PowerStatusResponse:
        """On or off."""
        return await self._perform("GetPowerStatus", request, ctx, pb.PowerStatusResponse)

    async def get_bmc_info(self, request: pb.GetBMCInfoRequest, ctx: _Context) -> pb.GetBMCInfoResponse:
        """What the BMC says of itself."""
        return await self._perform("GetBMCInfo", request, ctx, pb.GetBMCInfoResponse)

    async def get_system_status(self, request: pb.GetSystemStatusRequest, ctx: _Context) -> pb.GetSystemStatusResponse:
        """How the system is."""
        return await self._perform("GetSystemStatus", request, ctx, pb.GetSystemStatusResponse)

    async def list_sensors(self, request: pb.ListSensorsRequest, ctx: _Context) -> pb.ListSensorsResponse:
        """Readings."""
        return await self._perform("ListSensors", request, ctx, pb.ListSensorsResponse)

    async def list_events(self, request: pb.ListEventsRequest, ctx: _Context) -> pb.ListEventsResponse:
        """The event log."""
        return await self._perform("ListEvents", request, ctx, pb.ListEventsResponse)

    async def get_boot_device(self, request: pb.GetBootDeviceRequest, ctx: _Context) -> pb.GetBootDeviceResponse:
        """Where it boots from."""
        return await self._perform("GetBootDevice", request, ctx, pb.GetBootDeviceResponse)

    async def set_boot_device(self, request: pb.SetBootDeviceRequest, ctx: _Context) -> pb.SetBootDeviceResponse:
        """Where it boots from the next time."""
        return await self._perform("SetBootDevice", request, ctx, pb.SetBootDeviceResponse)

    async def identify(self, request: pb.IdentifyRequest, ctx: _Context) -> pb.IdentifyResponse:
        """Blink."""
        return await self._perform("Identify", request, ctx, pb.IdentifyResponse)

    async def get_screenshot(self, request: pb.GetScreenshotRequest, ctx: _Context) -> pb.GetScreenshotResponse:
        """The screen as a picture."""
        return await self._perform("GetScreenshot", request, ctx, pb.GetScreenshotResponse)

    async def send_keys(self, request: pb.SendKeysRequest, ctx: _Context) -> pb.SendKeysResponse:
        """Type on the screen's keyboard."""
        return await self._perform("SendKeys", request, ctx, pb.SendKeysResponse)

    # --- displays -----------------------------------------------------------------------------------------------------

    async def create_vnc_session(
        self, request: pb.CreateVNCSessionRequest, ctx: _Context
    ) -> pb.CreateVNCSessionResponse:
        """A session at the screen, and the ticket that opens it once."""
        grant = await self._gateway.grant(bearer_of(ctx))
        session, ticket = self._gateway.sessions.create(
            grant, request.server_id, read_only=request.read_only, face=Face.DISPLAY
        )
        return pb.CreateVNCSessionResponse(
            session_id=session.id,
            websocket_endpoint=self._gateway.stream_url(session),
            expires_at=timestamp(session.expires_at),
            viewer_url=self._gateway.page_url(session),
            ticket=ticket.reveal(),
        )

    async def get_vnc_session(self, request: pb.GetVNCSessionRequest, ctx: _Context) -> pb.GetVNCSessionResponse:
        """A session of the caller's."""
        grant = await self._gateway.grant(bearer_of(ctx))
        session = self._gateway.sessions.find(grant, request.session_id, Face.DISPLAY)
        return pb.GetVNCSessionResponse(
            session=pb.VNCSession(
                id=session.id,
                customer_id=session.grant.claims.customer_id,
                server_id=session.server_id,
                agent_id=session.grant.context.agent_id,
                status="active" if session.viewers else "idle",
                websocket_endpoint=self._gateway.stream_url(session),
                viewer_url=self._gateway.page_url(session),
                created_at=timestamp(session.created_at),
                expires_at=timestamp(session.expires_at),
                read_only=session.read_only,
                viewers=session.viewers,
            )
        )

    async def close_vnc_session(self, request: pb.CloseVNCSessionRequest, ctx: _Context) -> pb.CloseVNCSessionResponse:
        """End it, and whoever looks at it."""
        grant = await self._gateway.grant(bearer_of(ctx))
        self._gateway.sessions.close(grant, request.session_id, Face.DISPLAY)
        return pb.CloseVNCSessionResponse()

    async def stream_vnc_data(
        self, request: AsyncIterator[pb.VNCDataChunk], ctx: _Context
    ) -> AsyncIterator[pb.VNCDataChunk]:
        """The screen itself, for clients of gRPC; the first chunk names the session."""
        grant = await self._gateway.grant(bearer_of(ctx))
        grant.check(Permission.VNC_READ)
        first = await anext(request, None)
        grant.check_server("" if first is None else first.server_id)
        if first is None or not first.is_handshake:
            raise CallError(Code.INVALID_ARGUMENT, _NO_HANDSHAKE)
        session = self._gateway.sessions.find_to_use(grant, first.session_id, Face.DISPLAY)
        chunks = display_chunks(self._gateway.streams, self._gateway.displays, session, first, request)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    # --- consoles -----------------------------------------------------------------------------------------------------

    async def create_sol_session(
        self, request: pb.CreateSOLSessionRequest, ctx: _Context
    ) -> pb.CreateSOLSessionResponse:
        """A console session, and the ticket that opens it once."""
        grant = await self._gateway.grant(bearer_of(ctx))
        session, ticket = self._gateway.sessions.create(grant, request.server_id, read_only=request.read_only)
        return pb.CreateSOLSessionResponse(
            session_id=session.id,
            websocket_endpoint=self._gateway.stream_url(session),
            expires_at=timestamp(session.expires_at),
            console_url=self._gateway.page_url(session),
            ticket=ticket.reveal(),
        )

    async def get_sol_session(self, request: pb.GetSOLSessionRequest, ctx: _Context) -> pb.GetSOLSessionResponse:
        """A session of the caller's."""
        session = self._gateway.sessions.find(await self._gateway.grant(bearer_of(ctx)), request.session_id)
        return pb.GetSOLSessionResponse(
            session=pb.SOLSession(
                id=session.id,
                customer_id=session.grant.claims.customer_id,
                server_id=session.server_id,
                agent_id=session.grant.context.agent_id,
                status="active" if session.viewers else "idle",
                websocket_endpoint=self._gateway.stream_url(session),
                console_url=self._gateway.page_url(session),
                created_at=timestamp(session.created_at),
                expires_at=timestamp(session.expires_at),
                read_only=session.read_only,
                viewers=session.viewers,
            )
        )

    async def close_sol_session(self, request: pb.CloseSOLSessionRequest, ctx: _Context) -> pb.CloseSOLSessionResponse:
        """End it, and whoever looks at it."""
        grant = await self._gateway.grant(bearer_of(ctx))
        self._gateway.sessions.close(grant, request.session_id)
        return pb.CloseSOLSessionResponse()

    async def stream_console_data(
        self, request: AsyncIterator[pb.ConsoleDataChunk], ctx: _Context
    ) -> AsyncIterator[pb.ConsoleDataChunk]:
        """The console itself, for clients of gRPC; the first chunk names the session."""
        grant = await self._gateway.grant(bearer_of(ctx))
        grant.check(Permission.CONSOLE_READ)
        first = await anext(request, None)
        grant.check_server("" if first is None else first.server_id)
        if first is None or not first.is_handshake:
            raise CallError(Code.INVALID_ARGUMENT, _NO_HANDSHAKE)
        session = self._gateway.sessions.find_to_use(grant, first.session_id)
        chunks = console_chunks(self._gateway.streams, self._gateway.relay, session, first, request)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
