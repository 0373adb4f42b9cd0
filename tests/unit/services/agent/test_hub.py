"""A hub with a console that does what the test says, on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from conduit.console import Happening, Mode, Phase
from conduit.console import messages as m
from conduit.console.words import Cause, End, Refusal, State
from conduit.errors import CompletionCodeError, PeerTimeoutError
from conduit.ipmi.console_events import ConsoleEventKind
from conduit.services.agent.console_log import LogSettings
from conduit.services.agent.hub import ATTACH_PATIENCE, GOODBYE, ConsoleHub, open_console_hub
from conduit.services.agent.hub_settings import HubSettings
from conduit.services.agent.sol_holder import SolHolder
from conduit.tunnel.framing import encode_message
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.console import FakeBmc, FakeViewer, until

HELD = CompletionCodeError(0x80, netfn=6, command=0x48, text="somebody else has the console", name="ActivatePayload")


@asynccontextmanager
async def stage(**options: Any) -> AsyncIterator[tuple[ConsoleHub, FakeBmc, trio.Nursery]]:
    bmc = FakeBmc()
    async with trio.open_nursery() as nursery, open_console_hub(bmc.open, **options) as hub:
        yield hub, bmc, nursery
        nursery.cancel_scope.cancel()


async def live_viewer(hub: ConsoleHub, nursery: trio.Nursery, name: str = "Li", mode: Mode = Mode.WRITE) -> FakeViewer:
    viewer = FakeViewer(nursery, name, mode)
    await viewer.attach(hub)
    await until(lambda: viewer.session.is_live)
    return viewer


async def test_viewers_see_the_same_and_the_writer_types(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        li, omar = await live_viewer(hub, nursery), await live_viewer(hub, nursery, "Omar")
        bmc.console.say(b"login: ")
        await li.type_keys(b"root\r")
        await li.send(m.Break().encode())
        await omar.type_keys(b"me too")
        await until(lambda: bool(omar.of(m.Refused)) and len(bmc.console.typed) == 2)
        assert bmc.console.typed == [b"root\r", b"<break>"]
        await until(lambda: li.text == omar.text == b"login: ")
        assert li.of(m.Taken) == [m.Taken(sequence=1)]
        assert bmc.attempts == 1


async def test_the_slot_is_kept_a_minute_for_who_comes_back_and_then_given_back(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        viewer = await live_viewer(hub, nursery)
        await viewer.leave()
        await trio.sleep(59)
        bmc.console.say(b"nobody looks")
        await viewer.attach(hub)
        await until(lambda: viewer.text == b"nobody looks")
        await viewer.leave()
        await trio.sleep(61)
        assert bmc.console.closed.is_set()
        assert hub.machine.phase is Phase.IDLE
        await viewer.attach(hub)
        await until(lambda: viewer.session.is_live and bool(viewer.of(m.Gap)))
        assert bmc.attempts == 2
        assert viewer.of(m.Gap)[0].cause is Cause.BMC
        assert viewer.session.doubled == 0


async def test_a_silent_bmc_is_asked_again_at_growing_intervals_and_at_once_for_who_comes(
    autojump_clock: MockClock,
) -> None:
    async with stage() as (hub, bmc, nursery):
        bmc.error = PeerTimeoutError("no answer")
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await trio.sleep(100)
        assert 4 <= bmc.attempts <= 8
        state = viewer.session.state
        assert state is not None
        assert state.state is State.UNREACHABLE
        assert "does not answer" in state.text
        await viewer.type_keys(b"late")
        await until(lambda: bool(viewer.of(m.Refused)))
        bmc.error = None
        await FakeViewer(nursery, "Omar").attach(hub)
        await until(lambda: viewer.session.is_live, 2)
        assert bmc.console.typed == []


@pytest.mark.parametrize(
    ("is_from_here", "words"),
    [
        (False, ["another system holds it (10.0.4.9)", "until it lets go or is silent for about a minute"]),
        (True, ["the Agent's own address holds it (10.0.4.9)", "left behind at a restart ends within about a minute"]),
    ],
)
async def test_a_console_that_somebody_holds_is_busy_with_who_and_how_long_and_is_not_stolen(
    is_from_here: bool, words: list[str], autojump_clock: MockClock
) -> None:
    async def find_holder() -> SolHolder:
        return SolHolder("10.0.4.9", is_from_here)

    async with stage(find_holder=find_holder) as (hub, bmc, nursery):
        bmc.error = HELD
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await trio.sleep(5)
        state = viewer.session.state
        assert state is not None
        assert (state.state, state.holder) == (State.BUSY, "10.0.4.9")
        assert all(each in state.text for each in words), state.text
        bmc.error = None
        await until(lambda: viewer.session.is_live, 20)


async def test_a_console_that_somebody_holds_is_taken_when_who_may_says_so(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        bmc.error = HELD
        li, eva = FakeViewer(nursery), FakeViewer(nursery, "Eva")
        await li.attach(hub)
        await eva.attach(hub, may_take=True)
        await trio.sleep(5)
        await li.send(m.Free().encode())
        await trio.sleep(30)
        assert (hub.machine.phase, bmc.stolen) == (Phase.BUSY, 0)
        await eva.send(m.Free().encode())
        await until(lambda: li.session.is_live, 2)
        assert bmc.stolen == 1
        bmc.console.end("another system took it")
        await until(lambda: hub.machine.phase is not Phase.LIVE, 1)
        await until(lambda: li.session.is_live)
        assert bmc.stolen == 1


async def test_a_bmc_that_does_not_say_who_holds_the_console(autojump_clock: MockClock) -> None:
    async def find_holder() -> SolHolder:
        raise PeerTimeoutError("no answer")

    async with stage(find_holder=find_holder) as (hub, bmc, nursery):
        bmc.error = HELD
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await trio.sleep(5)
        assert hub.machine.phase is Phase.BUSY
        assert viewer.session.state is not None
        assert viewer.session.state.holder is None
        assert "another system holds it, until" in viewer.session.state.text


async def test_a_lost_session_refuses_what_was_on_its_way_and_marks_the_gap(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        viewer = await live_viewer(hub, nursery)
        bmc.console.stuck = True
        await viewer.type_keys(b"reboot\r")
        await trio.sleep(1)
        bmc.console.say(b"before")
        bmc.console.tell(ConsoleEventKind.GAP)
        await until(lambda: bool(viewer.of(m.Refused)))
        assert viewer.of(m.Refused)[0].reason is Refusal.NOT_LIVE
        bmc.console.stuck = False
        await trio.sleep(2)
        bmc.console.tell(ConsoleEventKind.REACTIVATED)
        bmc.console.say(b"after")
        await until(lambda: viewer.text == b"beforeafter")
        [gap] = viewer.of(m.Gap)
        assert gap.at == 6
        assert gap.ms is not None
        assert gap.ms >= 2000
        assert bmc.console.typed == []
        await viewer.type_keys(b"ls\r")
        await until(lambda: bmc.console.typed == [b"ls\r"])


async def test_a_gap_is_where_it_is_although_output_comes_in_the_same_turn_as_its_end(
    autojump_clock: MockClock,
) -> None:
    async with stage() as (hub, bmc, nursery):
        viewer = await live_viewer(hub, nursery)
        expected = []
        for number in range(40):  # the order of tasks in a turn is drawn by lot
            bmc.console.tell(ConsoleEventKind.GAP)
            await trio.sleep(1)
            expected.append(len(viewer.text))
            bmc.console.just_before = [ConsoleEventKind.UNAVAILABLE] * (number % 3) + [ConsoleEventKind.REACTIVATED]
            bmc.console.say(b"after")
            await until(lambda: len(viewer.text) > expected[-1])
        assert [gap.at for gap in viewer.of(m.Gap)] == expected


async def test_a_server_that_is_off_and_on_and_a_bmc_that_drops_characters(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        viewer = await live_viewer(hub, nursery)
        bmc.console.tell(ConsoleEventKind.UNAVAILABLE)
        await until(lambda: hub.machine.phase is Phase.SERVER_OFF)
        bmc.console.tell(ConsoleEventKind.AVAILABLE)
        bmc.console.tell(ConsoleEventKind.OVERRUN)
        bmc.console.tell(ConsoleEventKind.BREAK)
        await until(lambda: viewer.session.is_live and bool(viewer.of(m.Gap)))


async def test_a_console_that_ends_is_opened_again_and_why_is_told(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        viewer = await live_viewer(hub, nursery)
        bmc.console.end("somebody took it")
        await until(lambda: hub.machine.phase is Phase.RECONNECTING)
        assert "somebody took it" in hub.machine.text
        await until(lambda: viewer.session.is_live and bmc.attempts == 2)


async def test_a_fault_of_ours_ends_one_attempt(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as (hub, bmc, nursery):
        bmc.error = ZeroDivisionError("a bug")
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await until(lambda: hub.machine.phase is Phase.UNREACHABLE)
        bmc.error = None
        await until(lambda: viewer.session.is_live)
    assert "a console failed" in caplog.text


async def test_the_keyboard_passes_on_after_the_countdown(autojump_clock: MockClock) -> None:
    async with stage() as (hub, _, nursery):
        li, omar = await live_viewer(hub, nursery), await live_viewer(hub, nursery, "Omar")
        await omar.send(m.Ask().encode())
        await until(lambda: li.session.writer is not None and li.session.writer.asking is not None)
        await trio.sleep(9)
        assert li.session.is_writer
        await until(lambda: omar.session.is_writer and not li.session.is_writer, 2)


async def test_who_does_not_read_is_not_waited_for_and_misses_exactly_what_is_gone(autojump_clock: MockClock) -> None:
    async with stage(settings=HubSettings(scrollback=1000)) as (hub, bmc, nursery):
        quick = await live_viewer(hub, nursery)
        slow = FakeViewer(nursery, "slow")
        slow.stream, theirs = lockstep_stream_pair()
        nursery.start_soon(partial(hub.attach, theirs, viewer_name="slow"))
        await slow.send(slow.session.attach())
        said = b"".join(b"line %5d\r\n" % number for number in range(300))
        for at in range(0, len(said), 500):
            bmc.console.say(said[at : at + 500])
            await trio.sleep(0.1)
        assert quick.text == said
        nursery.start_soon(slow.read, slow.stream)
        await until(lambda: slow.session.position == len(said))
        [gap] = slow.of(m.Gap)
        assert gap.cause is Cause.SLOW
        assert gap.bytes == slow.session.missing == len(said) - 1000 - gap.at
        assert slow.text == said[: gap.at] + said[-1000:]


async def test_offsets_go_on_after_the_agent_was_restarted(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        viewer = FakeViewer(nursery)
        for number in range(3):
            bmc = FakeBmc()
            async with open_console_hub(bmc.open, spool=tmp_path / "spool") as hub:
                await viewer.attach(hub)
                await until(lambda: viewer.session.is_live)
                bmc.console.say(b"line %d\r\n" % number)
                await until(partial(viewer.ends_with, b"%d\r\n" % number))
            await until(lambda: viewer.session.ended is not None)
            ended = viewer.session.ended
            assert ended is not None
            assert (ended.reason, ended.retry) == (End.DRAIN, True)
        assert viewer.text == b"line 0\r\nline 1\r\nline 2\r\n"
        assert [gap.cause for gap in viewer.of(m.Gap)] == [Cause.RESTART, Cause.RESTART]
        assert viewer.session.doubled == viewer.session.missing == 0
        nursery.cancel_scope.cancel()


async def test_a_hub_with_a_log_listens_without_viewers_until_it_is_told_otherwise(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    path = tmp_path / "db-02.log"
    settings = HubSettings(log=LogSettings(path=path, timestamps=False))
    async with stage(settings=settings) as (hub, bmc, nursery):
        await until(lambda: bool(bmc.consoles))
        viewer = await live_viewer(hub, nursery)
        await viewer.leave()
        await trio.sleep(1000)
        bmc.console.say(b"panic\r\n")
        await until(lambda: path.read_bytes() == b"panic\r\n")
        viewer = await live_viewer(hub, nursery)
        hub.configure(HubSettings())
        await trio.sleep(1)
        assert viewer.session.is_live
        await viewer.leave()
        await trio.sleep(61)
        assert bmc.console.closed.is_set()
        hub.configure(settings)
        await until(lambda: bmc.attempts == 2)


@pytest.mark.parametrize("first", [m.Ping(), None])
async def test_who_does_not_attach_first_is_told_so(first: m.Message | None, autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        ours, theirs = memory_stream_pair()
        nursery.start_soon(partial(hub.attach, theirs, viewer_name="x"))
        if first is None:
            with trio.fail_after(ATTACH_PATIENCE + 1):
                assert await ours.receive_some() == b""
        else:
            await ours.send_all(encode_message(first.encode()))
            assert b"ATTACH first" in await ours.receive_some()
        assert bmc.attempts == 0
        assert hub.machine.viewers == 0


async def test_a_viewer_that_breaks_the_rules_is_told_and_ended(autojump_clock: MockClock) -> None:
    async with stage() as (hub, _, nursery):
        viewer = await live_viewer(hub, nursery)
        await viewer.send(b"\x7fsomething newer")
        await viewer.send(b"\x08[]")
        await until(lambda: viewer.session.ended is not None)
        await until(lambda: hub.machine.viewers == 0, GOODBYE)


async def test_a_viewer_that_detaches_is_gone(autojump_clock: MockClock) -> None:
    async with stage() as (hub, _, nursery):
        viewer = await live_viewer(hub, nursery)
        await viewer.send(m.Detach().encode())
        await until(lambda: hub.machine.viewers == 0)
        assert viewer.session.ended is not None


async def test_there_is_a_limit_of_viewers(autojump_clock: MockClock) -> None:
    async with stage(settings=HubSettings(max_viewers=1)) as (hub, _, nursery):
        await live_viewer(hub, nursery)
        second = FakeViewer(nursery)
        await second.attach(hub)
        await until(lambda: second.session.ended is not None)
        assert second.of(m.Ended)[0].reason is End.DENIED


async def test_a_hub_that_is_closed_takes_nobody(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        hub.machine.happen(Happening.CLOSED, 0)
        viewer = FakeViewer(nursery)
        await viewer.attach(hub)
        await until(lambda: viewer.session.ended is not None)
        assert bmc.attempts == 0


async def test_a_viewer_may_be_cancelled_at_any_point(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        step, went_on = 0, True
        while went_on:
            step += 1
            ours, theirs = memory_stream_pair()
            await ours.send_all(encode_message(m.Attach(mode=Mode.WRITE).encode()))
            await ours.send_all(encode_message(m.Detach().encode()))
            went_on = await cancel_at_step(step, partial(hub.attach, theirs, viewer_name="Li", mode="write"))
            assert hub.machine.viewers == 0
            assert hub.machine.lease.writer is None
        assert step > 3
        viewer = await live_viewer(hub, nursery)
        bmc.console.say(b"still here")
        await until(lambda: viewer.text == b"still here")


async def test_a_hub_may_be_cancelled_at_any_point(autojump_clock: MockClock, tmp_path: Path) -> None:
    async def live() -> None:
        bmc = FakeBmc()
        async with open_console_hub(bmc.open, spool=tmp_path) as hub, trio.open_nursery() as nursery:
            ours, theirs = memory_stream_pair()
            await ours.send_all(encode_message(m.Attach(mode=Mode.WRITE).encode()))
            nursery.start_soon(partial(hub.attach, theirs, viewer_name="Li", mode="write"))
            for _ in range(5):
                await trio.sleep(1)
                await ours.send_all(encode_message(m.Input(1, b"x").encode()))
                bmc.console.say(b"y")
            nursery.cancel_scope.cancel()

    step = 1
    while await cancel_at_step(step, live):
        step += 1
    assert step > 5


async def test_a_console_that_ends_again_and_again_is_opened_ever_more_seldom(autojump_clock: MockClock) -> None:
    async def end_at_once() -> None:
        while True:
            await until(lambda: bool(bmc.consoles) and not bmc.console.closed.is_set(), 100)
            bmc.console.end("somebody took it")
            await bmc.console.closed.wait()

    async with stage() as (hub, bmc, nursery):
        nursery.start_soon(end_at_once)
        await FakeViewer(nursery).attach(hub)
        await trio.sleep(600)
        assert 20 < bmc.attempts < 30


async def test_a_viewer_that_never_reads_does_not_keep_a_hub_from_closing(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        bmc = FakeBmc()
        ours, theirs = lockstep_stream_pair()
        async with open_console_hub(bmc.open) as hub:
            nursery.start_soon(partial(hub.attach, theirs, viewer_name="slow"))
            await ours.send_all(encode_message(m.Attach().encode()))
            await trio.sleep(5)
            assert hub.machine.viewers == 1
            started = trio.current_time()
        assert trio.current_time() - started <= GOODBYE
        await until(lambda: hub.machine.viewers == 0, 1)
        await ours.aclose()


async def test_a_viewer_that_hangs_up_at_once_leaves_nothing(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        ours, theirs = memory_stream_pair()
        await ours.aclose()
        await hub.attach(theirs, viewer_name="x")
        deaf, theirs_too = lockstep_stream_pair()
        nursery.start_soon(partial(hub.attach, theirs_too, viewer_name="x"))
        await deaf.send_all(encode_message(m.Attach().encode()))
        await deaf.aclose()
        await until(lambda: hub.machine.viewers == 0)
        assert bmc.attempts <= 1


async def test_with_two_viewers_the_slot_stays_when_one_leaves(autojump_clock: MockClock) -> None:
    async with stage() as (hub, bmc, nursery):
        li, omar = await live_viewer(hub, nursery), await live_viewer(hub, nursery, "Omar")
        await li.leave()
        await trio.sleep(1000)
        assert omar.session.is_live
        assert bmc.attempts == 1


async def test_another_tenant_sees_nothing_of_what_the_one_before_saw(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with stage(spool=tmp_path / "spool") as (hub, bmc, nursery):
        li = FakeViewer(nursery)
        await li.attach(hub, tenant="acme")
        await until(lambda: li.session.is_live)
        bmc.console.say(b"the password is sesame")
        await until(lambda: li.text.endswith(b"sesame"))
        omar = FakeViewer(nursery, "Omar")
        await omar.attach(hub, tenant="bolt")
        await until(lambda: li.session.ended is not None and omar.session.is_live)
        assert li.session.ended is not None
        assert li.session.ended.reason is End.REVOKED
        bmc.console.say(b"login: ")
        await until(lambda: bool(omar.text))
        assert omar.text == b"login: "
        assert hub.machine.name_of(hub.machine.lease.writer or 0) == "Omar"
    assert b"sesame" not in b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
