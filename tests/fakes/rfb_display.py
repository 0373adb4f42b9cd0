"""A server's side of a display, in memory, after the login."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio
from trio.testing import memory_stream_pair

from conduit._trio import open_background_nursery
from conduit.rfb.client_handshake import ClientHandshake
from conduit.rfb.display import Display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.login import Connection
from conduit.rfb.messages import Area, ExtendedKeyEvent, FramebufferUpdateRequest, KeyEvent, PointerEvent
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server_heads import ServerInit
from tests.fakes.rfb_bytes import rectangle, update

SIZES = {0: 20, 3: 10, 4: 8, 5: 6, 255: 12}


class FakeDisplay:
    """Sends its picture when it is asked for, and once more when it has changed.

    :param scan_codes: whether it takes them.
    :param shows: whether it sends pictures.
    """

    def __init__(self, picture: Framebuffer, *, scan_codes: bool = False, shows: bool = True) -> None:
        self.picture = picture
        self.scan_codes = scan_codes
        self.shows = shows
        self.encodings: tuple[int, ...] = ()
        self.requests: list[FramebufferUpdateRequest] = []
        self.keys: list[KeyEvent | ExtendedKeyEvent] = []
        self.pointers: list[PointerEvent] = []
        self.client, ours = memory_stream_pair()
        self._stream: trio.abc.Stream = ours
        self._is_asked = False
        self.echoes = False
        "Whether a pixel tells how many keys have come."

    async def serve(self) -> None:
        data = bytearray()
        while received := await self._receive():
            data += received
            while (size := self._size_of(data)) <= len(data):
                message = bytes(data[:size])
                del data[:size]
                await self._take(message)

    async def _receive(self) -> bytes | bytearray:
        try:
            return await self._stream.receive_some()
        except trio.ClosedResourceError:
            return b""

    def _size_of(self, data: bytearray) -> int:
        if not data or (data[0] == 2 and len(data) < 4):
            return 1 << 30
        return 4 + 4 * int.from_bytes(data[2:4], "big") if data[0] == 2 else SIZES[data[0]]

    async def _take(self, message: bytes) -> None:
        match message[0]:
            case 2:
                self.encodings = struct.unpack(f">4x{(len(message) - 4) // 4}i", message)
            case 3:
                request = FramebufferUpdateRequest.decode(message)
                self.requests.append(request)
                self._is_asked = True
                if not request.incremental and self.shows:
                    await self.show()
            case 4:
                self.keys.append(KeyEvent.decode(message))
                if self.echoes:
                    self.picture.fill(Area(0, 0, 1, 1), len(self.keys).to_bytes(3, "little") + b"\0")
                    await self.show()
            case 5:
                self.pointers.append(PointerEvent.decode(message))
            case 255:
                self.keys.append(ExtendedKeyEvent.decode(message))

    async def let_in(self, stream: trio.abc.Stream) -> None:
        """Log a client in that shows a password, whatever that is, and serve it."""
        self._stream = stream
        await stream.send_all(b"RFB 003.008\n")
        await self._read(12)
        await stream.send_all(b"\x01\x02")  # VncAuth
        await self._read(1)
        await stream.send_all(bytes(16))
        await self._read(16)
        await stream.send_all(bytes(4))
        await self._read(1)
        init = ServerInit(self.picture.width, self.picture.height, PixelFormat.BGRX, "fake")
        await stream.send_all(init.encode())
        with suppress(trio.BrokenResourceError):
            await self.serve()

    async def _read(self, count: int) -> None:
        while count:
            count -= len(await self._stream.receive_some(count))

    async def show(self, *, resized: bool = False) -> None:
        """Send the picture."""
        width, height = self.picture.width, self.picture.height
        before = [rectangle(0, 0, width, height, Encoding.DESKTOP_SIZE)] if resized else []
        if self.scan_codes:
            before.append(rectangle(0, 0, width, height, Encoding.QEMU_EXTENDED_KEY))
        pixels = rectangle(0, 0, width, height, Encoding.RAW, bytes(self.picture.pixels))
        await self.say(update(*before, pixels))

    async def say(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def close(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def serving(server: FakeDisplay) -> AsyncIterator[int]:
    """Its port on loopback; one client after the other."""
    async with open_background_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.let_in, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]


@asynccontextmanager
async def open_fake_display(server: FakeDisplay) -> AsyncIterator[Display]:
    """A display that is logged in to *server*."""
    init = ServerInit(server.picture.width, server.picture.height, PixelFormat.BGRX, "fake")
    connection = Connection(server.client, init, ClientHandshake(Credentials(), LoginRules()))
    async with open_background_nursery() as nursery:
        nursery.start_soon(server.serve)
        display = Display(connection)
        nursery.start_soon(display.run)
        yield display


async def settle() -> None:
    """Until nothing happens any more."""
    await trio.testing.wait_all_tasks_blocked()
