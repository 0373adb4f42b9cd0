"""``conduit server console``: the serial console, through the Gateway."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit.cli.nouns import Leaf, logged_in, output_of, tell
from conduit.cli.params import Seconds
from conduit.cli.profiles.session import Session, tls_of
from conduit.cli.profiles.urls import check_url
from conduit.cli.render import Field, Format, Report
from conduit.cli.server.console_terminal import ConsoleTerminal
from conduit.cli.terminal.escapes import parse_escape
from conduit.cli.terminal.streams import Manners, ended_by_sigterm, open_taps
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode
from conduit.errors import CallError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.console_client import ConsoleViewing
from conduit.services.websocket_client import WebSocket, open_websocket
from conduit.tunnel.call_frames import Code

__all__ = ["command"]

PROTOCOL: Final = "conduit.console.1"
CLOSING: Final = 3.0  # seconds for telling the Gateway that a session is over
HISTORY: Final = 256 << 10  # bytes of the past that are shown first
_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command("console", cls=Leaf, example="server console db-01 --record boot.cast")
@click.argument("server")
@click.option("--read-only", is_flag=True, help="Look, do not type.")
@click.option("--take", is_flag=True, help="Take the keyboard from whoever has it, where you may.")
@click.option("--history", type=click.IntRange(0, HISTORY), default=HISTORY, help="Bytes of the past to show first.")
@click.option("--record", type=_FILE, help="Record output with timing (asciicast).")
@click.option("--log", type=_FILE, help="Write output to a file as it is.")
@click.option("--web", is_flag=True, help="Open the console's page in a browser, or say its URL.")
@click.option("--escape", default="~", show_default=True, metavar="CHAR", help="What escapes begin with after Enter.")
@click.option("--no-escape", is_flag=True, help="Everything goes to the server: only a signal ends the console.")
@click.option(
    "--linger",
    type=Seconds(min=0, max=86_400),
    default=1.0,
    show_default=True,
    help="Without a terminal: seconds of silence after the end of input that end the console.",
)
@click.option("--until", default="", metavar="TEXT", help="End when the server has written this.")
@click.pass_context
async def command(
    ctx: click.Context,
    *,
    server: str,
    read_only: bool,
    take: bool,
    history: int,
    record: Path | None,
    log: Path | None,
    web: bool,
    escape: str,
    no_escape: bool,
    linger: float,
    until: str,
) -> None:
    """Open the serial console on this terminal.

    Ctrl+] and q, or Enter and ~., end it; Ctrl+] tells the rest. Ctrl+C goes
    to the server. When the connection is lost it comes back by itself, at the
    byte where it was. One viewer at a time has the keyboard.
    """
    if read_only and take:
        raise click.UsageError("--read-only and --take: which of them?")
    manners = Manners(None if no_escape else parse_escape(escape), linger, until.encode())
    async with logged_in(ctx) as session, Sessions(session, server, read_only=read_only) as sessions:
        if web:
            await _open_page(ctx, sessions)
            return
        mode = Mode.READ if read_only else Mode.WRITE
        viewer = ViewerSession(mode=mode, history=history, take=take)
        with ExitStack() as stack:
            terminal = ConsoleTerminal(manners, open_taps(stack, record, log))
            async with ended_by_sigterm():
                await terminal.run(ConsoleViewing(viewer, sessions.dial, terminal))


async def _open_page(ctx: click.Context, sessions: Sessions) -> None:
    url = (await sessions.create()).console_url
    tell(ctx, Report(summary=url, fields=[Field("console_url", "Page", url)], brief=True))
    if output_of(ctx) is Format.TABLE and sys.stdout.isatty():
        await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


class Sessions(AsyncExitStack):
    """This command's sessions at the Gateway: a new one for each connection, as a ticket opens a door once."""

    def __init__(self, session: Session, server: str, *, read_only: bool) -> None:
        super().__init__()
        self._session = session
        self._server = server
        self._read_only = read_only
        self._tls = tls_of(session.profile)
        self._open: list[str] = []
        self.push_async_callback(self._close_all)

    async def create(self) -> pb.CreateSOLSessionResponse:
        """:raises CallError: it may not be, or nobody is there."""
        request = pb.CreateSOLSessionRequest(server_id=self._server, read_only=self._read_only)
        found = await self._session.gateway(
            self._server, "CreateSOLSession", request, pb.CreateSOLSessionResponse, delays=()
        )
        self._open.append(found.session_id)
        return found

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[WebSocket]:
        """A connection with the console's hub; those before it are over."""
        created = await self.create()
        async with AsyncExitStack() as stack:
            try:
                websocket = await stack.enter_async_context(self._open_websocket(created))
            except CallError as error:
                if error.code == Code.UNAUTHENTICATED:  # the Gateway was restarted just now
                    raise CallError(Code.UNAVAILABLE, error.message) from error
                raise
            await self._close(self._open[:-1])
            yield websocket

    def _open_websocket(self, created: pb.CreateSOLSessionResponse) -> AbstractAsyncContextManager[WebSocket]:
        url = created.websocket_endpoint
        check_url("http" + url.removeprefix("ws"), allow_http=self._session.profile.allow_http)
        protocols = [PROTOCOL, f"ticket.{created.ticket}"]
        return open_websocket(url, subprotocols=protocols, tls=self._tls)

    async def _close_all(self) -> None:
        await self._close(list(self._open))

    async def _close(self, sessions: list[str]) -> None:
        """Tell the Gateway; it finds out by itself where that does not work."""
        with trio.move_on_after(CLOSING, shield=True):
            for each in sessions:
                self._open.remove(each)
                with suppress(CallError):
                    request = pb.CloseSOLSessionRequest(session_id=each)
                    await self._session.gateway(
                        self._server, "CloseSOLSession", request, pb.CloseSOLSessionResponse, delays=()
                    )
