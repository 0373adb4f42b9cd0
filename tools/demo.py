"""What `make demo` runs: three virtual BMCs on loopback, `conduit ipmi` shown on them, and time to play with them.

Only the standard library, and `conduit` only as a command: this does what a person would do in two terminals.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

HOST: Final = "127.0.0.1"
COUNT: Final = 3
READY_WITHIN: Final = 20.0  # seconds for all BMCs to say that they listen
SHOWN_WITHIN: Final = 30.0  # seconds for one shown command
GRACE: Final = 5.0  # seconds for the simulator to end when asked to

# Each is shown and run against the first BMC; all must succeed.
SHOWN: Final = (
    "ping",
    "mc info",
    "channel ciphers",
    "power status",
    "power on",
    "power status",
    "chassis bootdev pxe",
    "chassis status",
    "sensor list",
    "sel list",
    "--output json power status",
    "sol activate --until 'login: '",
)


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def stop(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into what Ctrl+C does, so that there is one way out."""
    raise KeyboardInterrupt


@dataclass(frozen=True)
class Demo:
    """Where everything is."""

    conduit: Sequence[str]
    "The command, as a list of words."
    port: int
    "UDP port of the first BMC; the others follow."
    user: str
    password: str

    @property
    def ports(self) -> range:
        """UDP port of each BMC."""
        return range(self.port, self.port + COUNT)

    def start_bmcs(self) -> subprocess.Popen[str]:
        """Start the simulator.

        A new session keeps the terminal's Ctrl+C from it: we end it ourselves, by its process ID.
        """
        user = f"{self.user}:{self.password}:administrator"
        words = ["bmc", "sim", "--listen", f"{HOST}:{self.port}", "--count", str(COUNT), "--user", user]
        return subprocess.Popen(
            [*self.conduit, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def show(self, command: str) -> None:
        """Print and run one command as a person would.

        :raises DemoError: it failed.
        """
        words = ["ipmi", "-H", HOST, "-p", str(self.port), "-U", self.user, "-E", *shlex.split(command)]
        print(f"\n$ conduit {shlex.join(words)}", flush=True)
        environment = {**os.environ, "IPMI_PASSWORD": self.password}
        try:
            run = subprocess.run(
                [*self.conduit, *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                timeout=SHOWN_WITHIN,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DemoError(f"`{command}` took more than {SHOWN_WITHIN:.0f} s") from None
        if run.returncode:
            raise DemoError(f"`{command}` failed with exit status {run.returncode}")


def wait_until_ready(bmcs: subprocess.Popen[str]) -> None:
    """Read the simulator's `ready ADDRESS:PORT` lines, one a BMC, and then keep its pipe drained.

    :raises DemoError: it ended, or some are missing after READY_WITHIN.
    """
    all_ready, ended = threading.Event(), threading.Event()

    def read() -> None:
        missing = COUNT
        for line in bmcs.stdout or ():
            print(f"  {line.rstrip()}", flush=True)
            missing -= line.startswith("ready ")
            if missing == 0:
                all_ready.set()
        ended.set()
        all_ready.set()  # wakes the waiter, which then looks why

    threading.Thread(target=read, daemon=True).start()
    if not all_ready.wait(READY_WITHIN):
        raise DemoError(f"the virtual BMCs were not ready after {READY_WITHIN:.0f} s")
    if ended.is_set():
        raise DemoError(f"the virtual BMCs ended with exit status {bmcs.wait()}")


def end(bmcs: subprocess.Popen[str]) -> None:
    """End the simulator, and nothing else, and reap it."""
    if bmcs.poll() is None:
        bmcs.terminate()
    try:
        bmcs.wait(GRACE)
    except subprocess.TimeoutExpired:
        bmcs.kill()
        bmcs.wait()


def print_what_to_try(demo: Demo) -> None:
    """The last screen."""
    print(
        f"""
The virtual BMCs stay up on UDP {HOST}, ports {demo.ports[0]} to {demo.ports[-1]}, until Ctrl+C. In another terminal:

  . .venv/bin/activate
  export IPMI_PASSWORD={demo.password}
  conduit ipmi -H {HOST} -p {demo.port} -U {demo.user} -E power cycle
  conduit ipmi -H {HOST} -p {demo.ports[1]} -U {demo.user} -E -C 3 session info
  conduit ipmi -H {HOST} -p {demo.port} -U {demo.user} -E sol activate      # root, conduit; Ctrl+] q ends it
  conduit ipmi --help
  ipmitool -I lanplus -C 17 -H {HOST} -p {demo.ports[2]} -U {demo.user} -E chassis status
""",
        flush=True,
    )


def run(demo: Demo, *, once: bool) -> None:
    """The whole demo.

    :raises DemoError: something in it failed.
    """
    with ExitStack() as stack:
        print(f"Starting {COUNT} virtual BMCs ...", flush=True)
        bmcs = demo.start_bmcs()
        stack.callback(end, bmcs)
        wait_until_ready(bmcs)
        print(f"\n$ export IPMI_PASSWORD={demo.password}")
        for command in SHOWN:
            demo.show(command)
        if once:
            return
        print_what_to_try(demo)
        status = bmcs.wait()
        raise DemoError(f"the virtual BMCs ended with exit status {status}")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; `make demo` passes --port from DEMO_PORT and the rest from DEMO_OPTIONS."""
    parser = argparse.ArgumentParser(description="Three virtual BMCs, and conduit ipmi on them.")
    parser.add_argument("--port", type=int, default=9001, help="UDP port of the first BMC (9001)")
    parser.add_argument("--user", default="admin", help="user name on the BMCs (admin)")
    parser.add_argument("--password", help="their password (a new one every time)")
    parser.add_argument("--once", action="store_true", help="end after showing the commands")
    parser.add_argument("--conduit", help="the conduit command (the one beside this Python)")
    return parser.parse_args(arguments)


def main() -> int:
    """Exit status 0 after Ctrl+C or --once, 1 if anything shown failed."""
    options = parse_arguments()
    conduit = shlex.split(options.conduit or "") or [str(Path(sys.executable).with_name("conduit"))]
    password = options.password or secrets.token_hex(8)  # 16 characters: also an IPMI 1.5 password
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)  # also where a parent had it ignored
    try:
        run(Demo(conduit, options.port, options.user, password), once=options.once)
    except KeyboardInterrupt:
        print("\nDemo ended.")
    except (DemoError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
