from __future__ import annotations

import socket  # noqa: TID251  # a pair of them
import tracemalloc

import pytest
import trio
from trio.testing import MemoryReceiveStream, MockClock, memory_stream_pair

from conduit._tcp import TcpStream
from conduit._trio import open_background_nursery
from conduit.errors import RemoteProtocolError, TransportError
from conduit.rfb.websocket_stream import (
    CHUNK,
    OPENBMC,
    Pace,
    WebSocketStream,
    WebSocketWishes,
    accept_websocket,
    open_websocket,
)
from conduit.websocket.frames import Opcode, encode_close, encode_frame
from conduit.websocket.handshake import KEY, WebSocketUrl, answer_request, encode_request

URL = WebSocketUrl("bmc.example", 443, "/kvm/0?token=geheim", secure=True)
Pair = tuple[WebSocketStream, WebSocketStream]


def pair(pace: Pace = OPENBMC) -> Pair:
    ours, theirs = memory_stream_pair()
    return WebSocketStream(ours, masked=True, pace=pace), WebSocketStream(theirs, masked=False)


async def test_bytes_go_both_ways_whatever_the_messages_are() -> None:
    ours, theirs = pair()
    await ours.send_all(b"up")
    assert await theirs.receive_some() == b"up"
    await theirs.send_all(b"down and more")
    assert await ours.receive_some(4) == b"down"
    assert await ours.receive_some(400) == b" and more"
    await ours.wait_send_all_might_not_block()


async def test_a_small_message_takes_no_memory_that_the_c_library_maps() -> None:
    ours, theirs = socket.socketpair()
    async with TcpStream(ours) as near, TcpStream(theirs) as far:
        stream = WebSocketStream(far, masked=False)
        await near.send_all(b"".join(encode_frame(Opcode.BINARY, b"moved!", b"mask")))
        tracemalloc.start()
        try:
            assert await stream.receive_some() == b"moved!"
            assert tracemalloc.get_traced_memory()[1] < 128 << 10  # glibc's M_MMAP_THRESHOLD
        finally:
            tracemalloc.stop()


async def test_what_came_with_the_answer_is_not_lost() -> None:
    ours, _ = memory_stream_pair()
    early = b"".join(bytes(part) for part in encode_frame(Opcode.BINARY, b"RFB", None))
    stream = WebSocketStream(ours, masked=True, received=early)
    assert await stream.receive_some() == b"RFB"


async def test_openbmc_gets_no_message_of_more_than_it_takes_and_no_more_than_it_gets_rid_of(
    autojump_clock: MockClock,
) -> None:
    ours, theirs = memory_stream_pair()
    stream = WebSocketStream(ours, masked=True, pace=OPENBMC)
    await stream.send_all(bytes(4096))
    assert trio.current_time() == pytest.approx((4096 - OPENBMC.burst) / OPENBMC.rate, rel=0.1)
    reader = theirs.receive_stream
    assert isinstance(reader, MemoryReceiveStream)
    raw = bytes(await theirs.receive_some())
    sizes = []
    while raw:
        assert raw[1] == 0x80 | 126
        size = int.from_bytes(raw[2:4])
        sizes.append(size)
        raw = raw[8 + size :]
    assert max(sizes) <= 1024
    assert sum(sizes) == 4096


async def test_two_who_send_at_once_keep_the_pace_together(autojump_clock: MockClock) -> None:
    ours, _ = memory_stream_pair()
    stream = WebSocketStream(ours, masked=True, pace=OPENBMC)
    async with trio.open_nursery() as nursery:
        for _each in range(4):
            nursery.start_soon(stream.send_all, bytes(1024))
    assert trio.current_time() == pytest.approx((4096 - OPENBMC.burst) / OPENBMC.rate, rel=0.1)


async def test_a_frame_that_was_left_unfinished_is_the_last() -> None:
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    stream = WebSocketStream(ours, masked=False)
    with trio.move_on_after(0.05) as scope:
        await stream.send_all(bytes(CHUNK * 64))
    assert scope.cancelled_caught
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"more")
    received = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.close_with, 1001, "the relay is restarted")
        while data := await theirs.receive_some(CHUNK):
            received += data
    await theirs.aclose()
    header = next(iter(encode_frame(Opcode.BINARY, bytes(CHUNK), None)))
    assert received.replace(bytes(header), b"").strip(b"\0") == b""


async def test_keys_are_not_slowed_down(autojump_clock: MockClock) -> None:
    ours, _ = pair()
    for _each in range(100):
        await ours.send_all(bytes(10))
    assert trio.current_time() == 0


async def test_pings_are_answered_and_a_close_is_the_end() -> None:
    ours, theirs = pair()
    await ours.ping()
    await ours.send_all(b"x")
    assert await theirs.receive_some() == b"x"
    await theirs.close_with(1008, "é" * 200)
    assert await ours.receive_some() == b""
    assert await ours.receive_some() == b""
    assert ours.close_code == 1008
    await ours.aclose()


async def test_a_peer_that_breaks_the_rules_is_named() -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"\x81\x00")  # text
    with pytest.raises(RemoteProtocolError, match="breaks the rules of WebSocket"):
        await WebSocketStream(ours, masked=True).receive_some()


async def test_a_connection_that_breaks_is_no_trouble_to_who_answers() -> None:
    ours, theirs = memory_stream_pair()
    stream = WebSocketStream(ours, masked=True)
    await theirs.send_all(b"\x89\x00" + b"\x88\x02" + encode_close(1000))  # type: ignore[arg-type]  # a number
    await theirs.aclose()
    assert await stream.receive_some() == b""
    await stream.aclose()


async def test_nobody_waits_for_a_peer_that_does_not_take_a_close(autojump_clock: MockClock) -> None:
    ours, _theirs = trio.testing.lockstep_stream_pair()
    await WebSocketStream(ours, masked=True).aclose()
    assert trio.current_time() == pytest.approx(1.0)


# --- how it begins ----------------------------------------------------------------------------------------------------


async def ask(answer: bytes, *, wishes: WebSocketWishes | None = None) -> tuple[WebSocketStream, bytes]:
    ours, theirs = memory_stream_pair()
    asked = b""

    async def serve() -> None:
        nonlocal asked
        asked = bytes(await theirs.receive_some())
        if answer == b"break":
            await theirs.aclose()
            return
        head = asked.removesuffix(b"\r\n\r\n")
        await theirs.send_all(answer or answer_request(head) + b"\x82\x01x")
        await theirs.send_stream.aclose()

    async with open_background_nursery() as nursery:
        nursery.start_soon(serve)
        stream = await open_websocket(ours, URL, wishes or WebSocketWishes())
    return stream, asked


async def test_a_websocket_is_asked_for_with_what_the_server_wants_to_hear() -> None:
    wishes = WebSocketWishes(subprotocols=(), fields={"X-Auth-Token": "geheim"})
    stream, asked = await ask(b"", wishes=wishes)
    assert b"GET /kvm/0?token=geheim HTTP/1.1\r\nHost: bmc.example\r\n" in asked
    assert b"\r\nX-Auth-Token: geheim\r\n" in asked
    assert b"Sec-WebSocket-Protocol" not in asked
    assert await stream.receive_some() == b"x"
    assert "geheim" not in repr(wishes)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "does not let us in"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "see whether the BMC runs"),
        (b"RFB 003.008\n", "without a word"),
        (b"break", "without a word"),
    ],
)
async def test_a_server_that_does_not_agree_is_named_without_secrets(answer: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says) as caught:
        await ask(answer)
    assert "geheim" not in str(caught.value)


async def test_a_connection_that_breaks_before_the_request_is_named() -> None:
    ours, theirs = memory_stream_pair()
    await theirs.aclose()
    await ours.aclose()
    with pytest.raises(TransportError, match=r"bmc\.example broke"):
        await open_websocket(ours, URL, WebSocketWishes())


# --- how it is given --------------------------------------------------------------------------------------------------

PAGE = {"Origin": "https://noc.example"}


async def give(asked: bytes, *, origins: tuple[str, ...] = ()) -> tuple[WebSocketStream, bytes]:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(asked)
    await theirs.send_stream.aclose()
    try:
        stream = await accept_websocket(ours, origins=origins)
    except RemoteProtocolError as error:
        if "a word" in str(error):
            raise
        raise RemoteProtocolError(f"{error} | {bytes(await theirs.receive_some())!r}") from error
    return stream, bytes(await theirs.receive_some())


async def test_who_asks_gets_a_websocket_and_what_it_said_at_once_is_not_lost() -> None:
    early = b"".join(bytes(part) for part in encode_frame(Opcode.BINARY, b"RFB", b"mask"))
    asked = encode_request(URL, bytes(KEY), subprotocols=("binary",), fields=PAGE) + early
    stream, answer = await give(asked, origins=("https://noc.example",))
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Protocol: binary" in answer
    assert await stream.receive_some() == b"RFB"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (encode_request(URL, bytes(KEY), fields=PAGE), "nobody has let in.*403 Forbidden"),
        (b"POST / HTTP/1.1\r\n\r\n", "another method than GET.*405"),
        (b"RFB 003.008\n", "without a word"),
    ],
)
async def test_who_asks_for_something_else_or_may_not_is_told(asked: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        await give(asked)


async def test_a_client_that_is_gone_before_it_asks_is_named() -> None:
    ours, theirs = memory_stream_pair()
    await theirs.aclose()
    await ours.aclose()
    with pytest.raises(TransportError, match="the connection broke"):
        await accept_websocket(ours)
