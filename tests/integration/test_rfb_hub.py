"""One login at a display and many viewers: our hub before our server."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from PIL import Image

from conduit._lease import Lease, Move
from conduit._tcp import LARGE
from conduit._trio import open_background_nursery
from conduit.errors import PeerTimeoutError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.display import Display, open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.hub import DisplayHub, open_hub
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.messages import Area, FramebufferUpdateRequest, KeyEvent, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.passing import MOST_HELD
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.recording import Kind, Recording
from conduit.rfb.security import Credentials
from conduit.rfb.server import RfbServer, access_by_password
from conduit.rfb.server_messages import ServerMessageReader
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from tests.fakes.cancelling import cancel_at_step

OPTIONS = LoginOptions(credentials=Credentials(username="", password="sesame"))


class Stage:
    """A display behind a password, and a hub before it."""

    def __init__(self) -> None:
        self.display, self._same = TextDisplay("node1"), TextDisplay()
        self.done: list[Input] = []
        self.server = RfbServer(Audience(self.display), access_by_password("sesame"), on_input=self.done.append)
        self.hub: DisplayHub
        self.port = 0
        "The hub's, which wants no password."

    def write(self, text: str) -> None:
        for display in (self.display, self._same):
            display.receive(text.encode())
        self.server.stir()

    @asynccontextmanager
    async def viewer(self, *encodings: Encoding) -> AsyncIterator[Display]:
        async with open_display(DisplayAddress("127.0.0.1", self.port), encodings=encodings) as display:
            yield display

    async def shows(self, display: Display) -> None:
        """Until a viewer sees what there is."""
        self._same.refresh()
        await until(lambda: display.framebuffer == self._same.picture)

    @property
    def keys(self) -> list[tuple[str, bool]]:
        return [(chr(done.keysym), done.down) for done in self.done if isinstance(done, KeyEvent)]


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the other side is a socket or two away
            await trio.sleep(0.005)


def colour_of(png: bytes) -> object:
    """Of a dot somewhere."""
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB").getpixel((80, 50))


def passing(stage: Stage) -> bool:
    return stage.hub.is_passing


@asynccontextmanager
async def stage(lease: Lease | None = None, *, passes: bool = False) -> AsyncIterator[Stage]:
    made = Stage()
    async with open_background_nursery() as nursery:
        port = await nursery.start(made.server.serve, "127.0.0.1", 0)
        async with open_hub(f"vnc://127.0.0.1:{port}", OPTIONS, lease=lease, passes=passes) as made.hub:
            made.port = await nursery.start(made.hub.server.serve, "127.0.0.1", 0)
            yield made


async def test_viewers_come_late_and_see_the_same_each_in_its_encoding_over_one_login() -> None:
    async with stage() as made:
        made.write("hello\r\n")
        async with made.viewer(Encoding.ZRLE) as first, made.viewer(Encoding.HEXTILE) as second:
            await made.shows(first)
            made.write("\x1b[1;33;44mworld\r\n")
            async with made.viewer(Encoding.TIGHT) as third, made.viewer(Encoding.RAW) as fourth:
                for display in (first, second, third, fourth):
                    await made.shows(display)
                assert len(made.hub.audience.seats) == 4
                assert {seat.viewing.encoding for seat in made.hub.audience.seats} == {16, 5, 7, 0}
                assert len(made.server.audience.seats) == 1


async def test_without_viewers_the_display_is_asked_for_nothing() -> None:
    async with stage() as made:
        async with made.viewer(Encoding.ZRLE) as display:
            await made.shows(display)
        await until(lambda: not made.hub.audience.seats)
        before = made.server.audience.seats[0].viewing.updates
        for _ in range(3):
            made.write("nobody looks\r\n")
            await trio.sleep(0.05)
        assert made.server.audience.seats[0].viewing.updates <= before + 1  # the one that was on its way
        async with made.viewer(Encoding.ZRLE) as display:
            await made.shows(display)


async def test_keys_go_through_and_none_stays_down() -> None:
    async with stage() as made:
        async with made.viewer(Encoding.ZRLE) as display:
            await display.type_text("ab", pause=0.0)
            await until(lambda: made.keys == [("a", True), ("a", False), ("b", True), ("b", False)])
            made.done.clear()
            await display._send(KeyEvent(ord("x"), down=True).encode())
            await until(lambda: bool(made.keys))
        await until(lambda: made.keys == [("x", True), ("x", False)])


async def test_one_has_the_keyboard_and_it_passes_on_with_notice() -> None:
    async with stage(Lease(countdown=0.2)) as made, made.viewer(Encoding.ZRLE) as alice:
        await made.shows(alice)
        async with made.viewer(Encoding.ZRLE) as bob:
            await until(lambda: "has the keyboard" in bob.name)
            await bob.type_text("b", pause=0.0)
            await alice.type_text("a", pause=0.0)
            await until(lambda: len(made.keys) == 2)
            assert made.keys[0] == ("a", True)
            first, second = made.hub.audience.seats
            assert made.hub.make(Move.ASK, second.id)
            await until(lambda: "has the keyboard" in alice.name)
            assert made.hub.audience.writer == second.id
            assert first.dropped_inputs == 0
            await bob.type_text("b", pause=0.0)
            await until(lambda: made.keys[-1] == ("b", False))


async def test_a_thumbnail_is_no_viewer_and_shows_what_is_there_now() -> None:
    async with stage() as made:
        for colour, index in (((0xAA, 0, 0), 41), ((0, 0, 0xAA), 44)):
            made.write(f"\x1b[{index}m\x1b[2J")
            png = await made.hub.thumbnail(longest=160)
            with Image.open(io.BytesIO(png)) as image:
                assert image.size == (160, 100)
                assert image.convert("RGB").getpixel((80, 50)) == colour
            assert made.hub.audience.seats == ()


async def test_a_thumbnail_of_a_still_picture_is_there_at_once_after_a_viewer_has_left() -> None:
    async with stage() as made:
        made.write("still\r\n")
        async with made.viewer(Encoding.ZRLE) as display:
            await made.shows(display)
            await until(lambda: made.hub._mirror._has_asked and made.hub._mirror.is_whole)
        await until(lambda: not made.hub.audience.seats)
        assert await made.hub.thumbnail()


@pytest.mark.parametrize("with_input", [True, False])
async def test_what_is_shown_is_recorded_and_input_only_where_it_is_asked_for(with_input: bool) -> None:
    file = io.BytesIO()
    async with stage() as made:
        made.write("before\r\n")
        async with made.hub.record(file, with_input=with_input):
            assert made.hub.audience.seats == ()
            async with made.viewer(Encoding.ZRLE) as display:
                await made.shows(display)
                await display.press("x")
                await until(lambda: len(made.done) == 2)
                made.write("\x1b[41m\x1b[2J")
                await made.shows(display)
            await until(lambda: made.hub._mirror.picture == display.framebuffer)
        made.write("\x1b[44m\x1b[2J nobody records this")
        await made.hub.thumbnail()
    recording = Recording(file)
    assert recording.frame_at(recording.duration) == display.framebuffer
    assert recording.frame_at(0.0) != display.framebuffer
    keys = [record.data for record in recording.records() if record.kind == Kind.CLIENT]
    assert keys == ([done.encode() for done in made.done] if with_input else [])


async def test_a_recording_while_one_is_alone_has_the_whole_picture_and_the_viewer_stays() -> None:
    file = io.BytesIO()
    async with stage(passes=True) as made, made.viewer(Encoding.RAW) as display:
        await made.shows(display)
        assert made.hub.is_passing
        async with made.hub.record(file):
            made.write("\x1b[42m\x1b[2J")
            await made.shows(display)
            await until(lambda: made.hub._mirror.picture == display.framebuffer)
        made.write("afterwards")
        await made.shows(display)
    recording = Recording(file)
    assert recording.frame_at(recording.duration) != display.framebuffer


async def test_a_recording_has_a_deadline_and_leaves_nothing_behind() -> None:
    async with stage() as made:
        with pytest.raises(PeerTimeoutError):
            async with made.hub.record(io.BytesIO(), patience=0.0):
                raise AssertionError("there was no picture")
        assert not made.hub._mirror.is_watched


async def test_a_thumbnail_has_a_deadline() -> None:
    async with stage() as made:
        with pytest.raises(PeerTimeoutError):
            await made.hub.thumbnail(patience=0.0)


async def test_a_display_that_goes_away_ends_the_hub() -> None:
    made = Stage()
    async with open_background_nursery() as nursery:
        scope = trio.CancelScope()

        async def serve(task_status: trio.TaskStatus[int]) -> None:
            with scope:
                await made.server.serve("127.0.0.1", 0, task_status=task_status)

        port = await nursery.start(serve)

        async def share() -> None:
            async with open_hub(f"vnc://127.0.0.1:{port}", OPTIONS):
                scope.cancel()
                await trio.sleep(5)

        with pytest.raises(TransportError):
            await share()


# --- a viewer that is alone gets the display's own bytes ---


@pytest.mark.parametrize("encoding", [Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.RAW])
async def test_one_that_is_alone_gets_the_displays_own_bytes_until_another_one_comes(encoding: Encoding) -> None:
    async with stage(passes=True) as made:
        made.write("hello\r\n")
        async with made.viewer(encoding) as first:
            await made.shows(first)
            assert passing(made)
            made.write("\x1b[1;33;44mworld\r\n")
            await made.shows(first)
            assert made.server.audience.seats[0].viewing.encoding == encoding
            assert not any(made.hub.audience.source.picture.pixels)
            async with made.viewer(Encoding.ZRLE) as second:
                made.write("\x1b[1;31;42mboth\r\n")
                await made.shows(first)
                await made.shows(second)
                assert not passing(made)
            made.write("alone again\r\n")
            await made.shows(first)
            assert not passing(made)
        assert len(made.server.audience.seats) == 1


async def test_a_thumbnail_while_one_is_alone_shows_what_is_there_and_the_viewer_stays() -> None:
    async with stage(passes=True) as made, made.viewer(Encoding.TIGHT) as alone:
        await made.shows(alone)
        made.write("\x1b[41m\x1b[2J")
        assert colour_of(await made.hub.thumbnail()) == (0xAA, 0, 0)
        await made.shows(alone)
        made.write("\x1b[44m\x1b[2J")
        await made.shows(alone)


async def test_after_a_thumbnail_one_that_is_alone_still_gets_the_displays_own_bytes() -> None:
    async with stage(passes=True) as made:
        for _ in range(2):
            await made.hub.thumbnail()
        async with made.viewer(Encoding.TIGHT, Encoding.ZRLE) as alone:
            await made.shows(alone)
            assert passing(made)
            await alone.type_text("a", pause=0.0)
            await until(lambda: made.keys == [("a", True), ("a", False)])
        async with made.viewer(Encoding.TIGHT) as next_one:
            await made.shows(next_one)


async def test_keys_of_one_that_is_alone_go_through_and_none_stays_down() -> None:
    async with stage(Lease(), passes=True) as made:
        async with made.viewer(Encoding.ZRLE) as display:
            await made.shows(display)
            assert passing(made)
            await display._send(KeyEvent(ord("x"), down=True).encode())
            await until(lambda: bool(made.keys))
            made.hub.make(Move.RELEASE, made.hub.audience.seats[0].id)
            await until(lambda: made.keys == [("x", True), ("x", False)])
            await display._send(KeyEvent(ord("y"), down=True).encode() + KeyEvent(ord("y"), down=False).encode())
            await until(lambda: made.hub.audience.seats[0].dropped_inputs == 2)
            assert passing(made)
        assert len(made.keys) == 2


async def test_a_hub_may_have_no_passing() -> None:
    async with stage(passes=False) as made, made.viewer(Encoding.ZRLE) as display:
        await made.shows(display)
        assert not passing(made)


async def test_of_one_that_reads_nothing_little_is_kept_and_a_thumbnail_does_not_wait_for_it() -> None:
    async with (
        stage(passes=True) as made,
        open_connection(DisplayAddress("127.0.0.1", made.port), LoginOptions()) as alone,
    ):
        whole = Area(0, 0, alone.init.width, alone.init.height)
        all_of_it, changes = (FramebufferUpdateRequest(whole, incremental).encode() for incremental in (False, True))
        await alone.stream.send_all(SetPixelFormat(PixelFormat.BGRX).encode() + all_of_it)
        await until(lambda: bool(made.hub.audience.seats) and passing(made))
        (seat,) = made.hub.audience.seats
        with trio.fail_after(30):
            stalled = 0
            while stalled < 20:
                await alone.stream.send_all(all_of_it)
                await trio.sleep(0.01)
                stalled = stalled + 1 if seat.viewing.held_bytes else 0
        assert seat.viewing.held_bytes <= LARGE
        made.write("\x1b[44m\x1b[2J")
        with trio.fail_after(30):
            while colour_of(await made.hub.thumbnail()) != (0, 0, 0xAA):
                assert not passing(made)  # what was asked for so often is still on its way
        assert seat.viewing.held_bytes <= MOST_HELD
        reader = ServerMessageReader(Framebuffer(whole.width, whole.height))
        with trio.fail_after(30):
            while reader.picture.crop(Area(80, 50, 1, 1)) != b"\xaa\0\0\0":
                if reader.receive_data(await alone.stream.receive_some(1 << 20)):
                    await alone.stream.send_all(changes)


async def test_a_thumbnail_that_is_cancelled_anywhere_leaves_the_viewer_where_it_was() -> None:
    async with stage(passes=True) as made, made.viewer(Encoding.TIGHT) as alone:
        await made.shows(alone)
        step = 1
        while await cancel_at_step(step, made.hub.thumbnail):
            step += 1
            made.write(f"{step}\r\n")
            await made.shows(alone)
        assert step > 2
        assert len(made.hub.audience.seats) == 1


async def test_one_that_is_alone_and_vanishes_in_the_middle_leaves_the_display_to_the_next() -> None:
    async with stage(passes=True) as made:
        for encoding in (Encoding.RAW, Encoding.TIGHT, Encoding.ZRLE, Encoding.RAW):
            async with open_connection(DisplayAddress("127.0.0.1", made.port), LoginOptions()) as gone:
                whole = Area(0, 0, gone.init.width, gone.init.height)
                ask = FramebufferUpdateRequest(whole, incremental=False).encode()
                await gone.stream.send_all(SetEncodings((encoding,)).encode() + ask)
                await gone.stream.receive_some(10)
            made.write("next\r\n")
            await until(lambda: not made.hub.audience.seats)
        async with made.viewer(Encoding.ZRLE, Encoding.RAW) as display:
            await made.shows(display)
        assert len(made.server.audience.seats) == 1
