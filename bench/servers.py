"""The servers measured against, on loopback: our C responder and echo, and OpenIPMI's ipmi_sim.

Every one of them is ended by its own process ID when its ``with`` block ends.
"""

from __future__ import annotations

import shutil
import socket  # noqa: TID251 - looks for a free port and pings; nothing here runs under Trio
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

USERNAME: Final = "admin"
PASSWORD: Final = "adminpw"  # of the servers below and nothing else

START_TIMEOUT: Final = 10.0  # seconds
STOP_TIMEOUT: Final = 5.0  # seconds
SIMULATOR_NETWORK: Final = "127.99.0"
PRESENCE_PING: Final = bytes.fromhex("0600ff06 000011be 80000000")


class ServerError(Exception):
    """A server did not build, start or answer."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Managed systems on one port."""

    addresses: Sequence[str]
    port: int


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def compile_responder(into: Path) -> Path:
    """Build responder.c in the directory *into* and return the program.

    :raises ServerError: there is no compiler or there are no OpenSSL headers.
    """
    program = into / "responder"
    compiler = shutil.which("cc")
    if compiler is None:
        raise ServerError("no C compiler (Debian: apt-get install gcc libc6-dev libssl-dev)")
    source = Path(__file__).with_name("responder.c")
    built = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(source), "-lcrypto"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if built.returncode:
        raise ServerError(f"responder.c does not compile (are OpenSSL's headers there: libssl-dev?)\n{built.stderr}")
    return program


@contextmanager
def responder(program: Path, *, echo: bool = False, sparse: bool = False) -> Iterator[int]:
    """Run the C server and yield its port; each address of 127/8 answers on it.

    :param sparse: only every 65th answers presence pings.
    """
    command = [str(program), "0", *(["--echo"] if echo else ["--sparse"] if sparse else [])]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            words = process.stdout.readline().split() if process.stdout else []
            if words[:1] != ["ready"]:
                raise ServerError("the responder did not start")
            yield int(words[1])
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _answers(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        try:
            sock.sendto(PRESENCE_PING, (host, port))
            return bool(sock.recv(512))
        except OSError:  # nobody there yet
            return False


def _write_configuration(directory: Path, host: str, port: int, *, sol: str, sensors: str) -> None:
    (directory / "state").mkdir(parents=True)
    # 0x20 is the BMC. No chassis script: the simulator would fork it at every Get Chassis Status.
    (directory / "lan.conf").write_text(
        f'name "bench"\n'
        f"set_working_mc 0x20\n"
        f"startlan 1\n"
        f"  addr {host} {port}\n"
        f"  priv_limit admin\n"
        f"  allowed_auths_admin none md5\n"
        f"  guid 6265636e68000000000000000000{port:04x}\n"
        f"endlan\n"
        f'user 1 false "" "" user 1 none\n'
        f'user 2 true "{USERNAME}" "{PASSWORD}" admin 60 none md5\n' + (f'sol "{sol}" 115200\n' if sol else "")
    )
    (directory / "bench.emu").write_text(
        "mc_setbmc 0x20\n"
        "mc_add 0x20 0 no-device-sdrs 0x23 1 0 0x9f 0x1291 0xf02 persist_sdr\n"
        "sel_enable 0x20 100 0x0a\n"
        f"{sensors}"
        "mc_enable 0x20\n"
    )  # fmt: skip


@contextmanager
def simulators(count: int, directory: Path, *, sol: str = "", sensors: str = "") -> Iterator[Hosts]:
    """Run *count* ipmi_sim on consecutive addresses and one port, their state below *directory*.

    :param sol: device behind serial over LAN: ``tcp:HOST:PORT``; empty for none.
    :param sensors: lines that give the controller sensors and records.
    :raises ServerError: ipmi_sim is not installed or does not answer.
    """
    program = shutil.which("ipmi_sim")
    if program is None:
        raise ServerError("no ipmi_sim (Debian: apt-get install openipmi)")
    hosts = Hosts([f"{SIMULATOR_NETWORK}.{number}" for number in range(1, count + 1)], _free_port())
    running: list[subprocess.Popen[str]] = []
    try:
        for host in hosts.addresses:
            home = directory / host
            _write_configuration(home, host, hosts.port, sol=sol, sensors=sensors)
            with (home / "log").open("w") as log:
                running.append(
                    subprocess.Popen(
                        [program, "-n", "-c", "lan.conf", "-f", "bench.emu", "-s", "state"],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=home,
                        text=True,
                    )
                )
        end = time.monotonic() + START_TIMEOUT
        for host in hosts.addresses:
            while not _answers(host, hosts.port):
                if time.monotonic() > end:
                    log_text = (directory / host / "log").read_text()
                    raise ServerError(f"ipmi_sim on {host} does not answer\n{log_text}")
                time.sleep(0.05)  # noqa: TID251 - see the import of socket
        yield hosts
    finally:
        for process in running:
            _stop(process)
