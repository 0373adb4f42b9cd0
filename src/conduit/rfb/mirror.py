"""A display of which we are one client, as a picture that any number of viewers may see (sans-IO).

As long as nobody looks, nothing is asked for. What viewers do goes on to the machine, as the server understands it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from conduit.errors import DecodeError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    CutText,
    ExtendedKeyEvent,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.names import Encoding
from conduit.rfb.passing import STREAMS, Passage, may_pass
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.server_messages import (
    FramebufferUpdated,
    Renamed,
    Resized,
    ScanCodesUnderstood,
    ServerEvent,
    ServerMessageReader,
)
from conduit.rfb.viewing import Input, Viewing

PACE: Final = 1 / 30  # seconds from one request to the next, at least
ANOTHER_LOOK: Final = 0.5  # seconds until one who wants to see the picture once asks again
MOST_TRIES: Final = 4  # answers to the wish for all that leave something out; then it is not there
MAX_CHANGED: Final = 1024  # rectangles that viewers are told one by one
MAX_INPUTS: Final = 1024  # that wait to be sent; a server that takes none gets no more

# Best first. No pointer among them: the server draws it, so that all viewers see it.
ENCODINGS: Final = (
    Encoding.TIGHT,
    Encoding.ZRLE,
    Encoding.HEXTILE,
    Encoding.ZLIB,
    Encoding.RRE,
    Encoding.COPY_RECT,
    Encoding.RAW,
    Encoding.DESKTOP_SIZE,
    Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.DESKTOP_NAME,
    Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY,
)
# For who wants to see the picture once. It leaves Tight, which most viewers prefer, to one that comes later and is
# alone; and it makes the server tell nothing that such a viewer might not understand.
LOOKING: Final = (
    Encoding.ZRLE,
    Encoding.HEXTILE,
    Encoding.ZLIB,
    Encoding.RRE,
    Encoding.COPY_RECT,
    Encoding.RAW,
    Encoding.DESKTOP_SIZE,
)


class Mirror:
    """The machine; also a :class:`~conduit.rfb.audience.Source`.

    A viewer that is alone gets the server's bytes as they come, where that is possible, as long as it stays alone.

    :param name: what viewers see; by default what the server calls itself.
    :param passes: whether a viewer may get the server's own bytes.
    :param hidden: encodings that the server is never asked for.
    """

    def __init__(
        self, init: ServerInit, *, name: str = "", passes: bool = True, hidden: frozenset[int] = frozenset()
    ) -> None:
        self._reader = ServerMessageReader(Framebuffer(init.width, init.height))
        self._changed: list[Area] = []
        self._inputs: list[Input] = []
        self._told: tuple[int, ...] = ()  # what the server knows of us
        self._pixel_format: PixelFormat | None = None  # that we have asked for
        self._has_asked = False  # a request is on its way
        self._unanswered = 0  # requests, at most
        self._asks_for_all = True
        self._stale = 0  # answers to earlier requests that may come before the one to the last for all
        self._tries = 0  # answers that left something out
        self._is_odd = False  # the server does not answer one request with one update at most
        self._size = (init.width, init.height)
        self._not_before = 0.0
        self._follows_name = not name
        self.name = name or init.name
        self._passes = passes
        self._hidden = hidden
        self._lone: Viewing | None = None
        self._passage: Passage | None = None
        self._lost: set[int] = set()  # encodings of which something was passed on
        self.is_watched = False
        "Whether somebody looks, and goes on to do so."
        self.is_looked_at = False
        "Whether somebody wants to see it once."
        self.takes_scan_codes = False
        "Whether the server does; it says so with its first picture."
        self.dropped_inputs = 0
        self._down: set[tuple[int, int]] = set()  # keys
        self._buttons = 0
        self.picture.lose(self.picture.whole)

    @property
    def picture(self) -> Framebuffer:
        """What the server has shown so far."""
        return self._reader.picture

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been seen."""
        return self.picture.knows(self.picture.whole)

    @property
    def is_followed(self) -> bool:
        """Whether the picture is kept up to date."""
        return self.is_watched and self._passage is None and (self._lone is None or not self._lone.is_fresh)

    @property
    def is_passing(self) -> bool:
        """Whether a viewer gets the server's own bytes."""
        return self._passage is not None

    @property
    def has_lone_viewer(self) -> bool:
        """Whether what a viewer says or takes may matter to the server."""
        return self._lone is not None or self._passage is not None

    @property
    def waits_for_viewer(self) -> bool:
        """Whether the viewer has to take something before more is read."""
        return self._passage is not None and self._passage.is_full

    def forget(self) -> None:
        """What was seen is old: all of it is asked for again."""
        self.picture.lose(self.picture.whole)
        self._asks_for_all, self._tries = True, 0
        self._stale = min(self._unanswered, 1)

    def refresh(self) -> list[Area]:
        """Where it has changed since this was last asked."""
        changed, self._changed = self._changed, []
        return changed

    # --- the server ---

    @property
    def is_behind(self) -> bool:
        """Whether there is more to draw of what has come."""
        return self._reader.is_behind

    def receive_data(
        self, data: bytes | bytearray | memoryview, *, is_enough: Callable[[], bool] = lambda: False
    ) -> list[ServerEvent]:
        """Bytes of the server; what they say.

        :param is_enough: as :meth:`.ServerMessageReader.receive_data` has it.
        :raises DecodeError: they are not RFB.
        """
        passage, events = self._passage, list[ServerEvent]()
        if passage is not None:
            shown = passage.shown
            data = passage.receive_data(data)
            self._unanswered = max(self._unanswered - (passage.shown - shown), 0)
            events += self._look_at(passage)
            self._end_passage()
        if self._passage is None:
            events += self._reader.receive_data(data, is_enough=is_enough)
        for event in events:
            self._take(event)
        return events

    def receive_eof(self) -> None:
        """There is no more. :raises DecodeError: it ends in the middle of a message."""
        if self._passage is not None and not self._passage.is_between_messages:
            raise DecodeError("the connection ended in the middle of a message")
        self._reader.receive_eof()

    def _take(self, event: ServerEvent) -> None:
        if isinstance(event, FramebufferUpdated):
            self._has_asked = False
            self._note(event.areas)
        elif isinstance(event, Resized):
            self._take_size((event.width, event.height))
        elif isinstance(event, ScanCodesUnderstood):
            self.takes_scan_codes = True
        elif isinstance(event, Renamed) and self._follows_name:
            self.name = event.name

    def _take_size(self, size: tuple[int, int]) -> None:
        if size != self._size and size == (self.picture.width, self.picture.height):  # QEMU repeats it now and then
            self._size = size
            self._changed.clear()
            self.forget()

    def _note(self, areas: tuple[Area, ...]) -> None:
        if self.is_watched:
            self._changed += [area for area in areas if area.size]
            if len(self._changed) > MAX_CHANGED:
                self._changed = [self.picture.whole]
        if not areas:  # it may still answer: another request is for those that do not
            self._not_before += 0.0 if self.is_watched or self._asks_for_all else ANOTHER_LOOK
            return
        self._is_odd |= not self._unanswered
        self._unanswered = max(self._unanswered - 1, 0)
        if self.is_whole:
            self._tries = 0
        elif self._stale:
            self._stale -= 1
        else:
            self._tries += 1
            self._asks_for_all = self._is_odd = True
            if self._tries == MOST_TRIES:
                self.picture.accept()

    def data_to_send(self, now: float) -> bytes:
        """For the server: what viewers did, and a request if somebody looks."""
        request: FramebufferUpdateRequest | None = None
        told = b""
        if self._passage is not None:
            request = self._passage.request(now)
            wanted = self._passage.encodings_to_tell()
            told = b"" if wanted is None else self._tell(self._passage.pixel_format, wanted)
        elif self._asks and now >= self._not_before:
            self._has_asked, self._not_before = True, now + PACE
            asks_for_all, self._asks_for_all = self._asks_for_all, False
            request = FramebufferUpdateRequest(self.picture.whole, incremental=not asks_for_all)
            told = self._tell(self._pixel_format or PixelFormat.BGRX, self._encodings())
        elif self._inputs and not self._told:  # whether it takes scan codes
            told = self._tell(self._pixel_format or PixelFormat.BGRX, self._encodings())
        data = told + b"".join(map(self._encode, self._inputs))
        self._inputs.clear()
        if request is not None:
            self._unanswered += 1
            data += request.encode()
        return data

    def _tell(self, pixel_format: PixelFormat, encodings: tuple[int, ...]) -> bytes:
        """What the server does not know yet of what is wanted."""
        data = b""
        if pixel_format != self._pixel_format:
            self._pixel_format = pixel_format
            self._reader.set_pixel_format(pixel_format)
            data = SetPixelFormat(pixel_format).encode()
        if encodings != self._told:
            self._told = encodings
            data += SetEncodings(encodings).encode()
        return data

    def _encodings(self) -> tuple[int, ...]:
        """What the server should know of us."""
        wanted = ENCODINGS if self.is_watched or not self.is_looked_at else LOOKING
        return tuple(each for each in wanted if each not in self._lost and each not in self._hidden)

    @property
    def _asks(self) -> bool:
        """Whether to ask; a request for all does not wait until one for changes is answered: there may be none."""
        is_wanted = self.is_followed or (self.is_looked_at and not self.is_whole)
        return is_wanted and (self._asks_for_all or not self._has_asked)

    def next_deadline(self) -> float | None:
        """When the next request may be sent, if one is due."""
        if self._passage is not None:
            return self._passage.next_deadline()
        return self._not_before if self._asks else None

    # --- who looks ---

    def attend(self, viewings: Sequence[Viewing], *, looks: bool, follows: bool = False) -> None:
        """Who looks now.

        :param looks: whether somebody who is no viewer wants to see it once.
        :param follows: whether somebody who is no viewer goes on looking.
        """
        self.is_watched, self.is_looked_at = bool(viewings) or follows, looks
        self._lone = viewings[0] if len(viewings) == 1 and self._passes and not (looks or follows) else None
        if self._passage is not None and self._passage.viewing not in viewings:
            self._passage.leave()
        self.look_at_lone()

    def look_at_lone(self) -> None:
        """The viewer that is alone has said something."""
        lone, passage = self._lone, self._passage
        if passage is not None:
            passage.is_ending |= passage.viewing is not lone or not passage.suits()
            self._end_passage()
        elif lone is not None and lone.is_fresh and lone.asks:
            used, is_quiet = self._reader.encodings | self._lost, not (self._unanswered or self._is_odd)
            if is_quiet and self._reader.is_between_messages and may_pass(lone, used, self._told, self._hidden):
                self._passage = Passage(lone, used, self._hidden)
                self._changed.clear()
                self.picture.lose(self.picture.whole)
            else:
                lone.serve()

    def _look_at(self, passage: Passage) -> list[ServerEvent]:
        """What the server has told the viewer and we should know."""
        if passage.size is not None and passage.size != self._size:
            self._size = passage.size
            if passage.viewing is not None:
                passage.viewing.resize(*self._size)
            self.picture.resize(*self._size)
            self.picture.lose(self.picture.whole)
        knew, tells = self.takes_scan_codes, Encoding.QEMU_EXTENDED_KEY in passage.encodings
        return [ScanCodesUnderstood()] if tells and not knew else []

    def _end_passage(self) -> None:
        """Go on with the picture, if it is time."""
        passage = self._passage
        if passage is None or not passage.has_ended:
            return
        self._passage = None
        self._lost |= passage.encodings & STREAMS
        self._reader.lose_streams(self._lost)
        self._has_asked, self._not_before = False, 0.0
        if passage.viewing is not None:
            passage.viewing.end_passing(passage.encodings)
        self.forget()
        self.look_at_lone()

    # --- viewers ---

    def do(self, done: Input) -> None:
        """A viewer did this; pointers that only move are told by where they are in the end."""
        last = self._inputs[-1] if self._inputs else None
        if isinstance(done, PointerEvent) and isinstance(last, PointerEvent) and last.buttons == done.buttons:
            self._inputs[-1] = done
        elif isinstance(done, CutText) and done.extended:
            return  # it was offered to nobody
        elif isinstance(done, CutText):  # only the last one counts
            self._inputs = [each for each in self._inputs if not isinstance(each, CutText)]
            self._inputs.append(done)
        elif self._may_wait(done):
            self._inputs.append(done)
        else:
            self.dropped_inputs += 1

    def _may_wait(self, done: KeyEvent | ExtendedKeyEvent | PointerEvent) -> bool:
        """Whether there is room; there always is for letting go of what was pressed."""
        has_room = len(self._inputs) < MAX_INPUTS
        if isinstance(done, PointerEvent):
            may = has_room or self._buttons & ~done.buttons != 0
            self._buttons = done.buttons if may else self._buttons
            return may
        key = (done.keysym, done.keycode if isinstance(done, ExtendedKeyEvent) else 0)
        if done.down:
            self._down |= {key} if has_room else set()
            return has_room
        may = has_room or key in self._down
        self._down.discard(key)
        return may

    def _encode(self, done: Input) -> bytes:
        """As the server understands it."""
        if isinstance(done, ExtendedKeyEvent) and not self.takes_scan_codes:
            return KeyEvent(done.keysym, down=done.down).encode() if done.keysym else b""
        return done.encode()
