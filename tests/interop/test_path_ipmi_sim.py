"""OpenIPMI's simulator behind the Agent: power, sensors and console of somebody else's BMC, through all of Conduit."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from conduit.cli.up.seed import Seed, write_private
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from tests.conftest import FindPeer
from tests.interop.grpc_client import GATEWAY, Client, open_client
from tests.interop.ipmi_sim import ADMIN, EMULATOR, Simulator, run_ipmi_sim
from tests.interop.test_grpcio import Console
from tests.interop.test_sensors import SIM_SENSORS
from tests.whole_path import ACME, WholePath, open_whole_path

pytestmark = pytest.mark.interop
SERVER = "sim-01"


class Capitals(socketserver.BaseRequestHandler):
    """The machine at the simulator's serial port."""

    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data.upper())


@pytest.fixture(scope="module")
def sim(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    emulator = EMULATOR.replace("mc_enable", SIM_SENSORS + "mc_enable")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Capitals) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        device = f"tcp:127.0.0.1:{server.server_address[1]}"
        try:
            folder = tmp_path_factory.mktemp("path-sim")
            with run_ipmi_sim(peer("ipmi_sim"), folder, emulator=emulator, sol=device) as running:
                yield running
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def sim_path(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """All of Conduit, with the simulator as one more server."""

    def configure(seed: Seed) -> None:
        password = seed.data / f"{SERVER}.password"
        write_private(password, ADMIN.password)
        with seed.config("agent").open("a") as file:
            file.write(section(sim, password))

    with open_whole_path(tmp_path_factory.mktemp("path-with-sim"), configure) as path:
        yield path


def section(sim: Simulator, password: Path) -> str:
    return f"""
[servers.{SERVER}]
customer = "{ACME}"
[[servers.{SERVER}.control]]
type = "ipmi"
address = "{sim.host}"
port = {sim.port}
user = "{ADMIN.name}"
password_file = "{password}"
cipher_suite = 3
[servers.{SERVER}.console]
"""


@pytest.fixture(scope="module")
def gateway(sim_path: WholePath) -> Iterator[Client]:
    with open_client(sim_path.gateway_address, GATEWAY) as client:
        yield client


def test_power_reaches_the_simulators_chassis(sim: Simulator, sim_path: WholePath, gateway: Client) -> None:
    token = sim_path.server_token(SERVER).text
    for method, power, state in (("PowerOn", "1", PowerState.ON), ("PowerOff", "0", PowerState.OFF)):
        request = gateway_pb.PowerOperationRequest(server_id=SERVER, wait=True, timeout_seconds=15)
        answer = gateway.call(method, request, gateway_pb.PowerOperationResponse, token=token)
        assert (answer.success, answer.state, sim.chassis("power")) == (True, state, power)


def test_sensors_and_info_are_the_simulators(sim_path: WholePath, gateway: Client) -> None:
    token = sim_path.server_token(SERVER).text
    request = gateway_pb.ListSensorsRequest(server_id=SERVER)
    answer = gateway.call("ListSensors", request, gateway_pb.ListSensorsResponse, token=token)
    readings = {sensor.name: (sensor.value, sensor.unit) for sensor in answer.sensors}
    assert (readings["MB Temp"], readings["FAN1"]) == ((42.0, "°C"), (14900.0, "RPM"))
    info = gateway.call(
        "GetBMCInfo", gateway_pb.GetBMCInfoRequest(server_id=SERVER), gateway_pb.GetBMCInfoResponse, token=token
    ).info
    assert info is not None
    assert info.ipmi_info is not None
    assert info.ipmi_info.manufacturer_id == str(0x1291)


def test_the_machine_behind_the_simulator_answers_at_the_console(sim_path: WholePath, gateway: Client) -> None:
    console = Console(gateway, sim_path.server_token(SERVER).text, SERVER)
    console.until_live()
    console.type(b"through all of it")
    console.until_output(b"THROUGH ALL OF IT")
    console.keys.put(None)
    console.rest()


def test_the_manager_knows_what_the_simulator_is(sim_path: WholePath) -> None:
    bearer = {"Authorization": f"Bearer {sim_path.log_in()}"}
    url = f"{sim_path.manager}/api/v1/servers/{SERVER}"
    waited = threading.Event()
    found: Any = None
    for _ in range(200):
        found = httpx.get(url, headers=bearer, trust_env=False).json()["server"].get("discovery_metadata")
        if found is not None:
            break
        waited.wait(0.1)
    assert found["hardware"]["manufacturer_id"] == 0x1291
    assert found["hardware"]["product_id"] == 0xF02
    assert found["vendor"]["firmware_version"] == "9.08"
    assert found["protocol"]["primary_version"] == "2.0"
