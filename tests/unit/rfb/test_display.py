from __future__ import annotations

import io
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import DecodeError, LocalProtocolError, PeerTimeoutError, TransportError
from conduit.rfb.display import OTHERS, PICTURES, Display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import decode_png
from conduit.rfb.messages import Area, KeyEvent
from conduit.rfb.names import Encoding
from conduit.rfb.recording import Kind, Recording
from tests.fakes.rfb_bytes import BLUE, GREEN, RED, chequered, rectangle, update
from tests.fakes.rfb_display import FakeDisplay, open_fake_display, settle


async def test_a_screenshot_is_the_picture_as_a_png(autojump_clock: MockClock) -> None:
    server = FakeDisplay(chequered(8, 4))
    async with open_fake_display(server) as display:
        assert decode_png(await display.screenshot()) == (8, 4, bytes(server.picture.pixels))
        assert decode_png(await display.screenshot(longest=4))[:2] == (4, 2)
    assert server.encodings == (*PICTURES, *OTHERS)


async def test_a_screenshot_is_taken_after_it_is_asked_for(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2, RED * 4))
    async with open_fake_display(server) as display:
        await display.refresh()
        server.picture.fill(server.picture.whole, BLUE)  # and the server tells nobody
        assert (await display.refresh()).pixels == BLUE * 4
    assert [request.incremental for request in server.requests][:1] == [False]


async def test_what_is_drawn_twice_is_not_twice_as_much(autojump_clock: MockClock) -> None:
    """A server may answer in slices, and one of them again and again."""
    server = FakeDisplay(Framebuffer(2, 2), shows=False)
    async with open_fake_display(server) as display:
        for _ in range(2):
            await server.say(update(rectangle(0, 0, 2, 1, Encoding.RAW, RED * 2)))
        with pytest.raises(PeerTimeoutError):
            await display._wait_until_whole(1)
        await server.say(update(rectangle(0, 1, 2, 1, Encoding.RAW, BLUE * 2)))
        await display._wait_until_whole(1)
        assert display.framebuffer.pixels == RED * 2 + BLUE * 2


async def test_encodings_can_be_chosen(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    async with open_fake_display(server) as display:
        display.limit_encodings([Encoding.HEXTILE])
        await display.refresh()
    assert server.encodings == (Encoding.HEXTILE, *OTHERS)


async def test_a_server_that_shows_nothing_is_an_error_in_time(autojump_clock: MockClock) -> None:
    async with open_fake_display(FakeDisplay(Framebuffer(2, 2), shows=False)) as display:
        started = trio.current_time()
        with pytest.raises(PeerTimeoutError, match="no whole picture within 3 s; the machine may be off"):
            await display.screenshot(patience=3.0)
        assert trio.current_time() - started == pytest.approx(3.0)


async def test_changes_are_waited_for(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(130, 70))
    async with open_fake_display(server) as display, trio.open_nursery() as nursery:

        async def change() -> None:
            await trio.sleep(5)
            await server.say(update())  # nothing is different
            await trio.sleep(5)
            server.picture.fill(Area(128, 0, 1, 1), RED)
            await server.show()

        nursery.start_soon(change)
        assert await display.wait_for_change(patience=20) == [Area(128, 0, 2, 64)]


async def test_a_change_that_comes_before_it_is_waited_for_is_not_missed(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(4, 4))
    server.echoes = True
    async with open_fake_display(server) as display:
        await display.screenshot()
        await display.press("a")
        await settle()
        assert await display.wait_for_change(patience=1) == [Area(0, 0, 4, 4)]
        with pytest.raises(PeerTimeoutError):
            await display.wait_for_change(patience=1)


async def test_changes_elsewhere_are_not_what_is_waited_for(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(4, 4))
    async with open_fake_display(server) as display, trio.open_nursery() as nursery:

        async def change() -> None:
            for x in (0, 3):
                await trio.sleep(1)
                server.picture.fill(Area(x, 0, 1, 1), RED)
                await server.show()

        nursery.start_soon(change)
        started = trio.current_time()
        assert await display.wait_for_change(Area(2, 0, 2, 2)) == [Area(2, 0, 2, 2)]
        assert trio.current_time() - started == pytest.approx(2.0)


async def test_no_change_is_an_error_in_time(autojump_clock: MockClock) -> None:
    async with open_fake_display(FakeDisplay(Framebuffer(2, 2))) as display:
        with pytest.raises(PeerTimeoutError, match="did not change within 2 s"):
            await display.wait_for_change(patience=2.0)
        with pytest.raises(DecodeError, match="not inside"):
            await display.wait_for_change(Area(0, 0, 3, 3))


async def test_another_size_is_a_change_and_all_is_asked_for_again(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    async with open_fake_display(server) as display, trio.open_nursery() as nursery:

        async def change() -> None:
            await trio.sleep(1)
            server.picture = Framebuffer(3, 3, GREEN * 9)
            await server.show(resized=True)

        nursery.start_soon(change)
        assert await display.wait_for_change(Area(0, 0, 1, 1)) == [Area(0, 0, 3, 3)]
        assert (await display.refresh()).pixels == GREEN * 9
        await settle()
    assert server.requests[-1].area == (0, 0, 3, 3)
    assert sum(not request.incremental for request in server.requests) >= 2


async def test_a_text_is_typed_by_keysyms_or_by_scan_codes(autojump_clock: MockClock) -> None:
    for scan_codes, expected in ((False, [0x61, 0xFFE1, 0x42, 0x42, 0xFFE1]), (True, [0x1E, 0x2A, 0x30, 0x30, 0x2A])):
        server = FakeDisplay(Framebuffer(2, 2), scan_codes=scan_codes)
        async with open_fake_display(server) as display:
            await display.type_text("aB")
            await settle()
        keys = [each.keysym if isinstance(each, KeyEvent) else each.keycode for each in server.keys]
        assert keys == [expected[0], *expected]


async def test_keys_are_pressed_together(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2), scan_codes=True)
    async with open_fake_display(server) as display:
        await display.press("ctrl+alt+delete")
        await display.press_each(["F2", "enter"])
        await settle()
    assert [(each.keysym, each.down) for each in server.keys[:4]] == [
        (0xFFE3, True), (0xFFE9, True), (0xFFFF, True), (0xFFFF, False),
    ]  # fmt: skip
    assert len(server.keys) == 10


async def test_a_server_that_shows_nothing_gets_keys_nevertheless(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2), shows=False)
    async with open_fake_display(server) as display:
        await display.press("a")
        await settle()
    assert len(server.keys) == 2


async def test_a_text_that_cannot_be_typed_is_not_begun(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2), scan_codes=True)
    async with open_fake_display(server) as display:
        with pytest.raises(LocalProtocolError, match="character 3"):
            await display.type_text("ab\N{SNOWMAN}")
        with pytest.raises(LocalProtocolError, match="no key"):
            await display.press_each(["a", "hyper"])
        await settle()
    assert not server.keys


async def test_the_pointer_moves_and_clicks(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(10, 10))
    async with open_fake_display(server) as display:
        await display.move(3, 4)
        await display.click(5, 6, button=3, times=2)
        await settle()
    assert [(each.x, each.y, each.buttons) for each in server.pointers] == [
        (3, 4, 0), (5, 6, 0), (5, 6, 4), (5, 6, 0), (5, 6, 4), (5, 6, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda display: display.move(10, 0), "10,0 is not inside the display, which has 10x10"),
        (lambda display: display.click(0, -1), "0,-1 is not inside"),
        (lambda display: display.click(0, 0, button=9), "no button 9"),
    ],
)
async def test_what_cannot_be_pointed_at_is_refused(
    act: Callable[[Display], Awaitable[None]], why: str, autojump_clock: MockClock
) -> None:
    async with open_fake_display(FakeDisplay(Framebuffer(10, 10))) as display:
        with pytest.raises(LocalProtocolError, match=why):
            await act(display)


async def test_what_a_server_tells_is_known(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    async with open_fake_display(server) as display:
        await display.refresh()
        await server.say(
            update(
                rectangle(0, 0, 1, 1, Encoding.CURSOR, RED + b"\x80"),
                rectangle(0, 0, 0, 0, Encoding.DESKTOP_NAME, b"\0\0\0\x03new"),
                rectangle(0, 0, 0, 0, Encoding.QEMU_LED_STATE, b"\x04"),
            )
            + b"\x03\0\0\0\0\0\0\x02hi"
        )
        await settle()
        assert (display.name, display.lamps) == ("new", 4)
        assert display.pointer is not None
        assert display.pointer.pixels == RED


async def test_a_session_is_recorded(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(4, 4, RED * 16))
    file = io.BytesIO()
    async with open_fake_display(server) as display, display.record(file) as writer:
        await trio.sleep(1)
        server.picture.fill(server.picture.whole, BLUE)
        await server.show()
        await settle()
        await server.say(b"\x02")
        await display.press("a")
        await trio.sleep(1)
        server.picture = Framebuffer(2, 2, GREEN * 4)
        await server.show(resized=True)
        await settle()
    assert writer.size == len(file.getvalue())
    recording = Recording(file)
    assert [recording.frame_at(at).pixels[:4] for at in (0.5, 1.5, 3.0)] == [RED, BLUE, GREEN]
    assert Kind.CLIENT not in {record.kind for record in recording.records()}


async def test_input_is_recorded_only_where_it_is_asked_for(autojump_clock: MockClock) -> None:
    file = io.BytesIO()
    async with open_fake_display(FakeDisplay(Framebuffer(4, 4))) as display:
        async with display.record(file, with_input=True):
            await display.press("a")
            await display.move(1, 1)
        await display.press("b")
    typed = [record.data for record in Recording(file).records() if record.kind == Kind.CLIENT]
    assert [data[0] for data in typed] == [4, 4, 5]


# --- ends ---


async def test_a_server_that_leaves_is_an_error(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    with pytest.raises(TransportError, match="the display closed the connection"):  # noqa: PT012 - leaving raises
        async with open_fake_display(server) as display:
            await display.refresh()
            await server.close()
            await trio.sleep(1)


async def test_a_server_that_leaves_in_a_message_is_an_error(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    with pytest.raises(DecodeError, match="middle of a message"):  # noqa: PT012 - leaving raises
        async with open_fake_display(server) as display:
            await display.refresh()
            await server.say(b"\0")
            await server.close()
            await trio.sleep(1)


async def test_a_broken_connection_is_an_error(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    with pytest.raises(TransportError, match="was lost"):  # noqa: PT012 - leaving raises
        async with open_fake_display(server) as display:
            await display.refresh()
            await server.client.aclose()
            await display.press("a")


async def test_pictures_are_asked_for_thirty_times_a_second_at_most(autojump_clock: MockClock) -> None:
    server = FakeDisplay(Framebuffer(2, 2))
    async with open_fake_display(server) as display:
        await display.refresh()
        for _ in range(100):
            await server.say(update())
            await trio.sleep(0.01)
    assert len(server.requests) <= 35
