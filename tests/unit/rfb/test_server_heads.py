from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import (
    AUDIO_DATA,
    LAST_RECT,
    MAX_NAME,
    AudioHead,
    RectangleHeader,
    ServerInit,
    SetColourMapEntries,
    check_size,
    decode_update,
    encode_update,
)

u16 = st.integers(0, 0xFFFF)
INIT = ServerInit(800, 600, PixelFormat.BGRX, "Büro")


@given(width=u16, height=u16, name=st.text(max_size=40))
def test_server_init_round_trips(width: int, height: int, name: str) -> None:
    init = ServerInit(width, height, PixelFormat.BGRX, name)
    assert ServerInit.decode(init.encode()) == init


def test_the_size_of_server_init_is_known_from_its_head() -> None:
    data = INIT.encode()
    assert ServerInit.needed(b"") == ServerInit.needed(data[:23]) == 24
    assert ServerInit.needed(data[:24]) == len(data)
    for wrong in (data[:-1], data + b"x", data[:10]):
        with pytest.raises(DecodeError):
            ServerInit.decode(wrong)


def test_a_name_of_four_gigabytes_is_not_waited_for() -> None:
    with pytest.raises(DecodeError, match=f"{MAX_NAME} are allowed"):
        ServerInit.needed(INIT.encode()[:20] + b"\xff\xff\xff\xff")


@pytest.mark.parametrize(("width", "height"), [(16385, 1), (1, 16385), (16384, 16384)])
def test_a_screen_may_be_too_big(width: int, height: int) -> None:
    with pytest.raises(DecodeError):
        check_size(width, height)
    with pytest.raises(DecodeError):
        ServerInit(width, height, PixelFormat.BGRX, "").check_size()


def test_an_8k_screen_is_not_too_big() -> None:
    check_size(7680, 4320)


@given(st.builds(RectangleHeader, u16, u16, u16, u16, st.sampled_from(Encoding)), st.binary(max_size=5))
def test_rectangles_round_trip_wherever_they_are(header: RectangleHeader, before: bytes) -> None:
    data = before + header.encode()
    assert RectangleHeader.decode(data, len(before)) == header
    with pytest.raises(DecodeError):
        RectangleHeader.decode(data[:-1], len(before))


def test_an_update_says_how_many_rectangles_it_has() -> None:
    assert decode_update(encode_update(7)) == 7
    assert LAST_RECT.encode()[8:].hex() == "ffffff20"
    with pytest.raises(DecodeError):
        decode_update(b"\0\0\0")


@given(first=u16, colours=st.lists(st.tuples(u16, u16, u16), max_size=5))
def test_colour_maps_round_trip(first: int, colours: list[tuple[int, int, int]]) -> None:
    entries = SetColourMapEntries(first, tuple(colours))
    data = entries.encode()
    assert SetColourMapEntries.decode(data) == entries
    for wrong in (data[:-1], data + b"x", data[:5]):
        with pytest.raises(DecodeError):
            SetColourMapEntries.decode(wrong)


def test_sound_of_qemu() -> None:
    assert AudioHead.decode(AudioHead(AUDIO_DATA).encode()).operation == AUDIO_DATA
    with pytest.raises(DecodeError):
        AudioHead.decode(b"\xff\x02\0\0")
