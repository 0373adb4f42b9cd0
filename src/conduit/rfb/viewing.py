"""One viewer of a picture, after its handshake (sans-IO): what it has seen, what it wants, how it wants it.

Nothing is queued for it but a few small answers: whenever it has room it gets what the picture is by then, so one that
is slow sees fewer updates and never old ones. What is not known of the picture it is not shown.

As long as :mod:`conduit.rfb.passing` passes a display's own bytes on to it, it gets these, and answers between them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final

from conduit.errors import RemoteProtocolError
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.damage import Damage
from conduit.rfb.encoders import Update, UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    AudioRequest,
    CutText,
    EnableContinuousUpdates,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    Screen,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    Xvp,
    encode_screens,
)
from conduit.rfb.names import Encoding, Fence, ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import BELL, END_OF_CONTINUOUS_UPDATES, RectangleHeader

Piece = bytes | memoryview
Input = KeyEvent | ExtendedKeyEvent | PointerEvent | CutText
"What a viewer does to the machine."

PACE: Final = 1 / 30  # seconds from one update to the next, at least
MAX_ANSWERS: Final = 64  # that wait for a viewer to read; one that asks for more is not reading
PROHIBITED: Final = 1  # status of a resize that nobody may ask for
BY_SERVER, BY_VIEWER = 0, 1  # why a size is told

_SIZES: Final = (Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE)
_FENCES: Final = Fence.BLOCK_BEFORE | Fence.BLOCK_AFTER | Fence.SYNC_NEXT


class Viewing:
    """The machine.

    :param name: of the desktop.
    :param pace: seconds from one update to the next, at least.
    :param extended_keys: whether scan codes are of use to the machine.
    :param jpeg: whether it may get JPEG if it wishes.
    :param clipboard: whether it may have the machine's.
    """

    def __init__(
        self,
        picture: Framebuffer,
        *,
        name: str = "",
        pace: float = PACE,
        extended_keys: bool = False,
        jpeg: bool = True,
        clipboard: bool = True,
    ) -> None:
        self._picture = picture
        self._name = self._told_name = name
        self._pace = pace
        self.jpeg = jpeg
        self.clipboard = clipboard
        self._extended_keys = extended_keys
        self._messages = ClientMessageReader()
        self._encoder = UpdateEncoder()
        self.encodings: tuple[int, ...] = ()
        "What the viewer understands, best first."
        self.pixel_format = PixelFormat.BGRX
        "How it wants its pixels."
        self._known: frozenset[int] = frozenset()  # the same as encodings
        self._told: set[int] = set()  # what it was told that it may use
        self._size = (picture.width, picture.height)  # as the viewer knows it
        self._damage = Damage(*self._size)
        self._damage.add([picture.whole])
        self._wanted: Area | None = None  # what it waits for
        self.continuous: Area | None = None
        "What it wants to be told of without asking."
        self._answers: list[bytes] = []
        self._news: dict[int, bytes] = {}  # rectangles that are no pixels, by their encoding; only the latest counts
        self._paced_until = 0.0
        self._rested_until = 0.0
        self.updates = 0
        "Updates that it was given."
        self.is_fresh = True
        "Whether it has been neither given anything nor promised that a picture is kept for it."
        self._is_passing = False
        self._request: FramebufferUpdateRequest | None = None  # that is for the display itself
        self._passed: list[Piece] = []  # of a display's own bytes
        self._ended = 0  # how many of these are whole messages, or the end of one
        self._update: Update | None = None  # what has begun, and is drawn while it is sent
        self._is_between = True  # whether what was sent ends with a message

    @property
    def encoding(self) -> int:
        """How it gets its pixels."""
        return self._encoder.encoding

    @property
    def asks(self) -> bool:
        """Whether it has ever asked for something to see."""
        return (self.continuous or self._wanted) is not None

    # --- what it says ---

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Input]:
        """Bytes of the viewer; what it does to the machine.

        :raises RemoteProtocolError: it breaks the rules, or sends faster than it reads.
        """
        done: list[Input] = []
        for message in self._messages.receive_data(data):
            if isinstance(message, Input):
                done.append(message)
            elif not isinstance(message, AudioRequest | Xvp):  # neither is offered
                self._heed(message)
            if len(self._answers) > MAX_ANSWERS:
                raise RemoteProtocolError("the viewer sends faster than it reads")
        return done

    def _heed(
        self,
        message: SetPixelFormat
        | SetEncodings
        | FramebufferUpdateRequest
        | EnableContinuousUpdates
        | FenceMessage
        | SetDesktopSize,
    ) -> None:
        if isinstance(message, FramebufferUpdateRequest):
            self._wanted = message.area
            if self.is_fresh or self._is_passing:
                self._request = message if self._request is None else _merged(self._request, message)
            if not message.incremental:
                self._damage.add([message.area])
        elif isinstance(message, SetEncodings):
            self._set_encodings(message.encodings)
        elif isinstance(message, SetPixelFormat):
            self._encoder.set_pixel_format(message.pixel_format)
            self.pixel_format = message.pixel_format
        elif isinstance(message, EnableContinuousUpdates):
            self.continuous = message.area if message.enable else None
            if not message.enable:
                self._answers.append(END_OF_CONTINUOUS_UPDATES)
        elif isinstance(message, FenceMessage):
            if message.flags & Fence.REQUEST:
                self._answers.append(_server_fence(message.flags & _FENCES, message.payload))
        else:
            self._news[Encoding.EXTENDED_DESKTOP_SIZE] = self._screens(BY_VIEWER, PROHIBITED)

    def _set_encodings(self, encodings: tuple[int, ...]) -> None:
        self._encoder.set_encodings(encodings, jpeg=self.jpeg)
        self.encodings, self._known = encodings, frozenset(encodings)
        for encoding in (Encoding.FENCE, Encoding.CONTINUOUS_UPDATES, Encoding.EXTENDED_DESKTOP_SIZE):
            if encoding in self._known and encoding not in self._told:
                self._told.add(encoding)
                self._offer(encoding)
        self._tell_name()
        self._tell_scan_codes()

    def offer_scan_codes(self) -> None:
        """Scan codes are of use to the machine, as is known now."""
        self._extended_keys = True
        self._tell_scan_codes()

    def _tell_scan_codes(self) -> None:
        if self._extended_keys and Encoding.QEMU_EXTENDED_KEY in self._known - self._told:
            self._told.add(Encoding.QEMU_EXTENDED_KEY)
            self._news[Encoding.QEMU_EXTENDED_KEY] = _nothing(Encoding.QEMU_EXTENDED_KEY)

    def _offer(self, encoding: int) -> None:
        """Say that something is possible which the viewer knows."""
        if encoding == Encoding.FENCE:
            self._answers.append(_server_fence(_FENCES | Fence.REQUEST, b""))
        elif encoding == Encoding.CONTINUOUS_UPDATES:
            self._answers.append(END_OF_CONTINUOUS_UPDATES)
        else:
            self._news[encoding] = self._screens(BY_SERVER, 0)

    # --- what it is told ---

    def touch(self, areas: Iterable[Area]) -> None:
        """The picture has changed there; elsewhere it has not."""
        self._damage.add(areas)

    def replace(self, picture: Framebuffer) -> None:
        """There is another picture, perhaps of another size. A viewer that cannot change its own sees a part of it."""
        self._picture = picture
        size = (picture.width, picture.height)
        if size != self._size and Encoding.EXTENDED_DESKTOP_SIZE in self._known:
            self._size = size
            self._news[Encoding.EXTENDED_DESKTOP_SIZE] = self._screens(BY_SERVER, 0)
        elif size != self._size and Encoding.DESKTOP_SIZE in self._known:
            self._size = size
            self._news[Encoding.DESKTOP_SIZE] = RectangleHeader(0, 0, *size, Encoding.DESKTOP_SIZE).encode()
        self._damage = Damage(min(size[0], self._size[0]), min(size[1], self._size[1]))
        self._damage.add([picture.whole])

    def rename(self, name: str) -> None:
        """The desktop has another name; told to those that can show it."""
        self._name = name
        self._tell_name()

    def _tell_name(self) -> None:
        if self._name != self._told_name and Encoding.DESKTOP_NAME in self._known:
            self._told_name = self._name
            text = self._name.encode()
            self._news[Encoding.DESKTOP_NAME] = _nothing(Encoding.DESKTOP_NAME) + struct.pack(">I", len(text)) + text

    def ring(self) -> None:
        """The bell; one is enough, however often it rings meanwhile."""
        if BELL not in self._answers:
            self._answers.append(BELL)

    def cut(self, text: bytes) -> None:
        """The machine's clipboard holds this, in Latin-1; only the latest counts."""
        self._answers = [each for each in self._answers if each[0] != ServerKind.CUT_TEXT]
        self._answers.append(CutText(text, kind=ServerKind.CUT_TEXT).encode())

    def data_to_send(self, now: float) -> bytes:
        """What it is to be sent now: answers, and an update if it wants one and there is something new.

        A large update comes in parts, one at a time; call again once the viewer has taken one.
        """
        if self._update is not None:
            return self._take_part(self._update)
        data = self._take_passed()
        area = self._due_area()
        if area is None or now < max(self._paced_until, self._rested_until):
            return data
        news, self._news = list(self._news.values()), {}
        self._wanted = None
        self.serve()
        self._paced_until = now + self._pace
        self.updates += 1
        areas = [] if self._resizes(news) else self._damage.take(area)
        return data + self._take_part(self._encoder.begin(self._picture, areas, news))

    def _take_part(self, update: Update) -> bytes:
        """Of one that is no longer under way when that was the last."""
        part = update.take()
        self._update = None if update.is_over else update
        return part

    def rest(self, seconds: float, now: float) -> None:
        """Another update only so much later: what it got was dear."""
        self._rested_until = max(self._rested_until, now) + seconds

    def next_deadline(self) -> float | None:
        """When it may have more of an update, if it waits for one."""
        if self._update is not None:
            return -math.inf
        return None if self._due_area() is None else max(self._paced_until, self._rested_until)

    def _due_area(self) -> Area | None:
        """What it waits for, if there is anything new in it."""
        area = self.continuous or self._wanted
        if area is None or self._is_passing or not self._picture.knows(area):
            return None
        return area if self._news or self._damage.touches(area) else None

    # --- a display's own bytes ---

    def begin_passing(self) -> None:
        """From now on it gets a display's own bytes."""
        self.is_fresh, self._is_passing = False, True

    def serve(self) -> None:
        """It will be shown a picture that is kept for it, and has asked the display for nothing."""
        self.is_fresh, self._request = False, None

    @property
    def held_bytes(self) -> int:
        """Of a display's own bytes, those that it has not taken yet."""
        return sum(map(len, self._passed))

    def pass_on(self, ended: list[Piece], begun: list[Piece], updates: int) -> None:
        """A display's own bytes: to the end of a message, and of one that has begun."""
        if ended:
            self._passed += ended
            self._ended = len(self._passed)
        self._passed += begun
        self.updates += updates

    def take_request(self) -> FramebufferUpdateRequest | None:
        """What it asks of the display; it is handed out once."""
        request, self._request = self._request, None
        return request

    def resize(self, width: int, height: int) -> None:
        """The display has told it another size."""
        self._size = (width, height)

    def end_passing(self, encodings: Iterable[int]) -> None:
        """From now on it is shown the picture, of which nothing is known yet; a display's message has just ended.

        :param encodings: of what it got from the display, and of what the display told it.
        """
        self._is_passing, self._request = False, None
        self._encoder.follow(encodings)
        self._encoder.set_encodings(self.encodings, jpeg=self.jpeg)
        self._damage.add([self._picture.whole])
        if Encoding.EXTENDED_DESKTOP_SIZE in self._news:
            self._news[Encoding.EXTENDED_DESKTOP_SIZE] = self._screens(BY_SERVER, 0)
        if Encoding.QEMU_EXTENDED_KEY in encodings:
            self._told.add(Encoding.QEMU_EXTENDED_KEY)
            self._news.pop(Encoding.QEMU_EXTENDED_KEY, None)

    def _take_passed(self) -> bytes:
        """What was passed on, with answers where a message ends."""
        passed, ended = self._passed, self._ended
        self._passed, self._ended = [], 0
        if ended or self._is_between:
            passed[ended:ended] = self._answers
            self._is_between = len(passed) == ended + len(self._answers)
            self._answers = []
        return b"".join(passed)

    @staticmethod
    def _resizes(news: list[bytes]) -> bool:
        """Whether one of these is a size, after which nothing may follow in the same update."""
        return any(RectangleHeader.decode(each).encoding in _SIZES for each in news)

    def _screens(self, reason: int, status: int) -> bytes:
        """An ExtendedDesktopSize rectangle: who changed the size, and whether."""
        width, height = self._size
        head = RectangleHeader(reason, status, width, height, Encoding.EXTENDED_DESKTOP_SIZE)
        return head.encode() + b"\x01\0\0\0" + encode_screens((Screen(0, 0, 0, width, height),))


def _merged(one: FramebufferUpdateRequest, other: FramebufferUpdateRequest) -> FramebufferUpdateRequest:
    """One that asks for both."""
    (x, y, width, height), (left, top, breadth, depth) = one.area, other.area
    right, bottom = max(x + width, left + breadth), max(y + height, top + depth)
    x, y = min(x, left), min(y, top)
    area = Area(x, y, min(right - x, 0xFFFF), min(bottom - y, 0xFFFF))
    return FramebufferUpdateRequest(area, one.incremental and other.incremental)


def _nothing(encoding: int) -> bytes:
    """A rectangle that only says that it is there."""
    return RectangleHeader(0, 0, 0, 0, encoding).encode()


def _server_fence(flags: int, payload: bytes) -> bytes:
    return FenceMessage(flags, payload).encode()  # of both sides, byte for byte
