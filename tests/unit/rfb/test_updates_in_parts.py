"""A large update leaves in parts, drawn as they leave; what comes between them waits, or keeps to what was promised."""

from __future__ import annotations

import dataclasses
import tracemalloc
from typing import Final

import pytest

from conduit.rfb.encoders.update import PART
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    FenceMessage,
    FramebufferUpdateRequest,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.names import Encoding, Fence
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_messages import FramebufferUpdated, Resized, ServerEvent, ServerMessageReader
from conduit.rfb.viewing import Viewing
from tests.fakes.rfb_bytes import BLUE, RED, many_coloured

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 800, 600
WHOLE: Final = Area(0, 0, WIDTH, HEIGHT)
ENCODINGS: Final = (Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)
LARGEST: Final = 4 * PART + 4096  # bytes of a part: pixels as they are, and headers


class Eye:
    """A viewer of a large picture, which takes it part by part."""

    def __init__(self, shown: Framebuffer, *encodings: int) -> None:
        self.viewing = Viewing(shown, pace=0.0)
        self.reader = ServerMessageReader(Framebuffer(shown.width, shown.height))
        self.parts: list[bytes] = []
        self.viewing.receive_data(SetEncodings(encodings).encode() + FramebufferUpdateRequest(WHOLE, False).encode())

    def take(self) -> list[ServerEvent]:
        """One part."""
        self.parts.append(self.viewing.data_to_send(0.0))
        return list(self.reader.receive_data(self.parts[-1]))

    def take_all(self) -> list[ServerEvent]:
        """All parts of an update, and no more."""
        events: list[ServerEvent] = []
        while not any(isinstance(event, FramebufferUpdated) for event in events):
            assert self.viewing.next_deadline() is not None
            events += self.take()
        return events


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_parts_are_one_update_of_the_whole_picture(encoding: Encoding) -> None:
    shown = many_coloured(WIDTH, HEIGHT)
    eye = Eye(shown, encoding)
    assert [type(event) for event in eye.take_all()] == [FramebufferUpdated]
    assert eye.reader.picture == shown
    assert len(eye.parts) > WIDTH * HEIGHT // PART // 2
    assert max(map(len, eye.parts)) < LARGEST
    assert eye.viewing.next_deadline() is None


def test_a_viewer_that_stands_still_holds_one_part() -> None:
    eye = Eye(many_coloured(WIDTH, HEIGHT))
    tracemalloc.start()
    part = eye.viewing.data_to_send(0.0)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(part) < held + 1 < LARGEST
    assert peak < 2 * LARGEST


def test_what_changes_meanwhile_is_told_afterwards_too() -> None:
    shown = many_coloured(WIDTH, HEIGHT)
    eye = Eye(shown, Encoding.RAW)
    eye.take()
    for area in (Area(0, 0, 20, 20), Area(0, HEIGHT - 20, 20, 20)):
        shown.fill(area, RED)
        eye.viewing.touch([area])
    eye.take_all()
    assert eye.reader.picture.crop(Area(0, HEIGHT - 20, 20, 20)) == RED * 400, "drawn when it left"
    eye.viewing.receive_data(FramebufferUpdateRequest(WHOLE).encode())
    eye.take_all()
    assert eye.reader.picture == shown


def test_answers_wait_until_the_update_has_ended() -> None:
    eye = Eye(many_coloured(WIDTH, HEIGHT), Encoding.RAW)
    eye.take()
    eye.viewing.receive_data(FenceMessage(Fence.REQUEST | Fence.BLOCK_BEFORE, b"mine").encode())
    eye.viewing.ring()
    eye.take_all()
    assert b"mine" in eye.viewing.data_to_send(0.0)


def test_other_wishes_are_for_the_next_update() -> None:
    shown = many_coloured(WIDTH, HEIGHT)
    eye = Eye(shown, Encoding.RAW)
    eye.take()
    rgbx = dataclasses.replace(PixelFormat.BGRX, red_shift=0, blue_shift=16)
    eye.viewing.receive_data(SetPixelFormat(rgbx).encode() + SetEncodings((Encoding.HEXTILE,)).encode())
    eye.take_all()
    assert eye.reader.picture == shown
    shown.fill(WHOLE, BLUE)
    eye.viewing.touch([Area(0, 0, 16, 16)])
    eye.viewing.receive_data(FramebufferUpdateRequest(WHOLE).encode())
    assert eye.viewing.data_to_send(0.0)[-4:] == b"\0\0\xff\0", "blue of RGBX, of a tile of Hextile"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_picture_that_shrinks_meanwhile_is_shown_as_it_was_and_then_anew(encoding: Encoding) -> None:
    shown = many_coloured(WIDTH, HEIGHT)
    before = shown.snapshot()
    eye = Eye(shown, encoding, Encoding.DESKTOP_SIZE)
    eye.take()
    shown.resize(640, 400)
    shown.fill(shown.whole, RED)
    eye.viewing.replace(shown)
    eye.take_all()
    assert eye.reader.picture == before
    eye.viewing.receive_data(FramebufferUpdateRequest(WHOLE).encode())
    assert Resized(width=640, height=400) in eye.take_all()
    eye.viewing.receive_data(FramebufferUpdateRequest(WHOLE).encode())
    eye.take_all()
    assert eye.reader.picture == shown
