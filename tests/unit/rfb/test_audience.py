"""Any number of viewers of one picture."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from conduit._lease import COUNTDOWN, Lease, Move
from conduit.errors import DisplayFull, LocalProtocolError
from conduit.rfb import audience as audience_module
from conduit.rfb.audience import MAX_HELD, Audience
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    ClientMessage,
    CutText,
    ExtendedKeyEvent,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    SetEncodings,
)
from conduit.rfb.names import Encoding, ServerKind
from conduit.rfb.server_heads import BELL
from conduit.rfb.server_messages import Renamed, ScanCodesUnderstood, ServerMessageReader

WHOLE = Area(0, 0, 32, 32)
RED, BLUE = b"\0\0\xff\0", b"\xff\0\0\0"
A, B = KeyEvent(0x61, down=True), KeyEvent(0x62, down=True)
A_UP = KeyEvent(0x61, down=False)


class Wall:
    """A picture that is painted."""

    name = "wall"

    def __init__(self) -> None:
        self.picture = Framebuffer(32, 32)
        self.painted: list[Area] = []

    def paint(self, colour: bytes, area: Area = WHOLE) -> None:
        self.picture.fill(area, colour)
        self.painted.append(area)

    def refresh(self) -> Iterable[Area]:
        painted, self.painted = self.painted, []
        return painted


class Hall:
    """An audience, and what its viewers see."""

    def __init__(self, *, lease: Lease | None = None, most: int = 3) -> None:
        self.wall = Wall()
        self.audience = Audience(self.wall, lease=lease, most=most)
        self.readers: dict[int, ServerMessageReader] = {}
        self.now = 0.0

    def attach(self, name: str = "", *, may_type: bool = True, may_take: bool = False) -> int:
        viewer = self.audience.attach(self.now, name=name, may_type=may_type, may_take=may_take)
        self.readers[viewer] = ServerMessageReader(Framebuffer(32, 32))
        return viewer

    def say(self, viewer: int, *messages: ClientMessage) -> list[object]:
        for message in messages:
            self.audience.receive(viewer, message.encode())
        return list(self.audience.take_inputs())

    def look(self, viewer: int) -> list[object]:
        self.say(viewer, FramebufferUpdateRequest(WHOLE))
        self.now += 1
        return list(self.readers[viewer].receive_data(self.audience.data_to_send(viewer, self.now)))

    def writer(self) -> int | None:
        return self.audience.writer

    def titles(self, viewer: int) -> list[str]:
        self.say(viewer, SetEncodings((Encoding.DESKTOP_NAME,)))
        return [event.name for event in self.look(viewer) if isinstance(event, Renamed)]


def test_all_see_the_same_those_who_come_late_too() -> None:
    hall = Hall()
    first = hall.attach()
    hall.wall.paint(RED)
    hall.look(first)
    second = hall.attach()
    hall.look(second)
    assert hall.readers[1].picture == hall.readers[2].picture == hall.wall.picture
    hall.wall.paint(BLUE, Area(3, 3, 5, 5))
    hall.look(second)
    hall.look(first)
    assert hall.readers[1].picture == hall.readers[2].picture == hall.wall.picture


def test_another_picture_is_shown_to_all() -> None:
    hall = Hall()
    viewers = [hall.attach(), hall.attach()]
    for viewer in viewers:
        hall.look(viewer)
    hall.wall.picture = Framebuffer(32, 32)
    hall.wall.paint(BLUE)
    for viewer in viewers:
        hall.look(viewer)
        assert hall.readers[viewer].picture == hall.wall.picture


def test_a_picture_that_nobody_looks_at_is_not_refreshed() -> None:
    hall = Hall()
    viewer = hall.attach()
    hall.audience.leave(viewer, 0.0)
    hall.audience.leave(viewer, 0.0)
    hall.wall.paint(RED)
    assert hall.wall.painted
    later = hall.attach()
    hall.look(later)
    assert hall.readers[later].picture == hall.wall.picture


def test_there_is_room_for_so_many() -> None:
    hall = Hall(most=2)
    first = hall.attach()
    hall.attach()
    with pytest.raises(DisplayFull, match="2 watch this display already"):
        hall.attach()
    hall.audience.leave(first, 0.0)
    hall.attach("x" * 100 + "\n")
    assert [len(seat.name) for seat in hall.audience.seats] == [0, 64]


def test_who_is_not_here_is_an_error_of_the_caller() -> None:
    with pytest.raises(LocalProtocolError):
        Hall().audience.data_to_send(7, 0.0)


def test_without_a_lease_all_may_type_who_may_at_all() -> None:
    hall = Hall()
    first, second, third = hall.attach(), hall.attach(), hall.attach(may_type=False)
    assert hall.say(first, A) == [A]
    assert hall.say(second, B, CutText(b"x")) == [B, CutText(b"x")]
    assert hall.say(third, A, PointerEvent(1, 1), CutText(b"x")) == []
    assert hall.audience.seats[2].dropped_inputs == 3
    assert hall.writer() is None
    assert hall.audience.next_deadline() is None
    assert not hall.audience.handle_deadline(0.0)
    assert not hall.audience.make(Move.TAKE, second, 0.0)


def test_with_a_lease_one_types_and_the_others_know_who() -> None:
    hall = Hall(lease=Lease())
    alice, bob = hall.attach("alice"), hall.attach("bob")
    assert hall.writer() == alice
    assert hall.say(alice, A) == [A]
    assert hall.say(bob, B) == []
    assert hall.titles(alice) == []
    assert hall.titles(bob) == ["wall (alice has the keyboard)"]
    hall.audience.leave(alice, 0.0)
    assert hall.writer() is None
    carol = hall.attach()
    assert hall.writer() == carol
    assert hall.titles(bob) == ["wall (somebody has the keyboard)"]
    assert hall.audience.make(Move.ASK, bob, 0.0)
    assert hall.audience.make(Move.GIVE, carol, 0.0)
    assert hall.titles(bob) == ["wall"]
    assert hall.titles(carol) == ["wall (bob has the keyboard)"]


def test_who_asks_gets_the_keyboard_when_nobody_says_no() -> None:
    hall = Hall(lease=Lease())
    alice, bob = hall.attach("alice"), hall.attach("bob")
    hall.audience.make(Move.ASK, bob, 5.0)
    assert hall.audience.next_deadline() == 5.0 + COUNTDOWN
    assert not hall.audience.handle_deadline(6.0)
    assert hall.audience.handle_deadline(5.0 + COUNTDOWN)
    assert hall.writer() == bob
    assert hall.say(alice, A) == []


def test_only_who_may_takes_and_only_who_types_gets() -> None:
    hall = Hall(lease=Lease())
    alice = hall.attach("alice")
    bob, viewer = hall.attach("bob", may_take=True), hall.attach("viewer", may_type=False)
    assert not hall.audience.make(Move.TAKE, viewer, 0.0)
    assert not hall.audience.make(Move.GIVE, alice, 0.0, to=viewer)
    assert not hall.audience.make(Move.TAKE, 99, 0.0)
    assert hall.audience.make(Move.TAKE, bob, 0.0)
    assert hall.writer() == bob
    assert not hall.audience.make(Move.TAKE, alice, 0.0)
    assert hall.audience.make(Move.GIVE, bob, 0.0, to=alice)
    assert hall.writer() == alice


def test_no_key_stays_down_when_the_keyboard_passes_on() -> None:
    hall = Hall(lease=Lease())
    alice, bob = hall.attach(), hall.attach(may_take=True)
    hall.say(alice, A, ExtendedKeyEvent(0x62, 0x30, down=True), PointerEvent(3, 4, 1))
    hall.audience.make(Move.TAKE, bob, 0.0)
    assert hall.audience.take_inputs() == [A_UP, ExtendedKeyEvent(0x62, 0x30, down=False), PointerEvent(3, 4)]
    assert hall.say(alice, A_UP) == []


def test_keys_of_who_had_the_keyboard_do_not_join_those_of_who_has_it() -> None:
    hall = Hall()
    has = {"alice"}
    alice = hall.audience.attach(0.0, has_keyboard=lambda: "alice" in has)
    bob = hall.audience.attach(0.0, has_keyboard=lambda: "bob" in has)
    hall.say(alice, A, PointerEvent(3, 4, 1))
    has.clear()
    has.add("bob")  # and nobody has said so yet
    assert hall.say(bob, B) == [A_UP, PointerEvent(3, 4), B]


def test_no_key_stays_down_when_a_viewer_leaves() -> None:
    hall = Hall()
    alice = hall.attach()
    hall.say(alice, A, A, B, KeyEvent(0x62, down=False), KeyEvent(0x63, down=False), PointerEvent(3, 4, 1))
    hall.say(alice, PointerEvent(3, 4))
    hall.audience.leave(alice, 0.0)
    assert hall.audience.take_inputs() == [A_UP]


def test_nobody_has_more_fingers_than_that() -> None:
    hall = Hall()
    alice = hall.attach()
    done = hall.say(alice, *(KeyEvent(0x100 + number, down=True) for number in range(MAX_HELD + 5)))
    assert len(done) == MAX_HELD


def test_a_machine_that_takes_nothing_is_sent_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience_module, "MAX_INPUTS", 3)
    hall = Hall()
    assert len(hall.say(hall.attach(), *[PointerEvent(1, 1)] * 5)) == 3
    assert hall.audience.dropped_inputs == 2


def test_the_bell_is_for_all_and_the_clipboard_for_those_who_may_type() -> None:
    hall = Hall()
    first, second = hall.attach(), hall.attach(may_type=False)
    hall.audience.ring()
    hall.audience.cut(b"secret")
    assert hall.audience.data_to_send(first, 0.0) == BELL + CutText(b"secret", kind=ServerKind.CUT_TEXT).encode()
    assert hall.audience.data_to_send(second, 0.0) == BELL
    assert hall.audience.deadline_of(first) is None


def test_all_learn_that_scan_codes_are_of_use() -> None:
    hall = Hall()
    early = hall.attach()
    hall.say(early, SetEncodings((Encoding.QEMU_EXTENDED_KEY,)))
    hall.look(early)
    hall.audience.offer_scan_codes()
    late = hall.attach()
    hall.say(late, SetEncodings((Encoding.QEMU_EXTENDED_KEY,)))
    assert ScanCodesUnderstood() in hall.look(early)
    assert ScanCodesUnderstood() in hall.look(late)


def test_somebody_else_may_say_who_has_the_keyboard() -> None:
    hall, has = Hall(), [True]
    viewer = hall.audience.attach(0.0, has_keyboard=lambda: has[0])
    assert hall.say(viewer, A) == [A]
    has[0] = False
    hall.audience.look_at_keyboards()
    assert hall.audience.take_inputs() == [A_UP]
    assert hall.say(viewer, B) == []
