"""The life of a stream, and the memory of those that were reset."""

from __future__ import annotations

import itertools

import pytest

from conduit.tunnel.flow import FIRST_WINDOW, Budget, ReceiveWindow
from conduit.tunnel.streams import MAX_FORGOTTEN, TRANSITIONS, Forgotten, Life, Move, MuxStream


def stream_in(life: Life) -> MuxStream:
    budget = Budget()
    budget.take(FIRST_WINDOW)
    stream = MuxStream(1, 1000, ReceiveWindow(budget), ours=True)
    stream.life = life
    return stream


@pytest.mark.parametrize(("life", "what"), list(itertools.product(Life, Move)))
def test_a_stream_makes_the_moves_of_the_table_and_no_other(life: Life, what: Move) -> None:
    stream = stream_in(life)
    target = TRANSITIONS.get((life, what))
    if target is None:
        with pytest.raises(KeyError):
            stream.move(what)
        return
    assert stream.move(what) is (target is Life.CLOSED)
    assert stream.life is target
    assert stream.is_closed is (target is Life.CLOSED)


def test_a_reset_is_no_end() -> None:
    stream = stream_in(Life.OPEN)
    stream.move(Move.RESET)
    assert not stream.local_ended
    assert not stream.remote_ended


def test_a_stream_without_credit_may_end_but_not_send() -> None:
    stream = stream_in(Life.OPEN)

    def may_send() -> bool:
        return stream.may_send

    assert not may_send()
    stream.ending = True
    assert may_send()
    stream.pending, stream.send_window = 5, 0
    assert not may_send()
    stream.send_window = 1
    assert may_send()
    stream.reset_code = 8
    assert not may_send()


def test_as_many_ids_are_remembered_as_may_be_and_older_ones_are_believed() -> None:
    forgotten = Forgotten()
    for stream_id in range(1, 2 * MAX_FORGOTTEN + 1, 2):
        forgotten.add(stream_id)
    late = 2 * MAX_FORGOTTEN + 3
    assert 1 in forgotten
    assert late not in forgotten
    forgotten.add(late)
    assert late in forgotten
    assert late - 2 not in forgotten
    assert 1 in forgotten
