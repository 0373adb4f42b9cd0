"""A viewer that is alone gets a display's bytes as they come, and the display is asked what it asks (sans-IO).

The bytes are walked and not decoded: to know where messages end, what size the screen has, and which zlib streams have
gone to the viewer. That is enough to stop where a message ends, and to go on with a picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conduit.rfb.messages import Area, FramebufferUpdateRequest
from conduit.rfb.names import COMPRESSIONS, FINE_QUALITIES, QUALITIES, SUBSAMPLINGS, Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.server_messages import MAX_CUT_TEXT
from conduit.rfb.viewing import PACE, Viewing

STREAMS: Final = frozenset({Encoding.ZLIB, Encoding.TIGHT, Encoding.ZRLE})
"""Encodings with zlib streams that go on as long as the connection; the others begin anew with each rectangle."""
COMPACT: Final = frozenset({Encoding.TIGHT, Encoding.ZRLE})
"""Encodings that need not more room than ours."""
_SHOWN: Final = frozenset({Encoding.RAW, Encoding.COPY_RECT, Encoding.RRE, Encoding.HEXTILE, *STREAMS})
_TOLD: Final = frozenset(
    {Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE, Encoding.LAST_RECT, Encoding.QEMU_EXTENDED_KEY}
)
_QUALITIES: Final = frozenset({*QUALITIES, *FINE_QUALITIES, *SUBSAMPLINGS})
_WISHES: Final = _QUALITIES | frozenset(COMPRESSIONS)
PASSED: Final = _SHOWN | _TOLD | _WISHES
"""What a display may be asked for on behalf of a viewer: what the viewer will also have when it is alone no more."""
MOST_HELD: Final = 32 << 20  # bytes that wait for a slow viewer, when others wait for the end of its message


def passable(viewing: Viewing, used: Iterable[int], hidden: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Of what a viewer understands, what the display may be asked for.

    :param used: encodings of this connection so far, whose streams the viewer does not know.
    :param hidden: encodings that the display is never asked for.
    """
    barred = (STREAMS & frozenset(used)) | hidden
    allowed = PASSED - barred if viewing.jpeg else PASSED - barred - _QUALITIES
    return tuple(each for each in viewing.encodings if each in allowed)


def may_pass(viewing: Viewing, used: Iterable[int], told: Iterable[int], hidden: frozenset[int] = frozenset()) -> bool:
    """Whether a viewer that asks for its first pixels can have them as they come.

    :param used: encodings of this connection so far.
    :param told: what the display was told before, of which something may be on its way.
    :param hidden: encodings that the display is never asked for.
    """
    known = frozenset(viewing.encodings)
    is_compact = bool(COMPACT & frozenset(passable(viewing, used, hidden))) or not COMPACT & known - hidden
    return is_compact and viewing.pixel_format.places is not None and frozenset(told) - _SHOWN - _WISHES <= known


class Passage:
    """The machine, for one viewer from its first request on.

    :param used: encodings of this connection so far.
    :param hidden: encodings that the display is never asked for.
    """

    def __init__(self, viewing: Viewing, used: Iterable[int], hidden: frozenset[int] = frozenset()) -> None:
        self.viewing: Viewing | None = viewing
        "None once it has left, while the message at hand goes on."
        self.pixel_format: PixelFormat = viewing.pixel_format
        "That of the display, from now on."
        self.is_ending = False
        self._used = frozenset(used)
        self._hidden = hidden
        self._walker = ServerFilter(MAX_CUT_TEXT if viewing.clipboard else 0, lambda: self.pixel_format)
        self._has_asked = False
        self._is_answered = True
        self._not_before = 0.0
        viewing.begin_passing()

    @property
    def has_ended(self) -> bool:
        """Whether what comes next is no longer for the viewer alone."""
        return self.is_ending and self._walker.is_between_messages

    @property
    def is_between_messages(self) -> bool:
        """Whether a message is at hand."""
        return self._walker.is_between_messages

    @property
    def encodings(self) -> set[int]:
        """Of all rectangles that have passed."""
        return self._walker.encodings

    @property
    def shown(self) -> int:
        """Updates with pixels that have passed."""
        return self._walker.shown

    @property
    def size(self) -> tuple[int, int] | None:
        """Of the screen, if the display has told one."""
        return self._walker.size

    @property
    def is_full(self) -> bool:
        """Whether the viewer has to take something before more is read."""
        held = 0 if self.viewing is None else self.viewing.held_bytes
        return held > (MOST_HELD if self.is_ending else 0)

    def suits(self) -> bool:
        """Whether the viewer's wishes are still what the display can be asked."""
        return self.viewing is None or self.viewing.pixel_format == self.pixel_format

    def leave(self) -> None:
        """The viewer is gone."""
        self.viewing, self.is_ending = None, True

    def receive_data(self, data: bytes | bytearray | memoryview) -> memoryview:
        """Bytes of the display; what is not for the viewer, as it has ended.

        :raises DecodeError: nobody knows how long a message is.
        """
        before = self._walker.updates
        walked = self._walker.walk(data, stop=self.is_ending)
        updates = self._walker.updates - before
        self._is_answered |= bool(updates)
        if self.viewing is not None:
            self.viewing.pass_on(walked.pieces[: walked.ended], walked.pieces[walked.ended :], updates)
        return walked.rest

    # --- what the display is asked ---

    def encodings_to_tell(self) -> tuple[int, ...] | None:
        """What the display should know of the viewer; None once that does not matter any more."""
        if self.viewing is None or self.is_ending:
            return None
        return passable(self.viewing, self._used, self._hidden) or (Encoding.RAW,)

    def request(self, now: float) -> FramebufferUpdateRequest | None:
        """What the viewer has asked for; or wants to be told without asking, then it is asked for it."""
        if self.viewing is None or self.is_ending:
            return None
        asked = self.viewing.take_request() or self._ask_for_it(self.viewing.continuous, now)
        if asked is not None:
            self._has_asked, self._is_answered = True, False
        return asked

    def _ask_for_it(self, area: Area | None, now: float) -> FramebufferUpdateRequest | None:
        due = self.next_deadline()
        if area is None or due is None or now < due:
            return None
        self._not_before = now + PACE
        return FramebufferUpdateRequest(area, incremental=self._has_asked)

    def next_deadline(self) -> float | None:
        """When the display is to be asked again, without the viewer."""
        if self.viewing is None or self.is_ending or self.viewing.continuous is None:
            return None
        return self._not_before if self._is_answered and not self.is_full else None
