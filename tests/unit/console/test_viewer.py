"""The viewer's side: each byte once, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.console import ViewerSession, decode_from_viewer
from conduit.console import messages as m
from conduit.console.words import Cause, End, Mode, State
from conduit.errors import LocalProtocolError, RemoteProtocolError


def attached(session: ViewerSession, **answer: Any) -> None:
    session.attach()
    known: dict[str, Any] = {"viewer": 1, "epoch": "e", **answer}
    session.receive(m.Attached(**known).encode())


def wish(session: ViewerSession) -> m.Attach:
    message = decode_from_viewer(session.attach())
    assert isinstance(message, m.Attach)
    return message


def receive(session: ViewerSession, *messages: m.Message) -> list[m.Message]:
    return [shown for message in messages for shown in session.receive(message.encode())]


def test_it_asks_for_history_first_and_later_for_what_it_does_not_have() -> None:
    session = ViewerSession(name="Li", mode=Mode.WRITE, history=10, take=True)
    assert wish(session) == m.Attach(history=10, mode=Mode.WRITE, take=True, name="Li")
    attached(session, start=5, live=8)
    catching_up = [session.is_catching_up]
    receive(session, m.Output(5, b"abc"))
    assert [*catching_up, session.is_catching_up] == [True, False]
    assert wish(session) == m.Attach(start=8, epoch="e", history=10, mode=Mode.WRITE, name="Li")


def test_a_position_may_be_known_from_elsewhere() -> None:
    assert wish(ViewerSession(position=7, epoch="e")).start == 7
    assert wish(ViewerSession(position=7)).start is None


def test_each_byte_is_shown_once() -> None:
    session = ViewerSession()
    attached(session)
    shown = receive(session, m.Output(0, b"abc"), m.Output(1, b"bc"), m.Output(1, b"bcd"))
    assert shown == [m.Output(0, b"abc"), m.Output(3, b"d")]
    assert session.doubled == 4


def test_a_hub_that_skips_bytes_is_found_out() -> None:
    session = ViewerSession()
    attached(session)
    shown = receive(session, m.Output(2, b"cd"))
    assert shown == [m.Gap(at=0, bytes=2, cause=Cause.HISTORY), m.Output(2, b"cd")]
    assert session.missing == 2


def test_going_on_after_a_gap_counts_what_is_missing_once() -> None:
    session = ViewerSession()
    attached(session)
    receive(session, m.Output(0, b"abc"))
    attached(session, start=6)
    gap = m.Gap(at=3, bytes=3, cause=Cause.HISTORY)
    assert receive(session, gap, m.Output(6, b"g")) == [gap, m.Output(6, b"g")]
    assert (session.missing, session.position) == (3, 7)


def test_a_gap_that_is_told_again_is_shown_once() -> None:
    session = ViewerSession()
    attached(session)
    gap = m.Gap(at=0, ms=5, cause=Cause.BMC)
    assert receive(session, gap) == [gap]
    attached(session)
    assert receive(session, gap, m.Output(0, b"a"), gap) == [m.Output(0, b"a")]


def test_a_gap_that_we_have_in_part_is_as_long_as_what_we_lack() -> None:
    session = ViewerSession()
    attached(session)
    receive(session, m.Output(0, b"abc"))
    assert receive(session, m.Gap(at=1, bytes=4, cause=Cause.SLOW)) == [m.Gap(at=3, bytes=2, cause=Cause.SLOW)]


@pytest.mark.parametrize("answer", [{"epoch": "other", "start": 9}, {"start": 1}])
def test_another_past_begins_anew(answer: dict[str, Any]) -> None:
    session = ViewerSession()
    attached(session)
    receive(session, m.Output(0, b"abc"))
    attached(session, **answer)
    assert session.position == answer["start"]
    assert session.missing == session.doubled == 0


def test_it_knows_whose_the_keyboard_is_and_whether_typing_is_of_use() -> None:
    session = ViewerSession()
    found = [(session.is_writer, session.is_live)]
    attached(session)
    found.append((session.is_writer, session.is_live))
    receive(session, m.WriterChanged(viewer=1), m.StateChanged(state=State.LIVE))
    found.append((session.is_writer, session.is_live))
    ended = m.Ended(reason=End.CLOSED)
    assert receive(session, ended) == [ended]
    found.append((session.is_writer, session.is_live))
    assert found == [(False, False), (False, False), (True, True), (True, False)]


def test_typing_is_numbered_and_cut_to_size() -> None:
    session = ViewerSession()
    with pytest.raises(LocalProtocolError):
        session.type(b"a")
    attached(session)
    messages = [decode_from_viewer(data) for data in session.type(bytes(m.MAX_DATA) + b"x")]
    assert messages == [m.Input(1, bytes(m.MAX_DATA)), m.Input(2, b"x")]
    receive(session, m.Ended())
    with pytest.raises(LocalProtocolError):
        session.type(b"a")


def test_other_messages_are_shown_as_they_are() -> None:
    session = ViewerSession()
    attached(session)
    pong = m.Pong(id=3)
    assert receive(session, pong) == [pong]
    assert session.receive(b"\x7f") == []


def test_a_hub_may_end_before_it_attaches_and_must_not_say_anything_else() -> None:
    session = ViewerSession()
    session.attach()
    assert receive(session, m.Ended(reason=End.DENIED)) == [m.Ended(reason=End.DENIED)]
    with pytest.raises(RemoteProtocolError):
        receive(session, m.Output(0, b"a"))
    attached(session)
    with pytest.raises(RemoteProtocolError):
        receive(session, m.Attached())
