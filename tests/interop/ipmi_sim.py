"""Starts OpenIPMI's ``ipmi_sim`` on loopback: our own configuration, users and a chassis whose state is a file."""

from __future__ import annotations

import secrets
import socket  # noqa: TID251  # asks for a free port
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from conduit.errors import PeerTimeoutError
from conduit.rmcp.endpoint import open_endpoint
from conduit.rmcp.retry import RetryPolicy

HOST: Final = "127.0.0.1"
ALL_AUTHS: Final = ("none", "md2", "md5", "straight")
START: Final = RetryPolicy(timeout=0.1, retries=60, backoff=1.0)  # six seconds to answer the first ping
GRACE: Final = 5.0  # seconds to end in

# Called by ipmi_sim as `PROGRAM ... get WHAT...` or `PROGRAM ... set WHAT VALUE ...`; WHAT is power, reset, boot, ...
# Every value is a file of that name; what was set is also logged, in order.
CHASSIS_CONTROL: Final = """\
import sys
from pathlib import Path

state = Path(__file__).parent / "chassis"
words = sys.argv[1:]
while words and words[0] not in ("get", "set"):
    words.pop(0)
verb, rest = words[0], words[1:]
if verb == "get":
    for what in rest:
        file = state / what
        print(f"{what}:{file.read_text() if file.exists() else 'default' if what == 'boot' else 0}")
else:
    for what, value in zip(rest[::2], rest[1::2]):
        (state / what).write_text(value)
        with (state / "log").open("a") as log:
            log.write(f"{what}={value}\\n")
"""

# One controller at 20h that is SDR, SEL, FRU and chassis device.
EMULATOR: Final = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 100 0x0a
mc_enable 0x20
"""


@dataclass(frozen=True)
class SimUser:
    """A user of the simulator."""

    user_id: int
    name: str
    password: str = field(repr=False)
    privilege: str
    "callback, user, operator or admin."


ADMIN: Final = SimUser(2, "admin", "adminpw", "admin")
OPERATOR: Final = SimUser(3, "oper", "operpw", "operator")
USER: Final = SimUser(4, "user", "userpw", "user")
USERS: Final = (ADMIN, OPERATOR, USER)


@dataclass(frozen=True)
class Simulator:
    """A running ``ipmi_sim``."""

    port: int
    folder: Path
    pid: int
    host: str = HOST
    kg: str = field(default="", repr=False)

    def chassis(self, what: str) -> str:
        """The value of ``power`` and so on, as the chassis has it now; 0 if nobody set it."""
        file = self.folder / "chassis" / what
        return file.read_text() if file.exists() else "0"

    @property
    def chassis_log(self) -> list[str]:
        """What the chassis was told, in order: ``power=1``."""
        file = self.folder / "chassis" / "log"
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def run_ipmi_sim(
    program: Path,
    folder: Path,
    *,
    kg: str = "",
    auths: tuple[str, ...] = ALL_AUTHS,
    emulator: str = EMULATOR,
    sol: str = "",
) -> Iterator[Simulator]:
    """``ipmi_sim``, answering; ended when the block is left.

    :param folder: an empty directory for configuration, state and log.
    :param kg: BMC key, up to 19 characters: the simulator's parser loses the twentieth, of passwords too.
    :param sol: device behind serial over LAN: ``tcp:HOST:PORT`` or a file name.
    :param auths: IPMI 1.5 auth types that the channel takes, of ALL_AUTHS.
    :param emulator: commands that make its controllers and what these have.
    """
    port = free_port()
    write_configuration(folder, port, kg=kg, auths=auths, sol=sol)
    (folder / "sim.emu").write_text(emulator)
    words: list[str | Path] = [
        program,
        "-n",
        "-c",
        folder / "lan.conf",
        "-f",
        folder / "sim.emu",
        "-s",
        folder / "state",
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            wait_for_pong(port, folder / "log")
            yield Simulator(port, folder, process.pid, kg=kg)
        finally:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def write_configuration(folder: Path, port: int, *, kg: str, auths: tuple[str, ...], sol: str = "") -> None:
    """Everything that the simulator reads."""
    (folder / "state").mkdir()
    (folder / "chassis").mkdir()
    (folder / "sim.emu").write_text(EMULATOR)
    (folder / "chassis_control.py").write_text(CHASSIS_CONTROL)
    auth_words = " ".join(auths)
    lines = ['name "conduit"', "set_working_mc 0x20", "startlan 1", f"addr {HOST} {port}", "priv_limit admin"]
    lines += [f"allowed_auths_{level} {auth_words}" for level in ("callback", "user", "operator", "admin")]
    lines += [f"guid {secrets.token_hex(16)}"]
    lines += [f'bmc_key "{kg}"'] if kg else []
    lines += [
        "endlan",
        *([f'sol "{sol}" 115200 history=4000'] if sol else []),
        f'chassis_control "{sys.executable} {folder}/chassis_control.py"',
    ]
    lines += [
        f'user {user.user_id} true "{user.name}" "{user.password}" {user.privilege} 10 {auth_words}' for user in USERS
    ]
    (folder / "lan.conf").write_text("\n".join(lines) + "\n")


def free_port() -> int:
    """A UDP port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for_pong(port: int, log: Path) -> None:
    """Return when it answers presence pings; what it logged is in the error if it never does."""

    async def ping() -> None:
        async with open_endpoint() as endpoint:
            await endpoint.ping((HOST, port), START)

    try:
        trio.run(ping)
    except PeerTimeoutError:
        raise RuntimeError(f"ipmi_sim does not answer: {log.read_text(errors='replace')}") from None
