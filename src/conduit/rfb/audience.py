"""Any number of viewers of one picture (sans-IO): who sees it, and who has the keyboard and the pointer.

The driver brings what viewers say, and takes what they do to the machine; it asks for what to send, viewer by viewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from conduit._lease import Lease, Move
from conduit.errors import DisplayFull, LocalProtocolError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area, CutText, ExtendedKeyEvent, KeyEvent, PointerEvent
from conduit.rfb.viewing import PACE, Input, Viewing

MAX_VIEWERS: Final = 64
MAX_INPUTS: Final = 4096  # that wait for the machine
MAX_HELD: Final = 64  # keys that a viewer holds down
MAX_NAME: Final = 64  # characters of a viewer's name


class Source(Protocol):
    """What there is to see."""

    @property
    def name(self) -> str:
        """Of the machine."""
        ...

    @property
    def picture(self) -> Framebuffer:
        """As it is now."""
        ...

    def refresh(self) -> Iterable[Area]:
        """Bring the picture up to date; where it has changed since this was last asked."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One viewer."""

    id: int
    name: str
    may_type: bool
    may_take: bool
    viewing: Viewing
    has_keyboard: Callable[[], bool] | None = None
    "Says whether it has the keyboard, where somebody else decides that."
    held: dict[tuple[int, int], KeyEvent | ExtendedKeyEvent] = field(default_factory=dict, repr=False)
    "The keys that it holds down, each with its release."
    pointer: PointerEvent | None = None
    "Where its pointer was last, with buttons down."
    dropped_inputs: int = 0
    "What it did that it may not do, or not now."

    @property
    def holds(self) -> bool:
        """Whether it holds anything down."""
        return bool(self.held) or self.pointer is not None


class Audience:
    """The machine.

    :param lease: who has the keyboard; without one all have it who may type.
    :param extended_keys: whether scan codes are of use to the machine.
    """

    def __init__(
        self,
        source: Source,
        *,
        lease: Lease | None = None,
        extended_keys: bool = False,
        pace: float = PACE,
        jpeg: bool = True,
        most: int = MAX_VIEWERS,
    ) -> None:
        self.source = source
        self.lease = lease
        self._extended_keys = extended_keys
        self._pace = pace
        self._jpeg = jpeg
        self._most = most
        self._seats: dict[int, Seat] = {}
        self._last_id = 0
        self._shown: tuple[Framebuffer, int, int] | None = None  # the picture that viewers see, and its size
        self._inputs: list[Input] = []
        self.dropped_inputs = 0
        "Those that found no room."

    @property
    def seats(self) -> tuple[Seat, ...]:
        """All viewers."""
        return tuple(self._seats.values())

    @property
    def writer(self) -> int | None:
        """Who has the keyboard, where only one has it."""
        return None if self.lease is None else self.lease.writer

    # --- coming and going ---

    def attach(
        self,
        now: float,
        *,
        name: str = "",
        may_type: bool = True,
        may_take: bool = False,
        has_keyboard: Callable[[], bool] | None = None,
    ) -> int:
        """A viewer arrives; its number. It gets the keyboard if nobody has it.

        :param may_take: whether it may take the keyboard from others.
        :param has_keyboard: where it is not the lease that says so; tell :meth:`look_at_keyboards` when it changes.
        :raises DisplayFull: there are too many.
        """
        self.check_room()
        self._last_id += 1
        self._catch_up()
        picture = self.source.picture
        self._shown = self._shown or (picture, picture.width, picture.height)
        viewing = Viewing(
            picture,
            name=self.source.name,
            pace=self._pace,
            extended_keys=self._extended_keys,
            jpeg=self._jpeg,
            clipboard=may_type,
        )
        readable = "".join(filter(str.isprintable, name))[:MAX_NAME]
        seat = Seat(id=self._last_id, name=readable, may_type=may_type, may_take=may_take, viewing=viewing)
        seat.has_keyboard = has_keyboard
        self._seats[seat.id] = seat
        if may_type and self.lease is not None:
            self.lease.make(Move.CLAIM, seat.id, now)
        self.tell_names()
        return seat.id

    def check_room(self) -> None:
        """:raises DisplayFull: there are too many viewers."""
        if len(self._seats) >= self._most:
            raise DisplayFull(self._most)

    def leave(self, viewer: int, now: float) -> None:
        """A viewer is gone; it lets go of all that it held."""
        seat = self._seats.pop(viewer, None)
        if seat is None:
            return
        self._let_go(seat)
        if not self._seats:
            self._shown = None
        if self.lease is not None and self.lease.leave(viewer, now):
            self.tell_names()

    # --- the keyboard ---

    def make(self, move: Move, viewer: int, now: float, *, to: int | None = None) -> bool:
        """A viewer asks for the keyboard, gives it, takes it; whether anything changed."""
        seat, heir = self._seats.get(viewer), self._seats.get(viewer if to is None else to)
        if self.lease is None or seat is None or heir is None or not (seat.may_type and heir.may_type):
            return False
        if move is Move.TAKE and not seat.may_take:
            return False
        return self._change(self.lease.make(move, viewer, now, to=to))

    def next_deadline(self) -> float | None:
        """When :meth:`handle_deadline` wants to be called, if ever."""
        return None if self.lease is None else self.lease.deadline

    def handle_deadline(self, now: float) -> bool:
        """The keyboard passes to who asks, when its time has come; whether it did."""
        return self.lease is not None and self._change(self.lease.handle_deadline(now))

    def _change(self, changed: bool) -> bool:
        if changed:
            self.look_at_keyboards()
            self.tell_names()
        return changed

    def look_at_keyboards(self) -> None:
        """Somebody else may have it now: who has it no more lets go of all that it held."""
        for seat in self._seats.values():
            if seat.holds and not self._has_keyboard(seat):
                self._let_go(seat)

    def _has_keyboard(self, seat: Seat) -> bool:
        if seat.has_keyboard is not None:
            return seat.may_type and seat.has_keyboard()
        return seat.may_type and (self.lease is None or self.lease.writer == seat.id)

    def tell_names(self) -> None:
        """Viewers learn from the title what they see and, those who only look, who types."""
        writer = None if self.lease is None else self._seats.get(self.lease.writer or 0)
        for seat in self._seats.values():
            name = self.source.name
            if writer is not None and writer is not seat:
                name += f" ({writer.name or 'somebody'} has the keyboard)"
            seat.viewing.rename(name)

    def _let_go(self, seat: Seat) -> None:
        """No key and no button may stay down when nobody is there to lift it."""
        for release in seat.held.values():
            self._pass_on(release)
        seat.held.clear()
        if seat.pointer is not None:
            self._pass_on(PointerEvent(seat.pointer.x, seat.pointer.y))
            seat.pointer = None

    # --- what viewers do ---

    def receive(self, viewer: int, data: bytes | bytearray | memoryview) -> None:
        """Bytes of a viewer.

        :raises RemoteProtocolError: it breaks the rules.
        """
        seat = self._seat(viewer)
        for done in seat.viewing.receive_data(data):
            if self._has_keyboard(seat) and self._note(seat, done):
                self.look_at_keyboards()  # before: what somebody else holds still, the machine would add to this
                self._pass_on(done)
            else:
                seat.dropped_inputs += 1

    def _note(self, seat: Seat, done: Input) -> bool:
        """Remember what is held down; whether it may go on."""
        if isinstance(done, PointerEvent):
            seat.pointer = done if done.buttons else None
        elif not isinstance(done, CutText):
            key = (done.keysym, done.keycode if isinstance(done, ExtendedKeyEvent) else 0)
            if not done.down:
                seat.held.pop(key, None)
            elif key not in seat.held and len(seat.held) >= MAX_HELD:
                return False
            elif isinstance(done, ExtendedKeyEvent):
                seat.held[key] = ExtendedKeyEvent(done.keysym, done.keycode, down=False)
            else:
                seat.held[key] = KeyEvent(done.keysym, down=False)
        return True

    def _pass_on(self, done: Input) -> None:
        if len(self._inputs) < MAX_INPUTS:
            self._inputs.append(done)
        else:
            self.dropped_inputs += 1

    def take_inputs(self) -> list[Input]:
        """What viewers have done to the machine; each is handed out once."""
        inputs, self._inputs = self._inputs, []
        return inputs

    # --- what viewers see ---

    def offer_scan_codes(self) -> None:
        """Scan codes are of use to the machine, as is known now."""
        self._extended_keys = True
        for seat in self._seats.values():
            seat.viewing.offer_scan_codes()

    def ring(self) -> None:
        """The machine's bell."""
        for seat in self._seats.values():
            seat.viewing.ring()

    def cut(self, text: bytes) -> None:
        """The machine's clipboard, in Latin-1; for those who may type."""
        for seat in self._seats.values():
            if seat.viewing.clipboard:
                seat.viewing.cut(text)

    def data_to_send(self, viewer: int, now: float) -> bytes:
        """What a viewer is to be sent now, perhaps nothing."""
        self._catch_up()
        return self._seat(viewer).viewing.data_to_send(now)

    def rest(self, viewer: int, seconds: float, now: float) -> None:
        """A viewer gets its next update so much later: this one was dear."""
        self._seat(viewer).viewing.rest(seconds, now)

    def deadline_of(self, viewer: int) -> float | None:
        """When :meth:`data_to_send` will have something, as far as is known."""
        return self._seat(viewer).viewing.next_deadline()

    def _catch_up(self) -> None:
        """Look at the source, once somebody looks at it."""
        if not self._seats:
            return
        areas = list(self.source.refresh())
        picture = self.source.picture
        shown, self._shown = self._shown, (picture, picture.width, picture.height)
        for seat in self._seats.values():
            if shown is None or shown[0] is not picture or shown != self._shown:
                seat.viewing.replace(picture)
            else:
                seat.viewing.touch(areas)

    def _seat(self, viewer: int) -> Seat:
        if viewer not in self._seats:
            raise LocalProtocolError(f"viewer {viewer} is not here")
        return self._seats[viewer]
