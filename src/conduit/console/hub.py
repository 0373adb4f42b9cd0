"""One console for many viewers (sans-IO): who sees what, who may type, what the BMC is at.

The driver tells it what the BMC says and does, and what viewers send; it asks for messages, per viewer, and for input
that goes to the BMC. Nothing is kept for a viewer but its place in the ring, so one that does not read costs nothing
and slows nobody down. Input is taken while the console is live or refused, never kept for later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conduit._lease import COUNTDOWN, Lease, Move
from conduit.console.keyboard import Keyboard, Keys
from conduit.console.messages import (
    MAX_DATA,
    VERSION,
    Asking,
    Attach,
    Attached,
    Break,
    Detach,
    Ended,
    Free,
    Gap,
    Give,
    Input,
    Message,
    Output,
    Ping,
    Pong,
    Refused,
    StateChanged,
    Taken,
    ViewersChanged,
    WriterChanged,
)
from conduit.console.phases import HEARING, STATES, TRANSITIONS, WORDS, Happening, Phase
from conduit.console.ring import CAPACITY, Place, Ring
from conduit.console.seats import MOVES, News, Watcher, milliseconds, readable, refusal_text
from conduit.console.words import Cause, End, Mode, Refusal
from conduit.errors import RemoteProtocolError

MAX_LISTED: Final = 100  # viewers that VIEWERS names


class Hub:
    """The machine.

    :param epoch: name of the time in which offsets count from the same 0.
    :param ring: what was said before.
    :param deaf_since: since when nobody hears the console, when it was heard before.
    """

    def __init__(
        self, *, epoch: str, ring: Ring, now: float, countdown: float = COUNTDOWN, deaf_since: float | None = None
    ) -> None:
        self.epoch = epoch
        self.ring = ring
        self.lease = Lease(countdown)
        self._keyboard = Keyboard()
        self._phase = Phase.IDLE
        self._since = now
        self._text = WORDS[Phase.IDLE]
        self._holder: str | None = None
        self._takes_over = False
        self._deaf_since = deaf_since
        self._deaf_cause = Cause.RESTART
        self._watchers: dict[int, Watcher] = {}
        self._last_id = 0
        self.ignored_happenings = 0
        "Those that are no legal move where the hub was."

    # --- the console ---

    @property
    def phase(self) -> Phase:
        """How far the hub is with the console."""
        return self._phase

    @property
    def text(self) -> str:
        """The same for people."""
        return self._text

    def happen(self, happening: Happening, now: float, *, text: str = "", holder: str | None = None) -> None:
        """Something happened to the console.

        :param text: for people, where there is more to say than usual.
        :param holder: who has it, where somebody else does.
        """
        target = TRANSITIONS.get((self._phase, happening))
        if target is None:
            self.ignored_happenings += 1
            return
        self._hear(self._phase in HEARING, target in HEARING, now)
        words = text or WORDS[target]
        if STATES[target] is not STATES[self._phase]:
            self._since = now
        before = STATES[self._phase], self._text, self._holder
        self._phase, self._text, self._holder, self._takes_over = target, words, holder, False
        if before != (STATES[target], words, holder):
            self._tell_all(News.STATE)
        if target is not Phase.LIVE:
            self._refuse_waiting()

    def _hear(self, heard: bool, hears: bool, now: float) -> None:
        """Mark the time in which nobody heard the console, once it is over."""
        if heard and not hears:
            self._deaf_since, self._deaf_cause = now, Cause.BMC
        elif hears and not heard and self._deaf_since is not None:
            self.ring.mark(self._deaf_cause, milliseconds=milliseconds(now - self._deaf_since))
            self._deaf_since = None

    @property
    def takes_over(self) -> bool:
        """Whether the next attempt takes the console from the system that has it: somebody who may wants that, once."""
        return self._takes_over

    def output(self, data: bytes) -> None:
        """The server said something."""
        self.ring.write(data)

    def overrun(self) -> None:
        """The BMC has dropped something that the server said."""
        self.ring.mark(Cause.BMC)

    def begin_input(self, now: float) -> Keys | None:
        """What goes to the BMC next, if anything does; :meth:`end_input` comes before the one after it."""
        return self._keyboard.begin(now)

    def end_input(self, keys: Keys, now: float) -> None:
        """The BMC has it, unless it was refused meanwhile."""
        watcher = self._watchers.get(keys.viewer)
        if self._keyboard.end(keys, now) and watcher is not None and not keys.is_break:
            watcher.taken = Taken(sequence=keys.sequence)

    def _refuse_waiting(self, viewer: int | None = None) -> None:
        """Nothing that waits may reach the server later: of one viewer, or of all."""
        for keys in self._keyboard.clear(viewer):
            watcher = self._watchers.get(keys.viewer)
            if watcher is not None:
                reason = Refusal.NOT_LIVE if viewer is None else Refusal.NOT_WRITER
                watcher.refuse(
                    self._refused(keys, reason, "It may have arrived in part." if keys.is_on_its_way else "")
                )

    # --- viewers ---

    @property
    def viewers(self) -> int:
        """How many there are."""
        return len(self._watchers)

    def name_of(self, viewer: int) -> str | None:
        """Whose session it is; None for one that is not here."""
        watcher = self._watchers.get(viewer)
        return None if watcher is None else watcher.name

    def attach(self, wish: Attach, now: float, *, name: str, mode: Mode = Mode.READ, may_take: bool = False) -> int:
        """A viewer arrives; its number.

        :param name: whose session it is, whatever it calls itself.
        :param mode: what it may do at most.
        :param may_take: whether it may take the keyboard from others.
        :raises RemoteProtocolError: it speaks another protocol.
        """
        if wish.version < VERSION:
            raise RemoteProtocolError(f"version {wish.version} of the console protocol")
        self._last_id += 1
        granted = Mode.WRITE if mode is wish.mode is Mode.WRITE else Mode.READ
        place, gap = self._find_place(wish)
        watcher = Watcher(
            id=self._last_id, name=readable(name or wish.name), mode=granted, may_take=may_take, place=place
        )
        self._watchers[watcher.id] = watcher
        self._tell_all(News.VIEWERS)
        if granted is Mode.WRITE:
            self._move(Move.TAKE if wish.take and may_take else Move.CLAIM, watcher, now)
        watcher.answers.append(self._attached(watcher))
        if gap is not None:
            watcher.answers.append(gap)
        return watcher.id

    def _attached(self, watcher: Watcher) -> Attached:
        return Attached(
            viewer=watcher.id,
            epoch=self.epoch,
            start=watcher.place.offset,
            live=self.ring.live,
            oldest=self.ring.oldest,
            state=STATES[self._phase],
            writer=self.lease.writer,
            viewers=len(self._watchers),
            may_take=watcher.may_type and watcher.may_take,
        )

    def _find_place(self, wish: Attach) -> tuple[Place, Gap | None]:
        """Where a viewer goes on, and what it misses there."""
        ring = self.ring
        if wish.start is None or wish.epoch != self.epoch or wish.start > ring.live:
            return ring.recent(CAPACITY if wish.history is None else wish.history), None
        if wish.start >= ring.oldest:
            return ring.place(wish.start), None
        missing = Gap(at=wish.start, bytes=ring.oldest - wish.start, cause=Cause.HISTORY)
        return ring.place(ring.oldest), missing

    def leave(self, viewer: int, now: float) -> None:
        """A viewer is gone."""
        if self._watchers.pop(viewer, None) is None:
            return
        self._tell_all(News.VIEWERS)
        if self.lease.leave(viewer, now):
            self._tell_all(News.WRITER)

    def end_viewer(self, viewer: int, reason: End, text: str, *, retry: bool = False) -> None:
        """Tell a viewer that it is over; the first reason counts."""
        watcher = self._watchers.get(viewer)
        if watcher is not None and watcher.ended is None:
            watcher.ended = Ended(reason=reason, text=text, retry=retry)

    def end(self, reason: End, text: str, now: float, *, retry: bool = False) -> None:
        """Tell all viewers that it is over."""
        self.happen(Happening.CLOSED, now, text=text)
        for viewer in self._watchers:
            self.end_viewer(viewer, reason, text, retry=retry)

    def forget(self, reason: End, text: str, now: float) -> None:
        """What was said is for nobody any more; those who heard it are told that it is over, and type no more."""
        self.ring.forget()
        self._refuse_waiting()
        for viewer in self._watchers:
            self.end_viewer(viewer, reason, text)
            self.lease.leave(viewer, now)

    def is_ending(self, viewer: int) -> bool:
        """Whether there is nothing more to hear from it."""
        watcher = self._watchers.get(viewer)
        return watcher is None or watcher.ended is not None

    def is_over(self, viewer: int) -> bool:
        """Whether there is nothing more to say to it."""
        watcher = self._watchers.get(viewer)
        return watcher is None or watcher.is_over

    # --- what viewers send ---

    def receive(self, viewer: int, message: Message, now: float) -> None:
        """A viewer sent something.

        :raises RemoteProtocolError: it may not say that here.
        """
        watcher = self._watchers.get(viewer)
        if watcher is None or watcher.ended is not None:
            return
        if isinstance(message, (Input, Break)):
            self._take_keys(watcher, message)
        elif isinstance(message, Ping):
            watcher.ping = message
        elif isinstance(message, Detach):
            self.end_viewer(viewer, End.CLOSED, "You left.")
        elif isinstance(message, Free):
            self._free(watcher)
        elif type(message) in MOVES:
            self._move_for(watcher, message, now)
        else:
            raise RemoteProtocolError(f"{type(message).__name__} from a viewer that is attached")
        if watcher.is_clogged:
            self.end_viewer(viewer, End.ERROR, "You send faster than you read.", retry=True)

    def _take_keys(self, watcher: Watcher, message: Input | Break) -> None:
        keys = (
            Keys(watcher.id, message.sequence, message.data)
            if isinstance(message, Input)
            else Keys(watcher.id, 0, b"", is_break=True)
        )
        reason = self._objection(watcher, keys)
        if reason is None:
            self._keyboard.press(keys)
        else:
            watcher.refuse(self._refused(keys, reason))

    def _objection(self, watcher: Watcher, keys: Keys) -> Refusal | None:
        if not watcher.may_type:
            return Refusal.READ_ONLY
        if self.lease.writer != watcher.id:
            return Refusal.NOT_WRITER
        if self._phase is not Phase.LIVE:
            return Refusal.NOT_LIVE
        return None if self._keyboard.has_room_for(keys) else Refusal.TOO_FAST

    def _refused(self, keys: Keys, reason: Refusal, more: str = "") -> Refused:
        text = refusal_text(reason, state=self._text, writer=self._writers_name())
        return Refused(sequence=keys.sequence, bytes=len(keys.data), reason=reason, text=f"{text} {more}".strip())

    def _writers_name(self) -> str:
        writer = self._watchers.get(self.lease.writer or 0)
        return "nobody" if writer is None else writer.name

    def _free(self, watcher: Watcher) -> None:
        if not (watcher.may_type and watcher.may_take):
            self._refuse_move(watcher, Refusal.DENIED, "You may not take the console from other systems.")
        elif self._phase is Phase.BUSY:
            self._takes_over, self._text = True, f"{watcher.name} takes the console from the system that has it."
            self._tell_all(News.STATE)

    # --- the keyboard ---

    def _move_for(self, watcher: Watcher, message: Message, now: float) -> None:
        move, to = MOVES[type(message)], None
        if not watcher.may_type:
            return self._refuse_move(watcher, Refusal.READ_ONLY, "You may look, not type.")
        if move is Move.TAKE and not watcher.may_take:
            return self._refuse_move(watcher, Refusal.NOT_WRITER, "You may ask for the keyboard, not take it.")
        if isinstance(message, Give) and message.viewer is not None:
            heir = self._watchers.get(message.viewer)
            if heir is None or not heir.may_type:
                return self._refuse_move(watcher, Refusal.NOT_WRITER, "They are not here, or may not type.")
            to = heir.id
        self._move(move, watcher, now, to=to)
        return None

    def _refuse_move(self, watcher: Watcher, reason: Refusal, text: str) -> None:
        watcher.refuse(Refused(reason=reason, text=text))

    def _move(self, move: Move, watcher: Watcher, now: float, *, to: int | None = None) -> None:
        before = self.lease.writer
        if self.lease.make(move, watcher.id, now, to=to):
            self._writer_may_have_changed(before)

    def _writer_may_have_changed(self, before: int | None) -> None:
        self._tell_all(News.WRITER)
        if before is not None and before != self.lease.writer:
            self._refuse_waiting(before)

    def next_deadline(self) -> float | None:
        """When :meth:`handle_deadline` wants to be called, if ever."""
        return self.lease.deadline

    def handle_deadline(self, now: float) -> None:
        """The keyboard passes to who asks, when its time has come."""
        before = self.lease.writer
        if self.lease.handle_deadline(now):
            self._writer_may_have_changed(before)

    # --- what viewers are told ---

    def _tell_all(self, news: News) -> None:
        for watcher in self._watchers.values():
            watcher.news |= news

    def has_messages(self, viewer: int) -> bool:
        """Whether :meth:`messages_for` would return any."""
        watcher = self._watchers.get(viewer)
        if watcher is None or watcher.is_over:
            return False
        return watcher.has_answers or self.ring.has_more(watcher.place)

    def messages_for(self, viewer: int, now: float, most: int = MAX_DATA) -> list[bytes]:
        """What to send to a viewer now: all answers and news, and about *most* bytes of output.

        After ENDED there is nothing more.
        """
        watcher = self._watchers.get(viewer)
        if watcher is None or watcher.is_over:
            return []
        messages = list(self._answers(watcher, now))
        if watcher.ended is not None:
            watcher.is_over = True
            messages.append(watcher.ended)
        else:
            messages += self._output(watcher, most)
        return [message.encode() for message in messages]

    def _answers(self, watcher: Watcher, now: float) -> Iterator[Message]:
        yield from watcher.answers
        watcher.answers.clear()
        if watcher.taken is not None:
            yield watcher.taken
        if watcher.ping is not None:
            yield Pong(id=watcher.ping.id, bmc_ms=self._keyboard.delay_ms)
        if News.STATE in watcher.news:
            since = milliseconds(now - self._since)
            yield StateChanged(state=STATES[self._phase], text=self._text, since_ms=since, holder=self._holder)
        if News.WRITER in watcher.news:
            yield self._writer(now)
        if News.VIEWERS in watcher.news:
            yield self._viewers()
        watcher.taken, watcher.ping, watcher.news = None, None, News.NOTHING

    def _output(self, watcher: Watcher, most: int) -> Iterator[Message]:
        room = most
        while room > 0:
            item, watcher.place = self.ring.read(watcher.place, min(room, MAX_DATA))
            if item is None:
                return
            room -= len(item.data) if isinstance(item, Output) else 1
            yield item

    def _writer(self, now: float) -> WriterChanged:
        writer = self._watchers.get(self.lease.writer or 0)
        asker = self._watchers.get(self.lease.asker or 0)
        asking = None
        if asker is not None and self.lease.deadline is not None:
            asking = Asking(viewer=asker.id, name=asker.name, ms=milliseconds(self.lease.deadline - now))
        if writer is None:
            return WriterChanged(asking=asking)
        return WriterChanged(viewer=writer.id, name=writer.name, asking=asking)

    def _viewers(self) -> ViewersChanged:
        listed = tuple(each.public() for each in list(self._watchers.values())[:MAX_LISTED])
        return ViewersChanged(viewers=listed, count=len(self._watchers))
