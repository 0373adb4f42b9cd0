"""Other clients, each in a process of its own: pyghmi, python-ipmi and ipmitool.

    python -m bench.peers pyghmi full --hosts 127.0.0.1,127.0.0.2 --port PORT

"full" opens a session, asks for the chassis status once and closes it; "warm" asks again and again in one session.
Imports, and the first session of the process, are not timed. Nothing here imports Trio or Conduit, so the interpreter
needs only the client it runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from bench.measure import Measurement, Window, cpu_now, emit, measure_calls
from bench.servers import PASSWORD, USERNAME

CHASSIS: Final = 0x00
GET_CHASSIS_STATUS: Final = 0x01
SUITE: Final = 3

SMALL_ENTERPRISE_NUMBERS: Final = """PRIVATE ENTERPRISE NUMBERS

Decimal
| Organization
| | Contact
| | | Email
| | | |
0
  Reserved
    Nobody
      nobody&example.org
"""
"In the layout of IANA's registry, of which Debian's ipmitool parses 4.7 MB before it does anything."
ENTERPRISE_NUMBERS_PLACE: Final = ".local/usr/share/misc/enterprise-numbers.txt"
"Below HOME; where it exists ipmitool reads it instead of the system's file."

Ask = Callable[[], object]


class WrongAnswerError(Exception):
    """A peer's command failed: its figures would be worth nothing."""


@contextmanager
def pyghmi_session(host: str, port: int) -> Iterator[Ask]:
    """A pyghmi session; yields what asks for the chassis status.

    pyghmi keeps sessions by address for the life of the process and trips over a second one to the same address, so a
    process visits each host once.
    """
    from pyghmi.ipmi import command

    client = command.Command(bmc=host, userid=USERNAME, password=PASSWORD, port=port)

    def ask() -> object:
        answer = client.raw_command(netfn=CHASSIS, command=GET_CHASSIS_STATUS)
        if answer.get("code") != 0 or "error" in answer:
            raise WrongAnswerError(str(answer))
        return answer

    yield ask
    client.ipmi_session.logout()


@contextmanager
def python_ipmi_session(host: str, port: int) -> Iterator[Ask]:
    """A python-ipmi RMCP+ session without its keep-alive thread; yields what asks for the chassis status."""
    import pyipmi
    import pyipmi.interfaces

    interface = pyipmi.interfaces.create_interface("rmcpplus", cipher_suite=SUITE, keep_alive_interval=0)
    client = pyipmi.create_connection(interface)
    client.session.set_session_type_rmcp(host, port)
    client.session.set_auth_type_user(USERNAME, PASSWORD)
    client.target = pyipmi.Target(ipmb_address=0x20)
    client.open()
    yield client.get_chassis_status
    client.close()


Session = Callable[[str, int], AbstractContextManager[Ask]]
SESSIONS: Final[dict[str, Session]] = {"pyghmi": pyghmi_session, "python-ipmi": python_ipmi_session}


def measure_full(session: Session, hosts: Sequence[str], port: int) -> Measurement:
    """Visit each of *hosts* once; the first visit warms up and is not counted."""
    window = Window()
    for number, host in enumerate(hosts):
        if number == 1:
            window.open()
        began = time.perf_counter()
        with session(host, port) as ask:
            ask()
        window.latencies.append(time.perf_counter() - began)
    window.close()
    return window.result


def measure_warm(session: Session, host: str, port: int, *, seconds: float, warmup: float) -> Measurement:
    """Ask over and over in one session."""
    with session(host, port) as ask:
        return measure_calls(ask, seconds=seconds, warmup=warmup)


def measure_ipmitool(hosts: Sequence[str], port: int, *, count: int, small_file: bool) -> Measurement:
    """Run ipmitool *count* times, one after the other.

    :param small_file: whether it finds a registry of one enterprise number instead of the system's.
    """
    program = shutil.which("ipmitool")
    if program is None:
        raise FileNotFoundError("no ipmitool (Debian: apt-get install ipmitool)")
    latencies: list[float] = []
    with tempfile.TemporaryDirectory(prefix="conduit-bench-") as home:
        if small_file:
            place = Path(home, ENTERPRISE_NUMBERS_PLACE)
            place.parent.mkdir(parents=True)
            place.write_text(SMALL_ENTERPRISE_NUMBERS)
        environment = {"HOME": home, "PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "IPMI_PASSWORD": PASSWORD}
        # Without -C it asks for the cipher suites first, which ipmi_sim answers after 10 s.
        command = [program, "-I", "lanplus", "-C", str(SUITE), "-p", str(port), "-U", USERNAME, "-E"]
        cpu, started = cpu_now(resource.RUSAGE_CHILDREN), time.perf_counter()
        for number in range(count):
            began = time.perf_counter()
            # No timeout: with one Python polls for the exit at 7.5, 15.5, 31.5 ms. ipmitool itself gives up in 20 s.
            subprocess.run(
                [*command, "-H", hosts[number % len(hosts)], "chassis", "status"],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            latencies.append(time.perf_counter() - began)
        seconds = time.perf_counter() - started
        cpu = cpu_now(resource.RUSAGE_CHILDREN) - cpu
    return Measurement.of(latencies, seconds=seconds, cpu_seconds=cpu)


def main() -> None:
    """Measure once and print the result as JSON."""
    parser = argparse.ArgumentParser(description="measure another IPMI client")
    parser.add_argument("client", choices=[*SESSIONS, "ipmitool", "ipmitool-small"])
    parser.add_argument("what", choices=["full", "warm"])
    parser.add_argument("--hosts", required=True, help="separated by commas")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=1.5, help="of the warm measurement")
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--count", type=int, default=40, help="runs of ipmitool")
    options = parser.parse_args()
    hosts = options.hosts.split(",")
    if options.client.startswith("ipmitool"):
        small_file = options.client == "ipmitool-small"
        result = measure_ipmitool(hosts, options.port, count=options.count, small_file=small_file)
    elif options.what == "full":
        result = measure_full(SESSIONS[options.client], hosts, options.port)
    else:
        session = SESSIONS[options.client]
        result = measure_warm(session, hosts[0], options.port, seconds=options.seconds, warmup=options.warmup)
    emit(result)
    # pyghmi leaves a thread and sockets behind, which would delay the exit.
    os._exit(0)


if __name__ == "__main__":
    main()
