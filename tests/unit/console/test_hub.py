"""One console for many viewers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from conduit.console import Hub, Ring, decode_from_hub
from conduit.console import messages as m
from conduit.console.hub import MAX_LISTED
from conduit.console.keyboard import MAX_ITEMS, MAX_WAITING
from conduit.console.phases import STATES, TRANSITIONS, WORDS, Happening, Phase
from conduit.console.seats import MAX_NAME
from conduit.console.seats import MAX_WAITING as MAX_ANSWERS
from conduit.console.words import Cause, End, Mode, Refusal, State
from conduit.errors import RemoteProtocolError

MessageT = TypeVar("MessageT", bound=m.Message)


def make(ring: Ring | None = None, *, live: bool = True) -> Hub:
    hub = Hub(epoch="e", ring=Ring(100) if ring is None else ring, now=0)
    if live:
        hub.happen(Happening.WANTED, 0)
        hub.happen(Happening.OPENED, 0)
    return hub


def join(hub: Hub, name: str = "Li", mode: Mode = Mode.WRITE, *, may_take: bool = False, **wish: Any) -> int:
    attach = m.Attach(mode=mode, **wish)
    return hub.attach(attach, 0, name=name, mode=Mode.WRITE, may_take=may_take)


def told(hub: Hub, viewer: int, now: float = 0, most: int = 1000) -> list[m.Message]:
    found = [decode_from_hub(data) for data in hub.messages_for(viewer, now, most)]
    return [message for message in found if message is not None]


def only(hub: Hub, viewer: int, kind: type[MessageT], now: float = 0) -> list[MessageT]:
    return [message for message in told(hub, viewer, now) if isinstance(message, kind)]


def output(hub: Hub, viewer: int) -> bytes:
    return b"".join(message.data for message in only(hub, viewer, m.Output))


# --- viewers ---


def test_a_viewer_is_known_by_its_sessions_name_while_it_is_here() -> None:
    hub = make()
    viewer = join(hub, "Li")
    assert hub.name_of(viewer) == "Li"
    hub.leave(viewer, 0)
    assert hub.name_of(viewer) is None


def test_what_is_forgotten_is_nobodys_and_who_heard_it_is_told() -> None:
    hub = make()
    viewer = join(hub)
    hub.output(b"theirs")
    hub.forget(End.REVOKED, "another has it now", 0)
    assert hub.is_ending(viewer)
    assert hub.lease.writer is None
    assert output(hub, join(hub, history=100)) == b""


# --- the console ---


@pytest.mark.parametrize(("phase", "happening"), list(itertools.product(Phase, Happening)))
def test_each_happening_leads_where_the_table_says_or_is_counted(phase: Phase, happening: Happening) -> None:
    hub = make(live=False)
    hub._phase = phase
    hub.happen(happening, 1)
    assert hub.phase is TRANSITIONS.get((phase, happening), phase)
    assert hub.ignored_happenings == ((phase, happening) not in TRANSITIONS)


def test_every_phase_has_a_state_and_words() -> None:
    assert set(STATES) == set(WORDS) == set(Phase)


def test_a_viewer_is_told_the_state_once_with_its_age_and_who_holds_the_console() -> None:
    hub = make(live=False)
    hub.happen(Happening.WANTED, 0)
    viewer = join(hub)
    told(hub, viewer)
    hub.happen(Happening.HELD, 1, text="held", holder="10.0.4.9")
    hub.happen(Happening.HELD, 2, text="held", holder="10.0.4.9")
    assert told(hub, viewer, 3) == [m.StateChanged(state=State.BUSY, text="held", since_ms=2000, holder="10.0.4.9")]
    hub.happen(Happening.HELD, 4, text="held", holder="10.0.4.9")
    assert not hub.has_messages(viewer)
    assert hub.text == "held"


def test_from_idle_to_connecting_is_no_news() -> None:
    hub = make(live=False)
    viewer = join(hub)
    told(hub, viewer)
    hub.happen(Happening.WANTED, 0)
    assert not hub.has_messages(viewer)


def test_time_without_a_session_is_a_gap_where_it_was() -> None:
    hub = make()
    viewer = join(hub)
    hub.output(b"ab")
    hub.happen(Happening.LOST, 1)
    hub.output(b"c")  # it was received before the loss
    hub.happen(Happening.OPENED, 3)
    hub.output(b"d")
    assert told(hub, viewer)[-3:] == [m.Output(0, b"abc"), m.Gap(at=3, ms=2000, cause=Cause.BMC), m.Output(3, b"d")]


def test_a_server_that_is_off_misses_nothing() -> None:
    hub = make()
    viewer = join(hub)
    told(hub, viewer)
    hub.happen(Happening.OFF, 1)
    hub.happen(Happening.ON, 2)
    assert [type(each) for each in told(hub, viewer)] == [m.StateChanged]


def test_the_time_before_a_restart_is_a_gap_of_its_own_cause() -> None:
    hub = Hub(epoch="e", ring=Ring(100, start=5), now=0, deaf_since=-3)
    viewer = join(hub)
    hub.happen(Happening.WANTED, 0)
    hub.happen(Happening.OPENED, 1)
    assert told(hub, viewer)[-1] == m.Gap(at=5, ms=4000, cause=Cause.RESTART)


def test_what_the_bmc_dropped_is_a_gap_of_unknown_length() -> None:
    hub = make()
    viewer = join(hub)
    hub.overrun()
    assert told(hub, viewer)[-1] == m.Gap(at=0, cause=Cause.BMC)


# --- attaching ---


def test_a_viewer_sees_what_was_said_last_first_as_much_as_it_wants() -> None:
    hub = make()
    hub.output(b"0123456789")
    all_of_it, three = join(hub), join(hub, history=3)
    assert told(hub, all_of_it)[0] == m.Attached(
        viewer=1, epoch="e", start=0, live=10, oldest=0, state=State.LIVE, writer=1, viewers=1
    )
    assert [output(hub, all_of_it), output(hub, three)] == [b"", b"789"]


def test_a_viewer_that_knows_where_it_was_goes_on_there() -> None:
    hub = make()
    hub.output(b"0123456789")
    viewer = join(hub, start=4, epoch="e")
    assert output(hub, viewer) == b"456789"


@pytest.mark.parametrize("where", [{"start": 4, "epoch": "other"}, {"start": 11, "epoch": "e"}, {"start": 4}])
def test_a_viewer_of_another_past_begins_anew(where: dict[str, Any]) -> None:
    hub = make()
    hub.output(b"0123456789")
    assert output(hub, join(hub, **where)) == b"0123456789"


def test_a_viewer_that_comes_too_late_is_told_how_much_it_misses() -> None:
    hub = make(Ring(4))
    hub.output(b"0123456789")
    messages = told(hub, join(hub, start=1, epoch="e"))
    assert isinstance(messages[0], m.Attached)
    assert messages[0].start == 6
    assert messages[1] == m.Gap(at=1, bytes=5, cause=Cause.HISTORY)
    assert messages[-1] == m.Output(6, b"6789")


def test_another_protocol_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        join(make(), version=0)


def test_a_slow_viewer_misses_exactly_what_is_gone() -> None:
    hub = make(Ring(4))
    viewer = join(hub)
    told(hub, viewer)
    hub.output(b"0123456789")
    assert told(hub, viewer) == [m.Gap(at=0, bytes=6, cause=Cause.SLOW), m.Output(6, b"6789")]


def test_output_comes_in_pieces_of_the_wanted_size() -> None:
    hub = make()
    viewer = join(hub)
    told(hub, viewer)
    hub.output(b"0123456789")
    assert told(hub, viewer, most=4) == [m.Output(0, b"0123")]


def test_everybody_learns_who_looks_by_names_that_do_no_harm() -> None:
    hub = make()
    first = join(hub, "Li")
    told(hub, first)
    second = join(hub, "\x1b[2J" + "x" * 100, Mode.READ)
    third = hub.attach(m.Attach(name=" \x07"), 0, name="")
    [seen] = only(hub, first, m.ViewersChanged)
    assert seen.count == 3
    assert [(each.viewer, each.name, each.mode) for each in seen.viewers] == [
        (first, "Li", Mode.WRITE),
        (second, ("[2J" + "x" * 100)[:MAX_NAME], Mode.READ),
        (third, "somebody", Mode.READ),
    ]
    hub.leave(second, 0)
    hub.leave(second, 0)
    assert only(hub, first, m.ViewersChanged)[0].count == hub.viewers == 2


def test_of_a_crowd_some_are_named_and_all_are_counted() -> None:
    hub = make()
    viewer = [join(hub) for _ in range(MAX_LISTED + 1)][-1]
    [seen] = only(hub, viewer, m.ViewersChanged)
    assert (len(seen.viewers), seen.count) == (MAX_LISTED, MAX_LISTED + 1)


# --- typing ---


def type_keys(hub: Hub, viewer: int, data: bytes = b"x", sequence: int = 1) -> None:
    hub.receive(viewer, m.Input(sequence, data), 0)


def waiting(hub: Hub) -> Iterator[bytes]:
    while (keys := hub.begin_input(0)) is not None:
        yield keys.data or b"<break>"
        hub.end_input(keys, 0.026)


def test_the_writers_keys_go_to_the_bmc_in_order_and_are_confirmed() -> None:
    hub = make()
    viewer = join(hub)
    told(hub, viewer)
    type_keys(hub, viewer, b"a", 1)
    hub.receive(viewer, m.Break(), 0)
    type_keys(hub, viewer, b"b", 2)
    assert list(waiting(hub)) == [b"a", b"<break>", b"b"]
    hub.receive(viewer, m.Ping(id=5), 0)
    assert told(hub, viewer) == [m.Taken(sequence=2), m.Pong(id=5, bmc_ms=26)]


def test_one_item_is_on_its_way_at_a_time() -> None:
    hub = make()
    viewer = join(hub)
    type_keys(hub, viewer)
    type_keys(hub, viewer)
    assert hub.begin_input(0) is not None
    assert hub.begin_input(0) is None


@pytest.mark.parametrize("happening", [Happening.LOST, Happening.OFF, Happening.CLOSED])
def test_while_not_live_nothing_is_taken_and_what_waited_is_refused(happening: Happening) -> None:
    hub = make()
    viewer = join(hub)
    told(hub, viewer)
    type_keys(hub, viewer, b"on its way", 1)
    type_keys(hub, viewer, b"waits", 2)
    on_its_way = hub.begin_input(0)
    assert on_its_way is not None
    hub.happen(happening, 0)
    type_keys(hub, viewer, b"late", 3)
    hub.end_input(on_its_way, 0)
    refused = only(hub, viewer, m.Refused)
    assert [(each.sequence, each.bytes, each.reason) for each in refused] == [
        (1, 10, Refusal.NOT_LIVE),
        (2, 5, Refusal.NOT_LIVE),
        (3, 4, Refusal.NOT_LIVE),
    ]
    assert "may have arrived" in refused[0].text
    assert list(waiting(hub)) == []


def test_only_the_writer_types() -> None:
    hub = make()
    writer, other, reader = join(hub, "Li"), join(hub, "Omar"), join(hub, "Anna", Mode.READ)
    for viewer in (other, reader):
        type_keys(hub, viewer)
    assert list(waiting(hub)) == []
    [first], [second] = only(hub, other, m.Refused), only(hub, reader, m.Refused)
    assert (first.reason, second.reason) == (Refusal.NOT_WRITER, Refusal.READ_ONLY)
    assert "Li has the keyboard" in first.text
    hub.leave(writer, 0)
    type_keys(hub, other)
    assert "nobody has the keyboard" in only(hub, other, m.Refused)[0].text


def test_a_viewer_that_may_only_read_does_not_write_whatever_it_says() -> None:
    hub = make()
    viewer = hub.attach(m.Attach(mode=Mode.WRITE, take=True), 0, name="Li", mode=Mode.READ, may_take=True)
    assert hub.lease.writer is None
    for message in (m.Ask(), m.Take(), m.Give(), m.Keep(), m.Release()):
        hub.receive(viewer, message, 0)
    assert {each.reason for each in only(hub, viewer, m.Refused)} == {Refusal.READ_ONLY}
    assert hub.lease.writer is None


def test_more_than_the_bmc_takes_is_refused() -> None:
    hub = make()
    viewer = join(hub)
    type_keys(hub, viewer, bytes(MAX_WAITING + 1), 1)  # alone, anything goes
    type_keys(hub, viewer, b"x", 2)
    assert [(each.sequence, each.reason) for each in only(hub, viewer, m.Refused)] == [(2, Refusal.TOO_FAST)]


def test_more_pieces_than_the_bmc_takes_are_refused() -> None:
    hub = make()
    viewer = join(hub)
    for sequence in range(MAX_ITEMS + 1):
        type_keys(hub, viewer, b"x", sequence)
    assert [each.sequence for each in only(hub, viewer, m.Refused)] == [MAX_ITEMS]


def test_who_left_is_told_nothing_about_its_keys() -> None:
    hub = make()
    viewer = join(hub)
    type_keys(hub, viewer, b"a")
    type_keys(hub, viewer, b"b")
    hub.leave(viewer, 0)
    keys = hub.begin_input(0)
    assert keys is not None
    hub.end_input(keys, 0)
    hub.happen(Happening.LOST, 0)
    assert list(waiting(hub)) == []


# --- a console that another system has ---


def test_who_may_frees_the_console_once_and_all_are_told() -> None:
    hub = make(live=False)
    hub.happen(Happening.WANTED, 0)
    li, eva = join(hub, "Li"), join(hub, "Eva", may_take=True)
    assert [each.may_take for viewer in (li, eva) for each in only(hub, viewer, m.Attached)] == [False, True]
    wishes = []
    hub.receive(eva, m.Free(), 0)  # nobody has it
    wishes.append(hub.takes_over)
    hub.happen(Happening.HELD, 1, holder="10.0.4.9")
    told(hub, li)
    hub.receive(eva, m.Free(), 1)
    wishes.append(hub.takes_over)
    text = "Eva takes the console from the system that has it."
    assert told(hub, li, 2) == [m.StateChanged(state=State.BUSY, text=text, since_ms=1000, holder="10.0.4.9")]
    hub.happen(Happening.HELD, 2, holder="10.0.4.9")
    assert [*wishes, hub.takes_over] == [False, True, False]


@pytest.mark.parametrize(("mode", "may_take"), [(Mode.WRITE, False), (Mode.READ, True)])
def test_who_may_not_take_or_type_frees_nothing(mode: Mode, may_take: bool) -> None:
    hub = make(live=False)
    hub.happen(Happening.WANTED, 0)
    viewer = join(hub, mode=mode, may_take=may_take)
    hub.happen(Happening.HELD, 1)
    assert [each.may_take for each in only(hub, viewer, m.Attached)] == [False]
    hub.receive(viewer, m.Free(), 1)
    (refused,) = only(hub, viewer, m.Refused)
    assert (refused.reason, refused.text) == (Refusal.DENIED, "You may not take the console from other systems.")
    assert not hub.takes_over


# --- the keyboard ---


def test_the_keyboard_passes_on_when_the_writer_says_nothing() -> None:
    hub = make()
    li, omar = join(hub, "Li"), join(hub, "Omar")
    told(hub, li)
    assert hub.next_deadline() is None
    hub.receive(omar, m.Ask(), 1)
    assert told(hub, li, 3) == [
        m.WriterChanged(viewer=li, name="Li", asking=m.Asking(viewer=omar, name="Omar", ms=8000))
    ]
    type_keys(hub, li, b"late", 4)
    hub.handle_deadline(10.9)
    assert hub.lease.writer == li
    assert hub.next_deadline() == 11
    hub.handle_deadline(11)
    messages = told(hub, li, 11)
    assert messages[-1] == m.WriterChanged(viewer=omar, name="Omar")
    assert isinstance(messages[0], m.Refused)
    assert messages[0].reason is Refusal.NOT_WRITER
    assert list(waiting(hub)) == []


def test_taking_needs_permission() -> None:
    hub = make()
    li, omar, anna = join(hub, "Li"), join(hub, "Omar"), join(hub, "Anna", may_take=True)
    hub.receive(omar, m.Take(), 0)
    assert only(hub, omar, m.Refused)[0].reason is Refusal.NOT_WRITER
    assert hub.lease.writer == li
    hub.receive(anna, m.Take(), 0)
    assert hub.lease.writer == anna
    boss = join(hub, "Eva", may_take=True, take=True)
    assert hub.lease.writer == boss


def test_giving_to_somebody_who_may_type() -> None:
    hub = make()
    li, omar, anna = join(hub, "Li"), join(hub, "Omar"), join(hub, "Anna", Mode.READ)
    for nobody in (anna, 99):
        hub.receive(li, m.Give(viewer=nobody), 0)
    assert len(only(hub, li, m.Refused)) == 2
    hub.receive(li, m.Give(viewer=omar), 0)
    assert hub.lease.writer == omar


def test_what_is_on_its_way_stays_so_when_the_keyboard_passes_on() -> None:
    hub = make()
    li, omar = join(hub, "Li"), join(hub, "Omar")
    type_keys(hub, li)
    keys = hub.begin_input(0)
    hub.receive(li, m.Give(viewer=omar), 0)
    assert keys is not None
    hub.end_input(keys, 0)
    assert only(hub, li, m.Taken) == [m.Taken(sequence=1)]


def test_a_writer_that_leaves_frees_the_keyboard_and_the_next_arrival_gets_it() -> None:
    hub = make()
    li, omar = join(hub, "Li"), join(hub, "Omar")
    told(hub, omar)
    hub.leave(li, 0)
    assert only(hub, omar, m.WriterChanged) == [m.WriterChanged()]
    assert hub.lease.writer is None
    assert join(hub, "Anna") == hub.lease.writer


# --- ends ---


def test_the_end_is_told_last_and_nothing_after_it() -> None:
    hub = make()
    viewer = join(hub)
    hub.output(b"x")
    hub.end(End.DRAIN, "restart", 0, retry=True)
    hub.end_viewer(viewer, End.ERROR, "later")
    assert hub.is_ending(viewer)
    assert not hub.is_over(viewer)
    assert told(hub, viewer)[-1] == m.Ended(reason=End.DRAIN, text="restart", retry=True)
    assert hub.is_over(viewer)
    hub.output(b"y")
    assert not hub.has_messages(viewer)
    assert told(hub, viewer) == []
    type_keys(hub, viewer)
    assert hub.phase is Phase.ENDED


def test_a_viewer_that_is_not_there_has_nothing_to_say_or_to_hear() -> None:
    hub = make()
    type_keys(hub, 9)
    hub.end_viewer(9, End.ERROR, "")
    assert (hub.has_messages(9), hub.messages_for(9, 0), hub.is_over(9), hub.is_ending(9)) == (False, [], True, True)


def test_a_viewer_that_leaves_is_told_so() -> None:
    hub = make()
    viewer = join(hub)
    hub.receive(viewer, m.Detach(), 0)
    assert only(hub, viewer, m.Ended)[0].reason is End.CLOSED


def test_a_viewer_that_asks_and_does_not_read_is_ended() -> None:
    hub = make()
    viewer = join(hub, mode=Mode.READ)
    for _ in range(MAX_ANSWERS):
        type_keys(hub, viewer)
    assert only(hub, viewer, m.Ended)[0].reason is End.ERROR


def test_attaching_twice_breaks_the_rules() -> None:
    hub = make()
    viewer = join(hub)
    with pytest.raises(RemoteProtocolError):
        hub.receive(viewer, m.Attach(), 0)
