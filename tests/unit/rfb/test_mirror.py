"""A display of which we are one client."""

from __future__ import annotations

import struct

import pytest

from conduit.errors import DecodeError
from conduit.rfb import mirror as mirror_module
from conduit.rfb.encoders import UpdateEncoder
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
from conduit.rfb.mirror import ENCODINGS, MAX_CHANGED, PACE, Mirror
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import RectangleHeader, ServerInit, encode_update
from tests.fakes.rfb_bytes import rectangle

WHOLE = Area(0, 0, 8, 8)
RED, BLUE = b"\0\0\xff\0", b"\xff\0\0\0"
ALL = FramebufferUpdateRequest(WHOLE, incremental=False).encode()
ENTER = KeyEvent(0xFF0D, down=True)
GREETING = SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings(ENCODINGS).encode()
CHANGES = FramebufferUpdateRequest(WHOLE).encode()


def picture(colour: bytes, width: int = 8, height: int = 8) -> Framebuffer:
    made = Framebuffer(width, height)
    made.fill(made.whole, colour)
    return made


def update(colour: bytes, area: Area = WHOLE) -> bytes:
    return UpdateEncoder().encode(picture(colour), [area])


def resized(width: int, height: int) -> bytes:
    return encode_update(1) + RectangleHeader(0, 0, width, height, Encoding.DESKTOP_SIZE).encode()


def new_mirror(name: str = "") -> Mirror:
    """One that has told its server who it is, with a key."""
    mirror = Mirror(ServerInit(8, 8, PixelFormat.BGRX, "box"), name=name)
    assert mirror.data_to_send(0.0) == b""
    mirror.do(ENTER)
    assert mirror.data_to_send(0.0) == GREETING + ENTER.encode()
    return mirror


def test_what_is_more_than_enough_is_drawn_later() -> None:
    mirror = new_mirror()
    mirror.attend([], looks=True)
    mirror.receive_data(update(RED) + update(BLUE), is_enough=lambda: True)
    steps = 0
    while mirror.is_behind:
        mirror.receive_data(b"", is_enough=lambda: True)
        steps += 1
    assert steps > 1
    assert mirror.picture == picture(BLUE)


def whole(mirror: Mirror) -> bool:
    return mirror.is_whole


def test_nothing_is_asked_for_as_long_as_nobody_looks() -> None:
    mirror = new_mirror()
    assert mirror.data_to_send(0.0) == b""
    assert mirror.next_deadline() is None


def test_all_is_asked_for_once_and_then_what_changes_at_a_pace() -> None:
    mirror = new_mirror()
    mirror.is_watched = True
    assert mirror.data_to_send(1.0) == ALL
    assert not whole(mirror)
    assert mirror.next_deadline() is None
    mirror.receive_data(update(RED))
    assert whole(mirror)
    assert mirror.picture == picture(RED)
    assert mirror.refresh() == [WHOLE]
    assert mirror.refresh() == []
    assert mirror.next_deadline() == 1.0 + PACE
    assert mirror.data_to_send(1.0) == b""
    assert mirror.data_to_send(2.0) == CHANGES
    mirror.receive_data(update(BLUE, Area(1, 1, 2, 2)))
    assert mirror.refresh() == [Area(1, 1, 2, 2)]


def test_what_came_when_nobody_looked_needs_no_telling() -> None:
    mirror = new_mirror()
    mirror.receive_data(update(RED))
    assert mirror.refresh() == []
    assert whole(mirror)


def test_what_is_old_is_asked_for_again() -> None:
    mirror = new_mirror()
    mirror.is_watched = True
    mirror.data_to_send(0.0)
    mirror.receive_data(update(RED))
    mirror.forget()
    assert not whole(mirror)
    assert mirror.data_to_send(1.0) == ALL


def test_what_is_old_is_asked_for_again_though_a_request_waits_for_the_next_change() -> None:
    mirror = new_mirror()
    mirror.is_watched = True
    mirror.data_to_send(0.0)
    mirror.receive_data(update(RED))
    assert mirror.data_to_send(1.0) == CHANGES  # of which a still picture has none
    mirror.is_watched = False
    mirror.forget()
    assert mirror.data_to_send(2.0) == b""
    mirror.is_watched = True
    assert mirror.next_deadline() == 1.0 + PACE
    assert mirror.data_to_send(2.0) == ALL
    assert mirror.data_to_send(3.0) == b""


def test_another_size_is_asked_for_whole_and_one_that_is_repeated_is_not() -> None:
    mirror = new_mirror()
    mirror.is_watched = True
    mirror.data_to_send(0.0)
    mirror.receive_data(update(RED))
    mirror.data_to_send(1.0)
    mirror.receive_data(resized(8, 8))
    assert whole(mirror)
    assert mirror.data_to_send(2.0) == CHANGES
    mirror.receive_data(resized(4, 4))
    assert (mirror.picture.width, mirror.picture.height) == (4, 4)
    assert mirror.refresh() == []
    assert mirror.data_to_send(3.0) == FramebufferUpdateRequest(Area(0, 0, 4, 4), incremental=False).encode()


def test_the_name_is_the_servers_unless_it_was_given() -> None:
    text = struct.pack(">I", 3) + b"new"
    renamed = encode_update(1) + RectangleHeader(0, 0, 0, 0, Encoding.DESKTOP_NAME).encode() + text
    for name, now in (("", "new"), ("given", "given")):
        mirror = new_mirror(name)
        mirror.receive_data(renamed)
        assert mirror.name == now


def test_keys_go_on_as_the_server_understands_them() -> None:
    mirror = new_mirror()
    key = ExtendedKeyEvent(0x61, 0x1E, down=True)
    mirror.do(key)
    mirror.do(ExtendedKeyEvent(0, 0x1E, down=True))
    assert mirror.data_to_send(0.0) == KeyEvent(0x61, down=True).encode()
    mirror.receive_data(encode_update(1) + RectangleHeader(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY).encode())
    mirror.do(key)
    assert mirror.data_to_send(0.0) == key.encode()


def test_a_pointer_that_only_moves_is_told_once() -> None:
    mirror = new_mirror()
    for done in (PointerEvent(1, 1), PointerEvent(2, 2), PointerEvent(2, 2, 1), PointerEvent(3, 3, 1)):
        mirror.do(done)
    assert mirror.data_to_send(0.0) == PointerEvent(2, 2).encode() + PointerEvent(3, 3, 1).encode()


def test_a_clipboard_in_a_format_that_was_not_offered_stays_here() -> None:
    mirror = new_mirror()
    mirror.do(CutText(b"text"))
    mirror.do(CutText(b"\0\0\0\1", extended=True))  # and takes nobody's place
    assert mirror.data_to_send(0.0) == CutText(b"text").encode()


def test_a_server_that_takes_nothing_gets_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "MAX_INPUTS", 2)
    mirror = new_mirror()
    for number in range(3):
        mirror.do(KeyEvent(number, down=True))
    assert mirror.dropped_inputs == 1


def test_letting_go_always_finds_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "MAX_INPUTS", 2)
    mirror = new_mirror()
    scan = ExtendedKeyEvent(0x62, 0x30, down=True)
    press, grab = KeyEvent(0x61, down=True), PointerEvent(1, 1, 1)
    for done in (press, grab, scan, KeyEvent(0x63, down=True)):
        mirror.do(done)
    assert mirror.dropped_inputs == 2
    for done in (KeyEvent(0x63, down=False), ExtendedKeyEvent(0x62, 0x30, down=False), KeyEvent(0x61, down=False)):
        mirror.do(done)
    mirror.do(PointerEvent(2, 2))
    mirror.do(PointerEvent(2, 2, 1))
    assert mirror.dropped_inputs == 5  # neither what was not pressed is let go of, nor is anything pressed
    sent: list[KeyEvent | PointerEvent] = [press, grab, KeyEvent(0x61, down=False), PointerEvent(2, 2)]
    assert mirror.data_to_send(0.0) == b"".join([each.encode() for each in sent])


def test_of_clipboards_that_wait_only_the_last_is_sent() -> None:
    mirror = new_mirror()
    for done in (CutText(b"a" * 1000), ENTER, CutText(b"last")):
        mirror.do(done)
    assert mirror.data_to_send(0.0) == ENTER.encode() + CutText(b"last").encode()


def test_of_changes_that_nobody_fetches_not_much_is_kept() -> None:
    mirror = new_mirror()
    mirror.is_watched = True
    nothing = rectangle(0, 0, 0, 5, Encoding.RAW)
    mirror.receive_data(encode_update(1) + nothing)
    assert mirror.refresh() == []
    corner = rectangle(0, 0, 1, 1, Encoding.RAW, RED)
    for _ in range(2 * MAX_CHANGED):
        mirror.receive_data(encode_update(1) + corner)
    assert len(mirror._changed) <= MAX_CHANGED
    assert WHOLE in mirror.refresh()


def test_the_bell_is_an_event_and_half_a_message_an_error() -> None:
    mirror = new_mirror()
    assert len(mirror.receive_data(b"\x02")) == 1
    mirror.receive_eof()
    mirror.receive_data(b"\x00")
    with pytest.raises(DecodeError):
        mirror.receive_eof()
