"""Sensors and their records: ipmitool and FreeIPMI on our virtual BMC, our client on OpenIPMI's simulator."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.sensor_specs import SPECS
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.records.conversion import Conversion, Factors
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr_sensors import FullSensor, SensorTraits
from conduit.ipmi.records.units import SensorUnits
from tests.conftest import FindPeer
from tests.interop.ipmi_sim import ADMIN, EMULATOR, Simulator, run_ipmi_sim

pytestmark = pytest.mark.interop
DEADLINE = 40  # seconds
CONFIG = BmcConfig(users=(UserConfig(name=b"admin", password=b"secret"),), running=True)


async def run(*words: str | Path) -> str:
    with trio.fail_after(DEADLINE):
        done = await trio.run_process(list(words), capture_stdout=True, capture_stderr=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout.decode()


async def ipmitool(peer: FindPeer, bmc: ServedBmc, *words: str) -> str:
    where = ("-H", bmc.host, "-p", str(bmc.port), "-U", "admin", "-P", "secret", "-I", "lanplus", "-C", "17")
    return await run(peer("ipmitool"), *where, *words)


async def ipmi_sensors(peer: FindPeer, bmc: ServedBmc, cache: Path, *words: str) -> str:
    where = ("-h", f"{bmc.host}:{bmc.port}", "-u", "admin", "-p", "secret", "-D", "LAN_2_0", "-I", "17")
    return await run(
        peer("ipmi-sensors"), *where, "--session-timeout=10000", "--quiet-cache",
        f"--sdr-cache-directory={cache}", *words,
    )  # fmt: skip


def hold_still(bmc: ServedBmc) -> dict[str, float]:
    """Every sensor with thresholds keeps one value; they by name."""
    sensors = bmc.bmc.state.sensors
    for spec in SPECS:
        if spec.is_threshold:
            sensors.inject(spec.name, spec.nominal)
    return {
        spec.name: spec.conversion.value(spec.conversion.raw(spec.nominal)) or 0.0
        for spec in SPECS
        if spec.is_threshold
    }


def cells(text: str) -> dict[str, list[str]]:
    """Rows of ``a | b | c`` by their first cell."""
    rows = ([cell.strip() for cell in line.split("|")] for line in text.splitlines())
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("limit", [16, 260])
async def test_ipmitool_reads_the_values_we_have(peer: FindPeer, limit: int) -> None:
    async with open_virtual_bmc(CONFIG, sdr_read_limit=limit) as bmc:
        values = hold_still(bmc)
        rows = cells(await ipmitool(peer, bmc, "sensor"))
        assert {name: float(rows[name][0]) for name in values} == pytest.approx(values, abs=0.0006)
        assert {row[2] for name, row in rows.items() if name in values} == {"ok"}
        assert rows["FAN1"][3:] == ["500.000", "1000.000", "1500.000", "na", "na", "na"]
        assert rows["PS1 Status"][1] == "discrete"


async def test_ipmitool_lists_every_record(peer: FindPeer) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        assert len((await ipmitool(peer, bmc, "sdr")).splitlines()) == 22
        rows = cells(await ipmitool(peer, bmc, "sdr", "elist", "all"))
        assert rows["OS Boot"][-1] == "boot completed - device not specified"
        assert rows["Conduit BMC"][-1] == "Static MC @ 20h"
        assert rows["PSU FRU"][-1] == "Logical FRU @01h"
        assert "FAN3" in await ipmitool(peer, bmc, "sdr", "type", "Fan")
        info = await ipmitool(peer, bmc, "sdr", "info")
        assert "Record Count                        : 33" in info


async def test_ipmitool_sees_what_was_injected_and_sets_thresholds(peer: FindPeer) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        hold_still(bmc)
        bmc.bmc.state.sensors.inject("Inlet Temp", 43)
        text = await ipmitool(peer, bmc, "sensor", "get", "Inlet Temp", "PS1 Status")
        assert "Sensor Reading        : 43 (+/- 0) degrees C" in text
        assert "Upper Critical" in text
        assert "Presence detected" in text
        await ipmitool(peer, bmc, "sensor", "thresh", "Inlet Temp", "unc", "30")
        inlet = bmc.bmc.state.sensors.get(2)
        assert inlet is not None
        assert inlet.limits[3] == 30
        await ipmitool(peer, bmc, "sensor", "thresh", "5V", "lower", "4.1", "4.2", "4.3")
        assert cells(await ipmitool(peer, bmc, "sensor"))["5V"][3:6] == ["4.100", "4.200", "4.300"]
        assert cells(await ipmitool(peer, bmc, "sensor"))["Inlet Temp"][2] == "cr"


async def test_ipmi_sensors_reads_values_and_states(peer: FindPeer, tmp_path: Path) -> None:
    async with open_virtual_bmc(CONFIG) as bmc:
        values = hold_still(bmc)
        bmc.bmc.state.sensors.inject("FAN1", 700)
        await ipmi_sensors(peer, bmc, tmp_path)
        text = await ipmi_sensors(peer, bmc, tmp_path, "--output-sensor-thresholds")
        rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
        by_name = {row[1]: row for row in rows}
        values["FAN1"] = 700
        assert {name: float(by_name[name][3]) for name in values} == pytest.approx(values, abs=0.006)
        assert by_name["FAN1"][5:8] == ["500.00", "1000.00", "1500.00"]
        assert "At or Below (<=) Lower Critical Threshold" in by_name["FAN1"][-1]
        assert by_name["PS1 Status"][-1] == "'Presence detected'"
        verbose = await ipmi_sensors(peer, bmc, tmp_path, "-v")
        assert verbose.count("Record ID:") == 22


# --- our client on the simulator ---


def record(number: int, name: str, sensor_type: int, entity: int, unit: int, factors: Factors) -> bytes:
    traits = SensorTraits(
        number=number, sensor_type=sensor_type, entity=Entity(entity_id=entity), units=SensorUnits(base=unit),
        assertion_mask=0x0A80, deassertion_mask=0x7A80, reading_mask=0x3838,
    )  # fmt: skip
    conversion = Conversion(factors=factors)
    return FullSensor(
        record_id=number, traits=traits, conversion=conversion, limits=bytes((0, 0, 0, 0x70, 0x90, 0xA0)),
        name=IdString.of(name),
    ).encode()  # fmt: skip


def sensor_lines(number: int, sensor_type: int, value: int, data: bytes) -> str:
    bits = "000111111000000"
    return (
        f"sensor_add 0x20 0 {number} {sensor_type:#04x} 0x01\n"
        f"sensor_set_threshold 0x20 0 {number} settable 111000 0xa0 0x90 0x70 00 00 00\n"
        f"sensor_set_event_support 0x20 0 {number} enable scanning per-state {bits} {bits} {bits} {bits}\n"
        f"sensor_set_value 0x20 0 {number} {value:#04x} 0\n"
        f"main_sdr_add 0x20 {' '.join(f'{byte:#04x}' for byte in data)}\n"
    )


SIM_SENSORS = "".join(
    (
        sensor_lines(1, 1, 0x2A, record(1, "MB Temp", 1, 7, 1, Factors())),
        sensor_lines(2, 4, 0x95, record(2, "FAN1", 4, 29, 18, Factors(m=100))),
        sensor_lines(3, 2, 0xBF, record(3, "+12V", 2, 7, 4, Factors(m=63, result_exponent=-3))),
    )
)


@pytest.fixture(scope="module")
def sim(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    emulator = EMULATOR.replace("mc_enable", SIM_SENSORS + "mc_enable")
    with run_ipmi_sim(peer("ipmi_sim"), tmp_path_factory.mktemp("sensors"), emulator=emulator) as running:
        yield running


def test_our_readings_of_the_simulator_are_ipmitools(sim: Simulator, peer: FindPeer, tmp_path: Path) -> None:
    where = ["-H", sim.host, "-p", str(sim.port), "-U", ADMIN.name]
    environment = {**os.environ, "IPMI_PASSWORD": ADMIN.password, "XDG_CACHE_HOME": str(tmp_path)}

    def output(*words: str | Path) -> str:
        done = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        return done.stdout

    theirs = cells(output(peer("ipmitool"), *where, "-E", "-I", "lanplus", "-C", "3", "sensor"))
    conduit = (sys.executable, "-m", "conduit", "ipmi", *where, "-E")
    ours = list(csv.DictReader(io.StringIO(output(*conduit, "sensor", "list", "--output", "csv"))))
    assert [row["name"] for row in ours] == ["MB Temp", "FAN1", "+12V"]
    for row in ours:
        value, _, status, *limits = theirs[row["name"]]
        assert float(row["value"]) == pytest.approx(float(value), abs=0.0006)
        assert row["status"] == status
        wanted = [row[name] or "na" for name in ("lnr", "lcr", "lnc", "unc", "ucr", "unr")]
        assert [limit if limit == "na" else float(limit) for limit in limits] == [
            limit if limit == "na" else pytest.approx(float(limit), abs=0.0006) for limit in wanted
        ]
