"""A viewer that is alone gets a display's own bytes, and sees what is right before, while and after that ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    CutText,
    EnableContinuousUpdates,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    SetEncodings,
    SetPixelFormat,
)
from conduit.rfb.mirror import LOOKING, MOST_TRIES, PACE
from conduit.rfb.names import Encoding, Fence, ServerKind
from conduit.rfb.passing import passable
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import BELL
from conduit.rfb.server_messages import ScanCodesUnderstood
from conduit.rfb.viewing import Viewing
from tests.fakes.rfb_bytes import rectangle, update
from tests.fakes.rfb_world import HEIGHT, OURS, WIDTH, House, Viewer

RGBX = replace(PixelFormat.BGRX, red_shift=0, blue_shift=16)
UPPER = replace(PixelFormat.BGRX, red_shift=24, green_shift=16, blue_shift=8, big_endian=True)
ALL = (*OURS, Encoding.ZLIB, Encoding.RRE)
COLOURS = [b"\xff\0\0\0", b"\0\xff\0\0", b"\0\0\xff\0", b"\x12\x34\x56\0"]
PART = Area(3, 5, 20, 10)


def sees(house: House, *viewers: Viewer) -> bool:
    return all(viewer.picture == house.display.picture for viewer in viewers)


def painted(house: House) -> None:
    for number, colour in enumerate(COLOURS):
        house.display.paint(Area(number * 9, number * 5, 10, 8), colour)


def first_of(encoding: Encoding) -> tuple[int, ...]:
    return (encoding, *(each for each in ALL if each != encoding), Encoding.COPY_RECT, Encoding.DESKTOP_SIZE)


@pytest.mark.parametrize("pixel_format", [PixelFormat.BGRX, RGBX, UPPER])
@pytest.mark.parametrize("encoding", ALL)
def test_the_display_is_asked_what_the_viewer_asks_and_the_viewer_gets_its_bytes(
    encoding: Encoding, pixel_format: PixelFormat
) -> None:
    house = House()
    painted(house)
    alone = house.join(first_of(encoding), pixel_format)
    house.send()
    house.arrive_up(1 << 20)
    assert house.display.said[:2] == [SetPixelFormat(pixel_format), SetEncodings(first_of(encoding))]
    shown = house.down = house.display.answer()
    house.arrive_down(100)
    house.arrive_down(1 << 20)
    house.send()
    assert alone.unread == shown
    alone.read(1 << 20)
    assert sees(house, alone)
    house.settle()
    house.display.copy(0, 0, PART)
    house.settle()
    assert house.passes()
    assert sees(house, alone)


@pytest.mark.parametrize("moment", range(0, 700, 23))
@pytest.mark.parametrize("encoding", ALL)
def test_another_one_may_come_at_any_moment(encoding: Encoding, moment: int) -> None:
    house = House()
    painted(house)
    alone = house.join(first_of(encoding), RGBX)
    house.send()
    house.arrive_up(1 << 20)
    house.down += house.display.answer()
    house.display.paint(PART, COLOURS[2])
    for _ in range(moment // 23):
        house.arrive_down(23)
        house.send()
        alone.read(11)
        house.arrive_up(1 << 20)
        house.down += house.display.answer()
    other = house.join(first_of(encoding))
    house.display.copy(1, 1, PART)
    house.arrive_down(5)
    house.send()
    house.settle()
    assert not house.passes()
    assert sees(house, alone, other)
    painted(house)
    house.settle()
    assert sees(house, alone, other)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("paint"), st.integers(0, 30), st.integers(0, 18), st.sampled_from(COLOURS)),
        st.tuples(st.just("copy"), st.integers(0, 20), st.integers(0, 14), st.sampled_from(COLOURS)),
        st.tuples(st.sampled_from(["up", "down", "read"]), st.integers(1, 900), st.just(0), st.just(b"")),
        st.tuples(
            st.sampled_from(["send", "answer", "join", "leave", "look", "looked", "format"]),
            st.integers(0, 5),
            st.just(0),
            st.just(b""),
        ),
    ),
    max_size=40,
)


def act(house: House, what: str, x: int, y: int, colour: bytes) -> None:
    match what:
        case "paint":
            house.display.paint(Area(x, y, 10, 6), colour)
        case "copy":
            house.display.copy(x, y, Area(20 - x // 2, 14 - y // 2, 20, 10))
        case "up":
            house.arrive_up(x)
        case "down":
            house.arrive_down(x)
        case "send":
            house.send()
        case "answer":
            house.down += house.display.answer()
        case "join" if len(house.viewers) < 3:
            house.join(first_of(ALL[x]), [PixelFormat.BGRX, RGBX, UPPER][x % 3])
        case "look" | "looked":
            house.look(looks=what == "look")
        case "read" | "leave" | "format" if house.viewers:
            act_on(house.viewers[x % len(house.viewers)], what, x)
        case _:
            pass


def act_on(viewer: Viewer, what: str, count: int) -> None:
    if what == "read":
        viewer.read(count)
    elif what == "leave":
        viewer.leave()
    else:
        viewer.say(SetEncodings(first_of(ALL[count])))


@settings(max_examples=100)
@given(encoding=st.sampled_from(ALL), steps=steps)
def test_whatever_happens_in_whatever_order_all_see_what_there_is(
    encoding: Encoding, steps: list[tuple[str, int, int, bytes]]
) -> None:
    house = House()
    painted(house)
    house.join(first_of(encoding), RGBX)
    for step in steps:
        act(house, *step)
    house.look(looks=False)
    house.settle()
    painted(house)
    house.settle()
    assert sees(house, *house.viewers)
    last = house.join(first_of(encoding))
    house.settle()
    assert sees(house, *house.viewers)
    assert last.updates


@pytest.mark.parametrize("encoding", ALL)
def test_who_looks_once_sees_all_and_the_viewer_stays(encoding: Encoding) -> None:
    house = House()
    painted(house)
    alone = house.join(first_of(encoding), RGBX)
    house.settle()
    house.look(looks=True)
    house.settle()
    assert house.mirror.is_whole
    assert house.mirror.picture == house.display.picture
    house.look(looks=False)
    house.display.paint(PART, COLOURS[1])
    house.settle()
    assert not house.passes()
    assert sees(house, alone)


def test_after_a_look_one_that_is_alone_gets_the_displays_bytes_but_not_in_what_the_look_has_used() -> None:
    house = House()
    painted(house)
    house.look(looks=True)
    house.settle()
    house.look(looks=False)
    assert list(house.display.encodings) == list(LOOKING)
    alone = house.join((Encoding.ZRLE, Encoding.TIGHT, Encoding.RAW, Encoding.DESKTOP_SIZE), RGBX)
    house.settle()
    assert house.passes()
    assert house.display.encodings == (Encoding.TIGHT, Encoding.RAW, Encoding.DESKTOP_SIZE)
    assert sees(house, alone)
    alone.leave()
    house.settle()
    assert not house.passes()


def test_what_a_viewer_does_not_know_may_not_be_on_its_way() -> None:
    house = House()
    house.look(looks=True)
    house.settle()
    house.look(looks=False)
    alone = house.join((Encoding.TIGHT, Encoding.RAW))
    house.settle()
    assert not house.passes()
    assert sees(house, alone)


@pytest.mark.parametrize("other", [{"red_max": 127}, {"depth": 32}])
def test_pixels_of_other_sizes_are_written_by_us(other: dict[str, int]) -> None:
    house = House()
    viewer = house.join((Encoding.TIGHT,))
    viewer.leave()
    wanted = replace(PixelFormat.BGRX, **other)  # type: ignore[arg-type]  # one of several
    number = house.audience.attach(0.0)
    house.attend()
    house.audience.receive(number, SetPixelFormat(wanted).encode() + viewer._request(incremental=False).encode())
    house.mirror.look_at_lone()
    assert not house.passes()
    assert house.mirror.is_followed


@pytest.mark.parametrize("encoding", ALL)
def test_nothing_wrong_is_shown_on_the_way_from_the_one_to_the_other(encoding: Encoding) -> None:
    house = House()
    painted(house)
    alone = house.join(first_of(encoding), RGBX)
    house.settle()
    other = house.join(first_of(encoding))
    right = 0
    for _ in range(80):
        house.send()
        house.arrive_up(7)
        house.down += house.display.answer()
        house.arrive_down(50)
        house.send()
        for viewer in house.viewers:
            before = viewer.updates
            viewer.read(1 << 20)
            if viewer.updates > before:
                assert sees(house, viewer)
                right += 1
    assert right >= 2
    assert not house.passes()
    assert sees(house, alone, other)


def test_an_answer_to_somebody_else_reaches_no_viewer() -> None:
    house = House()
    painted(house)
    house.look(looks=True)
    house.send()
    house.look(looks=False)
    alone = house.join(first_of(Encoding.TIGHT), RGBX)
    assert not house.passes()
    house.settle()
    assert sees(house, alone)


def test_one_that_comes_while_the_last_message_of_another_goes_on_gets_another_encoding() -> None:
    house = House()
    painted(house)
    first = house.join(first_of(Encoding.TIGHT), RGBX)
    house.send()
    house.arrive_up(1 << 20)
    house.down = house.display.answer()
    house.arrive_down(20)
    first.leave()
    second = house.join(first_of(Encoding.TIGHT), UPPER)
    house.arrive_down(10)
    house.settle()
    assert house.passes()
    assert Encoding.TIGHT not in house.display.encodings
    assert sees(house, second)
    assert second.updates


def test_one_that_comes_then_with_an_answer_to_come_is_shown_a_picture() -> None:
    house = House()
    painted(house)
    first = house.join(first_of(Encoding.TIGHT), RGBX)
    house.send()
    first.say(FramebufferUpdateRequest(PART))
    house.send()
    house.arrive_up(1 << 20)
    house.down = house.display.answer()
    house.arrive_down(20)
    first.leave()
    second = house.join(first_of(Encoding.TIGHT), UPPER)
    house.settle()
    assert not house.passes()
    assert sees(house, second)
    assert second.updates


def test_another_pixel_format_is_not_the_displays_any_more() -> None:
    house = House()
    painted(house)
    alone = house.join(first_of(Encoding.TIGHT), RGBX)
    house.settle()
    said = len(house.display.said)
    alone.say(SetPixelFormat(RGBX))
    assert house.passes()
    alone.say(SetPixelFormat(UPPER))
    alone.reader.set_pixel_format(UPPER)
    house.settle()
    assert not house.passes()
    assert not [each for each in house.display.said[said:] if isinstance(each, SetPixelFormat)]
    assert sees(house, alone)


@pytest.mark.parametrize("more", [(), (Encoding.DESKTOP_SIZE,)])
def test_another_size_reaches_the_viewer_and_who_comes_later(more: tuple[int, ...]) -> None:
    house = House()
    alone = house.join((Encoding.TIGHT, *more), RGBX)
    house.settle()
    house.display.resize(30, 40)
    painted(house)
    house.settle()
    assert house.passes()
    assert sees(house, alone) is bool(more)
    other = house.join((Encoding.HEXTILE, Encoding.DESKTOP_SIZE))
    house.settle()
    assert sees(house, other)
    assert sees(house, alone) is bool(more)


def test_who_may_only_look_gets_no_clipboard_and_types_nothing() -> None:
    house = House()
    number = house.audience.attach(0.0, may_type=False)
    house.attend()
    ask = FramebufferUpdateRequest(Area(0, 0, WIDTH, HEIGHT))
    house.audience.receive(number, ask.encode() + KeyEvent(65, down=True).encode())
    house.mirror.look_at_lone()
    assert house.passes()
    house.mirror.receive_data(BELL + CutText(b"secret", kind=ServerKind.CUT_TEXT).encode() + BELL)
    assert house.audience.data_to_send(number, 0.0) == BELL + BELL
    house.send()
    told = SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings((Encoding.RAW,)).encode()
    assert house.up == told + ask.encode()


def test_scan_codes_that_the_viewer_is_offered_are_passed_on() -> None:
    house = House()
    alone = house.join((Encoding.TIGHT, Encoding.QEMU_EXTENDED_KEY))
    house.settle()
    key = ExtendedKeyEvent(0x61, 0x1E, down=True)
    offer = rectangle(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY)
    assert house.mirror.receive_data(update(offer)) == [ScanCodesUnderstood()]
    assert house.mirror.receive_data(update(offer)) == []
    house.audience.offer_scan_codes()
    alone.say(key)
    house.send()
    house.arrive_up(1 << 20)
    assert house.display.said[-1] == key
    alone.unread = b""
    house.join(OURS)
    house.settle()
    assert sees(house, *house.viewers)


def test_answers_come_between_messages() -> None:
    house = House()
    alone = house.join((Encoding.RAW, Encoding.FENCE))
    house.send()
    offered = alone.unread
    assert offered[0] == ServerKind.FENCE
    house.arrive_up(1 << 20)
    shown = house.down = house.display.answer()
    house.arrive_down(100)
    house.send()
    fence = FenceMessage(Fence.REQUEST | Fence.BLOCK_BEFORE, b"x")
    alone.say(fence)
    house.send()
    assert alone.unread == offered + shown[:100]
    house.arrive_down(1 << 20)
    house.mirror.receive_data(BELL[:1] + shown[:3])
    house.send()
    answered = FenceMessage(Fence.BLOCK_BEFORE, b"x").encode()
    assert alone.unread == offered + shown + BELL + answered + shown[:3]
    house.mirror.receive_data(shown[3:5])
    alone.say(fence)
    house.send()
    assert alone.unread.endswith(answered + shown[:5])
    with pytest.raises(DecodeError):
        house.mirror.receive_eof()
    house.mirror.receive_data(shown[5:])
    house.mirror.receive_eof()


def test_where_a_viewer_wants_to_be_told_without_asking_it_is_asked_for_it() -> None:
    house = House()
    number = house.audience.attach(0.0)
    house.attend()
    area = Area(0, 0, WIDTH, HEIGHT)
    house.audience.receive(number, EnableContinuousUpdates(enable=True, area=area).encode())
    house.mirror.look_at_lone()
    assert house.passes()
    house.send()
    assert house.mirror.next_deadline() is None
    house.arrive_up(1 << 20)
    assert house.display.said[-1] == FramebufferUpdateRequest(area, incremental=False)
    house.down = house.display.answer()
    house.arrive_down(1 << 20)
    assert house.mirror.waits_for_viewer
    assert house.mirror.next_deadline() is None
    assert house.audience.data_to_send(number, house.now)
    assert house.mirror.next_deadline() == house.now + PACE
    assert house.mirror.data_to_send(house.now) == b""
    for told in (b"", rectangle(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY)):
        if told:
            house.mirror.receive_data(update(told))
            assert house.audience.data_to_send(number, house.now)
        house.send()
        assert house.up == FramebufferUpdateRequest(area).encode()
        house.arrive_up(1 << 20)
    house.audience.leave(number, house.now)
    house.attend()
    assert house.mirror.data_to_send(house.now + 9) == b""
    assert house.mirror.next_deadline() is None


def test_a_viewer_that_asks_often_is_asked_for_once_and_for_all() -> None:
    house = House()
    number = house.audience.attach(0.0)
    house.attend()
    for area, incremental in ((Area(0, 0, 5, 5), False), (Area(10, 3, 5, 5), True)):
        house.audience.receive(number, FramebufferUpdateRequest(area, incremental).encode())
        house.mirror.look_at_lone()
    house.send()
    assert house.up.endswith(FramebufferUpdateRequest(Area(0, 0, 15, 8), incremental=False).encode())


def test_without_jpeg_the_display_is_not_asked_for_any() -> None:
    viewing = Viewing(Framebuffer(1, 1), jpeg=False)
    wanted = (Encoding.TIGHT, Encoding.QUALITY_9, Encoding.COMPRESSION_0, Encoding.CURSOR)
    viewing.receive_data(SetEncodings(wanted).encode())
    assert passable(viewing, []) == (Encoding.TIGHT, Encoding.COMPRESSION_0)
    viewing.jpeg = True
    assert passable(viewing, []) == (Encoding.TIGHT, Encoding.QUALITY_9, Encoding.COMPRESSION_0)


def test_what_a_display_does_not_do_well_it_is_never_asked_for() -> None:
    hidden = frozenset({Encoding.TIGHT, Encoding.COPY_RECT})
    house = House(hidden=hidden)
    painted(house)
    house.look(looks=True)
    house.settle()
    house.look(looks=False)
    alone = house.join((Encoding.TIGHT, Encoding.COPY_RECT, Encoding.HEXTILE, Encoding.DESKTOP_SIZE))
    house.settle()
    assert house.passes()
    late = house.join((Encoding.TIGHT, Encoding.HEXTILE))
    house.settle()
    assert sees(house, alone, late)
    told = [message.encodings for message in house.display.said if isinstance(message, SetEncodings)]
    assert told
    assert not hidden & {each for encodings in told for each in encodings}


def test_a_display_that_leaves_something_out_is_asked_again_and_then_believed() -> None:
    house = House()
    viewer = house.join((Encoding.HEXTILE,), replace(PixelFormat.BGRX))
    house.join((Encoding.HEXTILE,))
    part = update(rectangle(0, 0, WIDTH, HEIGHT - 1, Encoding.RAW, COLOURS[0] * WIDTH * (HEIGHT - 1)))
    for _ in range(MOST_TRIES):
        assert not house.mirror.is_whole
        house.send()
        assert house.up.endswith(FramebufferUpdateRequest(Area(0, 0, WIDTH, HEIGHT), incremental=False).encode())
        house.mirror.receive_data(part)
    assert house.mirror.is_whole
    house.send()
    assert viewer.unread


def test_one_that_has_gone_is_told_no_size() -> None:
    house = House()
    alone = house.join((Encoding.RAW, Encoding.DESKTOP_SIZE))
    house.send()
    house.mirror.receive_data(b"\0")
    alone.leave()
    house.mirror.receive_data(update(rectangle(0, 0, 8, 9, Encoding.DESKTOP_SIZE))[1:])
    assert not house.passes()
    assert (house.mirror.picture.width, house.mirror.picture.height) == (8, 9)


def test_what_was_to_be_told_when_it_was_alone_is_told_as_it_is_then() -> None:
    house = House()
    alone = house.join((Encoding.RAW, Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE))
    house.settle()
    house.display.resize(30, 16)
    house.settle()
    house.look(looks=True)
    house.settle()
    assert not house.passes()
    assert sees(house, alone)


def test_an_old_answer_that_leaves_something_out_is_no_reason_to_ask_again() -> None:
    house = House()
    alone = house.join((Encoding.TIGHT, Encoding.RAW))
    house.settle()
    house.display.paint(PART, COLOURS[1])
    house.look(looks=True)
    house.down = house.display.answer()
    house.send()
    house.arrive_down(1 << 20)
    said = len(house.display.said)
    house.settle()
    asked = [each for each in house.display.said[said:] if isinstance(each, FramebufferUpdateRequest)]
    assert [each.incremental for each in asked].count(False) == 1
    assert sees(house, alone)
    assert house.mirror.is_whole


def test_what_a_viewer_does_not_understand_is_taken_back() -> None:
    house = House()
    painted(house)
    house.look(looks=True)
    house.settle()
    house.look(looks=False)
    viewing = house.audience.attach(house.now)
    house.attend()
    ask = FramebufferUpdateRequest(PART, incremental=False)
    wanted = SetEncodings((Encoding.DESKTOP_SIZE, Encoding.CURSOR))
    house.audience.receive(viewing, wanted.encode() + ask.encode())
    house.mirror.look_at_lone()
    assert house.passes()
    house.send()
    house.arrive_up(1 << 20)
    assert house.display.encodings == (Encoding.DESKTOP_SIZE,)
    house.audience.receive(viewing, SetEncodings((Encoding.CURSOR,)).encode())
    house.send()
    house.arrive_up(1 << 20)
    assert house.display.encodings == (Encoding.RAW,)


def test_it_matters_what_one_says_that_is_alone() -> None:
    house = House()
    matters = [house.mirror.has_lone_viewer]
    alone = house.join((Encoding.RAW,))
    matters.append(house.mirror.has_lone_viewer)
    house.mirror.receive_data(b"\0")
    alone.leave()
    matters.append(house.mirror.has_lone_viewer)
    house.mirror.receive_data(b"\0\0\0")
    matters.append(house.mirror.has_lone_viewer)
    assert matters == [False, True, True, False]


def test_who_looks_after_a_viewer_does_not_wait_for_a_change() -> None:
    house = House(passes=False)
    painted(house)
    house.join(first_of(Encoding.TIGHT))
    house.settle()
    house.viewers[0].leave()
    for _ in range(2):
        house.look(looks=True)
        house.settle()
        assert house.mirror.is_whole
        house.look(looks=False)


@pytest.mark.parametrize("height", [HEIGHT // 2, HEIGHT])
def test_who_comes_after_a_look_is_shown_the_picture_of_a_server_that_answers_in_parts_or_unasked(height: int) -> None:
    house = House()
    house.look(looks=True)
    house.send()
    part = update(rectangle(0, 0, WIDTH, height, Encoding.RAW, COLOURS[0] * WIDTH * height))
    house.mirror.receive_data(
        part + part + update(rectangle(0, 0, WIDTH, HEIGHT, Encoding.RAW, bytes(WIDTH * HEIGHT * 4)))
    )
    assert house.mirror.is_whole
    house.look(looks=False)
    house.join(first_of(Encoding.TIGHT))
    assert not house.passes()


def test_a_message_that_has_begun_is_not_for_who_comes_in_the_middle() -> None:
    house = House()
    house.mirror.receive_data(CutText(b"text", kind=ServerKind.CUT_TEXT).encode()[:-2])
    house.join(first_of(Encoding.TIGHT))
    assert not house.passes()
    house.mirror.receive_data(b"xt")
    house.settle()
    assert sees(house, *house.viewers)
