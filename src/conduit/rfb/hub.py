"""One login at a display, for any number of viewers: each in its own encodings, at its own pace.

The bytes for a viewer that is alone are passed on as they come, where that is possible.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import BinaryIO, Final

import trio

from conduit._lease import Lease, Move
from conduit._trio import as_one, open_background_nursery, wait_before
from conduit.errors import ConduitError, PeerTimeoutError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.images import encode_png
from conduit.rfb.keyboards import KeyMove
from conduit.rfb.login import Connection, LoginOptions, open_connection
from conduit.rfb.mirror import Mirror
from conduit.rfb.recorders import Recorders
from conduit.rfb.recording import RecordingWriter
from conduit.rfb.server import Access, RfbServer
from conduit.rfb.server_messages import (
    Belled,
    Renamed,
    ScanCodesUnderstood,
    ServerEvent,
    TextCut,
)
from conduit.rfb.viewing import Input

AT_ONCE: Final = 0.02  # seconds of drawing
REST: Final = 0.005  # seconds after that for others
SEND_WITHIN: Final = 30.0  # seconds in which a display takes what viewers did
PATIENCE: Final = 10.0  # seconds for a picture
KEY_PAUSE: Final = 0.02  # seconds for each key: QEMU takes that long
_PAINTERS: Final = trio.CapacityLimiter(2)  # of pictures in this process: each has a copy of a screen
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class DisplayHub:
    """What :func:`open_hub` gives. :attr:`server` serves viewers, on streams or on a port.

    :param lease: who has the keyboard; without one all have it who may type.
    :param jpeg: whether viewers may get JPEG if they wish.
    :param passes: whether a viewer that is alone may get the display's own bytes.
    :param hidden: encodings that the display does not do well, and is never asked for.
    """

    def __init__(
        self, connection: Connection, *, name: str = "", access: Access | None = None, lease: Lease | None = None,
        jpeg: bool = True, passes: bool = True, hidden: Collection[int] = (),
    ) -> None:  # fmt: skip
        self._stream = connection.stream
        self._mirror = Mirror(connection.init, name=name, passes=passes, hidden=frozenset(hidden))
        self._stirred = trio.Event()
        self._lookers = 0  # that are no viewers
        self._recorders = Recorders()
        self._followers = 0  # that record, or are about to
        self._pictures = trio.lowlevel.ParkingLot()
        self._taken = trio.lowlevel.ParkingLot()  # viewers have taken something, or are gone
        self.audience = Audience(self._mirror, lease=lease, jpeg=jpeg)
        self.server = RfbServer(
            self.audience,
            access,
            on_input=self._take_input,
            on_viewers=self._look_for_viewers,
            on_viewing=self._look_at_lone,
        )

    @property
    def name(self) -> str:
        """Of the machine."""
        return self._mirror.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._mirror.picture.width, self._mirror.picture.height

    async def run(self) -> None:
        """Speak with the display until it is gone or this is cancelled.

        :raises TransportError: the connection was lost.
        :raises RemoteProtocolError: the display broke the rules.
        """
        try:
            with as_one(ConduitError, *_GONE):
                async with open_background_nursery() as nursery:
                    nursery.start_soon(self._send)
                    nursery.start_soon(self._pass_keyboard_on)
                    await self._receive()
        except _GONE as error:
            raise TransportError("the connection with the display was lost") from error

    async def _receive(self) -> None:
        while data := await self._stream.receive_some():
            self._draw(data)
            while self._mirror.is_behind:
                await trio.sleep(REST)
                self._draw(b"")
            while self._mirror.waits_for_viewer:
                await self._taken.park()
        self._mirror.receive_eof()
        raise TransportError("the display closed the connection")

    def _draw(self, data: bytes | bytearray) -> None:
        """For a moment at most, whatever the display sends: others have displays, too."""
        end = time.perf_counter() + AT_ONCE
        for event in self._mirror.receive_data(data, is_enough=lambda: time.perf_counter() > end):
            self._tell(event)
        self._pictures.unpark_all()
        self.server.stir()
        self._stir()

    def _tell(self, event: ServerEvent) -> None:
        """What is no picture goes to viewers at once."""
        self._recorders.shown(event)
        if isinstance(event, Belled):
            self.audience.ring()
        elif isinstance(event, TextCut) and not event.extended:
            self.audience.cut(event.data)
        elif isinstance(event, ScanCodesUnderstood):
            self.audience.offer_scan_codes()
        elif isinstance(event, Renamed):
            self.audience.tell_names()

    def _stir(self) -> None:
        """Look again at what the display is to be sent, and at who has the keyboard."""
        stirred, self._stirred = self._stirred, trio.Event()
        stirred.set()

    async def _send(self) -> None:
        with trio.CancelScope() as patience:  # one for all: to make a scope costs more than to send a key
            while True:
                stirred, now = self._stirred, trio.current_time()
                if data := self._mirror.data_to_send(now):
                    patience.deadline = now + SEND_WITHIN
                    await self._stream.send_all(data)
                    patience.deadline = math.inf
                    continue
                await wait_before(self._mirror.next_deadline(), stirred.wait)
        raise TransportError("the display takes nothing")

    # --- the keyboard ---

    def make(self, move: Move, viewer: int, *, to: int | None = None) -> bool:
        """A viewer asks for the keyboard, gives it, takes it; whether anything changed."""
        changed = self.audience.make(move, viewer, trio.current_time(), to=to)
        self.server.stir()
        self._stir()
        return changed

    async def _pass_keyboard_on(self) -> None:
        """To who asks, when nobody says no."""
        if self.audience.lease is None:
            return  # somebody else decides it
        while True:
            stirred = self._stirred
            await wait_before(self.audience.next_deadline(), stirred.wait)
            if self.audience.handle_deadline(trio.current_time()):
                self.server.stir()

    def _take_input(self, done: Input) -> None:
        self._mirror.do(done)
        self._stir()
        self._recorders.typed(done.encode())

    async def type_moves(self, strokes: Iterable[Iterable[KeyMove]], *, pause: float = KEY_PAUSE) -> None:
        """Move keys as a viewer would, a stroke after the other.

        :param pause: seconds for each stroke.
        """
        for stroke in strokes:
            for move in stroke:
                self._take_input(move.as_event(scan_codes=self._mirror.takes_scan_codes))
            await trio.sleep(pause)

    @property
    def takes_scan_codes(self) -> bool:
        """Whether the display does: then a character needs a key."""
        return self._mirror.takes_scan_codes

    def look_at_keyboards(self) -> None:
        """Somebody else may have it now, where it is not the lease that says so."""
        self.audience.look_at_keyboards()
        self.server.stir()

    # --- looking ---

    @property
    def is_passing(self) -> bool:
        """Whether a viewer, who is alone, gets the display's own bytes."""
        return self._mirror.is_passing

    def _look_for_viewers(self) -> None:
        viewings = [seat.viewing for seat in self.audience.seats]
        self._mirror.attend(viewings, looks=bool(self._lookers), follows=bool(self._followers))
        self._taken.unpark_all()
        self._stir()

    def _look_at_lone(self) -> None:
        """A viewer has said or taken something."""
        if not self._mirror.has_lone_viewer:
            return
        self._mirror.look_at_lone()
        self._taken.unpark_all()
        self._stir()

    async def thumbnail(
        self, *, longest: int | None = None, widest: int | None = None, patience: float = PATIENCE
    ) -> bytes:
        """A PNG of what is to be seen now; who takes one is no viewer.

        :param longest: scale it down until no side is longer, in pixels.
        :param widest: scale it down until it is no wider, in pixels.
        :param patience: seconds.
        :raises PeerTimeoutError: there is no picture in time.
        """
        if not self._mirror.is_followed:
            self._mirror.forget()
        self._lookers += 1
        self._look_for_viewers()
        try:
            with trio.fail_after(patience):
                await self._take_painter()
        except trio.TooSlowError:
            raise PeerTimeoutError(f"the display has shown no whole picture within {patience:g} s") from None
        finally:
            self._lookers -= 1
            self._look_for_viewers()
        picture = self._mirror.picture
        try:
            return await trio.to_thread.run_sync(
                lambda pixels, width, height: encode_png(pixels, width, height, longest=longest, widest=widest),
                bytes(picture.pixels), picture.width, picture.height,
            )  # fmt: skip
        finally:
            _PAINTERS.release()

    @asynccontextmanager
    async def record(
        self, file: BinaryIO, *, with_input: bool = False, patience: float = PATIENCE
    ) -> AsyncIterator[RecordingWriter]:
        """Record what is shown to *file*, until the end of the block; who records is no viewer.

        While it lasts, a viewer that is alone is shown the hub's picture and not the display's own bytes.

        :param with_input: also what viewers do to the machine; passwords may be among it.
        :param patience: seconds for the first whole picture.
        :raises PeerTimeoutError: there is none in time.
        """
        if not self._mirror.is_followed:
            self._mirror.forget()
        self._followers += 1
        self._look_for_viewers()
        try:
            with trio.move_on_after(patience) as scope:
                await self._until_whole()
            if scope.cancelled_caught:
                raise PeerTimeoutError(f"the display has shown no whole picture within {patience:g} s")
            with self._recorders.recording(file, self._mirror.picture, name=self.name, with_input=with_input) as writer:
                yield writer
        finally:
            self._followers -= 1
            self._look_for_viewers()

    async def _take_painter(self) -> None:
        """Return with one, when there is a whole picture."""
        while True:
            await self._until_whole()
            await _PAINTERS.acquire()
            if self._mirror.is_whole:
                return
            _PAINTERS.release()

    async def _until_whole(self) -> None:
        while not self._mirror.is_whole:
            await self._pictures.park()


@asynccontextmanager
async def open_hub(
    address: str | DisplayAddress,
    options: LoginOptions | None = None,
    *,
    name: str = "",
    access: Access | None = None,
    lease: Lease | None = None,
    jpeg: bool = True,
    passes: bool = True,
    hidden: Collection[int] = (),
) -> AsyncIterator[DisplayHub]:
    """Log in to a display, and share it until the end of the block.

    :param name: what viewers see as its name.
    :param access: how viewers get in that connect to the hub's own port.
    :param passes: whether a viewer that is alone may get the display's own bytes, until it is alone no more.
    :param hidden: encodings that the display does not do well, and is never asked for.
    :raises AuthenticationError: the display does not believe us.
    :raises TransportError: nobody is there, or the connection was lost.
    """
    where = DisplayAddress.parse(address) if isinstance(address, str) else address
    async with open_connection(where, options or LoginOptions()) as connection:
        hub = DisplayHub(connection, name=name, access=access, lease=lease, jpeg=jpeg, passes=passes, hidden=hidden)
        async with open_background_nursery() as nursery:
            nursery.start_soon(hub.run)
            yield hub
