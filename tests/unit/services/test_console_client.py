"""A viewer that comes back: nothing lost, nothing twice, nothing typed into the void."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit._trio import open_foreground_nursery
from conduit.cli.server.console_words import why_not_sent
from conduit.console import Happening, Hub, Mode, Ring, ViewerSession
from conduit.console.messages import Break, Ended, Gap, Refused, StateChanged
from conduit.console.words import End
from conduit.errors import CallError
from conduit.services.console_client import ConsoleViewing, Event, Lost, Resumed
from conduit.tunnel.call_frames import Code
from tests.fakes.console_hub import AWAY, HubServer


class Screen:
    """Remembers."""

    def __init__(self) -> None:
        self.shown = b""
        self.events: list[Event] = []

    async def show(self, data: bytes) -> None:
        self.shown += data

    def note(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def resumed(self) -> list[tuple[int, float, bool]]:
        return [
            (event.missing, round(event.seconds, 3), event.new_epoch)
            for event in self.events
            if isinstance(event, Resumed)
        ]


@pytest.fixture
def server() -> HubServer:
    return HubServer()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
async def viewing(server: HubServer, screen: Screen, nursery: trio.Nursery) -> ConsoleViewing:
    server.say(b"old. ")
    made = ConsoleViewing(ViewerSession(mode=Mode.WRITE, name="me"), server.dial, screen, jitter=lambda: 0.5)
    nursery.start_soon(made.run)
    await made.wait_live()
    await wait_all_tasks_blocked()
    return made


async def test_the_past_comes_first_then_what_is_new(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    server.say(b"new.")
    await wait_all_tasks_blocked()
    assert screen.shown == b"old. new."
    assert not screen.of(Resumed)


async def test_what_is_typed_goes_to_the_server(
    viewing: ConsoleViewing, server: HubServer, autojump_clock: MockClock
) -> None:
    assert await viewing.type(b"ls\r")
    assert server.typed == [b"ls\r"]


async def test_a_way_that_was_cut_is_found_again_and_nothing_is_missed(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    server.cut()
    server.say(b"meanwhile.")
    await trio.sleep(1)
    server.say(b" after.")
    await wait_all_tasks_blocked()
    assert screen.shown == b"old. meanwhile. after."
    assert screen.of(Lost) == [Lost("the connection was closed", 0.5, first=True)]
    assert screen.resumed == [(0, 0.5, False)]


async def test_what_nobody_kept_is_counted(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    server.hub.ring.resize(10)
    server.cut()
    server.say(b"x" * 100)
    await trio.sleep(1)
    assert screen.resumed == [(90, 0.5, False)]
    assert [event.bytes for event in screen.of(Gap) if isinstance(event, Gap)] == [90]
    assert screen.shown == b"old. " + b"x" * 10


async def test_a_hub_that_has_forgotten_everything_says_so(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    server.hub = Hub(epoch="e2", ring=Ring(), now=trio.current_time())
    server.open()
    server.cut()
    await trio.sleep(1)
    assert screen.resumed == [(0, 0.5, True)]


async def test_attempts_become_rarer_and_never_end(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    server.refusals = [AWAY] * 8
    started = trio.current_time()
    server.attempts.clear()
    server.cut()
    await trio.sleep(100)
    waits = [after - before for before, after in zip([started, *server.attempts], server.attempts, strict=False)]
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 15, 15, 15, 15])
    assert [event.first for event in screen.of(Lost) if isinstance(event, Lost)] == [True] + [False] * 8
    assert len(screen.of(Resumed)) == 1
    server.attempts.clear()
    server.cut()
    await trio.sleep(0.6)
    assert len(server.attempts) == 1, "after a success the first delay is the shortest again"


async def test_nothing_is_typed_into_the_void(
    viewing: ConsoleViewing, server: HubServer, autojump_clock: MockClock
) -> None:
    server.happen(Happening.LOST)
    await wait_all_tasks_blocked()
    assert not await viewing.type(b"reboot\r")
    assert not await viewing.say(Break())
    server.cut()
    await wait_all_tasks_blocked()
    assert not await viewing.type(b"reboot\r")
    await trio.sleep(1)
    server.happen(Happening.OPENED)
    await wait_all_tasks_blocked()
    assert server.typed == []
    assert await viewing.type(b"ls\r")


async def test_who_has_not_the_keyboard_types_nothing(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    other = ConsoleViewing(ViewerSession(mode=Mode.WRITE, name="other", take=True), server.dial, Screen())
    nursery.start_soon(other.run)
    await wait_all_tasks_blocked()
    assert (viewing.viewer.is_writer, other.viewer.is_writer) == (False, True)
    assert not await viewing.type(b"x")
    assert not screen.of(Refused)
    assert screen.of(StateChanged)


async def test_the_hub_ends_it_for_good(server: HubServer, screen: Screen, autojump_clock: MockClock) -> None:
    viewing = ConsoleViewing(ViewerSession(), server.dial, screen)
    ended: list[Ended] = []

    async def run() -> None:
        ended.append(await viewing.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await viewing.wait_live()
        server.hub.end(End.REVOKED, "Your access has ended.", trio.current_time())
        server.wake()
    assert [each.text for each in ended] == ["Your access has ended."]


async def test_an_end_that_may_pass_is_tried_again(
    viewing: ConsoleViewing, server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    viewer = server.ways[0].viewer
    assert viewer is not None
    server.hub.end_viewer(viewer, End.DRAIN, "The Gateway is being restarted.", retry=True)
    server.wake()
    await trio.sleep(1)
    assert screen.of(Lost) == [Lost("The Gateway is being restarted.", 0.5, first=True)]
    assert viewing.is_live


async def test_a_silent_way_counts_as_lost(
    viewing: ConsoleViewing,
    server: HubServer,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    monkeypatch.setattr(server.hub, "receive", lambda *_: None)  # pings too
    await trio.sleep(41)
    assert screen.of(Lost) == [Lost("nothing was heard for a while", 0.5, first=True)]


async def test_a_live_way_is_kept_by_pings(viewing: ConsoleViewing, screen: Screen, autojump_clock: MockClock) -> None:
    await trio.sleep(1000)
    assert not screen.of(Lost)


@pytest.mark.parametrize("error", [CallError(Code.PERMISSION_DENIED, "no"), AWAY])
async def test_who_never_was_let_in_is_told_at_once(
    server: HubServer, screen: Screen, autojump_clock: MockClock, error: CallError
) -> None:
    server.refusals = [error]
    with pytest.raises(CallError) as raised:
        await ConsoleViewing(ViewerSession(), server.dial, screen).run()
    assert raised.value is error


async def test_who_is_not_let_in_any_more_stops_trying(
    server: HubServer, screen: Screen, autojump_clock: MockClock
) -> None:
    viewing = ConsoleViewing(ViewerSession(), server.dial, screen)
    with pytest.raises(CallError, match="not yours any more"):  # noqa: PT012 - the nursery raises it
        async with open_foreground_nursery() as nursery:
            nursery.start_soon(viewing.run)
            await viewing.wait_live()
            server.refusals = [AWAY, CallError(Code.NOT_FOUND, "it is not yours any more")]
            server.cut()
    assert len(server.attempts) == 3


async def test_why_nothing_is_sent_says_since_when(
    viewing: ConsoleViewing, server: HubServer, autojump_clock: MockClock
) -> None:
    server.happen(Happening.LOST)
    server.happen(Happening.HELD)
    await trio.sleep(180)
    await wait_all_tasks_blocked()
    assert viewing.in_state_for() == pytest.approx(180)
    assert why_not_sent(viewing).endswith("another system holds it (for 3 min)")
    server.cut()  # who comes later is told the same
    await trio.sleep(60)
    assert viewing.in_state_for() == pytest.approx(240, abs=1)
