"""A server's bytes, counted: all pass but clipboards that are too long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area, CutText, FramebufferUpdateRequest, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding, ServerKind
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.server_heads import LAST_RECT, RectangleHeader, SetColourMapEntries, encode_update
from conduit.rfb.viewer_filter import ViewerFilter, ViewerRules
from tests.unit.rfb.test_client_messages import cut

BELL = b"\x02"
TEXT = CutText(b"geheim", kind=ServerKind.CUT_TEXT).encode()
cuts = st.lists(st.integers(0, 100_000), max_size=10)


def through(data: bytes, cuts: list[int], *, clipboard: int = 0, pixels: PixelFormat = PixelFormat.BGRX) -> bytes:
    server_filter = ServerFilter(clipboard, lambda: pixels)
    return b"".join(piece for part in cut(data, cuts) for piece in server_filter.receive_data(part))


def update(width: int, height: int, encoding: int, pixels: bytes) -> bytes:
    return encode_update(1) + RectangleHeader(0, 0, width, height, encoding).encode() + pixels


@given(
    encoding=st.sampled_from([Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT]),
    colours=st.integers(1, 250),
    cuts=cuts,
)
def test_pixels_pass_in_every_encoding_and_clipboards_between_them_do_not(
    encoding: Encoding, colours: int, cuts: list[int]
) -> None:
    pixels = bytes(
        value if index % 4 < 3 else 0 for index, value in enumerate(i * i % colours for i in range(4 * 40 * 21))
    )
    picture = Framebuffer(40, 21, bytearray(pixels))
    encoder = UpdateEncoder()
    encoder.set_encodings([encoding])
    shown = encoder.encode(picture, [picture.whole])
    data = BELL + TEXT + shown + TEXT + TEXT + BELL
    assert through(data, cuts) == BELL + shown + BELL
    assert through(data, cuts, clipboard=6) == data
    assert through(data, cuts, clipboard=5) == BELL + shown + BELL


COMPACT = b"\x81\x80\x01"  # 1 + (1 << 14)
RECTANGLES = [
    (Encoding.COPY_RECT, b"abcd"),
    (Encoding.RRE, b"\0\0\0\2" + b"back" + 2 * b"fore12345678"),
    (Encoding.ZLIB, b"\0\0\0\3abc"),
    (Encoding.HEXTILE, b"\x01" + bytes(16 * 5 * 4) + b"\x1eback" + b"fore\x02" + 2 * b"1212fore"[:6]),
    (Encoding.HEXTILE, b"\x0afore"[:1] + b"back\x01" + b"ab" + b"\x00"),
    (Encoding.TIGHT, b"\x80rgb"),
    (Encoding.TIGHT, b"\x90\x03jpg"),
    (Encoding.TIGHT, b"\x90\x83\x80\x00jpg"),
    (Encoding.TIGHT_PNG, b"\xa0\x83\x00png"),
    (Encoding.TIGHT, b"\x00" + COMPACT + bytes(1 + (1 << 14))),
    (Encoding.TIGHT, b"\x40\x02\x01x"),
    (Encoding.TIGHT, b"\x40\x01\x01" + bytes(6) + b"\x03abc"),
    (Encoding.TIGHT, b"\x40\x01\x02" + bytes(9) + b"\x03abc"),
    (Encoding.CURSOR, bytes(20 * 5 * 4 + 3 * 5)),
    (Encoding.DESKTOP_SIZE, b""),
    (Encoding.EXTENDED_DESKTOP_SIZE, b"\x02\0\0\0" + bytes(32)),
    (Encoding.DESKTOP_NAME, b"\0\0\0\4name"),
    (Encoding.QEMU_LED_STATE, b"\x01"),
    (Encoding.QEMU_EXTENDED_KEY, b""),
]


@pytest.mark.parametrize(("encoding", "pixels"), RECTANGLES)
def test_rectangles_end_where_they_end(encoding: int, pixels: bytes) -> None:
    shown = update(20, 5, encoding, pixels)
    for step in (1, len(shown)):
        assert through(shown + TEXT + BELL, list(range(0, len(shown), step))) == shown + BELL


def test_small_rectangles_of_tight_travel_as_they_are() -> None:
    shown = update(3, 1, Encoding.TIGHT, b"\x00" + bytes(9)) + update(
        8, 4, Encoding.TIGHT, b"\x40\x01\x01" + bytes(6 + 4)
    )
    assert through(shown + TEXT + BELL, []) == shown + BELL


def test_the_longest_length_of_tight_has_22_bits() -> None:
    shown = update(2000, 1000, Encoding.TIGHT, b"\x90\xff\xff\xff" + bytes((1 << 22) - 1))
    assert through(shown + TEXT + BELL, []) == shown + BELL


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        (PixelFormat.BGRX, 3),
        (replace(PixelFormat.BGRX, depth=32), 4),
        (replace(PixelFormat.BGRX, red_max=127), 4),
        (replace(PixelFormat.BGRX, bits_per_pixel=16), 2),
    ],
)
def test_a_pixel_of_tight_depends_on_the_format(pixels: PixelFormat, size: int) -> None:
    shown = update(9, 9, Encoding.TIGHT, b"\x80" + bytes(size))
    assert through(shown + TEXT + BELL, [], pixels=pixels) == shown + BELL


def test_messages_end_where_they_end() -> None:
    data = (
        SetColourMapEntries(3, ((1, 2, 3), (4, 5, 6))).encode()
        + b"\x96"
        + b"\xf8\0\0\0\0\0\0\1\x03abc"
        + b"\xfa\0\1\1"
        + encode_update(0)
        + encode_update(0xFFFF)
        + LAST_RECT.encode()
        + CutText(b"", kind=ServerKind.CUT_TEXT).encode()
    )
    assert through(data + BELL, [], clipboard=1) == data + BELL
    assert through(data + BELL, [], clipboard=0) == data[:-8] + BELL


@pytest.mark.parametrize(
    "data",
    [
        b"\x07",
        b"\xff\x01\0\0",  # sound, for which nobody asked
        b"\xf8\0\0\0\0\0\0\1\x41",
        update(1, 1, Encoding.JPEG, b""),
        update(1, 1, Encoding.TIGHT, b"\xb0"),
    ],
)
def test_what_has_no_known_end_ends_it(data: bytes) -> None:
    with pytest.raises(DecodeError):
        through(data, [])


def test_dropped_clipboards_are_counted_and_not_kept() -> None:
    server_filter = ServerFilter(0, lambda: PixelFormat.BGRX)
    assert server_filter.receive_data(b"\x03\0\0\0\x7f\xff\xff\xff" + bytes(100_000)) == []
    assert server_filter.dropped_clipboards == 1
    assert not server_filter._held


# --- what the viewer may say then -------------------------------------------------------------------------------------

COUNTED = ViewerRules(clipboard_down=0)
ASK = FramebufferUpdateRequest(Area(0, 0, 1, 1)).encode()
FORMAT = SetPixelFormat(PixelFormat.BGRX).encode()
OTHER = SetPixelFormat(replace(PixelFormat.BGRX, bits_per_pixel=8)).encode()


def test_the_pixel_format_stands_once_pixels_were_asked_for() -> None:
    ViewerFilter(COUNTED).receive_data(OTHER + FORMAT + ASK + FORMAT)
    for first in (FORMAT + ASK, ASK):
        with pytest.raises(DecodeError, match="another pixel format"):
            ViewerFilter(COUNTED).receive_data(first + OTHER)
    ViewerFilter(ViewerRules()).receive_data(FORMAT + ASK + OTHER)


@pytest.mark.parametrize("only", [None, frozenset({Encoding.RAW, Encoding.JPEG})])
def test_the_server_is_asked_only_for_what_can_be_counted(only: frozenset[int] | None) -> None:
    asked = SetEncodings((Encoding.RAW, Encoding.JPEG, Encoding.H264, 999, Encoding.EXTENDED_CLIPBOARD))
    rules = replace(COUNTED, only=only)
    assert ViewerFilter(rules).receive_data(asked.encode()) == [SetEncodings((Encoding.RAW,)).encode()]


# --- where messages end -----------------------------------------------------------------------------------------------

SMALL = update(2, 2, Encoding.RAW, bytes(16))


@given(cuts=cuts)
def test_it_is_known_where_messages_end(cuts: list[int]) -> None:
    messages = [BELL, SMALL, TEXT, SMALL, BELL, BELL]
    data, ends = b"".join(messages), {sum(map(len, messages[:count])) for count in range(len(messages) + 1)}
    server_filter, passed, read = ServerFilter(100, lambda: PixelFormat.BGRX), b"", 0
    for part in cut(data, cuts):
        walked = server_filter.walk(part)
        read += len(part)
        assert not walked.rest
        assert server_filter.is_between_messages is (read in ends)
        if walked.ended:
            assert len(passed) + sum(map(len, walked.pieces[: walked.ended])) in ends
        passed += b"".join(walked.pieces)
    assert passed == data


@given(cuts=cuts)
def test_it_stops_where_the_message_at_hand_ends(cuts: list[int]) -> None:
    server_filter, passed, rest, stop = ServerFilter(0, lambda: PixelFormat.BGRX), b"", b"", False
    data = BELL + TEXT + SMALL + SMALL
    for part in cut(data, cuts):
        walked = server_filter.walk(part, stop=stop)
        passed, rest = passed + b"".join(walked.pieces), rest + walked.rest
        stop = True
    assert (passed + rest).replace(TEXT, b"") == BELL + SMALL + SMALL
    assert data.endswith(rest)
    assert server_filter.is_between_messages


def test_what_was_seen_is_known() -> None:
    server_filter = ServerFilter(0, lambda: PixelFormat.BGRX)
    server_filter.receive_data(encode_update(1) + RectangleHeader(0, 0, 7, 5, Encoding.DESKTOP_SIZE).encode())
    assert (server_filter.size, server_filter.updates, server_filter.shown) == ((7, 5), 1, 0)
    refused = RectangleHeader(1, 1, 70, 50, Encoding.EXTENDED_DESKTOP_SIZE).encode() + bytes(4)
    server_filter.receive_data(encode_update(1) + refused + SMALL)
    assert (server_filter.size, server_filter.updates, server_filter.shown) == ((7, 5), 3, 1)
    told = RectangleHeader(0, 0, 70, 50, Encoding.EXTENDED_DESKTOP_SIZE).encode() + bytes(4)
    server_filter.receive_data(encode_update(1) + told)
    assert server_filter.size == (70, 50)
    assert server_filter.encodings == {Encoding.RAW, Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE}
