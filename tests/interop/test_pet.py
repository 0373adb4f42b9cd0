"""Alerts that our virtual BMC sends: FreeIPMI's ipmi-pet reads the traps, and acknowledges them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trio

from conduit.ipmi import open_bmc
from conduit.ipmi.bmc import BmcConfig, NetworkConfig, UserConfig
from conduit.ipmi.bmc.alerts import AlertOutcome
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.commands import (
    AlertPolicy,
    AlertStringBlock,
    EventFilter,
    PefAction,
    PefControl,
    SetLanConfiguration,
    SetPefConfiguration,
)
from conduit.ipmi.commands.lan_alerts import DestinationAddress, DestinationType
from conduit.ipmi.commands.pef_filters import Severity
from conduit.ipmi.records.sensor_types import SensorType
from conduit.ipmi.records.snmp_trap import MAX_TRAP, SnmpTrap
from tests.conftest import FindPeer

pytestmark = pytest.mark.interop
DEADLINE = 40  # seconds
HOST = "127.0.0.1"
SETTINGS = (
    EventFilter(
        number=9, enabled=True, actions=PefAction.ALERT, sensor_type=SensorType.TEMPERATURE, policy_number=1,
        severity=Severity.CRITICAL,
    ),
    AlertStringBlock(number=1, block=1, text=b"call Ann"),
    AlertPolicy(number=1, policy_number=1, enabled=True, channel=1, destination=1, string=1),
    PefControl(enabled=True),
)  # fmt: skip


@pytest.fixture
async def receiver() -> AsyncIterator[trio.socket.SocketType]:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sock:
        await sock.bind((HOST, 0))
        yield sock


@pytest.fixture
async def bmc(receiver: trio.socket.SocketType) -> AsyncIterator[ServedBmc]:
    config = BmcConfig(
        users=(UserConfig(name=b"admin", password=b"secret"),),
        running=True,
        network=NetworkConfig(trap_port=receiver.getsockname()[1]),
    )
    async with open_virtual_bmc(config) as served:
        async with open_bmc(served.host, port=served.port, username="admin", password="secret") as client:
            for value in (
                DestinationAddress(destination=1, address=IPv4Address(HOST)),
                DestinationType(destination=1, acknowledged=True, timeout=20),
            ):
                await client.request(SetLanConfiguration.of(value, channel=1))
            for setting in SETTINGS:
                await client.request(SetPefConfiguration.of(setting))
        yield served


async def ipmi_pet(peer: FindPeer, bmc: ServedBmc, cache: Path, trap: SnmpTrap, *options: str) -> str:
    where = ("-h", f"{bmc.host}:{bmc.port}", "-u", "admin", "-p", "secret", "-D", "LAN_2_0", "-I", "17")
    words = (*where, "--quiet-cache", f"--sdr-cache-directory={cache}", *options)
    with trio.fail_after(DEADLINE):
        done = await trio.run_process(
            [peer("ipmi-pet"), *words, str(trap.specific), *(f"{byte:02x}" for byte in trap.data)],
            capture_stdout=True, capture_stderr=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


async def test_ipmi_pet_reads_and_acknowledges_our_traps(
    peer: FindPeer, bmc: ServedBmc, receiver: trio.socket.SocketType, tmp_path: Path
) -> None:
    state = bmc.bmc.state
    state.sensors.inject("CPU Temp", 50)
    state.advance(trio.current_time())
    state.sensors.inject("CPU Temp", 91)
    state.advance(trio.current_time())
    bmc.wake()
    with trio.fail_after(DEADLINE):
        trap = SnmpTrap.decode(await receiver.recv(MAX_TRAP))
    assert (trap.community, trap.agent) == (b"public", IPv4Address(HOST))
    words = ("--output-event-severity", "-v", "--comma-separated-output", "--no-header-output")
    cells = (await ipmi_pet(peer, bmc, tmp_path, trap, *words)).strip().split(",")
    assert cells[2:6] == ["CPU Temp", "Temperature", "Critical condition", "Assertion Event"]
    assert "Upper" in cells[6]
    assert "Sensor Reading = 91.00 C" in cells[6]
    assert cells[6].endswith("call Ann")
    (alert, *_) = state.alerting.alerts
    assert alert.outcome == int(AlertOutcome.PENDING)
    await ipmi_pet(peer, bmc, tmp_path, trap, "--pet-acknowledge")
    assert alert.outcome is AlertOutcome.DELIVERED
