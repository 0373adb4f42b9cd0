"""Oracles for what viewers say to a server of ours, and for what machines write to a text screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit._lease import Lease
from conduit.errors import RemoteProtocolError
from conduit.rfb.audience import Audience
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    EnableContinuousUpdates,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.names import Encoding, Fence
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.textscreen import Picture, Terminal

Oracle = Callable[[bytes], None]
WHOLE: Final = Area(0, 0, 640, 400)


def viewing(data: bytes) -> None:
    """Whatever a viewer says, it gets what RFB allows or is thrown out; another one sees the picture."""
    display = TextDisplay("fuzz")
    audience = Audience(display, lease=Lease())
    first, second = audience.attach(0.0), audience.attach(0.0)
    with suppress(RemoteProtocolError):
        for at in range(0, len(data), 7):
            audience.receive(first, data[at : at + 7])
            audience.data_to_send(first, float(at + 1))
    audience.leave(first, 0.0)
    audience.take_inputs()
    reader = ServerMessageReader(Framebuffer(640, 400))
    audience.receive(second, SetEncodings((Encoding.ZRLE,)).encode() + FramebufferUpdateRequest(WHOLE).encode())
    reader.receive_data(audience.data_to_send(second, 0.0))
    assert reader.picture == display.picture


def terminal(data: bytes) -> None:
    """Whatever is written, in however many pieces, there is a screen, and its cursor is on it."""
    pieces, whole = Terminal(20, 5), Terminal(20, 5)
    for at in range(0, len(data), 3):
        pieces.receive(data[at : at + 3])
    whole.receive(data)
    assert pieces.text() == whole.text()
    assert pieces.cursor == whole.cursor
    if whole.cursor is not None:
        assert 0 <= whole.cursor[0] < 5
        assert 0 <= whole.cursor[1] < 20
    assert {len(row) for row in Picture(whole).redraw().values()} == {20 * 8 * 16 * 4}


SCREEN_TARGETS: Final[Mapping[str, Oracle]] = {"rfb_viewing": viewing, "text_terminal": terminal}
SCREEN_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "rfb_viewing": [
        SetPixelFormat(PixelFormat.BGRX).encode()
        + SetEncodings((Encoding.TIGHT, Encoding.FENCE, Encoding.CONTINUOUS_UPDATES, Encoding.DESKTOP_NAME)).encode()
        + FramebufferUpdateRequest(WHOLE, incremental=False).encode(),
        KeyEvent(0x61, down=True).encode() + PointerEvent(1, 2, 1).encode(),
        EnableContinuousUpdates(enable=True, area=WHOLE).encode() + FenceMessage(Fence.REQUEST, b"abc").encode(),
    ],
    "text_terminal": [
        b"\x1b[2J\x1b[1;33;44mhello\x1b[0m\r\n\x1b[2;4r\x1b[?6h\x1b[3;1H\x1b[L\x1b[2M\x1b[5@\x1b[3P\x1b[K\x1b(0lqk\x1b(B",
        "日本 é\x1b]0;title\x07\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b7\x1b[?1049h\x1b8\x1bM\x1b#8\x1bc".encode(),
    ],
}
