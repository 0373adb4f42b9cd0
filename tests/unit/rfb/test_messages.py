from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.rfb.client_messages import decode
from conduit.rfb.client_sizes import MAX_CLIPBOARD, UNKNOWN, measure
from conduit.rfb.messages import (
    MAX_FENCE,
    Area,
    AudioRequest,
    ClientInit,
    ClientMessage,
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
)
from conduit.rfb.names import AudioOperation, Encoding
from conduit.rfb.pixel_format import PixelFormat

u8, u16, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
s32 = st.integers(-(1 << 31), (1 << 31) - 1)
areas = st.builds(Area, u16, u16, u16, u16)
screens = st.builds(Screen, u32, u16, u16, u16, u16, u32)
pixel_formats = st.builds(
    PixelFormat,
    bits_per_pixel=u8, depth=u8, big_endian=st.booleans(), true_colour=st.booleans(),
    red_max=u16, green_max=u16, blue_max=u16, red_shift=u8, green_shift=u8, blue_shift=u8,
)  # fmt: skip
client_messages: st.SearchStrategy[ClientMessage] = st.one_of(
    st.builds(SetPixelFormat, pixel_formats),
    st.builds(SetEncodings, st.lists(s32, max_size=30).map(tuple)),
    st.builds(FramebufferUpdateRequest, areas, st.booleans()),
    st.builds(KeyEvent, u32, st.booleans()),
    st.builds(PointerEvent, u16, u16, u8),
    st.builds(CutText, st.binary(min_size=1, max_size=30), st.booleans()),
    st.builds(EnableContinuousUpdates, st.booleans(), areas),
    st.builds(FenceMessage, u32, st.binary(max_size=MAX_FENCE)),
    st.builds(Xvp, u8, u8),
    st.builds(SetDesktopSize, u16, u16, st.lists(screens, max_size=3).map(tuple)),
    st.builds(ExtendedKeyEvent, u32, u32, st.booleans()),
    st.builds(AudioRequest, st.sampled_from([AudioOperation.ENABLE, AudioOperation.DISABLE])),
    st.builds(AudioRequest, st.just(AudioOperation.SET_FORMAT), u8, u8, u32),
)


@given(client_messages)
def test_what_a_client_says_round_trips_and_has_the_size_that_is_measured(message: ClientMessage) -> None:
    data = message.encode()
    assert decode(data) == message
    assert measure(data) == len(data)
    assert all(measure(data[:length]) in (UNKNOWN, len(data)) for length in range(1, len(data)))


@given(client_messages, st.data())
def test_a_message_that_is_cut_or_too_long_is_a_decode_error(message: ClientMessage, data: st.DataObject) -> None:
    encoded = message.encode()
    length = data.draw(st.integers(2, len(encoded) - 1))
    if isinstance(message, AudioRequest):
        length = 3
    with pytest.raises(DecodeError):
        decode(encoded[:length])
    with pytest.raises(DecodeError):
        decode(encoded + bytes(5))


def test_bytes_of_rfc_6143() -> None:
    assert KeyEvent(0xFF0D, down=True).encode().hex() == "040100000000ff0d"
    assert PointerEvent(1, 2, 4).encode().hex() == "050400010002"
    assert FramebufferUpdateRequest(Area(0, 0, 800, 600), incremental=False).encode().hex() == "03000000000003200258"
    assert SetEncodings((Encoding.RAW, Encoding.DESKTOP_SIZE)).encode().hex() == "0200000200000000ffffff21"
    assert CutText(b"hi").encode().hex() == "06000000000000026869"
    assert PixelFormat.BGRX.encode().hex() == "2018000100ff00ff00ff100800000000"
    assert SetEncodings((Encoding.EXTENDED_CLIPBOARD,)).encode()[4:].hex() == "c0a1e5ce"


@pytest.mark.parametrize("shared", [True, False])
def test_client_init_is_one_byte(shared: bool) -> None:
    assert ClientInit.decode(ClientInit(shared).encode()) == ClientInit(shared)
    with pytest.raises(DecodeError):
        ClientInit.decode(b"")


def test_what_is_typed_is_in_no_repr() -> None:
    assert "65" not in repr(KeyEvent(65, down=True)) + repr(ExtendedKeyEvent(65, 65, down=True))
    assert "geheim" not in repr(CutText(b"geheim"))


@given(x=u16, y=u16, buttons=st.integers(0, 0x7FFF))
def test_more_than_seven_buttons_take_another_byte(x: int, y: int, buttons: int) -> None:
    event = PointerEvent(x, y, buttons)
    data = event.encode(extended=True)
    assert PointerEvent.decode(data) == event
    assert len(data) == measure(data, extended_pointer=True) == (7 if buttons > 0x7F else 6)
    assert measure(data[:1], extended_pointer=True) == UNKNOWN
    assert PointerEvent.decode(event.encode()).buttons == buttons & 0xFF


@pytest.mark.parametrize(
    ("codec", "data", "says"),
    [
        (SetEncodings, b"\2\0\0", "truncated SetEncodings"),
        (FenceMessage, b"\xf8\0\0\0\0\0\0\0", "truncated Fence"),
        (FenceMessage, b"\xf8\0\0\0\0\0\0\0\2a", "a Fence of 10 bytes that says 2"),
        (FenceMessage, b"\xf8\0\0\0\0\0\0\0\xff" + bytes(255), "that says 255"),
    ],
)
def test_lists_and_fences_that_are_not_as_long_as_they_say(
    codec: type[SetEncodings | FenceMessage], data: bytes, says: str
) -> None:
    with pytest.raises(DecodeError, match=says):
        codec.decode(data)


def test_a_fence_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError):
        FenceMessage(0, bytes(MAX_FENCE + 1)).encode()


@pytest.mark.parametrize(
    "message",
    [
        "01",  # a colour map, of which only servers speak
        "ff02",  # QEMU, but nothing that is known
        "0200ffff",  # 65,535 encodings
        f"06000000{MAX_CLIPBOARD + 1:08x}",
        f"06000000{(1 << 32) - MAX_CLIPBOARD - 1:08x}",
        "0600000080000000",  # 2 GiB, and negative
        "f80000000000000041",  # a fence of 65 bytes
    ],
)
def test_what_may_not_be_is_refused_before_it_has_come(message: str) -> None:
    with pytest.raises(DecodeError):
        measure(bytes.fromhex(message))


def test_screens_are_as_many_as_is_said() -> None:
    with pytest.raises(DecodeError, match="said to be 2"):
        decode(b"\xfb\x00\x00\x01\x00\x01\x02\x00" + bytes(16))


def test_a_pixel_format_must_make_sense_before_pixels_are_made_in_it() -> None:
    good = PixelFormat.BGRX
    good.check()
    assert good.bytes_per_pixel == 4
    PixelFormat.decode(bytes([8, 8, 0, 0]) + bytes(12)).check()  # a colour map
    for wrong in ("18180001", "20180001"):
        with pytest.raises(DecodeError):
            PixelFormat.decode(bytes.fromhex(wrong) + bytes(12)).check()
    for colours in ("00fe00ff00ff100800", "00ff00ff00ff190800"):
        with pytest.raises(DecodeError, match="colour"):
            PixelFormat.decode(bytes.fromhex("20180001" + colours) + bytes(3)).check()
    with pytest.raises(DecodeError):
        PixelFormat.decode(bytes(15))
    assert PixelFormat.decode(b"\x20\x18\xff\xff" + bytes(12)).big_endian  # LibVNCServer says 255
