"""All sensor records and all readings of one BMC: Conduit against pyghmi, on our virtual BMC and on ipmi_sim.

    python -m bench.bench_sensors [--rounds N] [--on ours|ipmi_sim]

Both log in, read every data record, then every sensor. Each round is a process of its own, the two in turn; the time is
that of the work alone, without Python's start, and so is the CPU: user and system time of that process. Conduit reads
no thresholds, as pyghmi does not. pyghmi stalls for seconds now and then, so that the least of each is shown too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import trio

from bench.servers import PASSWORD, USERNAME, simulators
from conduit.ipmi.bmc import UserConfig
from conduit.ipmi.bmc.sdr_repository import make_records
from conduit.ipmi.bmc.sensor_specs import Conditions
from conduit.ipmi.bmc.sensors import Sensors
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.client import open_bmc
from conduit.ipmi.operations.sdr import read_repository
from conduit.ipmi.operations.sensors import SensorKind, read_sensors
from conduit.ipmi.records.sdr_sensors import FullSensor

LIMIT: Final = 60.0  # seconds for one process


async def read_with_conduit(host: str, port: int) -> dict[str, float]:
    """One round."""
    started, worked = time.perf_counter(), time.process_time()
    async with open_bmc(host, port=port, username=USERNAME, password=PASSWORD, cipher_suite=3) as bmc:
        repository = await read_repository(bmc)
        readings = read_sensors(bmc, repository, live_thresholds=False)
        count = sum([reading.kind is not SensorKind.EVENT_ONLY async for reading in readings])
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - worked, "sensors": count}


def read_with_pyghmi(host: str, port: int) -> dict[str, float]:
    """One round."""
    from pyghmi.ipmi import command

    started, worked = time.perf_counter(), time.process_time()
    client = command.Command(bmc=host, userid=USERNAME, password=PASSWORD, port=port)
    count = sum(1 for _ in client.get_sensor_data())
    client.ipmi_session.logout()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - worked, "sensors": count}


def simulated_sensors() -> str:
    """The threshold sensors of our virtual BMC in the language of ipmi_sim's emulator."""
    sensors = Sensors()
    sensors.scan(Conditions(0.0, on=True, running=True, settled=0.0))
    named = {sensor.spec.number: sensor for sensor in sensors}
    lines = []
    records = (one for one in make_records(sensors, name="BMC", manufacturer_id=0) if isinstance(one, FullSensor))
    for number, record in enumerate(records, start=1):
        sensor = named[record.traits.number]
        lines += [
            f"sensor_add 0x20 0 {number} {sensor.spec.sensor_type:#04x} 0x01",
            f"sensor_set_value 0x20 0 {number} {sensor.raw:#04x} 0",
            f"main_sdr_add 0x20 {_hex(replace(record, traits=replace(record.traits, number=number)).encode())}",
        ]
    return "".join(f"{line}\n" for line in lines)


def _hex(data: bytes) -> str:
    return " ".join(f"{byte:#04x}" for byte in data)


Results = dict[str, list[dict[str, float]]]


async def measure(rounds: int, host: str, port: int) -> Results:
    """The two in turn."""
    results: Results = {"conduit": [], "pyghmi": []}
    for _ in range(rounds):
        for who, found in results.items():
            words = [sys.executable, "-m", "bench.bench_sensors", "--as", who, "--host", host, "--port", str(port)]
            with trio.fail_after(LIMIT):
                done: subprocess.CompletedProcess[bytes] = await trio.run_process(words, capture_stdout=True)
            found.append(json.loads(done.stdout))
    return results


async def measure_ours(rounds: int) -> Results:
    """On our virtual BMC."""
    user = UserConfig(name=USERNAME.encode(), password=PASSWORD.encode())
    async with open_virtual_bmc(users=(user,), running=True) as bmc:
        return await measure(rounds, bmc.host, bmc.port)


def measure_simulator(rounds: int) -> Results:
    """On ipmi_sim."""
    with tempfile.TemporaryDirectory() as folder, simulators(1, Path(folder), sensors=simulated_sensors()) as hosts:
        return trio.run(measure, rounds, hosts.addresses[0], hosts.port)


def show(where: str, results: Results) -> None:
    """Both, and their ratios."""
    for who, found in results.items():
        taken = sorted(one["seconds"] * 1e3 for one in found)
        print(
            f"{where:8} {who:8} p50 {statistics.median(taken):7.1f} ms [{taken[0]:.1f} to {taken[-1]:.1f}], "
            f"CPU {statistics.median(one['cpu'] for one in found) * 1e3:.1f} ms, "
            f"{found[0]['sensors']:.0f} sensors, n={len(found)}"
        )
    ours, theirs = results["conduit"], results["pyghmi"]
    for name, pick, key in (
        ("p50", statistics.median, "seconds"),
        ("least", min, "seconds"),
        ("CPU p50", statistics.median, "cpu"),
    ):
        ratio = pick(one[key] for one in theirs) / pick(one[key] for one in ours)
        print(f"{where:8} pyghmi / conduit, {name}: {ratio:.2f}")


def main() -> None:
    """Measure, or be one of the measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--on", choices=("ours", "ipmi_sim", "both"), default="both")
    parser.add_argument("--as", dest="role", choices=("conduit", "pyghmi"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.role == "conduit":
        print(json.dumps(trio.run(read_with_conduit, options.host, options.port)))
    elif options.role == "pyghmi":
        print(json.dumps(read_with_pyghmi(options.host, options.port)))
    else:
        if options.on != "ipmi_sim":
            show("ours", trio.run(measure_ours, options.rounds))
        if options.on != "ours":
            show("ipmi_sim", measure_simulator(options.rounds))


if __name__ == "__main__":
    main()
