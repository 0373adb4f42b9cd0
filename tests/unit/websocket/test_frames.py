"""Frames of WebSocket: as RFC 6455 has them, as wsproto makes and takes them, and as nobody may send them."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Message

from conduit.errors import DecodeError
from conduit.websocket.frames import (
    MASKED_AT_ONCE,
    MAX_FRAME,
    NO_CODE,
    Close,
    CloseCode,
    FrameReader,
    Opcode,
    Ping,
    encode_close,
    encode_frame,
    mask,
)

KEY = b"\x37\xfa\x21\x3d"  # section 5.7
SIZES = st.integers(0, 3) | st.sampled_from([125, 126, 127, 65535, 65536]) | st.integers(0, 70_000)


def take(reader: FrameReader, *parts: bytes) -> tuple[bytes, list[Ping | Close]]:
    stream, told = b"", []
    for part in parts:
        pieces, more = reader.receive_data(memoryview(part))
        stream += b"".join(pieces)
        told += more
    return stream, told


def test_frames_of_the_rfc() -> None:
    assert b"".join(encode_frame(Opcode.PING, b"Hello", None)) == bytes.fromhex("890548656c6c6f")
    assert b"".join(encode_frame(Opcode.PONG, b"Hello", KEY)) == bytes.fromhex("8a8537fa213d7f9f4d5158")
    assert encode_frame(Opcode.BINARY, bytes(256), None)[0] == bytes.fromhex("827e0100")
    assert encode_frame(Opcode.BINARY, bytes(65536), None)[0] == bytes.fromhex("827f0000000000010000")
    assert take(FrameReader(masked=True), bytes.fromhex("898537fa213d7f9f4d5158")) == (b"", [Ping(b"Hello")])


@pytest.mark.property
@given(payload=st.binary(max_size=40), key=st.binary(min_size=4, max_size=4), at=st.integers(0, 40))
def test_masking_in_two_parts_is_masking_at_once_and_undoes_itself(payload: bytes, key: bytes, at: int) -> None:
    whole = mask(payload, key)
    assert whole == bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    assert mask(payload[:at], key) + mask(payload[at:], key, min(at, len(payload))) == whole
    assert mask(whole, key) == payload


@pytest.mark.parametrize("size", [MASKED_AT_ONCE - 1, MASKED_AT_ONCE, MASKED_AT_ONCE + 1, 3 * MASKED_AT_ONCE + 5])
def test_long_payloads_are_masked_as_short_ones_are(size: int) -> None:
    payload = bytes(i * 7 & 0xFF for i in range(size))
    for skip in range(4):
        assert mask(payload, KEY, skip) == bytes(byte ^ KEY[(i + skip) % 4] for i, byte in enumerate(payload))


@pytest.mark.property
@given(sizes=st.lists(SIZES, max_size=5), cuts=st.lists(st.integers(0, 300_000), max_size=12), masked=st.booleans())
def test_any_split_of_the_stream_gives_the_same_bytes(sizes: list[int], cuts: list[int], masked: bool) -> None:
    key = KEY if masked else None
    payloads = [bytes([i + 1]) * size for i, size in enumerate(sizes)]
    raw = b""
    for payload in payloads:
        raw += b"".join(encode_frame(Opcode.BINARY, payload, key)) + b"".join(encode_frame(Opcode.PING, b"?", key))
    marks = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    parts = [raw[a:b] for a, b in itertools.pairwise(marks)]
    assert take(FrameReader(masked=masked), *parts) == (b"".join(payloads), [Ping(b"?")] * len(sizes))


@pytest.mark.property
@given(sizes=st.lists(SIZES, max_size=4), client=st.booleans())
def test_wsproto_takes_ours_and_we_take_what_it_sends(sizes: list[int], client: bool) -> None:
    peer = Connection(ConnectionType.SERVER if client else ConnectionType.CLIENT)
    for size in sizes:
        peer.receive_data(b"".join(encode_frame(Opcode.BINARY, b"x" * size, KEY if client else None)))
    got = b"".join(bytes(event.data) for event in peer.events() if isinstance(event, BytesMessage))
    assert got == b"x" * sum(sizes)
    parts = [peer.send(Message(data=b"y" * size, message_finished=i % 2 == 0)) for i, size in enumerate([*sizes, 1])]
    assert take(FrameReader(masked=not client), *parts)[0] == b"y" * (sum(sizes) + 1)
    assert take(FrameReader(masked=not client), peer.send(CloseConnection(code=1000))) == (b"", [Close(1000)])


@pytest.mark.property
@given(data=st.binary(max_size=64), masked=st.booleans())
def test_anything_is_taken_or_a_decode_error(data: bytes, masked: bool) -> None:
    with contextlib.suppress(DecodeError):
        take(FrameReader(masked=masked), data)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ("c200", "bits"),
        ("8300", "of a kind"),
        ("8b00", "of a kind"),
        ("8280", "is masked"),
        ("0900", "in parts"),
        ("897e", "too long"),
        ("8100", "text"),
        ("8000", "the rest of none"),
        ("02000200", "within another"),
        ("827e007d", "more bytes than it needs"),
        ("827f000000000000ffff", "more bytes than it needs"),
        (f"827f{MAX_FRAME + 1:016x}", "too much"),
        ("827fffffffffffffffff", "too much"),
        ("880103", "Close"),
        ("880203ed", "Close"),
        ("88020000", "Close"),
    ],
)
def test_what_nobody_may_send(raw: str, what: str) -> None:
    with pytest.raises(DecodeError, match=what):
        take(FrameReader(masked=False), bytes.fromhex(raw))


def test_a_client_must_mask() -> None:
    with pytest.raises(DecodeError, match="not masked"):
        take(FrameReader(masked=True), b"\x82\x00")


def test_fragments_are_one_stream_and_control_frames_may_lie_between() -> None:
    raw = bytes.fromhex("020161 8900 000162 8a00 800163 820164")
    assert take(FrameReader(masked=False), raw) == (b"abcd", [Ping(b"")])


def test_nothing_is_read_after_a_close() -> None:
    reader = FrameReader(masked=False)
    assert take(reader, bytes.fromhex("8800 ffff")) == (b"", [Close(NO_CODE)])
    assert take(reader, b"\xff\xff") == (b"", [])
    assert take(FrameReader(masked=False), b"\x88\x02" + encode_close(CloseCode.GOING_AWAY))[1] == [Close(1001)]
