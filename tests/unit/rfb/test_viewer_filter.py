from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.client_sizes import MAX_HELD
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
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.viewer_filter import HIDDEN, ViewerFilter, ViewerRules
from tests.unit.rfb.test_client_messages import cut
from tests.unit.rfb.test_messages import client_messages

INPUT = KeyEvent | PointerEvent | CutText | Xvp | SetDesktopSize | ExtendedKeyEvent
cuts = st.lists(st.integers(0, 10_000), max_size=10)


def through(rules: ViewerRules, messages: list[ClientMessage], cuts: list[int]) -> list[ClientMessage]:
    viewer_filter, reader = ViewerFilter(rules), ClientMessageReader()
    passed: list[ClientMessage] = []
    for piece in cut(b"".join(message.encode() for message in messages), cuts):
        for each in viewer_filter.receive_data(piece):
            passed += reader.receive_data(each)
        assert viewer_filter.held_bytes <= MAX_HELD
    return passed


def expected(messages: Sequence[ClientMessage], hidden: frozenset[int] = HIDDEN) -> list[ClientMessage]:
    """Without sound, and without asking for what is never asked for."""
    return [without(each, hidden) for each in messages if not isinstance(each, AudioRequest)]


def without(message: ClientMessage, hidden: frozenset[int]) -> ClientMessage:
    if isinstance(message, SetEncodings):
        return SetEncodings(tuple(each for each in message.encodings if each not in hidden))
    return message


NO_CLIPBOARD = HIDDEN | {Encoding.EXTENDED_CLIPBOARD}


@given(st.lists(client_messages, max_size=10), cuts)
def test_a_viewer_that_may_do_all_is_heard_whatever_the_pieces(messages: list[ClientMessage], cuts: list[int]) -> None:
    assert through(ViewerRules(), messages, cuts) == expected(messages)


@given(st.lists(client_messages, max_size=10), cuts)
def test_nothing_that_does_something_passes_in_view_only(messages: list[ClientMessage], cuts: list[int]) -> None:
    rules = ViewerRules(view_only=True)
    looks = [each for each in messages if not isinstance(each, INPUT)]
    assert through(rules, messages, cuts) == expected(looks, NO_CLIPBOARD)


@given(st.lists(client_messages, max_size=10), cuts, st.integers(0, 20))
def test_clipboards_up_to_the_cap_pass(messages: list[ClientMessage], cuts: list[int], most: int) -> None:
    def may_pass(message: ClientMessage) -> bool:
        return not isinstance(message, CutText) or 0 < len(message.data) <= most

    passing = expected([each for each in messages if may_pass(each)], HIDDEN if most else NO_CLIPBOARD)
    assert through(ViewerRules(clipboard=most), messages, cuts) == passing


def test_an_empty_clipboard_does_not_pass_where_none_does() -> None:
    assert through(ViewerRules(clipboard=0), [CutText(b"")], []) == []
    assert through(ViewerRules(clipboard=1), [CutText(b"")], []) == [CutText(b"")]


def test_a_long_clipboard_passes_in_pieces_and_is_not_kept() -> None:
    viewer_filter = ViewerFilter(ViewerRules(clipboard=1 << 20))
    data = CutText(bytes(range(256)) * 1000).encode()
    passed = []
    for at in range(0, len(data), 1000):
        pieces = viewer_filter.receive_data(data[at : at + 1000])
        passed += pieces
        assert at == 0 or sum(map(len, pieces)) == len(data[at : at + 1000])
    assert b"".join(passed) == data


def test_power_and_size_can_be_kept_from_a_viewer_that_may_type() -> None:
    key, power, size = KeyEvent(65, down=True), Xvp(4), SetDesktopSize(1, 1, ())
    messages: list[ClientMessage] = [key, power, size]
    assert through(ViewerRules(power=False), messages, []) == [key, size]
    assert through(ViewerRules(resize=False), messages, []) == [key, power]


def test_what_looks_passes_in_view_only() -> None:
    area = Area(0, 0, 1, 1)
    looks: list[ClientMessage] = [
        SetPixelFormat(PixelFormat.BGRX),
        FramebufferUpdateRequest(area),
        EnableContinuousUpdates(enable=True, area=area),
        FenceMessage(0),
    ]
    assert through(ViewerRules(view_only=True), looks, []) == looks


ASKED = (Encoding.TIGHT, Encoding.RAW, Encoding.GII, Encoding.EXTENDED_MOUSE_BUTTONS, Encoding.EXTENDED_CLIPBOARD, 999)


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (ViewerRules(), (Encoding.TIGHT, Encoding.RAW, Encoding.EXTENDED_CLIPBOARD, 999)),
        (ViewerRules(hidden=frozenset({Encoding.TIGHT})), (Encoding.RAW, Encoding.EXTENDED_CLIPBOARD, 999)),
        (ViewerRules(only=frozenset({Encoding.RAW, Encoding.ZRLE})), (Encoding.RAW,)),
        (ViewerRules(view_only=True), (Encoding.TIGHT, Encoding.RAW, 999)),
        (ViewerRules(clipboard=0), (Encoding.TIGHT, Encoding.RAW, 999)),
    ],
)
def test_encodings_are_taken_out_of_what_the_server_is_asked_for(rules: ViewerRules, asked: tuple[int, ...]) -> None:
    key = KeyEvent(65, down=True)
    passed = through(rules, [SetEncodings(ASKED), key], [2, 9])
    assert passed[0] == SetEncodings(asked)
    assert rules.view_only or passed[1:] == [key]


def test_sound_is_no_way_in() -> None:
    """A server that takes fewer bytes for it than we do would take the rest for messages of their own."""
    assert through(ViewerRules(), [AudioRequest(0), AudioRequest(2, 3, 2, 44100)], []) == []


def test_dropped_messages_are_counted_and_the_pixel_format_is_known() -> None:
    viewer_filter = ViewerFilter(ViewerRules(view_only=True))
    viewer_filter.receive_data(SetPixelFormat(PixelFormat.BGRX).encode() + 2 * KeyEvent(65, down=True).encode())
    assert viewer_filter.pixel_format == PixelFormat.BGRX
    assert viewer_filter.dropped.total() == viewer_filter.dropped[4] == 2


def test_an_unknown_message_is_an_error_and_what_came_before_it_is_not_sent() -> None:
    with pytest.raises(DecodeError, match="type 7"):
        ViewerFilter(ViewerRules()).receive_data(KeyEvent(65, down=True).encode() + b"\x07")


def test_the_eighth_button_is_a_button() -> None:
    """Nobody is told of ExtendedMouseButtons, so no byte follows: what looks like one is the next message."""
    event = PointerEvent(1, 2, 0x80)
    assert through(ViewerRules(), [event, event], []) == [event, event]
