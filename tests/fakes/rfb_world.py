"""A display, what shares it, and viewers, without sockets: bytes are on their way until a test lets them arrive."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from conduit.rfb.audience import Audience
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.damage import Damage
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    ClientMessage,
    FramebufferUpdateRequest,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.mirror import Mirror
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import RectangleHeader, ServerInit, encode_update
from conduit.rfb.server_messages import FramebufferUpdated, ServerMessageReader
from conduit.rfb.translation import PixelWriter
from tests.fakes.rfb_bytes import deflated, rectangle, update, with_length, zlib_stream

WIDTH, HEIGHT = 40, 24
OURS = (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.RAW)


class Display:
    """A server with one client. It answers a request when it is told to, in the first encoding that it was told."""

    def __init__(self) -> None:
        self.picture = Framebuffer(WIDTH, HEIGHT)
        self.said: list[ClientMessage] = []
        self.encodings: tuple[int, ...] = ()
        self.wanted: Area | None = None
        self._reader = ClientMessageReader()
        self._encoder = UpdateEncoder()
        self._writer = PixelWriter(PixelFormat.BGRX)
        self._zlib = zlib_stream()
        self._damage = Damage(WIDTH, HEIGHT)
        self._damage.add([self.picture.whole])
        self._copied: tuple[Area, int, int] | None = None
        self._size = (WIDTH, HEIGHT)

    def receive(self, data: bytes) -> None:
        for message in self._reader.receive_data(data):
            self.said.append(message)
            if isinstance(message, SetEncodings):
                self.encodings = message.encodings
                self._encoder.set_encodings(message.encodings)
            elif isinstance(message, SetPixelFormat):
                self._encoder.set_pixel_format(message.pixel_format)
                self._writer = PixelWriter(message.pixel_format)
            elif isinstance(message, FramebufferUpdateRequest):
                self.wanted = message.area
                if not message.incremental:
                    self._damage.add([message.area])

    def paint(self, area: Area, colour: bytes) -> None:
        self.picture.fill(area, colour)
        self._damage.add([area])

    def copy(self, x: int, y: int, area: Area) -> None:
        """What has changed is told as it is, before or after."""
        self.picture.copy(x, y, area)
        if self._damage or self._copied or Encoding.COPY_RECT not in self.encodings:
            self._damage.add([area])
        else:
            self._copied = area, x, y

    def resize(self, width: int, height: int) -> None:
        self.picture.resize(width, height)
        self._damage, self._copied = Damage(min(width, self._size[0]), min(height, self._size[1])), None
        self._damage.add([self.picture.whole])

    def answer(self) -> bytes:
        """An update, if one was asked for and there is something new."""
        if self._size != (self.picture.width, self.picture.height) and Encoding.DESKTOP_SIZE in self.encodings:
            self._size = (self.picture.width, self.picture.height)
            self._damage = Damage(*self._size)
            self._damage.add([self.picture.whole])
            return encode_update(1) + RectangleHeader(0, 0, *self._size, Encoding.DESKTOP_SIZE).encode()
        if self.wanted is None:
            return b""
        copied, self._copied = self._copied, None
        areas = self._damage.take(self.wanted)
        if not areas and not copied:
            return b""
        self.wanted = None
        before = [self._copy(*copied)] if copied else []
        first = next((each for each in self.encodings if each in (*OURS, Encoding.ZLIB, Encoding.RRE)), Encoding.RAW)
        if first in OURS:
            return self._encoder.encode(self.picture, areas, before)
        return update(*before, *(self._encode(first, area) for area in areas))

    def _copy(self, area: Area, x: int, y: int) -> bytes:
        return rectangle(*area, Encoding.COPY_RECT, struct.pack(">HH", x, y))

    def _encode(self, encoding: int, area: Area) -> bytes:
        pixels = self._writer.full(self.picture.crop(area))
        if encoding == Encoding.ZLIB:
            return rectangle(*area, encoding, with_length(deflated(pixels, self._zlib)))
        dots = [pixels[at : at + 4] for at in range(0, len(pixels), 4)]
        parts = [
            dot + struct.pack(">HHHH", number % area.width, number // area.width, 1, 1)
            for number, dot in enumerate(dots)
            if dot != dots[0]
        ]
        return rectangle(*area, encoding, struct.pack(">I", len(parts)) + dots[0] + b"".join(parts))


class Viewer:
    """It asks for all, and then for what changes, once it has got what it asked for."""

    def __init__(self, house: House, encodings: Sequence[int], pixel_format: PixelFormat) -> None:
        picture = house.mirror.picture
        self.picture = Framebuffer(picture.width, picture.height)
        self.reader = ServerMessageReader(self.picture)
        self.reader.set_pixel_format(pixel_format)
        self.unread = b""
        self.updates = 0
        self._house = house
        self.number = house.audience.attach(house.now)
        house.attend()
        self.say(SetPixelFormat(pixel_format), SetEncodings(tuple(encodings)), self._request(incremental=False))

    def _request(self, *, incremental: bool = True) -> FramebufferUpdateRequest:
        return FramebufferUpdateRequest(self.picture.whole, incremental)

    def say(self, *messages: ClientMessage) -> None:
        self._house.audience.receive(self.number, b"".join(message.encode() for message in messages))
        self._house.mirror.look_at_lone()

    def read(self, count: int) -> None:
        """Some of what was sent arrives."""
        data, self.unread = self.unread[:count], self.unread[count:]
        for event in self.reader.receive_data(data):
            if isinstance(event, FramebufferUpdated):
                self.updates += 1
                self.say(self._request())

    def leave(self) -> None:
        self._house.audience.leave(self.number, self._house.now)
        self._house.viewers.remove(self)
        self._house.attend()


class House:
    """A display and what shares it."""

    def __init__(self, *, passes: bool = True, hidden: frozenset[int] = frozenset()) -> None:
        self.display = Display()
        self.mirror = Mirror(ServerInit(WIDTH, HEIGHT, PixelFormat.BGRX, "box"), passes=passes, hidden=hidden)
        self.audience = Audience(self.mirror)
        self.viewers: list[Viewer] = []
        self.looks = False
        self.now = 0.0
        self.down = b""
        "On its way from the display."
        self.up = b""
        "On its way to the display."

    def passes(self) -> bool:
        return self.mirror.is_passing

    def attend(self) -> None:
        self.mirror.attend([seat.viewing for seat in self.audience.seats], looks=self.looks)

    def join(self, encodings: Sequence[int], pixel_format: PixelFormat = PixelFormat.BGRX) -> Viewer:
        viewer = Viewer(self, encodings, pixel_format)
        self.viewers.append(viewer)
        return viewer

    def look(self, *, looks: bool) -> None:
        """As who takes a thumbnail does."""
        if looks and not self.mirror.is_followed:
            self.mirror.forget()
        self.looks = looks
        self.attend()

    def send(self) -> None:
        """What there is to say is on its way."""
        self.now += 1.0
        for done in self.audience.take_inputs():
            self.mirror.do(done)
        self.up += self.mirror.data_to_send(self.now)
        for viewer in self.viewers:
            viewer.unread += self.audience.data_to_send(viewer.number, self.now)

    def arrive_up(self, count: int) -> None:
        data, self.up = self.up[:count], self.up[count:]
        self.display.receive(data)

    def arrive_down(self, count: int) -> None:
        data, self.down = self.down[:count], self.down[count:]
        if data:
            self.mirror.receive_data(data)

    def settle(self) -> None:
        """Until nothing is on its way any more."""
        for _ in range(60):
            self.send()
            self.arrive_up(1 << 20)
            self.down += self.display.answer()
            self.arrive_down(1 << 20)
            self.send()
            for viewer in self.viewers:
                viewer.read(1 << 20)
