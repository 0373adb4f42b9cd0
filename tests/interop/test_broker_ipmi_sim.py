"""The broker at OpenIPMI's simulator: what a tenant asks reaches a chassis that is not ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from conduit.errors import CallError
from conduit.ipmi import Interface, Privilege
from conduit.services.agent.broker import Broker, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.api.gateway.v1.gateway_pb import (
    BootDevice,
    PowerOperationRequest,
    PowerState,
    SetBootDeviceRequest,
)
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
from tests.conftest import FindPeer
from tests.fakes.broker_pair import SERVER, ask
from tests.interop.ipmi_sim import ADMIN, EMULATOR, USER, Simulator, SimUser, run_ipmi_sim
from tests.interop.test_sensors import SIM_SENSORS

pytestmark = pytest.mark.interop
WAIT = PowerOperationRequest(wait=True, timeout_seconds=20)


@pytest.fixture(scope="module")
def sim(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    emulator = EMULATOR.replace("mc_enable", SIM_SENSORS + "mc_enable")
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path_factory.mktemp("broker-sim"), emulator=emulator) as running:
        yield running


@asynccontextmanager
async def open_at(sim: Simulator, user: SimUser = ADMIN, **options: Any) -> AsyncIterator[Broker]:
    endpoint = ControlEndpoint(
        name="ipmi-1",
        host=sim.host,
        port=sim.port,
        username=user.name,
        password=Secret(user.password),
        **{"cipher_suite": 3, **options},
    )
    async with open_broker(ServerEndpoints(server_id=SERVER, control=[endpoint])) as broker:
        yield broker


@pytest.mark.parametrize(
    ("options", "protocol"), [({}, "ipmi-2.0"), ({"interface": Interface.LAN, "cipher_suite": None}, "ipmi-1.5")]
)
async def test_power_reaches_the_chassis(sim: Simulator, options: dict[str, Any], protocol: str) -> None:
    async with open_at(sim, **options) as broker:
        for method, power, state in (("PowerOn", "1", PowerState.ON), ("PowerOff", "0", PowerState.OFF)):
            answer = await ask(broker, method, WAIT)
            assert (answer.success, answer.state, answer.protocol) == (True, state, protocol)
            assert sim.chassis("power") == power
            assert (await ask(broker, "GetPowerStatus")).state is state
        assert broker.snapshot().endpoints[0].log_ins == 1


async def test_boot_device_and_reset_reach_the_chassis(sim: Simulator) -> None:
    async with open_at(sim) as broker:
        await ask(broker, "PowerOn", WAIT)
        await ask(broker, "SetBootDevice", SetBootDeviceRequest(boot=BootDevice(device="pxe")))
        assert sim.chassis("boot") == "pxe"
        assert (await ask(broker, "Reset", WAIT)).success
        assert "reset=1" in sim.chassis_log


async def test_info_sensors_events_and_status_are_read(sim: Simulator) -> None:
    async with open_at(sim) as broker:
        info = (await ask(broker, "GetBMCInfo")).info.ipmi_info
        assert (info.device_id, info.firmware_revision, info.ipmi_version) == ("0", "9.08", "2.0")
        assert (info.manufacturer_id, info.product_id) == (str(0x1291), str(0xF02))
        status = await ask(broker, "GetSystemStatus")
        assert status.power_state in {PowerState.ON, PowerState.OFF}
        sensors = {one.name: one for one in (await ask(broker, "ListSensors")).sensors}
        assert (sensors["MB Temp"].type, sensors["MB Temp"].value, sensors["MB Temp"].unit) == (
            "Temperature",
            42.0,
            "°C",
        )
        assert (sensors["FAN1"].value, sensors["FAN1"].unit) == (14900.0, "RPM")
        assert sensors["+12V"].value == pytest.approx(12.033)
        assert (await ask(broker, "ListEvents")).total >= 0


async def test_privilege_and_password_are_told_in_words(sim: Simulator) -> None:
    async with open_at(sim, USER, privilege=Privilege.USER) as broker:
        with pytest.raises(CallError, match="too little privilege") as caught:
            await ask(broker, "PowerOn")
        assert caught.value.code == Code.FAILED_PRECONDITION
    async with open_at(sim, SimUser(2, "admin", "wrong", "admin")) as broker:
        with pytest.raises(CallError, match="user name or password") as caught:
            await ask(broker, "GetPowerStatus")
        assert caught.value.code == Code.FAILED_PRECONDITION
