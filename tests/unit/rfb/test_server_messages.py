from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from conduit.errors import DecodeError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area, Screen
from conduit.rfb.names import Encoding
from conduit.rfb.server_messages import (
    MAX_AUDIO,
    MAX_CUT_TEXT,
    Belled,
    ContinuousUpdatesEnded,
    FenceReached,
    FramebufferUpdated,
    LampsChanged,
    PointerChanged,
    PowerAnswered,
    Renamed,
    Resized,
    ScanCodesUnderstood,
    ServerEvent,
    ServerMessageReader,
    TextCut,
)
from tests.fakes.rfb_bytes import BLUE, RED, rectangle, update

NOTHING = FramebufferUpdated(())
LAST = rectangle(0, 0, 0, 0, Encoding.LAST_RECT)
SCREEN = struct.pack(">IHHHHI", 7, 0, 0, 3, 2, 0)
MESSAGES: dict[str, tuple[bytes, list[ServerEvent]]] = {
    "bell": (b"\x02", [Belled()]),
    "colours": (b"\x01\0\0\0\0\x02" + bytes(12), []),
    "text": (b"\x03\0\0\0\0\0\0\x02hi", [TextCut(b"hi")]),
    "extended text": (b"\x03\0\0\0\xff\xff\xff\xfe\0\1", [TextCut(b"\0\1", extended=True)]),
    "end of continuous updates": (b"\x96", [ContinuousUpdatesEnded()]),
    "fence": (b"\xf8\0\0\0\x80\0\0\x01\x02ab", [FenceReached(0x8000_0001, b"ab")]),
    "power": (b"\xfa\0\x01\x01", [PowerAnswered(1, 1)]),
    "sound begins": (b"\xff\x01\0\x01", []),
    "sound": (b"\xff\x01\0\x02\0\0\0\x03abc", []),
    "no rectangles": (update(), [NOTHING]),
    "rectangles to the last": (
        update(rectangle(1, 0, 1, 1, Encoding.RAW, RED), LAST, count=0xFFFF),
        [FramebufferUpdated((Area(1, 0, 1, 1),))],
    ),
    "size": (update(rectangle(0, 0, 3, 2, Encoding.DESKTOP_SIZE)), [Resized(width=3, height=2), NOTHING]),
    "screens": (
        update(rectangle(1, 0, 3, 2, Encoding.EXTENDED_DESKTOP_SIZE, b"\x01\0\0\0" + SCREEN)),
        [Resized(width=3, height=2, screens=(Screen(7, 0, 0, 3, 2),), reason=1), NOTHING],
    ),
    "refused size": (
        update(rectangle(1, 3, 30, 20, Encoding.EXTENDED_DESKTOP_SIZE, bytes(4))),
        [Resized(width=2, height=2, reason=1, status=3), NOTHING],
    ),
    "name": (update(rectangle(0, 0, 0, 0, Encoding.DESKTOP_NAME, b"\0\0\0\x03box")), [Renamed("box"), NOTHING]),
    "lamps": (update(rectangle(0, 0, 1, 1, Encoding.QEMU_LED_STATE, b"\x02")), [LampsChanged(2), NOTHING]),
    "scan codes": (update(rectangle(0, 0, 2, 2, Encoding.QEMU_EXTENDED_KEY)), [ScanCodesUnderstood(), NOTHING]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_a_server_says_is_told_however_its_bytes_come(name: str) -> None:
    message, expected = MESSAGES[name]
    reader = ServerMessageReader(Framebuffer(2, 2))
    assert reader.receive_data(message) == expected
    for cut in range(len(message)):
        reader = ServerMessageReader(Framebuffer(2, 2))
        assert reader.receive_data(message[:cut]) + reader.receive_data(message[cut:]) == expected
        reader.receive_eof()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_connection_that_ends_in_a_message_is_an_error(name: str) -> None:
    message, _ = MESSAGES[name]
    for cut in range(1, len(message)):
        reader = ServerMessageReader(Framebuffer(2, 2))
        reader.receive_data(message[:cut])
        with pytest.raises(DecodeError, match="in the middle of a message"):
            reader.receive_eof()


def test_a_pointer_has_a_shape() -> None:
    reader = ServerMessageReader(Framebuffer(2, 2))
    events = reader.receive_data(update(rectangle(1, 0, 2, 1, Encoding.CURSOR, RED + BLUE + b"\x40")))
    assert isinstance(events[0], PointerChanged)
    shape = events[0].shape
    assert (shape.hot_x, shape.hot_y, shape.width, shape.height) == (1, 0, 2, 1)
    assert (shape.pixels, shape.mask) == (RED + BLUE, b"\0\1")


def test_a_new_size_changes_the_picture() -> None:
    reader = ServerMessageReader(Framebuffer(2, 2))
    reader.receive_data(update(rectangle(0, 0, 2, 2, Encoding.RAW, RED * 4)))
    reader.receive_data(MESSAGES["size"][0])
    assert reader.picture == Framebuffer(3, 2, (RED * 2 + bytes(4)) * 2)


def endless() -> bytes:
    return update(*[rectangle(0, 0, 0, 0, Encoding.RAW)] * 0xFFFF)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (lambda: b"\x07", "unknown kind 7"),
        (lambda: update(rectangle(0, 0, 1, 1, 99)), "encoding 99, for which nobody asked"),
        (lambda: struct.pack(">Bxxxi", 3, MAX_CUT_TEXT + 1), "a clipboard of 1048577 bytes"),
        (lambda: struct.pack(">Bxxxi", 3, -(1 << 31)), "a clipboard of 2147483648 bytes"),
        (lambda: b"\xf8" + bytes(7) + b"\x41", "a fence of 65 bytes"),
        (lambda: b"\xff\x02\0\0", "message 2 of QEMU"),
        (lambda: b"\xff\x01\0\x02" + struct.pack(">I", MAX_AUDIO + 1), "1048577 bytes of sound"),
        (lambda: update(rectangle(0, 0, 1025, 1, Encoding.CURSOR)), "a pointer of 1025x1"),
        (lambda: update(rectangle(0, 0, 1, 1025, Encoding.CURSOR)), "a pointer of 1x1025"),
        (lambda: update(rectangle(0, 0, 0, 0, Encoding.DESKTOP_NAME, b"\0\1\0\0")), "name of 65536 bytes"),
        (lambda: update(rectangle(0, 0, 65535, 65535, Encoding.DESKTOP_SIZE)), "a screen of 65535 x 65535"),
        (endless, "an update without an end"),
    ],
)
def test_what_no_server_may_say_is_refused(message: Callable[[], bytes], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        ServerMessageReader(Framebuffer(2, 2)).receive_data(message())


def test_what_was_drawn_before_a_new_size_is_not_told() -> None:
    drawn = rectangle(0, 0, 2, 2, Encoding.RAW, RED * 4)
    reader = ServerMessageReader(Framebuffer(2, 2))
    smaller = rectangle(0, 0, 1, 1, Encoding.DESKTOP_SIZE)
    again = rectangle(0, 0, 1, 1, Encoding.RAW, BLUE)
    events = reader.receive_data(update(drawn, smaller, again))
    assert events == [Resized(width=1, height=1), FramebufferUpdated((Area(0, 0, 1, 1),))]


def test_a_reader_that_stopped_where_nothing_is_left_is_not_behind() -> None:
    reader = ServerMessageReader(Framebuffer(2, 2))
    behind: list[bool] = []
    events: list[ServerEvent] = []
    for data in (b"\x02", b""):
        events += reader.receive_data(data, is_enough=lambda: True)
        behind.append(reader.is_behind)
    assert (events, behind) == ([Belled()], [True, False])
