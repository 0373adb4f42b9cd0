"""``conduit server vnc``, ``screenshot`` and ``type``: the screen, through the Gateway."""

from __future__ import annotations

import ipaddress
import sys
import webbrowser
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal

import asyncclick as click
import trio
from protobuf import Oneof

from conduit.cli.nouns import Leaf, logged_in, output_of, tell
from conduit.cli.params import WholeNumber
from conduit.cli.profiles.session import Session, tls_of
from conduit.cli.profiles.urls import check_url
from conduit.cli.render import Field, Format, Report
from conduit.cli.rfb.typing import layout_option
from conduit.errors import CallError, LocalProtocolError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.websocket_client import WebSocketStream, open_websocket

__all__ = ["screenshot_command", "type_command", "vnc_command"]

PROTOCOL: Final = "binary"
CHUNK: Final = 64 << 10  # bytes
CLOSING: Final = 3.0  # seconds for telling the Gateway that a session is over
AGAIN: Final = 0.05  # seconds until it is asked again whether they have all left
MAX_PORT: Final = 65_535
MAX_TEXT: Final = 4096  # characters that are typed at a time
TYPING: Final = 150.0  # seconds that they may take
_FILE: Final = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command("screenshot", cls=Leaf, example="server screenshot db-01 -o db-01.png")
@click.argument("server")
@click.option("-o", "--to", type=_FILE, help="The PNG's file; - is standard output. [default: SERVER.png]")
@click.option("--width", type=WholeNumber(min=16, max=16_384), help="Pixels, where the screen is wider.")
@click.pass_context
async def screenshot_command(ctx: click.Context, server: str, *, to: Path | None, width: int | None) -> None:
    """Take a picture of the screen. It takes no place among viewers."""
    request = pb.GetScreenshotRequest(server_id=server, max_width=width or 0)
    async with logged_in(ctx) as session:
        answer = await session.gateway(server, "GetScreenshot", request, pb.GetScreenshotResponse, safe=True)
    if to == Path("-"):
        sys.stdout.buffer.write(answer.image)
        return
    target = to or Path(f"{server}.png")
    try:
        target.write_bytes(answer.image)
    except OSError as error:
        raise LocalProtocolError(f"cannot write {target}: {error.strerror}") from error
    fields = [
        Field("server", "Server", server),
        Field("file", "File", str(target)),
        Field("width", "Width", answer.width),
        Field("height", "Height", answer.height),
    ]
    summary = f"{target}: {answer.width}x{answer.height} pixels of {server}"
    tell(ctx, Report(summary=summary, fields=fields, brief=True))


@click.command("type", cls=Leaf, example='server type db-01 "root" --enter')
@click.argument("server")
@click.argument("text", required=False, default="")
@click.option("--enter", is_flag=True, help="And Enter.")
@click.option("--key", "chord", default="", metavar="CHORD", help="A key or chord, such as f12 or ctrl-alt-delete.")
@layout_option
@click.pass_context
async def type_command(ctx: click.Context, server: str, text: str, *, enter: bool, chord: str, layout: str) -> None:
    """Type on the screen's keyboard; - reads standard input.

    Nobody else may be typing: the console and the screen share one keyboard.
    The layout is that of the keyboard which the server believes to have.
    """
    if bool(text or enter) == bool(chord):
        raise click.UsageError("give a text, --enter or --key")
    said = (sys.stdin.read(MAX_TEXT + 1) if text == "-" else text) + ("\n" if enter else "")
    if len(said) > MAX_TEXT:
        raise LocalProtocolError(f"at most {MAX_TEXT} characters at a time")
    as_text: Oneof[Literal["text"], str] = Oneof("text", said)
    as_chord: Oneof[Literal["chord"], str] = Oneof("chord", chord)
    request = pb.SendKeysRequest(server_id=server, what=as_chord if chord else as_text, layout=layout)
    async with logged_in(ctx) as session:
        answer = await session.gateway(server, "SendKeys", request, pb.SendKeysResponse, patience=TYPING)
    fields = [Field("server", "Server", server), Field("keys", "Keys", answer.keys)]
    keys = "1 key" if answer.keys == 1 else f"{answer.keys} keys"
    tell(ctx, Report(summary=f"{keys} typed on {server}", fields=fields, brief=True))


@click.command("vnc", cls=Leaf, example="server vnc db-01 --listen 127.0.0.1:5901")
@click.argument("server")
@click.option("--read-only", is_flag=True, help="Look, do not type.")
@click.option("--listen", default="", metavar="ADDR:PORT", help="Serve any VNC viewer there, without a password.")
@click.pass_context
async def vnc_command(ctx: click.Context, server: str, *, read_only: bool, listen: str) -> None:
    """Open the screen in a browser; or, with --listen, for any VNC viewer.

    With --listen only this machine may connect, as the viewer needs no
    password: whoever reaches the port has the screen. Ctrl+C ends it.
    """
    async with logged_in(ctx) as session:
        displays = _Displays(session, server, read_only=read_only)
        if not listen:
            await _open_page(ctx, displays)
            return
        host, port = _local(listen)
        await session.server_token(server)  # who may not have it learns that now, not when a viewer comes
        await _serve(ctx, displays, host, port)


async def _open_page(ctx: click.Context, displays: _Displays) -> None:
    url = await displays.page()
    tell(ctx, Report(summary=url, fields=[Field("viewer_url", "Page", url)], brief=True))
    if output_of(ctx) is Format.TABLE and sys.stdout.isatty():
        await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


def _local(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        is_ours = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise LocalProtocolError(f"{host!r} is no address: say 127.0.0.1:5901") from error
    if not is_ours:
        raise LocalProtocolError(f"{host} is not of this machine alone: listen on 127.0.0.1 or [::1]")
    if not port.isdecimal() or int(port) > MAX_PORT:
        raise LocalProtocolError(f"{port!r} is no port: say 127.0.0.1:5901")
    return host, int(port)


async def _serve(ctx: click.Context, displays: _Displays, host: str, port: int) -> None:
    async with trio.open_nursery() as nursery:
        try:
            listeners = await nursery.start(partial(trio.serve_tcp, displays.serve, port, host=host))
        except OSError as error:
            raise LocalProtocolError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        bound = listeners[0].socket.getsockname()
        where = f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"
        fields = [Field("host", "Host", bound[0]), Field("port", "Port", bound[1])]
        summary = f"connect a VNC viewer to {where}; Ctrl+C ends it"
        tell(ctx, Report(summary=summary, fields=fields, brief=True))


class _Displays:
    """This command's sessions at the Gateway: one for each viewer."""

    def __init__(self, session: Session, server: str, *, read_only: bool) -> None:
        self._session = session
        self._server = server
        self._read_only = read_only

    async def create(self) -> pb.CreateVNCSessionResponse:
        """:raises CallError: it may not be, or nobody is there."""
        request = pb.CreateVNCSessionRequest(server_id=self._server, read_only=self._read_only)
        return await self._session.gateway(
            self._server, "CreateVNCSession", request, pb.CreateVNCSessionResponse, delays=()
        )

    async def page(self) -> str:
        """Where browsers see it; whoever opens the page has a session of its own.

        :raises CallError: it may not be, or nobody is there.
        """
        created = await self.create()
        await self._close(created.session_id)
        return created.viewer_url

    async def serve(self, viewer: trio.SocketStream) -> None:
        """One viewer, until it leaves; a failure is its own."""
        try:
            created = await self.create()
            try:
                await self._connect(viewer, created)
            finally:
                await self._close(created.session_id)
        except CallError as error:
            click.echo(f"a viewer: {error.message}", err=True)
        finally:
            await trio.aclose_forcefully(viewer)

    async def _connect(self, viewer: trio.SocketStream, created: pb.CreateVNCSessionResponse) -> None:
        url = created.websocket_endpoint
        check_url("http" + url.removeprefix("ws"), allow_http=self._session.profile.allow_http)
        protocols = [PROTOCOL, f"ticket.{created.ticket}"]
        async with open_websocket(url, subprotocols=protocols, tls=tls_of(self._session.profile)) as websocket:
            screen = WebSocketStream(websocket)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_to_viewer, screen, viewer, nursery.cancel_scope)
                nursery.start_soon(_to_screen, viewer, screen, nursery.cancel_scope)
            if websocket.close_reason:
                click.echo(f"a viewer: {websocket.close_reason}", err=True)

    async def _close(self, session_id: str) -> None:
        """Once the last key has arrived that its viewer pressed before it left."""
        close = pb.CloseVNCSessionRequest(session_id=session_id)
        with trio.move_on_after(CLOSING, shield=True), suppress(CallError):
            while await self._is_viewed(session_id):  # noqa: ASYNC110  # the Gateway does not call back
                await trio.sleep(AGAIN)
            await self._session.gateway(self._server, "CloseVNCSession", close, pb.CloseVNCSessionResponse, delays=())

    async def _is_viewed(self, session_id: str) -> bool:
        find = pb.GetVNCSessionRequest(session_id=session_id)
        found = await self._session.gateway(self._server, "GetVNCSession", find, pb.GetVNCSessionResponse, delays=())
        return found.session is not None and found.session.viewers > 0


async def _to_screen(viewer: trio.abc.Stream, screen: trio.abc.Stream, scope: trio.CancelScope) -> None:
    """What a viewer says, to the last key that it pressed before it left.

    Where the screen takes no more, its last words are yet to be read: that is for the other way.
    """
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await viewer.receive_some(CHUNK):
            try:
                await screen.send_all(data)
            except trio.BrokenResourceError:
                return
    scope.cancel()


async def _to_viewer(screen: trio.abc.Stream, viewer: trio.abc.Stream, scope: trio.CancelScope) -> None:
    """What a screen shows; it is read to its end, as what the viewer said before it left may be on its way."""
    is_there = True
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await screen.receive_some(CHUNK):
            try:
                if is_there:
                    await viewer.send_all(data)
            except trio.BrokenResourceError:
                is_there = False
    scope.cancel()
