"""The one owner of a server's display inside the Agent: one login, many viewers, one keyboard with the console.

It logs in while anybody looks, and a minute longer. What it learned about a refused password it does not forget soon:
a BMC may lock an account out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import trio

from conduit._trio import first_leaf, open_background_nursery
from conduit.console.seats import readable
from conduit.errors import (
    AuthenticationError,
    CallError,
    ConduitError,
    DisplayRefused,
    LocalProtocolError,
    NegotiationError,
)
from conduit.rfb.hub import DisplayHub, open_hub
from conduit.rfb.keyboards import KeyMove, chord_moves, find_chord, layout_named, text_moves
from conduit.rfb.login import LoginOptions
from conduit.rfb.sides import turn_away
from conduit.services.agent.counted_stream import CountedStream, Traffic
from conduit.services.agent.hub import ConsoleHub
from conduit.services.clock import Clock, system_clock
from conduit.tunnel.call_frames import Code

LINGER: Final = 60.0  # seconds that a login lasts when nobody looks any more
PAUSE: Final = 3.0  # seconds after a failure in which nobody tries again
MAX_TEXT: Final = 4096  # characters typed at a time
MAX_AGE: Final = 60.0  # seconds that a screenshot may be old, whoever asks
MAX_PICTURES: Final = 4  # screenshots that are kept, each of another width
LAYOUT: Final = "us"
_RESTARTING: Final = "the Agent is being restarted: connect again"
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

    code: Code
    text: str
    until: float

    @property
    def error(self) -> CallError:
        """A new one for each who asks."""
        return CallError(self.code, self.text, safe_to_retry=self.code is Code.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _Missed:
    """A screenshot that came to nothing, also for those who asked for it before it began."""

    began_at: float
    text: str

    @property
    def error(self) -> CallError:
        """A new one for each who asks."""
        return CallError(Code.UNAVAILABLE, self.text)


class _Lost(CallError):
    """The display went while somebody used it."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the connection with the display was lost", safe_to_retry=True)


@dataclass(slots=True, eq=False)
class _User:
    """Who uses a login."""

    scope: trio.CancelScope
    hang_up: Callable[[], None] | None
    "Tells a viewer that it is over for now; None for one that is no viewer."

    def end(self) -> None:
        """It is over."""
        if self.hang_up is not None:
            self.hang_up()
        self.scope.cancel()


class _Login:
    """The display while we are logged in to it, and who uses it."""

    def __init__(self, hub: DisplayHub) -> None:
        self.hub = hub
        self.is_over = False
        self._users: set[_User] = set()
        self._moved = trio.lowlevel.ParkingLot()  # users have come or gone

    @contextmanager
    def used(self, hang_up: Callable[[], None] | None = None) -> Iterator[None]:
        """The block is cancelled when the display is lost.

        :raises CallError: it was.
        """
        with trio.CancelScope() as scope:
            user = _User(scope, hang_up)
            self._users.add(user)
            self._moved.unpark_all()
            if self.is_over:
                user.end()
            try:
                yield
            finally:
                self._users.discard(user)
                self._moved.unpark_all()
        if scope.cancelled_caught:
            raise _Lost

    @property
    def viewers(self) -> int:
        """Users that look at it, and go on looking."""
        return sum(user.hang_up is not None for user in self._users)

    async def until_unused(self) -> None:
        """Return when nobody has used it for a while; whoever comes after that needs another."""
        while not self.is_over:
            with trio.move_on_after(math.inf if self._users else LINGER) as scope:
                await self._moved.park()
            self.is_over |= scope.cancelled_caught and not self._users

    def end(self) -> None:
        """It is over, for everybody."""
        if self.is_over:
            return
        self.is_over = True
        self._moved.unpark_all()
        for user in list(self._users):
            user.end()

    def end_viewers(self) -> None:
        """It is over for those who only watch."""
        for user in list(self._users):
            if user.hang_up is not None:
                user.end()


class ServerDisplay:
    """One server's.

    :param address: as :meth:`conduit.rfb.addresses.DisplayAddress.parse` has it.
    :param options: makes them, password and all; asked at each login.
    :param keyboard: of the console, whose lease counts.
    :param nursery: in which the login lives.
    :param hidden: encodings that the display is never asked for.
    """

    def __init__(
        self,
        server_id: str,
        address: str,
        options: Callable[[], LoginOptions],
        keyboard: ConsoleHub,
        nursery: trio.Nursery,
        clock: Clock = system_clock,
        *,
        hidden: Collection[int] = (),
    ) -> None:
        self._server_id = server_id
        self._address = address
        self._options = options
        self._keyboard = keyboard
        self._nursery = nursery
        self._clock = clock
        self._hidden = hidden
        self._opening = trio.Lock()
        self._login: _Login | None = None
        self._failure: _Failure | None = None
        self._heirs: dict[int, None] = {}  # viewers who may type and have no console to ask at, who came first first
        self._pictures: dict[int, Picture] = {}  # by width
        self._looking = trio.Lock()  # one screenshot at a time
        self._missed: _Missed | None = None  # the last one that came to nothing
        self._tenant: str | None = None
        self._is_leaving = False
        self.log_ins = self.failures = 0  # since we began
        self.traffic = Traffic()

    @property
    def is_connected(self) -> bool:
        """Whether we are logged in to it."""
        return self._login is not None and not self._login.is_over

    @property
    def viewers(self) -> int:
        """Of the login that there is."""
        return self._login.viewers if self._login is not None and not self._login.is_over else 0

    def belong_to(self, tenant: str) -> None:
        """The server is this one's: of what the screen showed while it was somebody else's nothing is left, and whoever
        looks at it is turned out.
        """
        self._keyboard.belong_to(tenant)
        before, self._tenant = self._tenant, tenant
        if before in (None, tenant):
            return
        logger.info("display of %s has another tenant", self._server_id)
        self._pictures.clear()
        if self._login is not None:
            self._login.end()

    # --- viewers ---

    async def attach(
        self,
        stream: trio.abc.Stream,
        *,
        user: str,
        mode: str = "read",
        may_take: bool = False,
        seat: str = "",
        tenant: str | None = None,
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve one viewer, who speaks RFB, until it goes; the stream is closed.

        :param user: who it is, for the others.
        :param mode: ``read`` or ``write``: what it may do at most.
        :param seat: the number of the console's viewer whose keyboard it shares; otherwise it has a seat of its own.
        :param tenant: whose server it is, see :meth:`belong_to`; None where nobody says.
        :param hang_up: is called when the display is lost, or we leave: RFB has no last words for a viewer that is in.
        """
        if tenant is not None:
            self.belong_to(tenant)
        async with CountedStream(stream, self.traffic) as counted:
            try:
                with self._seat(user, mode, seat, may_take=may_take) as number:
                    login = await self._open()
                    with login.used(hang_up):
                        await self._show(login.hub, counted, number, user=user, may_type=mode == "write")
            except _Lost as error:
                logger.info("display of %s: %s", self._server_id, error.message)
            except CallError as error:
                await turn_away(counted, error.message)
            except (ConduitError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                logger.info("display of %s: a viewer is gone: %s", self._server_id, error)

    async def _show(self, hub: DisplayHub, stream: trio.abc.Stream, number: int, *, user: str, may_type: bool) -> None:
        lease = self._keyboard.machine.lease
        await hub.server.serve_stream(stream, name=user, may_type=may_type, has_keyboard=lambda: lease.writer == number)

    @contextmanager
    def _seat(self, user: str, mode: str, seat: str, *, may_take: bool) -> Iterator[int]:
        if self._is_leaving:
            raise CallError(Code.UNAVAILABLE, _RESTARTING)
        if not seat:
            with self._keyboard.seated(user, mode=mode, may_take=may_take) as number, self._inheriting(number, mode):
                yield number
            return
        number = int(seat) if seat.isdecimal() and len(seat) < 20 else 0
        if self._keyboard.machine.name_of(number) != readable(user):
            raise CallError(Code.NOT_FOUND, "the seat is not yours: open the console's connection first")
        yield number

    @contextmanager
    def _inheriting(self, number: int, mode: str) -> Iterator[None]:
        if mode == "write":
            self._heirs[number] = None
        try:
            yield
        finally:
            self._heirs.pop(number, None)

    def say_goodbye(self) -> None:
        """End all viewers, and take no more; calls go on."""
        self._is_leaving = True
        if self._login is not None:
            self._login.end_viewers()

    # --- calls ---

    async def screenshot(self, *, max_width: int = 0, max_age: float = 0.0) -> Picture:
        """What is to be seen; whoever takes it is no viewer.

        :param max_width: pixels; 0 is the screen's own.
        :param max_age: seconds that it may be old, 60 at most; it may always be taken after it was asked for.
        :raises CallError: the display cannot be had.
        """
        asked, tenant = self._clock(), self._tenant
        oldest = asked - min(max(max_age, 0.0), MAX_AGE)
        async with self._looking:
            self._check_tenant(tenant)
            if self._missed is not None and asked <= self._missed.began_at <= self._clock():
                raise self._missed.error
            kept = self._pictures.get(max_width)
            if kept is None or not oldest <= kept.taken_at <= self._clock():
                kept = await self._take_picture(max_width)
                self._keep_picture(max_width, kept)
            return kept

    async def _take_picture(self, max_width: int) -> Picture:
        login = await self._open()
        with login.used():
            taken_at = self._clock()
            try:
                png = await login.hub.thumbnail(widest=max_width or None)
            except ConduitError as error:
                self._missed = _Missed(taken_at, str(error))
                raise self._missed.error from error
            return Picture(png=png, screen=login.hub.size, taken_at=taken_at)

    def _keep_picture(self, max_width: int, picture: Picture) -> None:
        """The newest of each width, as long as the screen has the same size."""
        kept = {width: each for width, each in self._pictures.items() if each.screen == picture.screen}
        kept.pop(max_width, None)
        newest = list(kept.items())[1 - MAX_PICTURES :]
        self._pictures = dict(newest) | {max_width: picture}

    async def send_keys(self, user: str, *, text: str = "", chord: str = "", layout: str = LAYOUT) -> int:
        """Type a text, or press a chord; how many keys that were.

        :param layout: the keyboard that the machine believes to have, as :func:`layout_named` knows it.
        :raises CallError: somebody else has the keyboard, a key is unknown, or the display cannot be had.
        """
        if len(text) > MAX_TEXT:
            raise CallError(Code.INVALID_ARGUMENT, f"at most {MAX_TEXT} characters at a time")
        with self._keyboard.seated(user, mode="write"):
            self._check_keyboard(user)
            login = await self._open()
            with login.used():
                strokes = _strokes(text, chord, layout, scan_codes=login.hub.takes_scan_codes)
                for number, stroke in enumerate(strokes):
                    self._check_keyboard(user, f": {number} of {len(strokes)} keys were typed")
                    await login.hub.type_moves([stroke])
        return len(strokes)

    def _check_keyboard(self, user: str, done: str = ": ask for it at the console") -> None:
        """:raises CallError: somebody else has it, at whatever seat."""
        machine = self._keyboard.machine
        who = machine.name_of(machine.lease.writer or 0)
        if who != readable(user):
            raise CallError(Code.FAILED_PRECONDITION, f"{who or 'somebody'} has the keyboard{done}")

    # --- the login ---

    def forget_failure(self) -> None:
        """Somebody has looked after it: the next who wants the display tries again at once."""
        self._failure = None

    def _check_tenant(self, tenant: str | None) -> None:
        """:raises CallError: it is somebody else's since whoever waits here has come."""
        if tenant != self._tenant:
            raise _Lost

    async def _open(self) -> _Login:
        """:raises CallError: the display cannot be had."""
        tenant = self._tenant
        async with self._opening:
            self._check_tenant(tenant)
            if self._login is not None and not self._login.is_over:
                return self._login
            if self._failure is None or trio.current_time() >= self._failure.until:
                self._failure = None
                started: _Login | _Failure = await self._nursery.start(self._keep)
                self._check_tenant(tenant)
                if isinstance(started, _Login):
                    return started
                self._failure = started
            raise self._failure.error

    async def _keep(self, *, task_status: trio.TaskStatus[_Login | _Failure]) -> None:
        """Own the login, until nobody has used it for a while; a failure is nobody's but the users'."""
        was_open = False
        try:
            async with open_hub(self._address, self._options(), name=self._server_id, hidden=self._hidden) as hub:
                login = self._login = _Login(hub)
                was_open = True
                self.log_ins += 1
                task_status.started(login)
                try:
                    await self._hold(login)
                finally:
                    login.end()
        except Exception as error:  # noqa: BLE001  # a display's failure is not the Agent's; it is logged
            self.failures += 1
            failure = self._explain(error)
            if not was_open:
                task_status.started(failure)

    async def _hold(self, login: _Login) -> None:
        async with open_background_nursery() as nursery:
            nursery.start_soon(self._watch_keyboard, login.hub)
            await login.until_unused()

    async def _watch_keyboard(self, hub: DisplayHub) -> None:
        while True:
            await self._keyboard.wait_changed()
            if self._heirs and self._keyboard.machine.lease.writer is None:
                self._keyboard.claim(next(iter(self._heirs)))
            hub.look_at_keyboards()

    def _explain(self, error: Exception) -> _Failure:
        """In words for customers, who see no address; the log has it all."""
        known = _known(error)
        if known is None:
            logger.error("display of %s failed", self._server_id, exc_info=error)
        else:
            logger.warning("display of %s: %s", self._server_id, known)
        now = trio.current_time()
        match known:
            case AuthenticationError():
                text = "the Agent's password for this display is wrong: tell staff"
                return _Failure(Code.FAILED_PRECONDITION, text, math.inf)  # until the file is read anew
            case NegotiationError():
                text = "the display and the Agent cannot agree on a way of logging in: tell staff"
                return _Failure(Code.FAILED_PRECONDITION, text, now + PAUSE)
            case LocalProtocolError():
                text = "the Agent is not configured for this display: tell staff"
                return _Failure(Code.FAILED_PRECONDITION, text, now + PAUSE)
            case DisplayRefused():
                return _Failure(Code.UNAVAILABLE, "the display takes no more viewers, or none", now + PAUSE)
            case None:
                text = "the Agent failed at this display: its log says why"
                return _Failure(Code.INTERNAL, text, now + PAUSE)
        return _Failure(Code.UNAVAILABLE, "the display does not answer", now + PAUSE)


def _strokes(text: str, chord: str, layout_name: str, *, scan_codes: bool) -> list[list[KeyMove]]:
    try:
        layout = layout_named(layout_name)
        if chord:
            return [list(chord_moves(find_chord(chord.replace("-", "+") if len(chord) > 1 else chord, layout)))]
        return list(text_moves(text, layout, scan_codes=scan_codes))
    except LocalProtocolError as error:
        raise CallError(Code.INVALID_ARGUMENT, str(error)) from error


def _known(error: BaseException) -> ConduitError | None:
    """The first of what failed, if it is one of ours: several tasks may find that the connection is gone."""
    first = first_leaf(error)
    return first if isinstance(first, ConduitError) else None
