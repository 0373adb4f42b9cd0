"""The broker and our virtual BMC over loopback, asked as a tunnel's handler asks."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import CallError, LocalProtocolError
from conduit.ipmi import Interface, Privilege
from conduit.ipmi.bmc import LanConfig, Limits, PlusConfig, UserConfig
from conduit.ipmi.bmc.virtual_machine import Timings
from conduit.services.agent.broker import Broker
from conduit.services.agent.operations import METHODS, serve_call
from conduit.services.api.gateway.v1.gateway_pb import (
    PowerOperationRequest,
    PowerState,
    PowerStatusRequest,
)
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
from tests.fakes.broker_pair import ADMIN, ANSWERS, METADATA, PASSWORD, SERVER, ask, open_pair

WAIT = PowerOperationRequest(wait=True)


async def fails(broker: Broker, method: str, request: Any = None, **options: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        await ask(broker, method, request, **options)
    assert PASSWORD not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


# --- power ------------------------------------------------------------------------------------------------------------


async def test_power_is_switched_and_the_bmc_itself_says_so(autojump_clock: MockClock) -> None:
    async with open_pair() as (served, broker):
        assert (await ask(broker, "GetPowerStatus")).state is PowerState.OFF
        answer = await ask(broker, "PowerOn", WAIT)
        assert answer.success
        assert (answer.state, answer.protocol) == (PowerState.ON, "ipmi-2.0")
        assert served.bmc.state.machine.is_on
        found = await ask(broker, "GetPowerStatus")
        assert (found.state, found.message, found.protocol) == (PowerState.ON, "power is on", "ipmi-2.0")
        assert found.observed_at is not None
        answer = await ask(broker, "PowerOff", WAIT)
        assert (answer.success, answer.state) == (True, PowerState.OFF)
        assert not served.bmc.state.machine.is_on


async def test_without_waiting_the_answer_tells_the_state_right_after_the_command(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        answer = await ask(broker, "PowerOn")
        assert answer.success
        assert answer.message in {
            "the BMC took the command (switching on); power is still off",
            "switching on: power is on",
        }


async def test_cycle_goes_through_off(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        answer = await ask(broker, "PowerCycle", WAIT)
        assert (answer.success, answer.state) == (True, PowerState.ON)
        assert answer.elapsed_ms >= 900
        assert len(served.bmc.state.machine.boots) == 1


async def test_soft_shutdown_is_waited_for(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        await trio.sleep(5)
        assert (await ask(broker, "PowerSoft", WAIT)).state is PowerState.OFF
        assert not served.bmc.state.machine.is_on


async def test_diagnostic_interrupt_and_reset_reach_the_machine(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        assert (await ask(broker, "PowerDiag", WAIT)).success
        assert served.bmc.state.machine.interrupts == 1
        assert (await ask(broker, "Reset")).success
        assert len(served.bmc.state.machine.boots) == 1


async def test_what_never_happens_ends_at_the_timeout_and_says_what_is(autojump_clock: MockClock) -> None:
    async with open_pair(running=True, timings=Timings(soft_shutdown=1000)) as (_, broker):
        started = trio.current_time()
        answer = await ask(broker, "PowerSoft", PowerOperationRequest(wait=True, timeout_seconds=7))
        assert trio.current_time() - started == pytest.approx(7, abs=0.1)
        assert not answer.success
        assert answer.state is PowerState.ON
        assert answer.message == "the BMC took the command (soft shutdown), but it took too long; power is on"


async def test_another_command_in_between_ends_the_wait(autojump_clock: MockClock) -> None:
    async with open_pair(timings=Timings(power_on=20)) as (_, broker), trio.open_nursery() as nursery:
        answers: list[Any] = []

        async def switch_on() -> None:
            answers.append(await ask(broker, "PowerOn", WAIT))

        nursery.start_soon(switch_on)
        await trio.sleep(3)
        await ask(broker, "PowerOff", customer="other")
        await trio.sleep(2)
        assert not answers[0].success
        assert "another power command came in between" in answers[0].message


async def test_reset_of_a_machine_that_is_off_is_refused_in_words(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        error = await fails(broker, "Reset")
        assert error.code == Code.FAILED_PRECONDITION
        assert error.message.startswith("the BMC refuses: ")


@pytest.mark.parametrize("seconds", [-1, 301])
async def test_timeout_out_of_range_is_refused(seconds: int, autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        error = await fails(broker, "PowerOn", PowerOperationRequest(timeout_seconds=seconds))
        assert error.code == Code.INVALID_ARGUMENT


# --- idempotency ------------------------------------------------------------------------------------------------------


async def test_same_key_within_ten_minutes_gives_the_first_answer(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        request = PowerOperationRequest(idempotency_key="k1")
        first = await ask(broker, "Reset", request)
        await trio.sleep(300)
        assert await ask(broker, "Reset", request) == first
        assert len(served.bmc.state.machine.boots) == 1
        await ask(broker, "Reset", request, customer="other")
        assert len(served.bmc.state.machine.boots) == 2  # keys are a customer's own
        await trio.sleep(301)
        await ask(broker, "Reset", request)
        assert len(served.bmc.state.machine.boots) == 3


async def test_who_asks_again_after_a_broken_tunnel_learns_what_came_of_it(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (served, broker):
        request = PowerOperationRequest(wait=True, idempotency_key="k1")
        with trio.move_on_after(0.3) as scope:
            await ask(broker, "PowerCycle", request)
        assert scope.cancelled_caught
        answer = await ask(broker, "PowerCycle", request)
        assert (answer.success, answer.state) == (True, PowerState.ON)
        assert len(served.bmc.state.machine.boots) == 1


async def test_key_of_another_request_is_refused(autojump_clock: MockClock) -> None:
    async with open_pair(running=True) as (_, broker):
        await ask(broker, "Reset", PowerOperationRequest(idempotency_key="k1"))
        error = await fails(broker, "Reset", PowerOperationRequest(idempotency_key="k1", wait=True))
        assert error.code == Code.INVALID_ARGUMENT


# --- the call ---------------------------------------------------------------------------------------------------------


def test_every_method_has_an_answer() -> None:
    assert set(ANSWERS) == set(METHODS)


async def test_unknown_server_is_not_found() -> None:
    with pytest.raises(CallError) as caught:
        await serve_call({}, "GetPowerStatus", METADATA, b"")
    assert caught.value.code == Code.NOT_FOUND


async def test_request_for_another_server_than_the_gateway_checked_is_denied(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        error = await fails(broker, "GetPowerStatus", PowerStatusRequest(server_id="web-01"))
        assert error.code == Code.PERMISSION_DENIED
        assert (await ask(broker, "GetPowerStatus", PowerStatusRequest(server_id=SERVER))).state is PowerState.OFF


async def test_unknown_method_and_garbage_are_refused(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        for method, data, code in (
            ("StreamVNCData", b"", Code.UNIMPLEMENTED),
            ("PowerOn", b"\xff\xff", Code.INVALID_ARGUMENT),
        ):
            with pytest.raises(CallError) as caught:
                await serve_call({SERVER: broker}, method, METADATA, data)
            assert caught.value.code == code


async def test_deadline_of_the_call_is_honoured(autojump_clock: MockClock) -> None:
    async with open_pair(endpoint={"port": 1}) as (_, broker):
        started = trio.current_time()
        error = await fails(broker, "GetPowerStatus", deadline=started + 0.5)
        assert error.code in {Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE}  # a closed port may be told by ICMP
        assert trio.current_time() - started <= 0.5


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_nothing_is_sent_before_the_first_operation_and_one_session_serves_all(
    autojump_clock: MockClock,
) -> None:
    async with open_pair() as (_, broker):
        await trio.sleep(1000)
        assert broker.snapshot().endpoints[0].log_ins == 0
        for _ in range(5):
            await ask(broker, "GetPowerStatus")
            await trio.sleep(100)  # kept alive
        assert broker.snapshot().endpoints[0].log_ins == 1


async def test_idle_session_is_closed_and_opened_again(autojump_clock: MockClock) -> None:
    async with open_pair() as (_, broker):
        await ask(broker, "GetPowerStatus")
        assert broker.snapshot().endpoints[0].connected
        await trio.sleep(302)
        assert not broker.snapshot().endpoints[0].connected
        await ask(broker, "GetPowerStatus")
        assert broker.snapshot().endpoints[0].log_ins == 2


async def test_password_is_asked_for_at_each_log_in(autojump_clock: MockClock) -> None:
    asked = 0

    def password() -> Secret:
        nonlocal asked
        asked += 1
        return Secret(PASSWORD)

    async with open_pair(endpoint={"password": password}) as (_, broker):
        assert asked == 0
        await ask(broker, "GetPowerStatus")
        await ask(broker, "GetPowerStatus")
        assert asked == 1
        await trio.sleep(302)
        await ask(broker, "GetPowerStatus")
        assert asked == 2


async def test_bmc_that_dropped_the_session_is_logged_in_to_again_before_a_command(
    autojump_clock: MockClock,
) -> None:
    """A command whose fate is unknown must stay rare: looking first proves the session."""
    async with open_pair(limits=Limits(idle_timeout=5.0), running=True) as (served, broker):
        await ask(broker, "GetPowerStatus")
        await trio.sleep(20)
        assert (await ask(broker, "PowerOff", WAIT)).state is PowerState.OFF
        assert broker.snapshot().endpoints[0].log_ins == 2
        assert not served.bmc.state.machine.is_on


async def test_bmc_of_ipmi_1_5_is_used_where_that_was_said_on_purpose(autojump_clock: MockClock) -> None:
    async with open_pair(endpoint={"interface": Interface.LAN}, plus=PlusConfig(enabled=False)) as (_, broker):
        answer = await ask(broker, "PowerOn", WAIT)
        assert (answer.state, answer.protocol) == (PowerState.ON, "ipmi-1.5")
        assert broker.snapshot().endpoints[0].downgrade is None  # it is what was asked for
        with pytest.raises(CallError, match="no serial console"):
            async with broker.open_console():
                pytest.fail("opened")


async def test_auto_records_that_it_uses_1_5_and_why(autojump_clock: MockClock) -> None:
    async with open_pair(endpoint={"interface": Interface.AUTO}, plus=PlusConfig(enabled=False)) as (_, broker):
        await ask(broker, "GetPowerStatus")
        downgrade = broker.snapshot().endpoints[0].downgrade
        assert downgrade is not None
        assert (downgrade.chosen, downgrade.instead_of) == ("ipmi-1.5", "ipmi-2.0")
        assert "lacks IPMI 2.0" in downgrade.reason
        with pytest.raises(CallError, match=r"IPMI 1\.5 only"):
            async with broker.open_console():
                pytest.fail("opened")


async def test_2_0_alone_never_becomes_1_5(autojump_clock: MockClock) -> None:
    async with open_pair(plus=PlusConfig(enabled=False), lan=LanConfig(enabled=True)) as (_, broker):
        error = await fails(broker, "GetPowerStatus")
        assert error.code == Code.UNAVAILABLE
        assert broker.snapshot().endpoints[0].protocol == ""


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_wrong_password_is_said_once_and_then_left_alone(autojump_clock: MockClock) -> None:
    async with open_pair(endpoint={"password": Secret("wrong")}) as (served, broker):
        error = await fails(broker, "GetPowerStatus")
        assert error.code == Code.FAILED_PRECONDITION
        assert "user name or password" in error.message
        again = await fails(broker, "GetPowerStatus")
        assert again.code == Code.FAILED_PRECONDITION
        assert "tries again in 60 s" in again.message
        assert broker.snapshot().endpoints[0].failures == 1  # users are locked out by less
        assert served.bmc.state.machine is not None


async def test_too_little_privilege_is_said_in_words(autojump_clock: MockClock) -> None:
    user = UserConfig(name=b"user", password=PASSWORD.encode(), privilege=Privilege.USER)
    async with open_pair(users=(ADMIN, user), endpoint={"username": "user", "privilege": Privilege.USER}) as (
        _,
        broker,
    ):
        assert (await ask(broker, "GetPowerStatus")).state is PowerState.OFF
        error = await fails(broker, "PowerOn")
        assert error.code == Code.FAILED_PRECONDITION
        assert "too little privilege" in error.message


async def test_missing_password_is_the_agents_fault(autojump_clock: MockClock) -> None:
    def password() -> Secret:
        raise LocalProtocolError("cannot read /etc/conduit/db-02.password")

    async with open_pair(endpoint={"password": password}) as (_, broker):
        error = await fails(broker, "GetPowerStatus")
        assert error.code == Code.FAILED_PRECONDITION
        assert "/etc" not in error.message
