"""A display in the hand of a program: look at it, type, point, wait until something happens, record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import BinaryIO, Final

import trio

from conduit._trio import as_one, open_background_nursery
from conduit.errors import ConduitError, LocalProtocolError, PeerTimeoutError, RemoteProtocolError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.decoders import PointerShape
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import encode_png, pillow
from conduit.rfb.keyboards import KeyMove, chord_moves, find_chord, layout_named, text_moves
from conduit.rfb.login import Ask, Connection, LoginOptions, open_connection
from conduit.rfb.messages import Area, FramebufferUpdateRequest, PointerEvent, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.recorders import Recorders
from conduit.rfb.recording import RecordingWriter
from conduit.rfb.security import Credentials
from conduit.rfb.server_messages import (
    FramebufferUpdated,
    LampsChanged,
    PointerChanged,
    Renamed,
    Resized,
    ScanCodesUnderstood,
    ServerEvent,
    ServerMessageReader,
)

PICTURES: Final = (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.ZLIB, Encoding.RRE, Encoding.COPY_RECT)
OTHERS: Final = (
    Encoding.RAW,
    Encoding.CURSOR,
    Encoding.DESKTOP_SIZE,
    Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.DESKTOP_NAME,
    Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY,
    Encoding.QEMU_LED_STATE,
)
PAUSE: Final = 1 / 30  # seconds, at least, between two requests
PATIENCE: Final = 10.0  # seconds for a whole picture
KEY_PAUSE: Final = 0.02  # seconds for each key: QEMU takes that long, and a keyboard of PS/2 has room for few
CLICK_PAUSE: Final = 0.05  # seconds that a button is down
CLICK_PATIENCE: Final = 1.0  # seconds for letting go of a button, whatever happens
BUTTONS: Final = range(1, 9)
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class Display:
    """What :func:`open_display` gives."""

    def __init__(self, connection: Connection) -> None:
        self._stream = connection.stream
        self._sending = trio.Lock()
        self._reader = ServerMessageReader(Framebuffer(connection.init.width, connection.init.height))
        self._wish = trio.Event()
        self._wish.set()
        self._next_is_whole = True
        self._size = (self.framebuffer.width, self.framebuffer.height)
        self.framebuffer.lose(self.framebuffer.whole)
        self._updated = trio.Event()
        self._recorders = Recorders()
        self._seen: Framebuffer | None = None
        self.name = connection.init.name
        "What the server calls itself."
        self.takes_scan_codes = False
        "Whether keys are told by scan codes; a server says so with its first picture."
        self.pointer: PointerShape | None = None
        "What the pointer looks like, where the server does not draw it."
        self.lamps: int | None = None
        "The keyboard's: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock."

    @property
    def framebuffer(self) -> Framebuffer:
        """What the server has shown so far; it changes."""
        return self._reader.picture

    @property
    def _is_whole(self) -> bool:
        """Whether all of it has been drawn since it was asked for; what is drawn twice is not twice as much."""
        return self.framebuffer.knows(self.framebuffer.whole)

    # --- look ---

    async def refresh(self, *, patience: float = PATIENCE) -> Framebuffer:
        """The picture as it is now: all of it is asked for again.

        :param patience: seconds.
        :raises PeerTimeoutError: it did not come in time.
        """
        self.framebuffer.lose(self.framebuffer.whole)
        self._ask(whole=True)
        await self._wait_until_whole(patience)
        self._seen = self.framebuffer.snapshot()
        return self.framebuffer

    async def screenshot(self, *, longest: int | None = None, patience: float = PATIENCE) -> bytes:
        """The same as a PNG.

        :param longest: scale it down until no side is longer, in pixels.
        :raises PeerTimeoutError: there is no picture in time.
        """
        picture = await self.refresh(patience=patience)
        return encode_png(picture.pixels, picture.width, picture.height, longest=longest)

    async def wait_for_change(self, area: Area | None = None, *, patience: float | None = None) -> list[Area]:
        """Wait until something looks different from what was last seen, and tell where.

        Last seen is the picture of the last screenshot, refresh or change, so that nothing is missed that comes while
        keys are pressed; without any, what is shown now.

        :param area: look only there; must be inside.
        :param patience: seconds; without it, wait as long as the display is open.
        :raises PeerTimeoutError: nothing changed in time.
        """
        if area is not None:
            self.framebuffer.check(area)
        await self._wait_until_whole(PATIENCE if patience is None else patience)
        before = self._seen or self.framebuffer.snapshot()
        try:
            with trio.fail_after(float("inf") if patience is None else patience):
                while not (changes := self._changes_since(before, area)):
                    await self._updated.wait()
        except trio.TooSlowError:
            raise PeerTimeoutError(f"the display did not change within {patience:g} s") from None
        self._seen = self.framebuffer.snapshot()
        return changes

    def _changes_since(self, before: Framebuffer, area: Area | None) -> list[Area]:
        changes = self.framebuffer.changes(before)
        if area is None or not changes or (before.width, before.height) != (
            self.framebuffer.width, self.framebuffer.height,
        ):  # fmt: skip
            return changes
        return [area] if self.framebuffer.crop(area) != before.crop(area) else []

    async def _wait_until_whole(self, patience: float) -> None:
        try:
            with trio.fail_after(patience):
                while not self._is_whole:
                    await self._updated.wait()
        except trio.TooSlowError:
            raise PeerTimeoutError(
                f"the server sent no whole picture within {patience:g} s; the machine may be off"
            ) from None

    # --- type and point ---

    async def press(self, keys: str, *, layout: str = "us") -> None:
        """Press keys together, such as ``ctrl+alt+delete``, ``F2`` or ``a``.

        :raises LocalProtocolError: one is unknown.
        """
        await self.press_each([keys], layout=layout)

    async def press_each(self, chords: Iterable[str], *, layout: str = "us", pause: float = KEY_PAUSE) -> None:
        """The same for several, one after the other.

        :param pause: seconds for each key.
        :raises LocalProtocolError: one is unknown. Nothing was pressed then.
        """
        chosen = layout_named(layout)
        pressed = [list(chord_moves(find_chord(keys, chosen))) for keys in chords]
        await self._know_the_keyboard()
        for moves in pressed:
            await self._type(moves)
            await trio.sleep(pause * len(moves) / 2)

    async def type_text(self, text: str, *, layout: str = "us", pause: float = KEY_PAUSE) -> None:
        """Type a text; a line feed is Enter.

        :param layout: the keyboard that the machine believes to have: us, gb, de or fr.
        :param pause: seconds for each key.
        :raises LocalProtocolError: a character has no key there. Nothing was typed then.
        """
        chosen = layout_named(layout)
        await self._know_the_keyboard()
        for moves in list(text_moves(text, chosen, scan_codes=self.takes_scan_codes)):
            await self._type(moves)
            await trio.sleep(pause * len(moves) / 2)

    async def _know_the_keyboard(self) -> None:
        """A server tells with its first picture; one that shows nothing is asked to type nevertheless."""
        with trio.move_on_after(PATIENCE):
            while not self._is_whole and not self.takes_scan_codes:
                await self._updated.wait()

    async def _type(self, moves: Iterable[KeyMove]) -> None:
        messages = [move.encode(scan_codes=self.takes_scan_codes) for move in moves]
        await self._send(b"".join(messages))
        self._recorders.typed(*messages)

    async def move(self, x: int, y: int) -> None:
        """Move the pointer, in pixels from the upper left corner.

        :raises LocalProtocolError: that is outside.
        """
        await self._point(x, y, 0)

    async def click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        """Move the pointer, then press and release a button.

        :param button: 1 left, 2 middle, 3 right; 4 and 5 are the wheel.
        :raises LocalProtocolError: that is outside, or there is no such button.
        """
        if button not in BUTTONS:
            raise LocalProtocolError(f"there is no button {button}; there are 1 to 8")
        await self.move(x, y)
        for _ in range(times):
            try:
                await self._point(x, y, 1 << button - 1)
                await trio.sleep(CLICK_PAUSE)
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + CLICK_PATIENCE):
                    await self._point(x, y, 0)  # nobody else would let go of it
            await trio.sleep(CLICK_PAUSE)

    async def _point(self, x: int, y: int, buttons: int) -> None:
        picture = self.framebuffer
        if not (0 <= x < picture.width and 0 <= y < picture.height):
            raise LocalProtocolError(f"{x},{y} is not inside the display, which has {picture.width}x{picture.height}")
        message = PointerEvent(x, y, buttons).encode()
        await self._send(message)
        self._recorders.typed(message)

    # --- record ---

    @asynccontextmanager
    async def record(self, file: BinaryIO, *, with_input: bool = False) -> AsyncIterator[RecordingWriter]:
        """Record what is shown to *file* until the end of the block.

        :param with_input: also what is typed and pointed at through this object; passwords may be among it.
        """
        await self._wait_until_whole(PATIENCE)
        with self._recorders.recording(file, self.framebuffer, name=self.name, with_input=with_input) as writer:
            yield writer

    # --- the connection ---

    async def run(self) -> None:
        """Speak with the server until it is cancelled.

        :raises RemoteProtocolError: the server broke the rules.
        :raises TransportError: the connection was lost.
        """
        try:
            with as_one(ConduitError, *_GONE):
                async with open_background_nursery() as nursery:
                    await self._send(SetPixelFormat(PixelFormat.BGRX).encode() + self._encodings.encode())
                    nursery.start_soon(self._request)
                    await self._receive()
        except _GONE as error:
            raise TransportError("the connection with the display was lost") from error

    _encodings = SetEncodings((*PICTURES, *OTHERS))

    def limit_encodings(self, encodings: Iterable[int]) -> None:
        """Ask for these, best first, and Raw, in place of all that are known; before :meth:`run`."""
        self._encodings = SetEncodings((*encodings, *OTHERS))

    async def _receive(self) -> None:
        while data := await self._stream.receive_some():
            for event in self._reader.receive_data(data):
                self._take(event)
        self._reader.receive_eof()
        raise TransportError("the display closed the connection")

    async def _request(self) -> None:
        while True:
            await self._wish.wait()
            self._wish = trio.Event()
            incremental, self._next_is_whole = not self._next_is_whole, False
            await self._send(FramebufferUpdateRequest(self.framebuffer.whole, incremental).encode())
            await trio.sleep(PAUSE)

    def _ask(self, *, whole: bool = False) -> None:
        self._next_is_whole |= whole
        self._wish.set()

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            try:
                await self._stream.send_all(data)
            except _GONE as error:
                raise TransportError("the connection with the display was lost") from error

    def _take(self, event: ServerEvent) -> None:
        self._recorders.shown(event)
        match event:
            case FramebufferUpdated():
                self._ask()  # QEMU answers a request for the whole with sizes first, and sends pixels for the next one
                self._tell()
            case Resized():
                self._take_size()
            case PointerChanged(shape):
                self.pointer = shape
            case Renamed(name):
                self.name = name
            case LampsChanged(lamps):
                self.lamps = lamps
            case ScanCodesUnderstood():
                self.takes_scan_codes = True
            case _:
                pass  # a clipboard and the like, which nobody asked for

    def _take_size(self) -> None:
        size = (self.framebuffer.width, self.framebuffer.height)
        if size == self._size:
            return  # QEMU repeats it with every picture
        self._size = size
        self.framebuffer.lose(self.framebuffer.whole)
        self._ask(whole=True)

    def _tell(self) -> None:
        updated, self._updated = self._updated, trio.Event()
        updated.set()


@asynccontextmanager
async def open_display(
    address: str | DisplayAddress,
    *,
    username: str = "",
    password: str | None = None,
    options: LoginOptions | None = None,
    ask: Ask | None = None,
    encodings: Iterable[int] | None = None,
) -> AsyncIterator[Display]:
    """Log in to a display; it is left at the end of the block.

    :param address: such as ``192.0.2.7``, ``192.0.2.7::1``, ``vnc://192.0.2.7:5901`` or ``wss://192.0.2.7/kvm/0``.
    :param options: everything about the login, in place of *username* and *password*.
    :param ask: asks somebody for what is missing.
    :param encodings: ask the server for these, best first, in place of all that are known.
    :raises AuthenticationError: the server does not believe us.
    :raises DisplayRefused: it wants nobody, or nobody more.
    :raises NegotiationError: nothing that it offers may be used.
    :raises TransportError: nobody is there, or the connection was lost.
    """
    pillow()  # nothing works without, so say it first
    where = DisplayAddress.parse(address) if isinstance(address, str) else address
    login = options or LoginOptions(credentials=Credentials(username, password))
    async with open_connection(where, login, ask=ask) as connection:
        display = Display(connection)
        if encodings is not None:
            display.limit_encodings(encodings)
        with as_one(TransportError, RemoteProtocolError):
            async with open_background_nursery() as nursery:
                nursery.start_soon(display.run)
                yield display
