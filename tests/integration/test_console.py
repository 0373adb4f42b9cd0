"""The console against our virtual BMC over loopback: as a Trio stream, over loss, across lost sessions, for days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, check_two_way_stream

from conduit.errors import AuthenticationError, CompletionCodeError, LocalProtocolError, RemoteProtocolError
from conduit.ipmi import Bmc, Interface, open_bmc
from conduit.ipmi.bmc import BmcConfig, Faults, Limits, PowerCommand, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.sol import SolConfig
from conduit.ipmi.commands import ActivatePayload
from conduit.ipmi.console import EVENTS, Console, ConsoleEvent, ConsoleEventKind, ConsoleOptions
from conduit.rmcp.port import PATIENCE
from conduit.rmcp.workarounds import Workaround
from tests.fakes.serial_host import HostStream

USER = UserConfig(name=b"admin", password=b"secret")


def config(**changes: Any) -> BmcConfig:
    return BmcConfig(users=(USER,), **changes)


def log_in(served: ServedBmc, **options: Any) -> AbstractAsyncContextManager[Bmc]:
    return open_bmc(served.host, port=served.port, username="admin", password="secret", **options)


@asynccontextmanager
async def console_and_host(
    bmc_config: BmcConfig | None = None, workarounds: tuple[Workaround, ...] = (), **options: Any
) -> AsyncIterator[tuple[Console, HostStream, ServedBmc]]:
    async with open_virtual_bmc(bmc_config or config()) as served, log_in(served, workarounds=workarounds) as bmc:
        host = HostStream(served)
        async with bmc.console(**options) as console:
            yield console, host, served


async def receive_exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += await stream.receive_some(size - len(data))
    return bytes(data)


async def test_it_is_a_stream_as_trio_wants_streams_to_be() -> None:
    async with trio.open_nursery() as nursery:

        async def pair(task_status: trio.TaskStatus[tuple[Console, HostStream]]) -> None:
            async with console_and_host(reactivate=False) as (console, host, _):
                task_status.started((console, host))
                await trio.sleep_forever()

        async def make() -> tuple[trio.abc.Stream, trio.abc.Stream]:
            both: tuple[Console, HostStream] = await nursery.start(pair)
            return both

        await check_two_way_stream(make, None)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(3))
async def test_a_fifth_of_the_datagrams_lost_loses_and_doubles_no_character(
    seed: int, autojump_clock: MockClock
) -> None:
    stuff = bytes(range(256)) * 20
    async with console_and_host(config(faults=Faults(drop_rate=0.2, seed=seed))) as (console, host, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.send_all, stuff)
            nursery.start_soon(host.send_all, stuff)
            assert await receive_exactly(console, len(stuff)) == stuff
            assert await receive_exactly(host, len(stuff)) == stuff
        assert console.status.activations == 1


async def test_a_silent_console_lives_for_a_day(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _):
        await trio.sleep(24 * 60 * 60)
        await console.send_all(b"still there")
        assert await receive_exactly(host, 11) == b"still there"
        assert console.status.activations == 1


async def test_a_lost_session_is_opened_again_and_the_gap_is_told(autojump_clock: MockClock) -> None:
    faults = Faults(drop_sessions_after=100.0)
    async with console_and_host(config(faults=faults)) as (console, host, _served):
        events = console.events()
        await trio.sleep(150)
        gap, again = await events.receive(), await events.receive()
        assert (gap.kind, again.kind) == (ConsoleEventKind.GAP, ConsoleEventKind.REACTIVATED)
        assert gap.unconfirmed == b""
        await console.send_all(b"back")
        assert await receive_exactly(host, 4) == b"back"
        assert console.status.activations == 2


async def test_what_was_on_the_way_into_a_lost_session_is_reported_and_the_rest_sent(
    autojump_clock: MockClock,
) -> None:
    async with console_and_host() as (console, host, served):
        served.bmc.state.sessions.clear()
        await console.send_all(b"x" * 255 + b"later")
        assert await receive_exactly(host, 5) == b"later"
        gap = await console.events().receive()
        assert (gap.kind, gap.unconfirmed) == (ConsoleEventKind.GAP, b"x" * 255)


async def test_somebody_elses_console_is_taken_only_when_asked(autojump_clock: MockClock) -> None:
    async with console_and_host(reactivate=False) as (console, _, served), log_in(served) as other:
        with pytest.raises(CompletionCodeError, match="steal=True") as caught:
            async with other.console():
                pytest.fail("taken")
        assert caught.value.code == 0x80
        async with other.console(steal=True) as thief:
            assert thief.status.active
            assert await console.receive_some() == b""
            with pytest.raises(trio.BrokenResourceError) as broken:
                await console.send_all(b"mine")
            assert isinstance(broken.value.__cause__, RemoteProtocolError)
            assert [event.kind async for event in console.events()] == [ConsoleEventKind.DEACTIVATED]


async def test_a_console_that_was_stolen_is_not_stolen_back(autojump_clock: MockClock) -> None:
    async with (
        console_and_host(steal=True) as (console, _, served),
        log_in(served) as other,
        other.console(steal=True),
    ):
        kinds = [event.kind async for event in console.events()]
        assert kinds == [ConsoleEventKind.GAP, ConsoleEventKind.DEACTIVATED]
        assert not console.status.active


def owner(served: ServedBmc) -> BmcSession:
    session = served.bmc.state.sol.owner
    assert session is not None
    return session


def deafen(served: ServedBmc) -> None:
    """The network loses whatever goes to the BMC in the sessions that are open now; new ones work."""
    hear = served.bmc.receive_datagram
    lost = {session.session_id.to_bytes(4, "little") for session in served.bmc.state.sessions}

    def receive(data: bytes, address: Any, now: float) -> None:
        if data[6:10] not in lost:
            hear(data, address, now)

    served.bmc.receive_datagram = receive  # type: ignore[method-assign]


async def test_own_activation_in_a_lost_session_is_ended_at_once(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, served):
        first = owner(served)
        deafen(served)
        began = trio.current_time()
        await console.send_all(bytes(256) + b"back")
        assert first in set(served.bmc.state.sessions)  # it is not that the BMC had ended it by itself
        assert trio.current_time() < began + 60
        assert await receive_exactly(host, 5) == b"\0back"
        assert console.status.activations == 2


async def test_a_stranger_who_came_while_the_session_was_lost_is_not_thrown_out(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, served), log_in(served) as other:
        served.bmc.state.sessions.remove(owner(served))
        async with other.console() as stranger:
            kinds = [event.kind async for event in console.events()]
            assert kinds == [ConsoleEventKind.GAP, ConsoleEventKind.DEACTIVATED]
            with pytest.raises(trio.BrokenResourceError) as broken:
                await console.send_all(b"x")
            assert "somebody else" in str(broken.value.__cause__)
            await stranger.send_all(b"mine")
            assert await receive_exactly(host, 4) == b"mine"
            assert stranger.status.activations == 1


async def test_where_the_bmc_names_no_owner_the_lost_session_is_waited_for(autojump_clock: MockClock) -> None:
    async with console_and_host_unnamed() as (console, host, served):
        first = owner(served)
        deafen(served)
        await console.send_all(bytes(256) + b"back")
        assert first not in set(served.bmc.state.sessions)
        assert await receive_exactly(host, 5) == b"\0back"
        assert console.status.activations == 2


async def test_where_the_bmc_names_no_owner_a_stranger_is_not_thrown_out_either(autojump_clock: MockClock) -> None:
    async with console_and_host_unnamed() as (console, _, served), log_in(served) as other:
        served.bmc.state.sessions.remove(owner(served))
        async with other.console() as stranger:
            kinds = [event.kind async for event in console.events()]
            assert kinds == [ConsoleEventKind.GAP, ConsoleEventKind.DEACTIVATED]
            assert stranger.status.activations == 1
            assert stranger.status.active


def console_and_host_unnamed() -> AbstractAsyncContextManager[tuple[Console, HostStream, ServedBmc]]:
    return console_and_host(workarounds=(Workaround.SOLSTATUS,))


async def test_who_asks_to_steal_does_so_after_a_loss_too(autojump_clock: MockClock) -> None:
    async with console_and_host(steal=True) as (console, _, served), log_in(served) as other:
        served.bmc.state.sessions.remove(owner(served))
        async with other.console(reactivate=False) as robbed:
            assert [event.kind async for event in robbed.events()] == [ConsoleEventKind.DEACTIVATED]
            events = console.events()
            assert [(await events.receive()).kind for _ in range(2)] == [
                ConsoleEventKind.GAP,
                ConsoleEventKind.REACTIVATED,
            ]
            assert console.status.active


async def test_a_session_that_is_lost_while_the_console_is_activated_is_opened_again(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        deafen(served)
        async with bmc.console() as console:
            assert console.status.activations == 1
            assert owner(served) in set(served.bmc.state.sessions)
            assert bmc.logins == 2


async def test_a_stranger_who_came_between_two_attempts_to_activate_is_not_thrown_out(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        deafen(served)  # so the activation is asked for again in a new session, and then once more
        hear, sol = served.bmc.receive_datagram, served.bmc.state.sol
        async with log_in(served):
            (_, stranger) = served.bmc.state.sessions

            def receive(data: bytes, address: Any, now: float) -> None:
                hear(data, address, now)
                if sol.owner not in (None, stranger):
                    sol.deactivate()
                    sol.activate(ActivatePayload.sol(), stranger, now)

            served.bmc.receive_datagram = receive  # type: ignore[method-assign]
            with pytest.raises(CompletionCodeError, match="steal=True"):
                async with bmc.console():
                    pytest.fail("taken")
            assert sol.owner is stranger


async def test_a_console_that_was_switched_off_and_freed_comes_back(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, served):
        served.bmc.state.sol.deactivate()
        served.bmc.state.sol.payloads_to_send()  # the farewell is lost
        await trio.sleep(60)
        await console.send_all(b"x")
        assert await receive_exactly(host, 1) == b"x"
        assert console.status.activations == 2


async def test_break_flush_and_lines_reach_the_machine(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _):
        await console.send_all(b"junk")
        await console.flush(to_machine=True)
        assert host.port.host_read(9) == b""
        await console.send_break()
        assert host.port.breaks == 1
        await console.set_lines(pause=True, carrier=False)
        assert (host.port.cts, host.port.dcd) == (False, False)
        assert console.status.paused
        assert not console.status.carrier


async def test_events_of_the_machine_arrive_and_surplus_ones_are_counted(autojump_clock: MockClock) -> None:
    async with console_and_host(config(sol=SolConfig(needs_power=True))) as (console, host, served):
        await trio.sleep(1)
        assert not console.status.available
        served.bmc.state.machine.command(PowerCommand.ON, trio.current_time())
        served.wake()
        await trio.sleep(30)
        kinds = [(await console.events().receive()).kind for _ in range(2)]
        assert kinds == [ConsoleEventKind.UNAVAILABLE, ConsoleEventKind.AVAILABLE]
        for _ in range(EVENTS + 1):
            host.port.host_break()
            await trio.sleep(0.1)
        assert console.dropped_events == 1
        assert (await console.events().receive()).kind is ConsoleEventKind.BREAK


async def test_a_reader_that_sleeps_holds_the_machine_back(autojump_clock: MockClock) -> None:
    stuff = bytes(256 << 10)
    async with console_and_host() as (console, host, _), trio.open_nursery() as nursery:
        nursery.start_soon(host.send_all, stuff)
        await trio.sleep(30)
        assert host.port.pending >= 60_000
        assert await receive_exactly(console, len(stuff)) == stuff


async def test_a_cancelled_sender_takes_back_what_was_not_sent(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _):
        with trio.move_on_after(5):
            await console.send_all(bytes(20_000))  # the machine does not read
        waiting = len(host.port.host_read(1 << 20))
        await trio.sleep(1)
        await console.send_all(b"end")
        rest = await host.receive_some()
        assert waiting + len(rest) < 5_000
        assert rest.endswith(b"end")


async def test_a_receiver_that_is_cancelled_again_and_again_loses_no_character(autojump_clock: MockClock) -> None:
    stuff = bytes(range(256)) * 40
    async with console_and_host() as (console, host, _), trio.open_nursery() as nursery:
        nursery.start_soon(host.send_all, stuff)
        seen, steps = b"", 0
        while len(seen) < len(stuff):
            with trio.CancelScope() as scope:
                nursery.start_soon(cancel_after, steps % 5, scope)
                seen += await console.receive_some(300)
            steps += 1
        assert seen == stuff


async def cancel_after(steps: int, scope: trio.CancelScope) -> None:
    for _ in range(steps):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_task_that_sends_and_receives_in_turn_waits_for_nobody(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _):
        started = trio.current_time()
        for _ in range(20):
            host.port.host_write(b"question")
            assert await receive_exactly(console, 8) == b"question"
            await console.send_all(b"answer")
            assert host.port.host_read(6) == b"answer"
        assert trio.current_time() - started < PATIENCE


async def test_a_sender_and_a_receiver_wait_side_by_side_and_both_are_served(autojump_clock: MockClock) -> None:
    stuff = bytes(range(256)) * 80
    async with console_and_host() as (console, host, _), trio.open_nursery() as nursery:
        nursery.start_soon(console.send_all, stuff)
        nursery.start_soon(host.send_all, stuff)
        for stream in (console, host):
            assert await receive_exactly(stream, len(stuff)) == stuff


async def test_a_receiver_sleeps_through_a_lost_session_and_gets_what_comes_after(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, served), trio.open_nursery() as nursery:

        async def write_later() -> None:
            await trio.sleep(60)
            host.port.host_write(b"back")

        served.bmc.state.sessions.clear()
        nursery.start_soon(write_later)
        assert await receive_exactly(console, 4) == b"back"
        assert console.status.activations == 2


async def test_who_begins_to_receive_while_there_is_no_session_gets_what_comes_after(
    autojump_clock: MockClock,
) -> None:
    async with console_and_host() as (console, host, served), trio.open_nursery() as nursery:

        async def write_later() -> None:
            await trio.sleep(10)
            host.port.host_write(b"back")

        served.bmc.state.sol.deactivate()
        served.wake()
        assert (await console.events().receive()).kind is ConsoleEventKind.GAP
        assert not console.status.active
        nursery.start_soon(write_later)
        assert await receive_exactly(console, 4) == b"back"


async def test_one_sender_and_one_reader_at_a_time(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _), trio.open_nursery() as nursery:
        host.port.host_lines(dtr=True, rts=False)
        nursery.start_soon(console.send_all, b"x")
        nursery.start_soon(console.receive_some)
        await trio.sleep(0.1)
        with pytest.raises(trio.BusyResourceError):
            await console.send_all(b"y")
        with pytest.raises(trio.BusyResourceError):
            await console.receive_some()
        nursery.cancel_scope.cancel()


async def test_leaving_deactivates_also_when_cancelled_and_takes_a_second_at_most(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        with trio.CancelScope() as scope:
            async with bmc.console():
                scope.cancel()
                await trio.sleep_forever()
        assert not served.bmc.state.sol.port.watched
        async with bmc.console():
            pass
        started = trio.current_time()
        async with bmc.console():
            served.bmc.receive_datagram = lambda *_: None  # type: ignore[method-assign]  # the BMC hangs from here on
        assert trio.current_time() - started <= 1.0 + 1e-6


async def test_a_session_has_one_console_and_must_be_ipmi_2(autojump_clock: MockClock) -> None:
    async with console_and_host() as (_, _, served), log_in(served, interface=Interface.LAN) as old:
        with pytest.raises(LocalProtocolError, match="lanplus"):
            async with old.console():
                pytest.fail("opened")
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc, bmc.console():
        with pytest.raises(LocalProtocolError, match="already"):
            async with bmc.console():
                pytest.fail("opened")


async def test_encryption_is_the_cipher_suites(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config()) as served:
        async with log_in(served) as bmc:
            with pytest.raises(LocalProtocolError, match="cipher suite 1 or 2"):
                async with bmc.console(encrypt=False):
                    pytest.fail("opened")
        async with log_in(served, cipher_suite=2) as bmc, bmc.console(encrypt=False) as console:
            await console.send_all(b"in the clear")


async def test_another_port_is_refused_or_ignored(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config()) as served:
        served.bmc.state.sol.serve_on(served.port ^ 0x0101)
        async with log_in(served) as bmc:
            with pytest.raises(RemoteProtocolError, match="solport"):
                async with bmc.console():
                    pytest.fail("opened")
            assert served.bmc.state.sol.owner is None
        ignore = (Workaround.SOLPORT, Workaround.SOLSTATUS, Workaround.SOLPAYLOADSIZE, Workaround.SOLPACKETSEQ)
        async with log_in(served, workarounds=ignore) as bmc, bmc.console(keepalive=1.0) as console:
            await trio.sleep(3)
            await console.send_all(b"x")
            assert console.status.packet_size == 32


async def test_it_can_be_activated_again_on_request(autojump_clock: MockClock) -> None:
    async with console_and_host(reactivate=False) as (console, host, _):
        await console.reactivate()
        await console.send_all(b"x")
        assert await receive_exactly(host, 1) == b"x"
        assert console.status.activations == 2


async def test_a_sender_goes_on_when_the_console_is_activated_again_beside_it(autojump_clock: MockClock) -> None:
    async with console_and_host() as (console, host, _):
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(console.send_all, bytes(20_000))  # the machine does not read yet
                await trio.sleep(5)
                await console.reactivate()
                nursery.start_soon(receive_exactly, host, 19_000)  # all but what was on the way


async def test_commands_run_beside_the_console(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config(limits=Limits())) as served, log_in(served) as bmc:
        host = HostStream(served)
        async with bmc.console() as console, trio.open_nursery() as nursery:
            nursery.start_soon(console.send_all, bytes(10_000))
            nursery.start_soon(host.receive_some)
            answers = [await bmc.device_id() for _ in range(5)]
            nursery.cancel_scope.cancel()
    assert [answer.ipmi_version for answer in answers] == ["2.0"] * 5


def test_arguments_are_checked() -> None:
    with pytest.raises(LocalProtocolError):
        ConsoleOptions(instance=0)
    with pytest.raises(LocalProtocolError):
        ConsoleOptions(keepalive=0)


@pytest.mark.parametrize("stays", ["password", "name"])
async def test_a_refused_log_in_ends_the_console_with_one_attempt(stays: str, autojump_clock: MockClock) -> None:
    """BMCs lock users out: whoever has another password now must begin anew."""
    async with console_and_host() as (console, _host, served):
        state = served.bmc.state
        user = next(user for user in state.users if user.name == b"admin")
        if stays == "password":
            user.name = b"operator"
        else:
            user.set_password(b"changed", 16)
        state.sessions.clear()
        before = served.bmc.log_ins.started
        events = console.events()
        with trio.fail_after(3600):
            assert await console.receive_some() == b""
        assert served.bmc.log_ins.started == before + 1
        kinds = [event.kind async for event in _until_the_end(events)]
        assert kinds == [ConsoleEventKind.GAP, ConsoleEventKind.DEACTIVATED]
        with pytest.raises(trio.BrokenResourceError) as ended:
            await console.send_all(b"x")
        assert isinstance(ended.value.__cause__, AuthenticationError)
        await trio.sleep(3600)
        assert served.bmc.log_ins.started == before + 1


async def _until_the_end(events: trio.MemoryReceiveChannel[ConsoleEvent]) -> AsyncIterator[ConsoleEvent]:
    async for event in events:
        yield event
        if event.kind is ConsoleEventKind.DEACTIVATED:
            return
