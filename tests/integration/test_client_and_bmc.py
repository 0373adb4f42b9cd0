"""Our client and our virtual BMC over loopback: idle sessions, loss, many at once, every suite and auth type."""

from __future__ import annotations

import gc
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import AuthenticationError, CompletionCodeError, PeerTimeoutError, SessionLostError
from conduit.ipmi import Bmc, ChassisControlAction, Interface, Privilege, open_bmc
from conduit.ipmi.bmc import BmcConfig, Faults, LanConfig, Limits, PlusConfig, UserConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import GetDeviceId
from conduit.ipmi.connection import Connection
from conduit.ipmi.exchange import Answered, Hop, Target
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.endpoint import open_endpoint
from conduit.rmcp.login import Login
from conduit.rmcp.login_draft import Draft
from conduit.rmcp.packets import AuthType
from conduit.rmcp.port import Waiter

ADMIN = UserConfig(name=b"admin", password=b"a password of 20 byt", privilege=Privilege.ADMINISTRATOR)
SHORT = UserConfig(name=b"short", password=b"sixteen bytes ok", privilege=Privilege.ADMINISTRATOR)
ALL_AUTH_TYPES = frozenset({AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT_PASSWORD})
SETTLED = 10.0  # seconds after which the machine has done what it was told


def config(**changes: Any) -> BmcConfig:
    return BmcConfig(users=(ADMIN, SHORT), **changes)


def log_in(served: ServedBmc, user: UserConfig = ADMIN, **options: Any) -> AbstractAsyncContextManager[Bmc]:
    return open_bmc(served.host, port=served.port, username=user.name, password=user.password, **options)


async def power_on_works(bmc: Bmc) -> bool:
    await bmc.control_chassis(ChassisControlAction.ON)
    await trio.sleep(SETTLED)
    return (await bmc.chassis_status()).power_on


@pytest.mark.parametrize("suite", SUITES)
async def test_every_cipher_suite_switches_power_on(suite: int, autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config(plus=PlusConfig(suites=(suite,)))) as served:
        bmc = log_in(served, cipher_suite=suite)
        async with bmc as session:
            assert session.session.cipher_suite == suite
            assert await power_on_works(session)


@pytest.mark.parametrize("auth_type", sorted(ALL_AUTH_TYPES))
@pytest.mark.parametrize("per_message", [True, False])
async def test_every_auth_type_switches_power_on(auth_type: int, per_message: bool, autojump_clock: MockClock) -> None:
    lan = LanConfig(auth_types=ALL_AUTH_TYPES, per_message=per_message)
    async with (
        open_virtual_bmc(config(lan=lan)) as served,
        log_in(
            served,
            SHORT,
            interface=Interface.LAN,
            auth_type=auth_type,
        ) as bmc,
    ):
        assert bmc.session.auth_type == auth_type
        assert await power_on_works(bmc)


async def test_bmc_without_ipmi_2_is_reached_with_1_5_and_the_reason_is_told(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(config(plus=PlusConfig(enabled=False))) as served,
        log_in(served, SHORT) as bmc,
    ):
        assert bmc.session.interface is Interface.LAN
        assert "lacks IPMI 2.0" in bmc.session.reason


async def test_best_common_suite_is_chosen(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(config(plus=PlusConfig(suites=(0, 1, 2, 3, 8, 17)))) as served,
        log_in(served) as bmc,
    ):
        assert bmc.session.cipher_suite == 17


async def test_dropped_idle_session_is_opened_again_for_a_safe_command(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(config(limits=Limits(idle_timeout=60.0))) as served,
        log_in(served, keepalive=None) as bmc,
    ):
        await trio.sleep(100)
        assert not (await bmc.chassis_status()).power_on
        assert bmc.logins == 2


async def test_command_that_must_not_be_repeated_is_reported_after_a_dropped_session(
    autojump_clock: MockClock,
) -> None:
    async with (
        open_virtual_bmc(config(limits=Limits(idle_timeout=60.0))) as served,
        log_in(served, keepalive=None) as bmc,
    ):
        await trio.sleep(100)
        with pytest.raises(SessionLostError):
            await bmc.control_chassis(ChassisControlAction.ON)
        assert not (await bmc.chassis_status()).power_on
        assert await power_on_works(bmc)


async def test_keep_alive_holds_a_silent_session_for_a_day(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(config(limits=Limits(idle_timeout=60.0))) as served,
        log_in(served) as bmc,
    ):
        await trio.sleep(24 * 60 * 60)
        await bmc.chassis_status()
        assert bmc.logins == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("interface", [Interface.LANPLUS, Interface.LAN])
async def test_thirty_percent_loss_opens_a_session_and_runs_commands(
    seed: int, interface: Interface, autojump_clock: MockClock
) -> None:
    async with (
        open_virtual_bmc(config(faults=Faults(drop_rate=0.3, seed=seed))) as served,
        log_in(served, SHORT, interface=interface) as bmc,
    ):
        answers = {await bmc.device_id() for _ in range(10)}
        assert len(answers) == 1


async def test_deadline_ends_a_command_that_nobody_answers(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config()) as served:
        async with log_in(served) as bmc:
            served.bmc.receive_datagram = lambda *_: None  # type: ignore[method-assign]  # the BMC hangs from here on
            started = trio.current_time()
            with pytest.raises(PeerTimeoutError, match="within 3 s"):
                await bmc.request(GetDeviceId(), deadline=3.0)
            assert trio.current_time() - started == pytest.approx(3.0)
        assert trio.current_time() - started == pytest.approx(4.0)  # and Close Session is tried for one more


async def test_hundred_bmcs_share_one_socket(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, trio.open_nursery() as nursery:

        async def visit() -> None:
            async with open_virtual_bmc(config()) as served, log_in(served, endpoint=endpoint) as bmc:
                answers.append(await bmc.device_id())

        answers: list[object] = []
        for _ in range(100):
            nursery.start_soon(visit)
    assert len(answers) == 100


async def test_controllers_behind_the_bmc_answer(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(config()) as served,
        log_in(served) as bmc,
    ):
        own = await bmc.device_id()
        behind = await bmc.request(GetDeviceId(), target=Target(bridges=(Hop(0, 0x72),)))
        assert behind != own
        with pytest.raises(CompletionCodeError, match="bridging with SendMessage"):
            await bmc.request(GetDeviceId(), target=Target(bridges=(Hop(0, 0x99),)))


async def test_wrong_kg_is_an_authentication_error(autojump_clock: MockClock) -> None:
    async with open_virtual_bmc(config(plus=PlusConfig(kg=b"the key"))) as served:
        with pytest.raises(AuthenticationError, match="-k"):
            async with log_in(served):
                pytest.fail("opened")
        async with log_in(served, kg=b"the key") as bmc:
            await bmc.device_id()


def test_secrets_are_in_no_repr() -> None:
    credentials = Credentials(username=b"admin", password=b"hunter2", kg=b"keyhole")
    for text in (repr(credentials), repr(config()), repr(ADMIN)):
        assert "hunter2" not in text
        assert "keyhole" not in text
        assert "password of" not in text


@pytest.mark.parametrize("interface", list(Interface))
async def test_closed_session_leaves_no_work_for_the_garbage_collector(interface: Interface) -> None:
    async with open_endpoint() as endpoint, open_virtual_bmc(config()) as served:
        gc.collect()
        gc.disable()
        try:
            async with log_in(served, SHORT, interface=interface, endpoint=endpoint) as bmc:
                await bmc.chassis_status()
            del bmc
            kinds = (Bmc, Connection, Login, Draft, Waiter, Answered)
            left = [type(thing).__name__ for thing in gc.get_objects() if type(thing) in kinds]
        finally:
            gc.enable()
    assert left == []
