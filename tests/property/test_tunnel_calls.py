"""Calls between two ends, over connections that cut what they carry into pieces, and break."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code
from conduit.tunnel.calls import Bidirectional, ServedCall, open_call, serve_calls
from tests.fakes.tunnel_pair import Wire, connected_tunnels

pytestmark = pytest.mark.property


async def double(call: ServedCall) -> None:
    """Each message twice; fails when it is told to."""
    async for message in call:
        if message == b"fail":
            raise CallError(Code.ABORTED, "as told", message)
        await call.send(message + message)


async def talk(wire: Wire, messages: list[bytes]) -> tuple[list[bytes], int]:
    """What came back, and how the call ended."""
    answers: list[bytes] = []
    code = int(Code.OK)
    async with connected_tunnels(wire) as (gateway, agent), trio.open_nursery() as nursery:
        nursery.start_soon(serve_calls, agent, {"double": Bidirectional(double)})
        try:
            async with open_call(gateway, "double", deadline=600) as one:
                with suppress(CallError):  # the reader says why
                    for message in messages:
                        await one.send(message)
                    await one.end()
                async for answer in one:
                    answers.append(answer)  # noqa: PERF401  # those before a failure count too
        except CallError as error:
            code = error.code
        await trio.testing.wait_all_tasks_blocked()
        assert not gateway.mux.streams
        assert not agent.mux.streams
        nursery.cancel_scope.cancel()
    return answers, code


@given(
    messages=st.lists(st.binary(max_size=300) | st.just(b"fail"), max_size=6),
    piece=st.integers(1, 100),
    cut_after=st.none() | st.integers(0, 3000),
)
def test_answers_are_right_whole_and_in_order_or_the_call_fails(
    messages: list[bytes], piece: int, cut_after: int | None
) -> None:
    wire = Wire() if cut_after is None else Wire(cut_after)
    wire.piece = piece
    answers, code = trio.run(talk, wire, messages, clock=MockClock(autojump_threshold=0))
    good = messages[: messages.index(b"fail")] if b"fail" in messages else messages
    expected = [message * 2 for message in good]
    assert answers == expected[: len(answers)]
    if code == Code.UNAVAILABLE:
        assert wire.is_cut
    else:
        assert answers == expected
        assert code == (Code.OK if good == messages else Code.ABORTED)
