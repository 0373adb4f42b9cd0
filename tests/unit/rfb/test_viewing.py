"""One viewer of a picture."""

from __future__ import annotations

import dataclasses

import pytest

from conduit.errors import DecodeError, RemoteProtocolError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    AudioRequest,
    ClientMessage,
    CutText,
    EnableContinuousUpdates,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    Xvp,
)
from conduit.rfb.names import Encoding, Fence, ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import BELL, END_OF_CONTINUOUS_UPDATES
from conduit.rfb.server_messages import Renamed, Resized, ScanCodesUnderstood, ServerMessageReader
from conduit.rfb.viewing import MAX_ANSWERS, PACE, Viewing

WIDTH, HEIGHT = 64, 48
WHOLE = Area(0, 0, WIDTH, HEIGHT)
RED, BLUE = b"\0\0\xff\0", b"\xff\0\0\0"


def picture(colour: bytes = RED, width: int = WIDTH, height: int = HEIGHT) -> Framebuffer:
    made = Framebuffer(width, height)
    made.fill(made.whole, colour)
    return made


class Eye:
    """A viewer: what it says goes to the machine, what that says is drawn."""

    def __init__(self, viewing: Viewing, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.viewing = viewing
        self.reader = ServerMessageReader(Framebuffer(width, height))
        self.now = 0.0

    def say(self, *messages: ClientMessage) -> list[object]:
        return [done for message in messages for done in self.viewing.receive_data(message.encode())]

    def look(self, *, incremental: bool = True, area: Area = WHOLE) -> list[object]:
        self.say(FramebufferUpdateRequest(area, incremental))
        return self.hear()

    def hear(self) -> list[object]:
        self.now += PACE
        return list(self.reader.receive_data(self.viewing.data_to_send(self.now)))


def test_it_sees_all_at_first_and_then_what_changes() -> None:
    shown = picture()
    eye = Eye(Viewing(shown))
    eye.look(incremental=False)
    assert eye.reader.picture == shown
    assert eye.look() == []
    shown.fill(Area(3, 3, 5, 5), BLUE)
    eye.viewing.touch([Area(3, 3, 5, 5)])
    eye.hear()
    assert eye.reader.picture == shown
    assert eye.viewing.updates == 2


@pytest.mark.parametrize("encoding", [Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT])
def test_it_gets_its_pixels_as_it_likes_them(encoding: Encoding) -> None:
    eye = Eye(Viewing(picture()))
    eye.say(SetEncodings((Encoding.COPY_RECT, encoding, Encoding.RAW)))
    assert eye.viewing.encoding == encoding
    eye.look()
    assert eye.reader.picture == picture()


def test_it_gets_them_in_its_own_format() -> None:
    rgbx = dataclasses.replace(PixelFormat.BGRX, red_shift=0, blue_shift=16)
    viewing = Viewing(picture())
    viewing.receive_data(SetPixelFormat(rgbx).encode() + FramebufferUpdateRequest(WHOLE).encode())
    assert viewing.data_to_send(0.0)[16:20] == b"\xff\0\0\0"


def test_what_is_not_asked_for_is_not_sent() -> None:
    viewing = Viewing(picture())
    assert viewing.data_to_send(0.0) == b""
    assert viewing.next_deadline() is None


def test_a_part_that_did_not_change_has_no_deadline() -> None:
    eye = Eye(Viewing(picture()))
    eye.look()
    eye.say(FramebufferUpdateRequest(Area(0, 0, 16, 16)))
    eye.viewing.touch([Area(32, 32, 1, 1)])
    assert eye.viewing.next_deadline() is None
    assert eye.hear() == []


def test_updates_keep_their_distance() -> None:
    viewing = Viewing(picture(), pace=0.5)
    ask = FramebufferUpdateRequest(WHOLE).encode()
    viewing.receive_data(ask)
    assert viewing.data_to_send(10.0)
    viewing.receive_data(ask)
    viewing.touch([WHOLE])
    assert viewing.data_to_send(10.4) == b""
    assert viewing.next_deadline() == 10.5
    assert viewing.data_to_send(10.5)


def test_what_it_does_to_the_machine_comes_out() -> None:
    eye = Eye(Viewing(picture()))
    done = [
        KeyEvent(0x61, down=True),
        ExtendedKeyEvent(0x61, 0x1E, down=True),
        PointerEvent(1, 2, 1),
        CutText(b"text"),
    ]
    assert eye.say(*done) == done  # type: ignore[arg-type]  # each of them is a message
    assert eye.say(Xvp(2), AudioRequest(0)) == []


def test_scan_codes_are_offered_where_they_are_of_use_and_once() -> None:
    encodings = SetEncodings((Encoding.QEMU_EXTENDED_KEY, Encoding.RAW))
    eye = Eye(Viewing(picture(), extended_keys=True))
    eye.say(encodings)
    assert ScanCodesUnderstood() in eye.look()
    eye.say(encodings)
    assert eye.look() == []
    eye = Eye(Viewing(picture()))
    eye.say(encodings)
    assert ScanCodesUnderstood() not in eye.look()


def test_the_bell_and_the_clipboard_do_not_pile_up() -> None:
    viewing = Viewing(picture())
    for _ in range(3):
        viewing.ring()
    viewing.cut(b"old")
    viewing.cut(b"new")
    assert viewing.data_to_send(0.0) == BELL + CutText(b"new", kind=ServerKind.CUT_TEXT).encode()


def test_a_new_name_reaches_those_that_show_it() -> None:
    eye = Eye(Viewing(picture()))
    eye.look()
    eye.viewing.rename("unseen")
    assert eye.look() == []
    eye.say(SetEncodings((Encoding.DESKTOP_NAME,)))
    assert Renamed("unseen") in eye.hear()
    eye.viewing.rename("unseen")
    assert eye.look() == []
    eye.viewing.rename("old")
    eye.viewing.rename("näw")
    assert Renamed("näw") in eye.hear()


def test_continuous_updates_need_no_requests() -> None:
    shown = picture()
    viewing = Viewing(shown)
    eye = Eye(viewing)
    eye.say(SetEncodings((Encoding.CONTINUOUS_UPDATES,)))
    assert viewing.data_to_send(0.0) == END_OF_CONTINUOUS_UPDATES
    eye.say(EnableContinuousUpdates(enable=True, area=WHOLE))
    eye.hear()
    shown.fill(WHOLE, BLUE)
    viewing.touch([WHOLE])
    eye.hear()
    assert eye.reader.picture == shown
    eye.say(EnableContinuousUpdates(enable=False, area=WHOLE))
    viewing.touch([WHOLE])
    assert viewing.data_to_send(9.0) == END_OF_CONTINUOUS_UPDATES


def test_fences_are_answered_and_offered_once() -> None:
    viewing = Viewing(picture())
    flags = Fence.BLOCK_BEFORE | Fence.BLOCK_AFTER | Fence.SYNC_NEXT
    viewing.receive_data(SetEncodings((Encoding.FENCE,)).encode())
    viewing.receive_data(SetEncodings((Encoding.FENCE,)).encode())
    assert viewing.data_to_send(0.0) == FenceMessage(flags | Fence.REQUEST).encode()
    viewing.receive_data(FenceMessage(Fence.REQUEST | Fence.BLOCK_BEFORE | 1 << 20, b"abc").encode())
    assert viewing.data_to_send(0.0) == FenceMessage(Fence.BLOCK_BEFORE, b"abc").encode()
    viewing.receive_data(FenceMessage(flags, b"").encode())
    assert viewing.data_to_send(0.0) == b""


def test_one_that_asks_and_does_not_read_is_refused() -> None:
    viewing = Viewing(picture())
    fence = FenceMessage(Fence.REQUEST).encode()
    viewing.receive_data(fence * MAX_ANSWERS)
    with pytest.raises(RemoteProtocolError, match="faster than it reads"):
        viewing.receive_data(fence)


@pytest.mark.parametrize("encoding", [Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE])
def test_another_size_is_told_and_then_shown(encoding: Encoding) -> None:
    eye = Eye(Viewing(picture()))
    eye.say(SetEncodings((encoding,)))
    eye.look()
    eye.look()
    shown = picture(BLUE, 80, 20)
    eye.viewing.replace(shown)
    (event,) = [event for event in eye.look() if isinstance(event, Resized)]
    assert (event.width, event.height) == (80, 20)
    eye.look(area=Area(0, 0, 80, 20))
    assert eye.reader.picture == shown


@pytest.mark.parametrize("size", [(80, 20), (20, 80)])
def test_one_that_cannot_change_its_size_sees_a_part(size: tuple[int, int]) -> None:
    eye = Eye(Viewing(picture()))
    eye.look()
    eye.viewing.replace(picture(BLUE, *size))
    eye.look()
    shown = Area(0, 0, min(size[0], WIDTH), min(size[1], HEIGHT))
    assert eye.reader.picture.crop(shown) == BLUE * shown.width * shown.height


def test_another_picture_of_the_same_size_is_shown() -> None:
    eye = Eye(Viewing(picture()))
    eye.say(SetEncodings((Encoding.DESKTOP_SIZE,)))
    eye.look()
    eye.viewing.replace(picture(BLUE))
    eye.look()
    assert eye.reader.picture == picture(BLUE)


def test_nobody_may_ask_for_another_size() -> None:
    eye = Eye(Viewing(picture()))
    eye.say(SetEncodings((Encoding.EXTENDED_DESKTOP_SIZE,)))
    eye.look()
    eye.look()
    eye.say(SetDesktopSize(10, 10, ()))
    (event,) = [event for event in eye.look() if isinstance(event, Resized)]
    assert (event.width, event.height, event.reason, event.status) == (WIDTH, HEIGHT, 1, 1)


def test_what_nobody_knows_is_an_error() -> None:
    with pytest.raises(DecodeError):
        Viewing(picture()).receive_data(b"\x63")


def test_scan_codes_may_turn_out_to_be_of_use_later() -> None:
    eye = Eye(Viewing(picture()))
    eye.say(SetEncodings((Encoding.QEMU_EXTENDED_KEY,)))
    eye.look()
    eye.viewing.offer_scan_codes()
    assert ScanCodesUnderstood() in eye.look()
