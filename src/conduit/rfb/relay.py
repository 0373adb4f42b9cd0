"""One viewer, one display: we log in, the viewer need not, and of what it says only what it may say passes.

Pixels go through as they come; what a viewer says is cut into messages by :mod:`conduit.rfb.viewer_filter`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Final, NoReturn

import trio

from conduit.errors import ConduitError, DecodeError
from conduit.rfb.des import CHALLENGE
from conduit.rfb.endings import End, Ending
from conduit.rfb.keep_alive import KeepAlive
from conduit.rfb.login import HANDSHAKE_PATIENCE, Connection
from conduit.rfb.names import SecurityType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.server_handshake import ClientReady, ServerHandshake, VersionAgreed
from conduit.rfb.sides import Door, Over, Side
from conduit.rfb.viewer_filter import ViewerFilter, ViewerRules
from conduit.rfb.websocket_stream import WebSocketStream

LINGER: Final = 1.0  # seconds that a viewer has to hear why it is over

OpenDisplay = Callable[[], AbstractAsyncContextManager[Connection]]
"Logs in to the display."

_VIEWER_LEFT: Final = Ending(End.VIEWER_LEFT, "the viewer left")
_SERVER_CLOSED: Final = Ending(End.SERVER_CLOSED, "the display closed the connection")


class Relay:
    """What one viewer gets.

    :param open_display: called once the viewer has shown that it is one.
    :param keep_alive: which runs and which relays share; without one it has its own.
    """

    def __init__(
        self,
        viewer: trio.abc.Stream,
        open_display: OpenDisplay,
        rules: ViewerRules | None = None,
        *,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        self._viewer = Side(viewer, gone=_VIEWER_LEFT, fault=End.VIEWER_FAULT)
        self._open_display = open_display
        self._rules = rules or ViewerRules()
        self._filter = ViewerFilter(self._rules)
        self._early = b""  # what the viewer said with its last word of the handshake
        self._ending: Ending | None = None
        self._scope = trio.CancelScope()
        self._keep_alive = keep_alive
        self.sent_to_viewer = 0
        "Bytes of the session."
        self.sent_to_server = 0
        self.connection: Connection | None = None
        "The display, once we are in."

    @property
    def dropped_messages(self) -> int:
        """What the viewer sent and may not."""
        return self._filter.dropped.total()

    def revoke(self, text: str) -> None:
        """End it, and say why."""
        self._end(Ending(End.REVOKED, text))

    def _end(self, ending: Ending) -> None:
        """The first reason counts."""
        self._ending = self._ending or ending
        self._scope.cancel()

    async def run(self) -> Ending:
        """Until one of both has enough, or somebody revokes it. The viewer's stream is closed then."""
        try:
            with self._scope:
                await self._or_over(self._relay)
        finally:
            await self._close()
        return self._ending or _SERVER_CLOSED

    async def _or_over(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except Over as over:
            self._end(over.ending)

    async def _close(self) -> None:
        viewer, ending = self._viewer.stream, self._ending
        with trio.move_on_after(LINGER, shield=True):
            if isinstance(viewer, WebSocketStream) and ending is not None:
                await viewer.close_with(ending.close_code, ending.text)
            await viewer.aclose()

    # --- the beginning ---

    async def _relay(self) -> None:
        async with AsyncExitStack() as stack:
            self.connection = await self._open(stack)
            await self._pump(self.connection)

    async def _open(self, stack: AsyncExitStack) -> Connection:
        """The display, once both are in."""
        door = Door(self._viewer, ServerHandshake(secrets.token_bytes(CHALLENGE)))
        with trio.move_on_after(HANDSHAKE_PATIENCE) as scope:
            await door.wait_for(VersionAgreed)
        if scope.cancelled_caught:
            raise Over(Ending(End.VIEWER_SILENT, f"the viewer said nothing within {HANDSHAKE_PATIENCE:g} s"))
        connection = await self._log_in(door, stack)
        await self._let_in(door, connection)
        return connection

    async def _log_in(self, door: Door, stack: AsyncExitStack) -> Connection:
        try:
            return await stack.enter_async_context(self._open_display())
        except ConduitError as error:
            await door.refuse(str(error))
            raise Over(Ending(End.SERVER_REFUSED, str(error))) from error

    async def _let_in(self, door: Door, connection: Connection) -> None:
        """No password, and never mind whether the viewer wants to be alone: whether others may stay is ours to say."""
        with trio.move_on_after(HANDSHAKE_PATIENCE) as scope:
            await door.offer([SecurityType.NONE])
            await door.wait_for(ClientReady)
            door.handshake.start(connection.init)
            await door.flush()
        if scope.cancelled_caught:
            raise Over(Ending(End.VIEWER_SILENT, f"the viewer did not come in within {HANDSHAKE_PATIENCE:g} s"))
        self._early = door.handshake.take_leftover()

    # --- the session ---

    async def _pump(self, connection: Connection) -> None:
        stream = connection.stream
        server = Side(stream, gone=_SERVER_CLOSED, fault=End.SERVER_CLOSED)
        keep_alive = self._keep_alive or KeepAlive()
        async with trio.open_nursery() as nursery:
            if self._keep_alive is None:
                nursery.start_soon(keep_alive.run)
            nursery.start_soon(self._or_over, partial(self._downwards, server, connection.init.pixel_format))
            with keep_alive.watching((stream, self._viewer.stream)):
                await self._or_over(partial(self._upwards, server))

    async def _upwards(self, server: Side) -> None:
        data: bytes | bytearray = self._early
        while True:
            try:
                pieces = self._filter.receive_data(data)
            except DecodeError as error:
                raise Over(Ending(End.VIEWER_FAULT, f"the viewer breaks the rules of RFB: {error}")) from error
            if pieces:
                joined = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                await server.send(joined)
                self.sent_to_server += len(joined)
            data = await self._viewer.receive()

    async def _downwards(self, server: Side, first: PixelFormat) -> None:
        most = self._rules.clipboard_down
        if most is not None:
            await self._downwards_counted(server, ServerFilter(most, lambda: self._filter.pixel_format or first))
        while True:
            data = await server.receive()
            await self._viewer.send(data)
            self.sent_to_viewer += len(data)

    async def _downwards_counted(self, server: Side, server_filter: ServerFilter) -> NoReturn:
        while True:
            data = await server.receive()
            try:
                passed = b"".join(server_filter.receive_data(data))
            except DecodeError as error:
                raise Over(Ending(End.SERVER_CLOSED, f"the display breaks the rules of RFB: {error}")) from error
            if passed:
                await self._viewer.send(passed)
                self.sent_to_viewer += len(passed)
