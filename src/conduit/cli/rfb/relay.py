"""``conduit rfb HOST relay``: any VNC viewer gets in, without a password."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncclick as click
import trio

from conduit._tcp import TcpStream
from conduit._trio import open_foreground_nursery
from conduit.cli.listening import Endpoint, parse_listen
from conduit.cli.params import WholeNumber
from conduit.cli.render import printable
from conduit.cli.rfb.options import Target
from conduit.cli.rfb.relay_terms import ENCODING_WORDS, PIXEL_WORDS, Terms
from conduit.errors import AuthenticationError, ConduitError
from conduit.rfb.client_sizes import MAX_CLIPBOARD
from conduit.rfb.keep_alive import KeepAlive
from conduit.rfb.login import HANDSHAKE_PATIENCE, Connection, log_in
from conduit.rfb.relay import Relay
from conduit.rfb.websocket_stream import accept_websocket

EPILOG: Final = """\
\b
Examples:
  conduit rfb 192.0.2.7 --password-file pw relay
  conduit rfb wss://192.0.2.7/kvm/0 --header-file token relay --listen 127.0.0.1:5999 --view-only
  conduit rfb 192.0.2.7 relay --websocket 127.0.0.1:6080 --origin https://noc.example
"""
MAX_VIEWERS: Final = 64  # at once, where nobody says otherwise; each is a login of its own
Receive = Callable[[trio.SocketStream], Awaitable[None]]


@dataclass(slots=True)
class Door:
    """Opens the display for each viewer, until it refuses us: the same password is not tried again by itself."""

    target: Target
    _refusal: str = ""
    _turn: trio.Lock = field(default_factory=trio.Lock)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Connection]:
        """:raises ConduitError: see :func:`open_connection`; a refused password counts for all who come later."""
        async with self._turn:  # viewers who come at once are one guess, and few displays like many log-ins at once
            connection = await self._log_in()
        try:
            yield connection
        finally:
            await trio.aclose_forcefully(connection.stream)

    async def _log_in(self) -> Connection:
        if self._refusal:
            raise AuthenticationError(self._refusal)
        try:
            return await log_in(self.target.address, self.target.login, ask=self.target.ask)
        except AuthenticationError as error:
            self._refusal = f"{error}; this was not tried again: start the relay anew with the right password"
            _say(f"the display refuses us, and is not asked again: {error}")
            raise


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes viewers."""

    door: Door
    terms: Terms
    keep_alive: KeepAlive
    room: trio.CapacityLimiter

    async def serve(
        self, endpoint: Endpoint, receive: Receive, what: str, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Take viewers there, for ever."""
        listeners = await trio.open_tcp_listeners(endpoint.port, host=endpoint.host)
        port = listeners[0].socket.getsockname()[1]
        _say(f"ready {Endpoint(endpoint.host, port)}: {what}")
        task_status.started()
        await trio.serve_listeners(receive, listeners)

    async def receive(self, stream: trio.SocketStream) -> None:
        """One viewer, until it leaves."""
        async with self._seat(stream) as has_room:
            if has_room:
                who = _peer(stream)
                await self._relay(TcpStream.take(stream), who)

    async def receive_websocket(self, stream: trio.SocketStream) -> None:
        """The same for one that speaks RFB in a WebSocket."""
        async with self._seat(stream) as has_room:
            if not has_room:
                return
            who, tcp = _peer(stream), TcpStream.take(stream)
            try:
                with trio.fail_after(HANDSHAKE_PATIENCE):
                    viewer = await accept_websocket(tcp, origins=self.terms.origins)
            except (ConduitError, trio.TooSlowError) as error:
                _say(f"{who} turned away: {str(error) or 'it said nothing'}")
                await trio.aclose_forcefully(tcp)
            else:
                await self._relay(viewer, who)

    @asynccontextmanager
    async def _seat(self, stream: trio.SocketStream) -> AsyncIterator[bool]:
        """Whether there is one."""
        if self.room.available_tokens >= 1:
            async with self.room:
                yield True
            return
        _say(f"{_peer(stream)} turned away: there are {self.terms.viewers} viewers already")
        await trio.aclose_forcefully(stream)
        yield False

    async def _relay(self, viewer: trio.abc.Stream, who: str) -> None:
        _say(f"{who} connected")
        relay = Relay(viewer, self.door.open, self.terms.rules, keep_alive=self.keep_alive)
        ending = await relay.run()
        dropped = f", {relay.dropped_messages} messages not passed" if relay.dropped_messages else ""
        _say(
            f"{who} gone after {relay.sent_to_viewer} bytes down and {relay.sent_to_server} up{dropped}: {ending.text}"
        )


@click.command(epilog=EPILOG)
@click.option("--listen", default="127.0.0.1:5999", show_default=True, metavar="ADDR:PORT", help="For viewers.")
@click.option("--websocket", metavar="ADDR:PORT", help="For viewers in web pages, such as noVNC.")
@click.option(
    "--origin",
    multiple=True,
    metavar="ORIGIN",
    help="Take viewers of pages from there, such as https://noc.example; * is all. May be repeated.",
)
@click.option(
    "--viewers",
    default=MAX_VIEWERS,
    show_default=True,
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="At once, at most; each is a login of its own.",
)
@click.option("--view-only", is_flag=True, help="Nothing that a viewer types, clicks or pastes passes.")
@click.option("--no-clipboard", is_flag=True, help="No clipboard passes, neither way.")
@click.option(
    "--clipboard-up",
    type=WholeNumber(0, MAX_CLIPBOARD),
    metavar="BYTES",
    help="Longest clipboard of a viewer that reaches the display; 0 is none.",
)
@click.option(
    "--clipboard-down",
    type=WholeNumber(0, MAX_CLIPBOARD),
    metavar="BYTES",
    help="Longest clipboard of the display that reaches a viewer; 0 is none.",
)
@click.option(
    "--encoding",
    "encodings",
    multiple=True,
    metavar="NAME",
    help=f"Ask the display for pixels in this and raw alone: {', '.join(PIXEL_WORDS)}. May be repeated.",
)
@click.option(
    "--hide-encoding",
    "hide",
    multiple=True,
    metavar="NAME",
    help=f"Never ask the display for this: {', '.join(ENCODING_WORDS)}, or a number. May be repeated.",
)
@click.option("--no-power", is_flag=True, help="No viewer may switch off or reset what it sees (xvp).")
@click.pass_obj
async def command(target: Target, /, listen: str, websocket: str | None, **words: Any) -> None:  # Any: see Terms
    """Take VNC viewers without a password, and log in to the display for each.

    Whoever reaches ADDR:PORT is let in, so keep it on this machine, or behind
    what asks for a password. With --websocket a page in a browser gets in too,
    and only one from an ORIGIN that is named. Ctrl+C ends it.
    """
    terms = Terms(**words)
    _ = terms.rules  # whatever is wrong with them is said before anybody is asked
    plain, framed = parse_listen(listen), parse_listen(websocket) if websocket else None
    door = Door(target)
    async with door.open() as connection:
        init = connection.init  # a wrong password shall be known before the first viewer comes
    what = f"{init.name!r}, {init.width} x {init.height}{', to look at only' if terms.view_only else ''}"
    keep_alive = KeepAlive()
    reception = Reception(door, terms, keep_alive, trio.CapacityLimiter(terms.viewers))
    async with open_foreground_nursery() as nursery:
        nursery.start_soon(keep_alive.run)
        await nursery.start(reception.serve, plain, reception.receive, what)
        if framed is not None:
            await nursery.start(reception.serve, framed, reception.receive_websocket, f"for WebSockets: {what}")


def _peer(stream: trio.SocketStream) -> str:
    try:
        host, port, *_ = stream.socket.getpeername()
    except OSError:
        return "a viewer"
    return str(Endpoint(host, port))


def _say(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()
