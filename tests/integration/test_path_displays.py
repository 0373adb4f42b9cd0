"""Screens through Manager, Gateway and Agent: what is seen, who types, and how viewers are told that it is over."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from protobuf import Message, Oneof

from conduit._trio import open_background_nursery
from conduit.cli.up.seed import write_private
from conduit.console.messages import Give, Take
from conduit.errors import CallError
from conduit.rfb.images import decode_png
from conduit.rfb.messages import CutText, KeyEvent, PointerEvent
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.manager.v1 import admin_pb
from conduit.services.clock import system_clock
from conduit.services.connect_client import ConnectClient
from conduit.services.tokens import SESSION_LIFE
from conduit.tunnel.call_frames import Code
from tests.fakes.path import ACME, GLOBEX, STAFF, Hosted, RunningPath, open_path, plan
from tests.fakes.path_client import Customer, Viewer, eventually
from tests.fakes.path_displays import (
    PASSWORD,
    ScreenServer,
    add_display,
    refusal,
    until,
    watching,
    watching_again,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]  # several services start again, on a busy machine
_Answer = TypeVar("_Answer", bound=Message[Any])


class TurnedClock:
    """The real time, and more."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return system_clock() + self.ahead


class Stage:
    """A path with a screen at ``web-01``; the services run here, unless a test has its own."""

    def __init__(self, path: RunningPath, screen: ScreenServer) -> None:
        self.path = path
        self.screen = screen
        self.clock = TurnedClock()
        "The Gateway's."
        self.gateway: Hosted
        self.agent: Hosted

    async def start(self) -> None:
        await self.path.manager().start()
        self.gateway, self.agent = self.path.gateway(clock=self.clock), self.path.agent()
        await self.gateway.start()
        await self.agent.start()
        await eventually(partial(can_look, self.path.customer()))

    async def call(self, method: str, request: Any, answer: type[_Answer], bearer: str) -> _Answer:
        client = ConnectClient(self.path.http, self.path.seed.gateway_url, "gateway.v1.GatewayService")
        return await client.call(method, request, answer, bearer=bearer)


async def can_look(customer: Customer) -> bool:
    """For :func:`eventually`: there is a way to the screen."""
    try:
        await screenshot(customer)
    except CallError as error:
        if error.code == Code.NOT_FOUND:
            return False
        raise
    return True


async def screenshot(customer: Customer, **wishes: Any) -> pb.GetScreenshotResponse:
    request = pb.GetScreenshotRequest(server_id="web-01", **wishes)
    return await customer.ask("GetScreenshot", request, pb.GetScreenshotResponse)


async def type_text(customer: Customer, text: str) -> int:
    what: Oneof[Literal["text"], str] = Oneof("text", text)
    request = pb.SendKeysRequest(server_id="web-01", what=what)
    return (await customer.ask("SendKeys", request, pb.SendKeysResponse)).keys


def number_of(viewer: Viewer) -> int:
    """At its console."""
    assert viewer.session.attached is not None
    return viewer.session.attached.viewer


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    async with open_path(folder, plan("web-01"), plan("other-01", GLOBEX)) as path:
        made = Stage(path, await add_display(path, "web-01"))
        await made.start()
        yield made


async def test_viewers_see_every_dot_over_one_login_and_the_first_types(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, AsyncExitStack() as stack:
        customer, screen = made.path.customer(), made.screen
        first = await stack.enter_async_context(watching(customer, "web-01"))
        await first.sees(screen)
        screen.write("\x1b[1;33;44mwarm\x1b[0m words\r\n" * 30)
        second = await stack.enter_async_context(watching(customer, "web-01"))
        for watcher in (first, second):
            await watcher.sees(screen)
        await second.press("no")
        await first.press("yes")
        await until(lambda: screen.keys == "yes")
        assert len(screen.server.audience.seats) == 1
        answer = await screenshot(customer)
        width, height, pixels = decode_png(answer.image)
        assert (width, height) == (answer.screen_width, answer.screen_height)
        assert pixels == screen.picture()


async def test_who_only_looks_moves_nothing_whatever_it_sends(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, watching(made.path.customer(), "web-01", read_only=True) as watcher:
        await watcher.sees(made.screen)
        for message in (KeyEvent(ord("x"), down=True), PointerEvent(1, 1, 1), CutText(b"paste")):
            await watcher.display._send(message.encode())
        await watcher.press("zzz")
        await watcher.display.refresh()  # what was sent before has been looked at
        assert await type_text(made.path.customer(), "ok") == 2  # and on its way no faster than this
        await until(lambda: made.screen.keys == "ok")
        assert not any(isinstance(each, PointerEvent | CutText) for each in made.screen.typed)


async def test_console_and_screen_share_one_keyboard(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, open_background_nursery() as nursery:
        screen, alice, staff = made.screen, made.path.customer(), made.path.customer(STAFF)
        console, other = Viewer(alice, "web-01"), Viewer(staff, "web-01")
        nursery.start_soon(console.run)
        await console.until(lambda: console.is_live and console.session.is_writer, "it has the keyboard")
        seat = number_of(console)
        async with (
            watching(alice, "web-01", seat=str(seat)) as at_seat,
            watching(staff, "web-01") as elsewhere,
        ):
            await elsewhere.press("e")
            await at_seat.display._send(KeyEvent(ord("a"), down=True).encode())
            await until(lambda: screen.held == {ord("a")})
            nursery.start_soon(other.run)
            await other.until(lambda: other.is_live, "it is there too")
            with pytest.raises(CallError, match=f"{ACME} has the keyboard"):
                await type_text(staff, "s")
            await other.say(Take())
            await until(lambda: not screen.held, "who has it no more lets go")
            await at_seat.press("b")
            await at_seat.display.refresh()
            assert await type_text(staff, "s") == 1
            await until(lambda: screen.keys == "as")
            await other.say(Give(viewer=seat))
            await console.until(lambda: console.session.is_writer, "it passes on")
            await at_seat.press("c")
            await until(lambda: screen.keys == "asc")
        assert "the seat is not yours" in await refusal(staff, "web-01", seat=str(seat))


async def test_a_display_that_starts_again_under_a_viewer_is_told_and_comes_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        customer = made.path.customer()
        async with watching(customer, "web-01") as watcher:
            await watcher.sees(made.screen)
            await made.screen.stop()
            assert await watcher.until_over() == (1001, "The connection with the screen is lost. Connecting again.")
        assert "the display does not answer" in await refusal(customer, "web-01")
        with pytest.raises(CallError, match="the display does not answer"):
            await screenshot(customer)
        await made.screen.start()
        async with watching_again(customer, "web-01") as watcher:
            await watcher.sees(made.screen)


async def test_a_wrong_password_is_said_in_words_and_tried_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with open_path(tmp_path) as path:
        screen, agent = await add_display(path, "web-01", password="not-that-one"), path.process("agent")
        for service in (path.manager(), path.gateway(), agent):
            await service.start()
        customer = path.customer()
        await eventually(partial(_has_way, customer))
        words = [await refusal(customer, "web-01") for _ in range(2)]
        with pytest.raises(CallError) as refused:
            await screenshot(customer)
        assert refused.value.code == Code.FAILED_PRECONDITION
        words.append(refused.value.message)
        assert all("the Agent's password for this display is wrong: tell staff" in each for each in words)
        log = (path.seed.data / "agent.log").read_text()
        assert log.count("display of web-01") == 1
        for secret in ("not-that-one", PASSWORD):
            assert secret not in " ".join((*words, log, caplog.text))
        assert not screen.server.audience.seats
        write_private(path.seed.data / "web-01.display-password", PASSWORD)
        os.kill(agent.pid, signal.SIGHUP)  # somebody has looked after it: it is tried at once
        async with watching_again(customer, "web-01") as watcher:
            await watcher.sees(screen)


async def _has_way(customer: Customer) -> bool:
    await customer.power("web-01")
    return True


async def test_a_gateway_that_is_killed_or_leaves_gives_the_screen_back(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        screen, gateway, customer = await add_display(path, "web-01"), path.process("gateway"), path.customer()
        await path.manager().start()
        await gateway.start()
        await path.agent().start()
        await eventually(partial(can_look, customer))
        async with watching(customer, "web-01") as watcher:
            await watcher.sees(screen)
            gateway.kill()
            await gateway.wait_dead()
            assert (await watcher.until_over())[1] == ""
        await gateway.start()
        async with watching_again(customer, "web-01") as watcher:
            await watcher.types(screen, "k")
            process = gateway._running
            await gateway.stop()
            assert process.returncode == 0
            told = (1001, "The Gateway is being restarted. Connecting again.")
            assert await watcher.until_over() == told
        await gateway.start()
        async with watching_again(customer, "web-01") as watcher:
            await watcher.sees(screen)


async def test_an_agent_that_is_killed_or_leaves_gives_the_screen_back(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        screen, agent, customer = await add_display(path, "web-01"), path.process("agent"), path.customer()
        await path.manager().start()
        await path.gateway().start()
        await agent.start()
        await eventually(partial(can_look, customer))
        async with watching(customer, "web-01") as watcher:
            await watcher.sees(screen)
            agent.kill()
            await agent.wait_dead()
            lost = (1001, "The connection with the datacenter is lost. Connecting again.")
            assert await watcher.until_over() == lost
        await agent.start()
        async with watching_again(customer, "web-01") as watcher:
            await watcher.types(screen, "k")
            process = agent._running
            await agent.stop()
            assert process.returncode == 0  # a viewer did not make it wait
            code, _ = await watcher.until_over()
            assert code == 1001
        await agent.start()
        async with watching_again(customer, "web-01") as watcher:
            await watcher.sees(screen)


async def test_a_session_that_is_closed_ends_its_viewers_and_nobody_elses_can_be(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        customer, other = made.path.customer(), made.path.customer(GLOBEX)
        async with watching(customer, "web-01") as watcher, watching(customer, "web-01") as stays:
            close = pb.CloseVNCSessionRequest(session_id=watcher.session_id)
            token, theirs = await customer.token("web-01"), await other.token("other-01")
            for bearer, code in ((theirs.token, Code.NOT_FOUND), ("", Code.UNAUTHENTICATED)):
                with pytest.raises(CallError) as refused:
                    await made.call("CloseVNCSession", close, pb.CloseVNCSessionResponse, bearer)
                assert refused.value.code == code
            find = pb.GetVNCSessionRequest(session_id=watcher.session_id)
            found = await made.call("GetVNCSession", find, pb.GetVNCSessionResponse, token.token)
            assert found.session is not None
            assert (found.session.status, found.session.viewers, found.session.server_id) == ("active", 1, "web-01")
            await made.call("CloseVNCSession", close, pb.CloseVNCSessionResponse, token.token)
            assert await watcher.until_over() == (1008, "This session was closed.")
            await stays.sees(made.screen)


async def test_a_session_that_expires_ends_its_viewers(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, watching(made.path.customer(), "web-01") as watcher:
        await watcher.sees(made.screen)
        made.clock.ahead = SESSION_LIFE + 60
        assert await watcher.until_over() == (1008, "This session has expired. Open the display again.")


async def test_who_loses_a_server_loses_its_screen_within_seconds(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        customer, staff = made.path.customer(), made.path.customer(STAFF)
        await staff.log_in()
        admin = ConnectClient(made.path.http, made.path.seed.manager_url, "manager.v1.AdminService")
        async with watching(customer, "web-01") as watcher:
            await watcher.sees(made.screen)
            taken = admin_pb.AssignServerRequest(server_id="web-01")
            await admin.call("AssignServer", taken, admin_pb.AssignServerResponse, bearer=staff.access)
            assert await watcher.until_over() == (1008, "Your access to this server has ended.")
        with pytest.raises(CallError) as refused:
            await screenshot(customer)
        assert refused.value.code == Code.UNAUTHENTICATED


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        alice, bob = made.path.customer(), made.path.customer(GLOBEX)
        mine, theirs = (await alice.token("web-01")).token, (await bob.token("other-01")).token
        assert "this server has no display here" in await refusal(bob, "other-01")
        picture, keys = ("GetScreenshot", pb.GetScreenshotResponse), ("SendKeys", pb.SendKeysResponse)
        nothing: list[Oneof[Any, str] | None] = [None, Oneof("text", ""), Oneof("chord", "ctrl-nonsense")]
        cases: list[tuple[tuple[str, Any], Any, str, Code]] = [
            (picture, pb.GetScreenshotRequest(), theirs, Code.NOT_FOUND),
            (picture, pb.GetScreenshotRequest(server_id="web-01"), theirs, Code.PERMISSION_DENIED),
            *((keys, pb.SendKeysRequest(what=what), mine, Code.INVALID_ARGUMENT) for what in nothing),
        ]
        for (method, answer), request, token, code in cases:
            with pytest.raises(CallError) as refused:
                await made.call(method, request, answer, token)
            assert refused.value.code == code, request
        assert not made.screen.typed


async def test_a_screenshot_is_as_wide_and_as_old_as_is_wanted(tmp_path: Path) -> None:
    async with stage(tmp_path) as made:
        customer, screen = made.path.customer(), made.screen
        first = await screenshot(customer, max_width=160)
        assert decode_png(first.image)[:2] == (first.width, first.height) == (160, 100)
        assert (first.screen_width, first.screen_height) == (640, 400)
        screen.write("\x1b[41m\x1b[2J")
        assert (await screenshot(customer, max_width=160, max_age_seconds=600)).image == first.image
        assert (await screenshot(customer, max_width=160)).image != first.image
        await screen.stop()
        old = await screenshot(customer, max_width=160, max_age_seconds=600)  # nobody need be there
        assert old.image != first.image
