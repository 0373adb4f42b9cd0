"""The two ends of a relay, whose failures are how it ends; and how a viewer is greeted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import trio

from conduit.errors import RemoteProtocolError
from conduit.rfb.des import CHALLENGE
from conduit.rfb.endings import End, Ending
from conduit.rfb.security import Method
from conduit.rfb.server_handshake import Event, ServerHandshake, VersionAgreed

TURNING_AWAY: Final = 5.0  # seconds for it

Wanted = TypeVar("Wanted", bound=Event)


class Over(Exception):
    """It has ended. Never leaves a relay."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.text)
        self.ending = ending


class Side:
    """A stream that ends things in its own name.

    :param gone: when it closes, or breaks.
    :param fault: when it breaks the rules.
    """

    def __init__(self, stream: trio.abc.Stream, *, gone: Ending, fault: End) -> None:
        self.stream = stream
        self._gone = gone
        self._fault = fault

    async def receive(self) -> bytes | bytearray:
        """Bytes, never none. :raises Over: there are no more."""
        try:
            data = await self.stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Over(self._gone) from None
        except RemoteProtocolError as error:
            raise Over(Ending(self._fault, str(error))) from error
        if not data:
            raise Over(self._gone)
        return data

    async def send(self, data: bytes | bytearray | memoryview) -> None:
        """:raises Over: nobody takes them."""
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Over(self._gone) from None


class Door:
    """A viewer that is not in yet."""

    def __init__(self, side: Side, handshake: ServerHandshake) -> None:
        self._side = side
        self.handshake = handshake
        self._events: list[Event] = []

    async def wait_for(self, kind: type[Wanted]) -> Wanted:
        """The next event, which is of that kind.

        :raises Over: there is none, as the viewer has gone, or speaks something else.
        """
        while not self._events:
            await self.flush()
            data = await self._side.receive()
            await self._take(partial(self.handshake.receive_data, data))
        event = self._events.pop(0)
        if not isinstance(event, kind):
            raise Over(Ending(End.VIEWER_FAULT, "the viewer does what nobody offered"))
        return event

    async def offer(self, methods: Sequence[Method]) -> None:
        """Say how the viewer may log in; it may have chosen already."""
        await self._take(partial(self.handshake.offer, methods))

    async def _take(self, step: Callable[[], list[Event]]) -> None:
        try:
            self._events += step()
        except RemoteProtocolError as error:
            await self.flush()
            raise Over(Ending(End.VIEWER_FAULT, str(error))) from error

    async def flush(self) -> None:
        """Send what there is to say."""
        if data := self.handshake.data_to_send():
            await self._side.send(data)

    async def refuse(self, reason: str) -> None:
        """Say why the viewer cannot come in, where that can be said."""
        self.handshake.refuse(reason)
        await self.flush()


async def turn_away(stream: trio.abc.Stream, reason: str) -> None:
    """Tell a viewer, who has not been greeted, why it cannot come in; takes five seconds at most."""
    gone = Ending(End.VIEWER_LEFT, "the viewer left")
    door = Door(Side(stream, gone=gone, fault=End.VIEWER_FAULT), ServerHandshake(secrets.token_bytes(CHALLENGE)))
    with trio.move_on_after(TURNING_AWAY), suppress(Over):
        await door.wait_for(VersionAgreed)
        await door.refuse(reason)
