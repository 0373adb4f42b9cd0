"""The one owner of a server's display: who gets in, how long a login lasts, what is tried again, who types."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from PIL import Image
from trio.testing import MockClock, memory_stream_pair

from conduit._trio import open_background_nursery
from conduit.console.messages import Ask, Release
from conduit.errors import (
    AuthenticationError,
    CallError,
    ConduitError,
    DisplayRefused,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    TransportError,
)
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.audience import Audience
from conduit.rfb.display import Display, open_display
from conduit.rfb.hub import DisplayHub
from conduit.rfb.login import LoginOptions
from conduit.rfb.messages import CutText, KeyEvent, PointerEvent
from conduit.rfb.security import Credentials
from conduit.rfb.server import RfbServer, access_by_password
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.viewing import Input
from conduit.services.agent.display import (
    LINGER,
    MAX_AGE,
    MAX_PICTURES,
    MAX_TEXT,
    PAUSE,
    Picture,
    ServerDisplay,
)
from conduit.services.agent.hub import ConsoleHub, open_console_hub
from conduit.tunnel.call_frames import Code
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.console import FakeBmc, FakeViewer
from tests.fakes.manager import Clock
from tests.fakes.rfb_network import RfbNetwork, open_network

PASSWORD = "sesame12"
ALICE, BOB = "alice@acme.example", "bob@acme.example"
CAROL = "carol@acme.example"
BMC = "bmc"


class Stage:
    """A display behind a password, its owner in the Agent, and a console beside it."""

    def __init__(self, network: RfbNetwork, hub: ConsoleHub, nursery: trio.Nursery) -> None:
        self.network = network
        self.keyboard = hub
        self.screen = TextDisplay("node1")
        self.done: list[Input] = []
        self.logins = 0
        self.server = RfbServer(Audience(self.screen), access_by_password(PASSWORD), on_input=self.done.append)
        self.password = PASSWORD
        self.clock = Clock()
        self.hung_up: list[str] = []
        self.tenant = "acme"
        self.nursery = nursery
        self.display = ServerDisplay("db-01", BMC, self.options, hub, nursery, self.clock)
        network.hosts[BMC] = self._let_in

    def options(self) -> LoginOptions:
        self.logins += 1
        return LoginOptions(credentials=Credentials(password=self.password))

    async def _let_in(self, stream: trio.abc.Stream) -> None:
        with suppress(ConduitError):  # a login that fails is what some tests are about
            await self.server.serve_stream(stream)

    @asynccontextmanager
    async def viewer(
        self, user: str = ALICE, mode: str = "write", *, seat: str = "", may_take: bool = False
    ) -> AsyncIterator[Display]:
        """Somebody who looks, over a way of their own."""
        self.network.hosts[user] = partial(
            self.display.attach,
            user=user,
            mode=mode,
            seat=seat,
            tenant=self.tenant,
            may_take=may_take,
            hang_up=partial(self.hung_up.append, user),
        )
        async with open_display(DisplayAddress(user, 5900)) as display:
            await display.refresh()
            yield display

    @asynccontextmanager
    async def watched(self, user: str) -> AsyncIterator[None]:
        """Somebody looks, and is ended soon after the block."""

        async def be_ended(*, task_status: trio.TaskStatus[None]) -> None:
            with pytest.raises(TransportError, match="the display closed the connection"):
                await self._watch(user, task_status)

        async with trio.open_nursery() as nursery:
            await nursery.start(be_ended)
            yield

    async def _watch(self, user: str, task_status: trio.TaskStatus[None]) -> None:
        async with self.viewer(user) as viewer:
            await viewer.type_text("w", pause=0.0)
            task_status.started()
            await trio.sleep(5)

    async def refusal(self, user: str = ALICE, mode: str = "write", *, seat: str = "") -> str:
        """The words with which somebody is turned away."""
        with pytest.raises(DisplayRefused) as refused:
            async with self.viewer(user, mode, seat=seat):
                pytest.fail("let in")
        return str(refused.value)

    @property
    def keys(self) -> str:
        """What went down."""
        return "".join(chr(done.keysym) for done in self.done if isinstance(done, KeyEvent) and done.down)

    @property
    def held(self) -> set[int]:
        """What is down."""
        down: set[int] = set()
        for done in self.done:
            if isinstance(done, KeyEvent):
                (down.add if done.down else down.discard)(done.keysym)
        return down

    def is_logged_in(self) -> bool:
        return bool(self.server.audience.seats)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():  # noqa: ASYNC110  # the other side is a task or two away
            await trio.sleep(0.01)


@asynccontextmanager
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with (
        open_network(monkeypatch) as network,
        open_console_hub(FakeBmc().open) as hub,
        open_background_nursery() as nursery,
    ):
        yield Stage(network, hub, nursery)


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with stage(monkeypatch) as opened:
        yield opened


# --- the login ---


async def test_many_viewers_share_one_login(made: Stage, autojump_clock: MockClock) -> None:
    async with made.viewer(ALICE) as alice, made.viewer(BOB, "read") as bob:
        assert made.logins == 1
        assert len(made.server.audience.seats) == 1
        assert alice.framebuffer == bob.framebuffer == made.screen.picture


async def test_a_login_outlasts_its_viewers_by_a_minute(made: Stage, autojump_clock: MockClock) -> None:
    async with made.viewer():
        await trio.sleep(10 * LINGER)
        assert made.is_logged_in()
    await trio.sleep(LINGER - 1)
    async with made.viewer(BOB):
        pass
    await trio.sleep(LINGER - 1)
    assert made.is_logged_in()
    assert made.logins == 1
    await trio.sleep(2)
    assert not made.is_logged_in()
    async with made.viewer():
        assert made.logins == 2


async def test_who_comes_at_the_moment_in_which_a_login_ends_gets_in(made: Stage, autojump_clock: MockClock) -> None:
    for offset in (-0.001, 0.0, 0.001):
        async with made.viewer():
            pass
        left = trio.current_time()
        await trio.sleep_until(left + LINGER + offset)
        async with made.viewer():
            await trio.sleep(1)
            assert made.is_logged_in()
    assert made.hung_up == []


async def test_a_lost_display_ends_viewers_without_a_word_of_rfb_and_the_next_gets_in(
    made: Stage, autojump_clock: MockClock
) -> None:
    async with made.watched(ALICE), made.watched(BOB):
        made.network.cut(BMC)
    assert sorted(made.hung_up) == [ALICE, BOB]
    assert made.keyboard.machine.viewers == 0
    async with made.viewer():
        assert made.logins == 2


async def test_a_lost_display_ends_calls_with_words(made: Stage, autojump_clock: MockClock) -> None:
    async def cut_soon() -> None:
        await trio.sleep(1)
        made.network.cut(BMC)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_soon)
        with pytest.raises(CallError, match="the connection with the display was lost") as lost:
            await made.display.send_keys(ALICE, text="x" * MAX_TEXT)
    assert lost.value.code == Code.UNAVAILABLE
    assert made.keyboard.machine.lease.writer is None


async def test_a_refused_password_is_not_tried_again_by_itself_and_leaks_nowhere(
    made: Stage, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made.password = "wrong-secret"
    words = [await made.refusal(), await made.refusal(BOB)]
    with pytest.raises(CallError, match="the Agent's password for this display is wrong: tell staff") as refused:
        await made.display.screenshot()
    assert refused.value.code == Code.FAILED_PRECONDITION
    await trio.sleep(24 * 3600)
    words.append(await made.refusal())
    assert made.logins == 1
    assert all("the Agent's password for this display is wrong" in each for each in words)
    assert made.hung_up == []
    made.password = PASSWORD
    made.display.forget_failure()  # as it does whenever the Agent reads its file anew
    async with made.viewer():
        assert made.logins == 2
    said = " ".join((*words, caplog.text, repr(made.options())))
    assert "wrong-secret" not in said
    assert PASSWORD not in said


async def test_who_has_looked_after_a_password_need_not_wait(made: Stage, autojump_clock: MockClock) -> None:
    made.password = "wrong"
    await made.refusal()
    made.password = PASSWORD
    made.display.forget_failure()
    async with made.viewer():
        assert made.logins == 2


async def test_after_a_failure_nobody_tries_for_three_seconds(made: Stage, autojump_clock: MockClock) -> None:
    del made.network.hosts[BMC]
    assert "the display does not answer" in await made.refusal()
    made.network.hosts[BMC] = made._let_in
    assert "the display does not answer" in await made.refusal()
    assert made.logins == 1
    await trio.sleep(PAUSE)
    async with made.viewer():
        assert made.logins == 2


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (AuthenticationError("who are you?"), Code.FAILED_PRECONDITION, "password for this display is wrong"),
        (NegotiationError("nothing in common"), Code.FAILED_PRECONDITION, "cannot agree on a way of logging in"),
        (LocalProtocolError("no such file"), Code.FAILED_PRECONDITION, "not configured for this display"),
        (DisplayRefused("too many"), Code.UNAVAILABLE, "takes no more viewers, or none"),
        (TransportError("10.0.0.7 is down"), Code.UNAVAILABLE, "does not answer"),
        (ExceptionGroup("both", [TransportError("10.0.0.7 is down")] * 2), Code.UNAVAILABLE, "does not answer"),
        (ZeroDivisionError("10.0.0.7"), Code.INTERNAL, "the Agent failed at this display"),
    ],
)
async def test_whatever_fails_is_the_displays_alone_and_its_words_have_no_address(
    made: Stage, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: Code, words: str
) -> None:
    def fail() -> LoginOptions:
        raise failure

    monkeypatch.setattr(made.display, "_options", fail)
    for _ in range(2):
        with pytest.raises(CallError, match=words) as failed:
            await made.display.screenshot()
        assert (failed.value.code, "10.0.0.7" in str(failed.value)) == (code, False)
        assert failed.value.safe_to_retry == (code is Code.UNAVAILABLE)
    assert await made.refusal()


async def test_a_viewer_that_leaves_during_the_login_leaves_no_trace(made: Stage, autojump_clock: MockClock) -> None:
    async def hold(_: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    made.network.hosts[BMC] = hold
    ours, theirs = memory_stream_pair()
    with trio.move_on_after(1):
        await made.display.attach(theirs, user=ALICE, mode="write")
    await ours.aclose()
    assert made.keyboard.machine.viewers == 0
    made.network.hosts[BMC] = made._let_in
    async with made.viewer():
        pass


async def test_a_viewer_may_be_cancelled_at_every_await(made: Stage, autojump_clock: MockClock) -> None:
    async def look() -> None:
        async with made.viewer() as viewer:
            await viewer.type_text("a", pause=0.0)

    step = 1
    while await cancel_at_step(step, look):
        step += 1
        await until(lambda: not made.keyboard.machine.viewers)
        assert made.keyboard.machine.lease.writer is None
        assert not made.display._heirs
    assert step > 10
    await until(lambda: not made.held)
    async with made.viewer():
        assert made.is_logged_in()


@pytest.mark.parametrize("call", ["screenshot", "send_keys"])
async def test_a_call_may_be_cancelled_at_every_await(
    call: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def typing(made: Stage) -> int:
        return await made.display.send_keys(ALICE, text="Ab")

    async def looking(made: Stage) -> object:
        return await made.display.screenshot()

    work: Callable[[Stage], Awaitable[object]] = typing if call == "send_keys" else looking
    step, was_cancelled = 1, True
    while was_cancelled:
        async with stage(monkeypatch) as made:
            was_cancelled = await cancel_at_step(step, partial(work, made))
            step += 1
            assert made.keyboard.machine.viewers == 0
            assert await made.display.send_keys(BOB, text="c") == 1
            await until(lambda: made.keys.endswith("c") and not made.held)
    assert step > 3


# --- the keyboard ---


async def test_the_first_who_may_type_does_and_the_next_inherits(made: Stage, autojump_clock: MockClock) -> None:
    async with made.watched(ALICE), made.viewer(BOB, "read") as reader, made.viewer(CAROL) as carol:
        for viewer in (carol, reader):
            await viewer.type_text("x", pause=0.0)
        await until(lambda: made.keys == "w")
        made.network.cut(ALICE)
        await until(lambda: made.keyboard.machine.viewers == 2)
        for viewer, text in ((reader, "x"), (carol, "c")):
            await viewer.type_text(text, pause=0.0)
        await until(lambda: made.keys == "wc")


async def test_who_only_looks_moves_nothing(made: Stage, autojump_clock: MockClock) -> None:
    async with made.viewer(ALICE, "read") as viewer, made.viewer(BOB) as typist:
        for message in (KeyEvent(ord("x"), down=True), PointerEvent(1, 1, 1), CutText(b"paste")):
            await viewer._send(message.encode())
        await viewer.refresh()
        await typist.type_text("t", pause=0.0)
        await until(lambda: made.keys == "t")
    assert made.held == set()
    assert not any(isinstance(done, PointerEvent | CutText) for done in made.done)


async def test_who_leaves_or_is_lost_lets_go_of_all_keys(made: Stage, autojump_clock: MockClock) -> None:
    async with made.viewer() as viewer:
        await viewer._send(KeyEvent(0xFFE3, down=True).encode() + KeyEvent(0xFFE9, down=True).encode())
        await until(lambda: made.held == {0xFFE3, 0xFFE9})
    await until(lambda: made.held == set())


async def test_a_seat_at_the_console_is_its_owners_at_the_screen(made: Stage, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        console, other = FakeViewer(nursery, ALICE), FakeViewer(nursery, BOB)
        await console.attach(made.keyboard)
        await until(lambda: console.session.is_writer)
        await other.attach(made.keyboard)
        seat = made.keyboard.machine.lease.writer
        async with made.viewer(ALICE, seat=str(seat)) as alice, made.viewer(BOB) as bob:
            await bob.type_text("b", pause=0.0)
            await alice._send(KeyEvent(ord("a"), down=True).encode())
            await until(lambda: made.held == {ord("a")})
            await console.send(Release().encode())
            await other.send(Ask().encode())
            await until(lambda: not made.held)  # who has the keyboard no more lets go
            await alice.type_text("a", pause=0.0)
            await alice.refresh()
            assert made.keys == "a"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seat", ["{bobs}", "77", "0", "-1", "x", "\u00b2", "9" * 5000])
async def test_a_seat_of_somebody_else_is_refused(made: Stage, autojump_clock: MockClock, seat: str) -> None:
    with made.keyboard.seated(BOB, mode="write") as number:
        assert "the seat is not yours" in await made.refusal(ALICE, seat=seat.format(bobs=number))
    assert made.logins == 0


async def test_a_long_name_has_its_seat_too(made: Stage, autojump_clock: MockClock) -> None:
    user = "a" * 100 + "@acme.example"
    with made.keyboard.seated(user, mode="write") as number:
        async with made.viewer(user, seat=str(number)) as viewer:
            await viewer.type_text("a", pause=0.0)
            await until(lambda: made.keys == "a")


async def test_keys_of_a_call_want_the_keyboard(made: Stage, autojump_clock: MockClock) -> None:
    async with made.viewer(BOB):
        with pytest.raises(CallError, match=f"{BOB} has the keyboard: ask for it") as refused:
            await made.display.send_keys(ALICE, text="x")
        assert refused.value.code == Code.FAILED_PRECONDITION
        assert await made.display.send_keys(BOB, text="Mine\n") == 5  # whoever has it, has it everywhere
    await until(lambda: not made.keyboard.machine.viewers)
    assert await made.display.send_keys(ALICE, chord="ctrl-alt-delete") == 1
    await until(lambda: made.keys.endswith("\uffe3\uffe9\uffff") and not made.held)
    assert made.keyboard.machine.viewers == 0


async def test_who_loses_the_keyboard_in_a_text_types_no_more(made: Stage, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        console = FakeViewer(nursery, BOB)
        await console.attach(made.keyboard, may_take=True)
        await console.send(Release().encode())
        await until(lambda: bool(made.keyboard.machine.viewers) and made.keyboard.machine.lease.writer is None)

        async def take() -> None:
            await until(lambda: made.keys == "xxx")
            await console.send(Ask().encode())

        nursery.start_soon(take)
        with pytest.raises(CallError, match=rf"{BOB} has the keyboard: \d+ of 4096 keys were typed"):
            await made.display.send_keys(ALICE, text="x" * MAX_TEXT)
        nursery.cancel_scope.cancel()
    assert 3 <= len(made.keys) < MAX_TEXT
    await until(lambda: not made.held)


@pytest.mark.parametrize(
    "what", [{"text": "x" * (MAX_TEXT + 1)}, {"chord": "ctrl-nonsense"}, {"text": "\0"}], ids=["long", "chord", "key"]
)
async def test_what_cannot_be_typed_is_said(made: Stage, autojump_clock: MockClock, what: dict[str, str]) -> None:
    with pytest.raises(CallError) as refused:
        await made.display.send_keys(ALICE, **what)
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert made.keys == ""


async def test_the_longest_text_takes_less_than_the_gateway_waits(made: Stage, autojump_clock: MockClock) -> None:
    from conduit.services.gateway.operations import OPERATIONS

    started = trio.current_time()
    assert await made.display.send_keys(ALICE, text="x" * MAX_TEXT) == MAX_TEXT
    assert trio.current_time() - started < OPERATIONS["SendKeys"].deadline


# --- screenshots ---


async def test_a_screenshot_is_no_viewer_and_shows_what_is_there(made: Stage, autojump_clock: MockClock) -> None:
    made.screen.receive(b"\x1b[41m\x1b[2J")
    picture = await made.display.screenshot()
    assert made.keyboard.machine.viewers == 0
    assert made.keyboard.machine.lease.writer is None
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.size == picture.screen == (made.screen.picture.width, made.screen.picture.height)
        assert image.convert("RGB").getpixel((5, 5)) == (0xAA, 0, 0)


async def test_a_screenshot_may_be_as_old_as_is_said(made: Stage, autojump_clock: MockClock) -> None:
    first = await made.display.screenshot(max_width=160)
    with Image.open(io.BytesIO(first.png)) as image:
        assert image.width == 160
    made.clock.now += 10
    assert await made.display.screenshot(max_width=160, max_age=10) is first
    assert (await made.display.screenshot(max_width=80, max_age=10)).png != first.png
    newer = await made.display.screenshot(max_width=160, max_age=9)
    assert newer is not first
    made.network.cut(BMC)
    del made.network.hosts[BMC]
    assert await made.display.screenshot(max_width=160, max_age=1) is newer  # nobody need be there
    made.clock.now -= 3600  # somebody has set the clock
    with pytest.raises(CallError):
        await made.display.screenshot(max_width=160, max_age=1)


async def test_only_a_few_widths_are_kept_the_newest(made: Stage, autojump_clock: MockClock) -> None:
    kept = {width: await made.display.screenshot(max_width=width) for width in range(16, 16 + MAX_PICTURES + 3)}
    assert len(made.display._pictures) == MAX_PICTURES
    assert list(made.display._pictures.values()) == list(kept.values())[-MAX_PICTURES:]


async def test_a_screenshot_is_a_minute_old_at_most(made: Stage, autojump_clock: MockClock) -> None:
    first = await made.display.screenshot()
    made.clock.now += MAX_AGE
    assert await made.display.screenshot(max_age=1e9) is first
    made.clock.now += 1
    assert await made.display.screenshot(max_age=1e9) is not first


async def test_who_asks_at_the_same_time_gets_the_same_picture(made: Stage, autojump_clock: MockClock) -> None:
    pictures: list[Picture] = []

    async def take() -> None:
        pictures.append(await made.display.screenshot())

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(take)
    assert len({id(each) for each in pictures}) == 1


async def test_who_waits_for_a_picture_that_does_not_come_waits_twice_at_most(
    made: Stage, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def thumbnail(*_: object, **__: object) -> bytes:
        made.clock.now += 10
        await trio.sleep(10)
        raise PeerTimeoutError("the display has shown no whole picture")

    monkeypatch.setattr(DisplayHub, "thumbnail", thumbnail)
    began = trio.current_time()
    failures: list[str] = []

    async def take() -> None:
        with pytest.raises(CallError) as refused:
            await made.display.screenshot()
        failures.append(refused.value.message)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(take)
    assert failures == ["the display has shown no whole picture"] * 20
    assert trio.current_time() - began < 21


async def test_who_waited_for_what_is_somebody_elses_now_gets_nothing(made: Stage, autojump_clock: MockClock) -> None:
    let_in, gate = made.network.hosts[BMC], trio.Event()

    async def let_in_late(stream: trio.abc.Stream) -> None:
        await gate.wait()
        await let_in(stream)

    made.network.hosts[BMC] = let_in_late
    made.display.belong_to("acme")
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            with pytest.raises(CallError, match="was lost"):
                await made.display.screenshot()

        for _ in range(3):  # one logs in, the others wait for it
            nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        made.display.belong_to("bolt")
        gate.set()
    assert (await made.display.screenshot()).screen == (made.screen.picture.width, made.screen.picture.height)


# --- tenants ---


async def test_another_tenant_sees_nothing_of_what_the_one_before_saw(made: Stage, autojump_clock: MockClock) -> None:
    made.display.belong_to("acme")
    old = await made.display.screenshot()
    async with made.watched(ALICE):
        assert made.keyboard.machine.viewers == 1
        made.display.belong_to("bolt")
    assert made.hung_up == [ALICE]
    assert made.keyboard.machine.viewers == 0
    made.screen.receive(b"\x1b[41m\x1b[2J")
    new = await made.display.screenshot(max_age=MAX_AGE)
    assert new.png != old.png
    assert made.logins == 2
    made.display.belong_to("bolt")
    assert await made.display.screenshot(max_age=MAX_AGE) is new


# --- leaving ---


async def test_an_agent_that_leaves_ends_viewers_and_takes_no_more(made: Stage, autojump_clock: MockClock) -> None:
    async with made.watched(ALICE):
        made.display.say_goodbye()
    assert made.hung_up == [ALICE]
    assert "the Agent is being restarted" in await made.refusal()
    assert await made.display.send_keys(ALICE, text="x") == 1
    assert made.logins == 1


async def test_nobody_need_be_there_to_leave(made: Stage, autojump_clock: MockClock) -> None:
    made.display.say_goodbye()
    assert "the Agent is being restarted" in await made.refusal()
