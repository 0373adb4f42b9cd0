"""The one owner of a server's display inside the Agent: one login, many viewers, one keyboard with the console.

It logs in while anybody looks, and a minute longer. What it learned about a refused password it does not forget soon:
a BMC may lock an account out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import trio

from conduit.errors import AuthenticationError, CallError, ConduitError, LocalProtocolError, NegotiationError
from conduit.rfb.hub import DisplayHub, open_hub
from conduit.rfb.keyboards import KeyMove, chord_moves, find_chord, layout_named, text_moves
from conduit.rfb.login import LoginOptions
from conduit.rfb.sides import turn_away
from conduit.services.agent.hub import ConsoleHub
from conduit.services.clock import Clock, system_clock
from conduit.tunnel.call_frames import Code

LINGER: Final = 60.0  # seconds that a login lasts when nobody looks any more
PAUSE: Final = 3.0  # seconds after a failure in which nobody tries again
REFUSED_PAUSE: Final = 900.0  # seconds after a refused password
MAX_TEXT: Final = 4096  # characters typed at a time
LAYOUT: Final = "us"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A screenshot."""

    png: bytes
    screen: tuple[int, int]
    "Pixels."
    taken_at: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the display cannot be had, and until when nobody tries."""

    error: CallError
    until: float


class ServerDisplay:
    """One server's.

    :param address: as :meth:`conduit.rfb.addresses.DisplayAddress.parse` has it.
    :param options: makes them, password and all; asked at each login.
    :param keyboard: of the console, whose lease counts.
    :param nursery: in which the login lives.
    """

    def __init__(
        self,
        server_id: str,
        address: str,
        options: Callable[[], LoginOptions],
        keyboard: ConsoleHub,
        nursery: trio.Nursery,
        clock: Clock = system_clock,
    ) -> None:
        self._server_id = server_id
        self._address = address
        self._options = options
        self._keyboard = keyboard
        self._nursery = nursery
        self._clock = clock
        self._opening = trio.Lock()
        self._hub: DisplayHub | None = None
        self._users: set[trio.CancelScope] = set()
        self._moved = trio.lowlevel.ParkingLot()  # users have come or gone
        self._failure: _Failure | None = None
        self._pictures: dict[int, Picture] = {}  # by width

    # --- viewers ---

    async def attach(
        self, stream: trio.abc.Stream, *, user: str, mode: str = "read", may_take: bool = False, seat: str = ""
    ) -> None:
        """Serve one viewer, who speaks RFB, until it goes; the stream is closed.

        :param user: who it is, for the others.
        :param mode: ``read`` or ``write``: what it may do at most.
        :param seat: the number of the console's viewer whose keyboard it shares; otherwise it has a seat of its own.
        """
        async with stream:
            try:
                with self._seat(user, mode, seat, may_take=may_take) as number:
                    async with self._using() as hub:
                        await self._show(hub, stream, number, user=user, may_type=mode == "write")
            except CallError as error:
                await turn_away(stream, error.message)
            except (ConduitError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                logger.info("display of %s: a viewer is gone: %s", self._server_id, error)

    async def _show(self, hub: DisplayHub, stream: trio.abc.Stream, number: int, *, user: str, may_type: bool) -> None:
        lease = self._keyboard.machine.lease
        await hub.server.serve_stream(stream, name=user, may_type=may_type, has_keyboard=lambda: lease.writer == number)

    @contextmanager
    def _seat(self, user: str, mode: str, seat: str, *, may_take: bool) -> Iterator[int]:
        if not seat:
            with self._keyboard.seated(user, mode=mode, may_take=may_take) as number:
                yield number
            return
        if not seat.isdecimal() or self._keyboard.machine.name_of(int(seat)) != user:
            raise CallError(Code.NOT_FOUND, "the seat is not yours: open the console's connection first")
        yield int(seat)

    # --- calls ---

    async def screenshot(self, *, max_width: int = 0, max_age: float = 0.0) -> Picture:
        """What is to be seen; whoever takes it is no viewer.

        :param max_width: pixels; 0 is the screen's own.
        :param max_age: seconds that it may be old.
        :raises CallError: the display cannot be had.
        """
        kept = self._pictures.get(max_width)
        if kept is not None and self._clock() - kept.taken_at <= max_age:
            return kept
        async with self._using() as hub:
            try:
                png = await hub.thumbnail(longest=max_width or None)
            except ConduitError as error:
                raise CallError(Code.UNAVAILABLE, str(error)) from error
            picture = Picture(png=png, screen=hub.size, taken_at=self._clock())
        self._pictures = {width: each for width, each in self._pictures.items() if each.screen == picture.screen}
        self._pictures[max_width] = picture
        return picture

    async def send_keys(self, user: str, *, text: str = "", chord: str = "", layout: str = LAYOUT) -> int:
        """Type a text, or press a chord; how many keys that were.

        :param layout: the keyboard that the machine believes to have, as :func:`layout_named` knows it.
        :raises CallError: somebody else has the keyboard, a key is unknown, or the display cannot be had.
        """
        if len(text) > MAX_TEXT:
            raise CallError(Code.INVALID_ARGUMENT, f"at most {MAX_TEXT} characters at a time")
        with self._keyboard.seated(user, mode="write") as number:
            writer = self._keyboard.machine.lease.writer
            if writer != number:
                who = self._keyboard.machine.name_of(writer or 0) or "somebody"
                raise CallError(Code.FAILED_PRECONDITION, f"{who} has the keyboard: ask for it at the console")
            async with self._using() as hub:
                strokes = _strokes(text, chord, layout, scan_codes=hub.takes_scan_codes)
                await hub.type_moves(strokes)
        return len(strokes)

    # --- the login ---

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[DisplayHub]:
        """The display while the block lasts; the block is cancelled when the display is lost.

        :raises CallError: it cannot be had, or was lost.
        """
        with trio.CancelScope() as scope:
            hub = await self._open()
            self._users.add(scope)
            self._moved.unpark_all()
            try:
                yield hub
            finally:
                self._users.discard(scope)
                self._moved.unpark_all()
        if scope.cancelled_caught:
            raise CallError(Code.UNAVAILABLE, "the connection with the display was lost", safe_to_retry=True)

    async def _open(self) -> DisplayHub:
        async with self._opening:
            failure = self._failure
            if failure is not None and trio.current_time() < failure.until:
                raise failure.error
            if self._hub is None:
                started: DisplayHub | _Failure = await self._nursery.start(self._keep)
                if isinstance(started, _Failure):
                    self._failure = started
                    raise started.error
            assert self._hub is not None  # noqa: S101  # it was started
            return self._hub

    async def _keep(self, *, task_status: trio.TaskStatus[DisplayHub | _Failure]) -> None:
        """Own the login, until nobody has looked for a while; a failure is nobody's but the users'."""
        opened = False
        try:
            async with open_hub(self._address, self._options(), name=self._server_id) as self._hub:
                opened, self._failure = True, None
                task_status.started(self._hub)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_keyboard, self._hub)
                    await self._until_unused()
                    nursery.cancel_scope.cancel()
        except* ConduitError as group:
            failure = _failure_of(_first(group))
            logger.info("display of %s: %s", self._server_id, failure.error.message)
            if not opened:
                task_status.started(failure)
        finally:
            self._hub = None
            for scope in self._users:
                scope.cancel()

    async def _watch_keyboard(self, hub: DisplayHub) -> None:
        while True:
            await self._keyboard.wait_changed()
            hub.look_at_keyboards()

    async def _until_unused(self) -> None:
        while True:
            with trio.move_on_after(math.inf if self._users else LINGER) as scope:
                await self._moved.park()
            if scope.cancelled_caught:
                return


def _strokes(text: str, chord: str, layout_name: str, *, scan_codes: bool) -> list[list[KeyMove]]:
    try:
        layout = layout_named(layout_name)
        if chord:
            return [list(chord_moves(find_chord(chord.replace("-", "+") if len(chord) > 1 else chord, layout)))]
        return list(text_moves(text, layout, scan_codes=scan_codes))
    except LocalProtocolError as error:
        raise CallError(Code.INVALID_ARGUMENT, str(error)) from error


def _failure_of(error: ConduitError) -> _Failure:
    """In words for customers, who see no address; the log has it all."""
    now = trio.current_time()
    if isinstance(error, AuthenticationError):
        text = "the Agent's password for this display is wrong: tell staff"
        return _Failure(CallError(Code.FAILED_PRECONDITION, text), now + REFUSED_PAUSE)
    if isinstance(error, NegotiationError | LocalProtocolError):
        text = "the display and the Agent cannot agree on a way of logging in: tell staff"
        return _Failure(CallError(Code.FAILED_PRECONDITION, text), now + PAUSE)
    return _Failure(CallError(Code.UNAVAILABLE, "the display does not answer", safe_to_retry=True), now + PAUSE)


def _first(group: BaseExceptionGroup[ConduitError]) -> ConduitError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
