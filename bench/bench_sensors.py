"""All sensor records and all readings of one BMC: Conduit against pyghmi, on our virtual BMC.

    python -m bench.bench_sensors [--rounds N]

Both log in, read every data record, then every sensor. Each round is a process of its own, the two in turn; the time is
that of the work alone, without Python's start. Conduit reads no thresholds, as pyghmi does not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Final

import trio

from conduit.ipmi.bmc import UserConfig
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.client import open_bmc
from conduit.ipmi.operations.sdr import read_repository
from conduit.ipmi.operations.sensors import SensorKind, read_sensors

USER: Final = "admin"
PASSWORD: Final = "benchmark"
LIMIT: Final = 60.0  # seconds for one process


async def read_with_conduit(host: str, port: int) -> dict[str, float]:
    """One round."""
    started = time.perf_counter()
    async with open_bmc(host, port=port, username=USER, password=PASSWORD, cipher_suite=3) as bmc:
        repository = await read_repository(bmc)
        readings = read_sensors(bmc, repository, live_thresholds=False)
        count = sum([reading.kind is not SensorKind.EVENT_ONLY async for reading in readings])
    return {"seconds": time.perf_counter() - started, "sensors": count}


def read_with_pyghmi(host: str, port: int) -> dict[str, float]:
    """One round."""
    from pyghmi.ipmi import command

    started = time.perf_counter()
    client = command.Command(bmc=host, userid=USER, password=PASSWORD, port=port)
    count = sum(1 for _ in client.get_sensor_data())
    client.ipmi_session.logout()
    return {"seconds": time.perf_counter() - started, "sensors": count}


async def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    """The two in turn, on one virtual BMC."""
    results: dict[str, list[dict[str, float]]] = {"conduit": [], "pyghmi": []}
    user = UserConfig(name=USER.encode(), password=PASSWORD.encode())
    async with open_virtual_bmc(users=(user,), running=True) as bmc:
        for _ in range(rounds):
            for who, found in results.items():
                words = [sys.executable, "-m", "bench.bench_sensors", "--as", who, "--port", str(bmc.port)]
                with trio.fail_after(LIMIT):
                    done: subprocess.CompletedProcess[bytes] = await trio.run_process(words, capture_stdout=True)
                found.append(json.loads(done.stdout))
    return results


def main() -> None:
    """Measure, or be one of the measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--as", dest="role", choices=("conduit", "pyghmi"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.role == "conduit":
        print(json.dumps(trio.run(read_with_conduit, options.host, options.port)))
    elif options.role == "pyghmi":
        print(json.dumps(read_with_pyghmi(options.host, options.port)))
    else:
        results = trio.run(measure, options.rounds)
        medians = {who: statistics.median(one["seconds"] for one in found) for who, found in results.items()}
        for who, found in results.items():
            print(f"{who:8} p50 {medians[who] * 1e3:7.1f} ms, {found[0]['sensors']:.0f} sensors, n={len(found)}")
        print(f"ratio    {medians['pyghmi'] / medians['conduit']:.2f}")


if __name__ == "__main__":
    main()
