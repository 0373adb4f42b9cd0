"""The client on loopback, against scripted BMCs: commands, lost sessions, cancellation and what is left behind."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from conduit.errors import (
    AuthenticationError,
    CompletionCodeError,
    DecodeError,
    LocalProtocolError,
    PeerTimeoutError,
    SessionLostError,
    TransportError,
)
from conduit.ipmi.client import CLOSE_PATIENCE, Bmc, open_bmc
from conduit.ipmi.commands import ChassisControlAction
from conduit.ipmi.exchange import Hop, Target
from conduit.rmcp.credentials import Interface
from conduit.rmcp.endpoint import Attachment, Endpoint, open_endpoint
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import RetryPolicy
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.scripted_bmc import Script
from tests.fakes.udp_bmc import LOCALHOST, UdpBmc, open_udp_bmc

APP = 0x06
ECHO = 0x77  # a command that the scripted BMC answers with netFn, command and data


@asynccontextmanager
async def open_pair(script: Script | None = None, **options: Any) -> AsyncIterator[tuple[Bmc, UdpBmc]]:
    async with (
        open_udp_bmc(script) as peer,
        open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret", **options) as bmc,
    ):
        yield bmc, peer


def assert_nothing_left(endpoint: Endpoint) -> None:
    assert endpoint._plus == {}
    assert endpoint._lan == {}
    assert all(attachment.machine is None for _, _, attachment in endpoint._timers)


@pytest.mark.parametrize("plus", [True, False])
async def test_command_is_answered_and_the_session_closed(plus: bool) -> None:
    async with open_pair(Script(plus=plus)) as (bmc, peer):
        assert await bmc.raw(APP, ECHO, b"\x01\x02") == bytes([APP, ECHO, 1, 2])
        assert bmc.session.interface is (Interface.LANPLUS if plus else Interface.LAN)
        assert bmc.address == (LOCALHOST, peer.port)
    assert peer.bmc.closed == 1


async def test_ipv6_bmc_is_logged_in_to() -> None:
    async with open_udp_bmc(host="::1") as peer:
        async with open_bmc("::1", port=peer.port, username=b"admin", password=b"secret") as bmc:
            assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
        assert peer.bmc.closed == 1


async def test_typed_command_is_encoded_and_its_response_decoded() -> None:
    async with open_pair(Script(data=b"\x01\x00\x00")) as (bmc, peer):
        status = await bmc.chassis_status()
        assert status.power_on
        assert peer.bmc.requests[-1] == (0, 1, b"")


async def test_response_that_makes_no_sense_is_a_decode_error() -> None:
    async with open_pair() as (bmc, _):
        with pytest.raises(DecodeError):
            await bmc.device_id()


async def test_completion_code_names_the_command_and_its_meaning() -> None:
    async with open_pair(Script(refuse={"command": 0xD5})) as (bmc, _):
        with pytest.raises(CompletionCodeError, match="ChassisControl: not possible in the present state") as caught:
            await bmc.control_chassis(ChassisControlAction.ON)
        assert (caught.value.code, caught.value.netfn, caught.value.command) == (0xD5, 0x00, 0x02)
        with pytest.raises(CompletionCodeError, match=r"command 0x06/0x77: .* \(completion code 0xd5\)"):
            await bmc.raw(APP, ECHO)


async def test_commands_of_many_tasks_take_turns() -> None:
    async with open_pair() as (bmc, peer):
        answers: dict[int, bytes] = {}

        async def ask(number: int) -> None:
            answers[number] = await bmc.raw(APP, ECHO, bytes([number]))

        async with trio.open_nursery() as nursery:
            for number in range(70):
                nursery.start_soon(ask, number)
        assert answers == {number: bytes([APP, ECHO, number]) for number in range(70)}
        assert len(peer.bmc.requests) == 71  # with Set Session Privilege Level: nothing was sent twice


async def test_lost_answer_is_asked_for_again(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        started = trio.current_time()
        peer.lose = 1
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
        assert trio.current_time() - started == pytest.approx(1.0)
        assert bmc.logins == 1


async def test_safe_command_is_repeated_in_a_new_session(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        first = bmc.session.session_id
        peer.bmc.forget_session()
        assert await bmc.raw(APP, ECHO, safe=True) == bytes([APP, ECHO])
        assert bmc.logins == 2
        assert bmc.session.session_id != first
    assert peer.bmc.closed == 1


async def test_unsafe_command_is_not_repeated_but_the_session_is_back(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        peer.bmc.forget_session()
        with pytest.raises(SessionLostError, match="may or may not have been carried out"):
            await bmc.control_chassis(ChassisControlAction.CYCLE)
        assert bmc.logins == 2
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
        assert bmc.logins == 2


async def test_many_tasks_that_lose_the_session_share_one_new_log_in(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        peer.bmc.forget_session()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(lambda: bmc.raw(APP, ECHO, safe=True))
        assert bmc.logins == 2


async def test_log_in_again_that_is_refused_says_so_and_may_be_tried_again(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        peer.bmc.forget_session()
        peer.bmc.script.password = b"changed"
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                await bmc.raw(APP, ECHO, safe=True)
        peer.bmc.script.password = b"secret"
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])


async def test_command_that_no_session_answers_is_a_timeout(autojump_clock: MockClock) -> None:
    async with open_pair(Script(silent={"command"})) as (bmc, _):
        started = trio.current_time()
        with pytest.raises(PeerTimeoutError, match="does not answer this command"):
            await bmc.raw(APP, ECHO, safe=True)
        assert trio.current_time() - started == pytest.approx(2 * RetryPolicy().total)


async def test_idle_session_is_kept_alive(autojump_clock: MockClock) -> None:
    async with open_pair(keepalive=20.0) as (_, peer):
        await trio.sleep(65)
        assert [request[:2] for request in peer.bmc.requests[1:]] == [(APP, 0x01)] * 3


async def test_session_found_lost_by_a_keep_alive_is_opened_again_for_the_next_command(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with open_pair(keepalive=20.0) as (bmc, peer):
        peer.bmc.forget_session()
        await trio.sleep(60)
        assert "session with 127.0.0.1 lost" in caplog.text
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
        assert bmc.logins == 2


async def test_deadline_of_a_command_is_kept_across_repeats_and_log_ins(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        peer.bmc.script.silent = {"command", "capabilities"}
        for deadline in (0.5, 16.0):
            started = trio.current_time()
            with pytest.raises(PeerTimeoutError, match=f"no answer within {deadline:g} s"):
                await bmc.raw(APP, ECHO, safe=True, deadline=deadline)
            assert trio.current_time() - started == pytest.approx(deadline)


async def test_command_within_its_deadline_is_answered() -> None:
    async with open_pair() as (bmc, _):
        assert await bmc.raw(APP, ECHO, deadline=5.0) == bytes([APP, ECHO])


async def test_deadline_of_the_log_in_is_kept(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(silent={"rakp3"})) as peer:
        started = trio.current_time()
        with pytest.raises(PeerTimeoutError, match=r"no session within 2\.5 s"):
            async with open_bmc(
                LOCALHOST, port=peer.port, username="admin", password="secret", deadline=2.5, endpoint=endpoint
            ):
                pytest.fail("opened")
        assert trio.current_time() - started == pytest.approx(2.5)
        assert_nothing_left(endpoint)


async def test_session_opened_within_its_deadline_outlives_it(autojump_clock: MockClock) -> None:
    async with open_pair(deadline=1.0) as (bmc, _):
        await trio.sleep(10)
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])


async def test_answer_to_a_cancelled_command_is_not_taken_for_the_next(autojump_clock: MockClock) -> None:
    async with open_pair() as (bmc, peer):
        held: list[bytes] = []

        def hold(answer: bytes) -> bytes:
            held.append(answer)
            return b""

        peer.bmc.script.mangle["command"] = hold
        with trio.move_on_after(0.5):
            await bmc.raw(APP, ECHO, b"\x01")
        peer.bmc.script.mangle["command"] = lambda answer: answer
        await peer.sock.sendto(held[0], peer.peers[0])
        assert await bmc.raw(APP, ECHO, b"\x02") == bytes([APP, ECHO, 2])


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize("shared", [True, False])
async def test_cancelled_at_any_step_it_closes_what_it_opened(shared: bool, plus: bool) -> None:
    step, unfinished = 0, True
    async with open_endpoint() as endpoint:
        while unfinished:
            step += 1
            async with open_udp_bmc(Script(plus=plus)) as peer:
                bmc = open_bmc(
                    LOCALHOST,
                    port=peer.port,
                    username="admin",
                    password="secret",
                    endpoint=endpoint if shared else None,
                )

                async def work(bmc: Any = bmc) -> None:
                    async with bmc as session:
                        await session.raw(APP, ECHO)
                        await session.raw(APP, ECHO)

                tasks = len(endpoint._nursery.child_tasks)
                unfinished = await cancel_at_step(step, work)
                await trio.testing.wait_all_tasks_blocked()
                assert_nothing_left(endpoint)
                assert len(endpoint._nursery.child_tasks) <= tasks + 2  # the reader and the writer of its first socket
                assert peer.bmc.closed == peer.bmc.seen.count("privilege")
    assert step >= 4


async def test_cancellation_waits_for_close_session_no_longer_than_its_patience(autojump_clock: MockClock) -> None:
    async with open_udp_bmc(Script(silent={"close"})) as peer:
        with trio.CancelScope() as scope:
            async with open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret"):
                scope.cancel()
                started = trio.current_time()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() - started == pytest.approx(CLOSE_PATIENCE)
        assert peer.bmc.closed == 3


async def test_close_session_that_is_lost_is_sent_again(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, peer):
        peer.lose = 1
    assert peer.bmc.closed == 1


async def test_error_in_the_block_closes_the_session_and_arrives_bare() -> None:
    async with open_udp_bmc() as peer:
        with pytest.raises(ZeroDivisionError):
            async with open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret"):
                raise ZeroDivisionError
        assert peer.bmc.closed == 1


async def test_commands_of_other_tasks_end_when_the_session_is_closed(autojump_clock: MockClock) -> None:
    async with open_udp_bmc(Script(silent={"command"})) as peer, trio.open_nursery() as nursery:
        outcomes: list[str] = []

        async def ask(bmc: Bmc) -> None:
            try:
                await bmc.raw(APP, ECHO, safe=True)
            except LocalProtocolError as error:
                outcomes.append(str(error))

        async with open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret") as bmc:
            nursery.start_soon(ask, bmc)
            nursery.start_soon(ask, bmc)
            await peer.until_seen("command")
        await trio.testing.wait_all_tasks_blocked()
        assert outcomes == ["the session is closed"] * 2
        assert peer.bmc.closed == 1


async def test_task_that_logs_in_again_while_the_session_is_closed_opens_none(autojump_clock: MockClock) -> None:
    async with open_udp_bmc() as peer, open_endpoint() as endpoint, trio.open_nursery() as nursery:
        outcomes: list[str] = []

        async def ask(bmc: Bmc) -> None:
            try:
                await bmc.raw(APP, ECHO, safe=True)
            except LocalProtocolError as error:
                outcomes.append(str(error))

        async with open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret", endpoint=endpoint) as bmc:
            peer.bmc.forget_session()
            peer.bmc.seen.clear()
            peer.bmc.script.silent = {"rakp1"}
            nursery.start_soon(ask, bmc)
            await peer.until_seen("rakp1")
            peer.bmc.script.silent = set()
        await trio.sleep(60)
        assert outcomes == ["the session is closed"]
        assert peer.bmc.closed == peer.bmc.seen.count("privilege")
        assert_nothing_left(endpoint)


async def test_command_after_the_block_is_refused() -> None:
    async with open_pair() as (bmc, _):
        pass
    with pytest.raises(LocalProtocolError, match="the session is closed"):
        await bmc.raw(APP, ECHO)


async def test_socket_that_breaks_ends_the_command_with_its_error() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        async with open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret", endpoint=endpoint) as bmc:
            port = endpoint._port((LOCALHOST, 1))
            port._sock.close()
            with pytest.raises(TransportError, match="cannot send to"):
                await bmc.raw(APP, ECHO)
        assert_nothing_left(endpoint)


async def test_endpoint_that_ends_first_does_not_hang_its_sessions() -> None:
    async with open_udp_bmc() as peer:
        async with open_endpoint() as endpoint:
            bmc = open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret", endpoint=endpoint)
            await bmc.__aenter__()
        await bmc.__aexit__(None, None, None)
    assert peer.bmc.closed == 0


async def test_endpoint_that_breaks_ends_its_sessions_instead_of_hanging() -> None:
    class Broken:
        def receive_datagram(self, data: bytes, now: float) -> tuple[object, ...]:
            raise ZeroDivisionError

        def datagrams_to_send(self) -> tuple[bytes, ...]:
            return (b"thump",)

        def next_deadline(self) -> None:
            return None

        def handle_deadline(self, now: float) -> tuple[object, ...]:
            return ()

    async def break_and_ask(peer: UdpBmc, other: UdpBmc) -> None:
        async with (
            open_endpoint() as endpoint,
            open_bmc(LOCALHOST, port=peer.port, username="admin", password="secret", endpoint=endpoint) as bmc,
        ):
            address = (LOCALHOST, other.port)
            broken = Attachment(endpoint._port(address), address, Broken(), lambda _: None, lambda _: None)
            endpoint._attach(broken)
            await other.sock.sendto(bytes(20), peer.peers[0])
            with pytest.raises(TransportError, match="the endpoint is closed"):
                await bmc.raw(APP, ECHO)

    async with open_udp_bmc(Script(silent={"command"})) as peer, open_udp_bmc() as other:
        with pytest.raises(ZeroDivisionError):
            await break_and_ask(peer, other)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"port": 0}, "there is no port 0"),
        ({"port": 65_536}, "there is no port 65536"),
        ({"interface": "serial"}, "there is no interface 'serial'; known are auto, lan, lanplus"),
        ({"privilege": 9}, "there is no privilege 9"),
        ({"workarounds": ["magic"]}, "there is no workaround 'magic'; known are authcap,"),
        ({"cipher_suite": 20}, "there is no cipher suite 20"),
        ({"auth_type": 3}, "there is no IPMI 1.5 auth type 3"),
        ({"username": "x" * 17}, "the user name has 17 bytes"),
        ({"password": "x" * 21}, "the password has 21 bytes"),
        ({"kg": bytes(21)}, "the BMC key Kg has 21 bytes"),
        ({"timeout": 0}, "timeout > 0"),
        ({"retries": -1}, "retries >= 0"),
        ({"backoff": 0.5}, "backoff >= 1"),
        ({"keepalive": 0}, "kept alive after more than 0 seconds"),
        ({"keepalive": float("nan")}, "kept alive after more than 0 seconds"),
        ({"deadline": float("nan")}, "a deadline is more than 0 seconds away"),
        ({"max_outstanding": 65}, "1 to 64 requests can be outstanding, not 65"),
    ],
)
async def test_argument_out_of_range_is_refused_before_anything_is_sent(
    options: dict[str, Any], complaint: str
) -> None:
    async with open_udp_bmc() as peer:
        with pytest.raises(LocalProtocolError, match=complaint):
            async with open_bmc(LOCALHOST, **{"port": peer.port, **options}):
                pytest.fail("opened")
        await trio.testing.wait_all_tasks_blocked()
        assert peer.peers == []


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ((1, 0), Target()),
        ((64, 0), Target()),
        ((APP, 256), Target()),
        ((APP, ECHO, bytes(70_000)), Target()),
        ((APP, ECHO), Target(address=256)),
        ((APP, ECHO), Target(lun=4)),
        ((APP, ECHO), Target(bridges=(Hop(16, 0x72),))),
        ((APP, ECHO), Target(bridges=(Hop(0, -1),))),
    ],
)
async def test_impossible_request_is_refused_and_the_next_one_works(
    arguments: tuple[Any, ...], target: Target, plus: bool
) -> None:
    async with open_pair(Script(plus=plus)) as (bmc, peer):
        with pytest.raises(LocalProtocolError):
            await bmc.raw(*arguments, target=target)
        assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
        assert len(peer.bmc.requests) == 2


async def test_longest_request_of_ipmi_15_is_answered_and_one_byte_more_refused() -> None:
    async with open_pair(Script(plus=False, silent={"command"}), retries=0) as (bmc, peer):
        with pytest.raises(LocalProtocolError, match="a request takes 248 bytes of data here, not 249"):
            await bmc.raw(APP, ECHO, bytes(249))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: bmc.raw(APP, ECHO, bytes(248)))
            await peer.until_seen("command")
            nursery.cancel_scope.cancel()
        assert peer.bmc.requests[1] == (APP, ECHO, bytes(248))


async def test_first_address_that_is_silent_is_left_for_the_next(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_udp_bmc() as deaf, open_udp_bmc() as peer:
        deaf.lose = 1_000

        async def both(self: Endpoint, host: str, port: int) -> list[tuple[str, int]]:
            return [(LOCALHOST, deaf.port), (LOCALHOST, peer.port)]

        monkeypatch.setattr(Endpoint, "resolve", both)
        async with open_bmc("bmc.invalid", username="admin", password="secret") as bmc:
            assert bmc.address == (LOCALHOST, peer.port)


async def test_every_address_silent_is_a_timeout_that_leaves_no_session(autojump_clock: MockClock) -> None:
    async with open_udp_bmc(Script(silent={"capabilities"})) as peer:
        with pytest.raises(PeerTimeoutError, match="the BMC does not answer"):
            async with open_bmc(LOCALHOST, port=peer.port):
                pytest.fail("opened")


async def test_session_is_unknown_before_the_log_in() -> None:
    async with open_endpoint() as endpoint:
        bmc = open_bmc(LOCALHOST, endpoint=endpoint)._bmc  # type: ignore[attr-defined]  # not entered
        with pytest.raises(LocalProtocolError, match="there is no session"):
            _ = bmc.session


@pytest.mark.parametrize("privilege", [Privilege.CALLBACK, Privilege.USER])
async def test_privilege_is_not_raised_further_than_asked(privilege: Privilege) -> None:
    async with open_pair(privilege=privilege) as (bmc, peer):
        assert bmc.session.privilege is privilege
        assert "privilege" not in peer.bmc.seen


async def test_intelwv2_nudges_after_every_packet_of_the_session() -> None:
    async with open_pair(workarounds=["intelwv2"]) as (bmc, peer):
        await bmc.raw(APP, ECHO)
        await trio.testing.wait_all_tasks_blocked()
        assert peer.bmc.seen[1::2] == ["nudge"] * (len(peer.bmc.seen) // 2)


async def test_five_hundred_sessions_run_commands_at_once() -> None:
    count = 500
    async with open_endpoint() as endpoint, trio.open_nursery() as nursery:
        done: list[UdpBmc] = []
        opened: list[Bmc] = []
        all_in = trio.Event()

        async def serve_and_use() -> None:
            async with open_udp_bmc() as peer:
                async with open_bmc(
                    LOCALHOST,
                    port=peer.port,
                    username="admin",
                    password="secret",
                    endpoint=endpoint,
                    interface="lanplus",
                    cipher_suite=3,
                    timeout=30.0,  # a busy machine takes seconds to get round to five hundred
                ) as bmc:
                    opened.append(bmc)
                    if len(opened) == count:
                        assert len(endpoint._plus) == count
                        all_in.set()
                    await all_in.wait()
                    assert await bmc.raw(APP, ECHO) == bytes([APP, ECHO])
                await peer.until_seen("close")  # which the client may have stopped waiting for, or have repeated
                done.append(peer)

        for _ in range(count):
            nursery.start_soon(serve_and_use)
    assert len(done) == count
    assert_nothing_left(endpoint)
