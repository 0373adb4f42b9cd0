"""The unary methods of ``gateway.v1.GatewayService`` about displays, as the Agent answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from protobuf import Message

from conduit.errors import CallError
from conduit.rfb.images import png_size
from conduit.services.agent.display import LAYOUT, ServerDisplay
from conduit.services.agent.operations import SERVER, TENANT, USER
from conduit.services.api.gateway.v1.gateway_pb import (
    GetScreenshotRequest,
    GetScreenshotResponse,
    SendKeysRequest,
    SendKeysResponse,
)
from conduit.services.clock import timestamp
from conduit.tunnel.call_frames import Code
from conduit.tunnel.calls import Bidirectional, Method, ServedCall


@dataclass(frozen=True, slots=True)
class _Call:
    """How one method is answered."""

    request: type[Message[Any]]
    answer: Callable[[ServerDisplay, str, Any], Awaitable[Message[Any]]]
    "The display, the user and the request. Any: it takes the class beside it."


async def _screenshot(display: ServerDisplay, _: str, request: GetScreenshotRequest) -> GetScreenshotResponse:
    picture = await display.screenshot(max_width=max(request.max_width, 0), max_age=float(request.max_age_seconds))
    width, height = png_size(picture.png)
    return GetScreenshotResponse(
        image=picture.png,
        width=width,
        height=height,
        screen_width=picture.screen[0],
        screen_height=picture.screen[1],
        taken_at=timestamp(picture.taken_at),
    )


async def _send_keys(display: ServerDisplay, user: str, request: SendKeysRequest) -> SendKeysResponse:
    if request.what is None or not request.what.value:
        raise CallError(Code.INVALID_ARGUMENT, "there is nothing to type")
    what = {request.what.field: request.what.value}
    return SendKeysResponse(keys=await display.send_keys(user, **what, layout=request.layout or LAYOUT))


METHODS: Final[Mapping[str, _Call]] = {
    "GetScreenshot": _Call(GetScreenshotRequest, _screenshot),
    "SendKeys": _Call(SendKeysRequest, _send_keys),
}


def display_methods(displays: Mapping[str, ServerDisplay]) -> dict[str, Method]:
    """What ``conduit.tunnel.serve_calls`` is to serve.

    :param displays: by server id; looked at anew for each call.
    """
    return {name: Bidirectional(partial(_serve, displays, call)) for name, call in METHODS.items()}


async def _serve(displays: Mapping[str, ServerDisplay], how: _Call, call: ServedCall) -> bytes:
    try:
        request: Any = how.request.from_binary(await call.receive_only())
    except ValueError as error:
        raise CallError(Code.INVALID_ARGUMENT, f"the request is no {how.request.__name__}") from error
    display = find_display(displays, call.metadata, request.server_id)
    display.belong_to(call.metadata.get(TENANT, ""))
    return (await how.answer(display, call.metadata.get(USER, ""), request)).to_binary()


def find_display(displays: Mapping[str, ServerDisplay], metadata: Mapping[str, str], asked: str = "") -> ServerDisplay:
    """The display of the server that *metadata* names, for which the Gateway has checked the permission.

    :raises CallError: PERMISSION_DENIED: the request names another; NOT_FOUND: it has none.
    """
    server_id = metadata.get(SERVER, "")
    if asked not in ("", server_id):
        raise CallError(Code.PERMISSION_DENIED, "the request names another server than the one it is for")
    display = displays.get(server_id)
    if display is None:
        raise CallError(Code.NOT_FOUND, "this server has no display here")
    return display
