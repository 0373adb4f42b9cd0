"""Serial over LAN with the tools that people have: ipmitool, ipmiconsole, conman, ipmi_sim."""

from __future__ import annotations

import hashlib
import os
import random  # noqa: TID251  # the same bytes in every run
import socket  # noqa: TID251  # asks for a free port
import socketserver
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.ipmi import Bmc, open_bmc
from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.console import Console, ConsoleEventKind
from tests.interop.ipmi_sim import run_ipmi_sim
from tests.interop.serial import open_terminal, until, upper_case

pytestmark = pytest.mark.interop

FindPeer = Callable[[str], Path]
# libipmiconsole knows no other port than 623: an address of our own, so that tests do not meet.
STANDARD_HOST = f"127.62.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF or 1}"
USER = UserConfig(name=b"admin", password=b"secret")


def lanplus(served: ServedBmc) -> list[str]:
    words = "-I lanplus -C 3 -U admin -P secret -R 2 -N 1"
    return ["-H", served.host, "-p", str(served.port), *words.split()]


def log_in(served: ServedBmc) -> AbstractAsyncContextManager[Bmc]:
    return open_bmc(served.host, port=served.port, username="admin", password="secret")


async def run(program: Path, *words: str) -> tuple[int, str]:
    with trio.fail_after(20):
        done: subprocess.CompletedProcess[bytes] = await trio.run_process(
            [str(program), *words], check=False, capture_stdout=True, stderr=subprocess.STDOUT
        )
    return done.returncode, done.stdout.decode()


async def test_ipmitool_types_into_the_console_and_leaves_it(peer: FindPeer) -> None:
    async with open_virtual_bmc(users=(USER,)) as served:
        port = upper_case(served)
        async with open_terminal(peer("ipmitool"), *lanplus(served), "sol", "activate") as terminal:
            await terminal.until(b"SOL Session operational")
            await terminal.type(b"hello bmc")
            await terminal.until(b"HELLO BMC")
            assert port.watched
            await terminal.type(b"\r~B")
            await until(lambda: port.breaks)
            assert port.breaks == 1
            await terminal.type(b"\r~.")
            await terminal.until(b"terminated ipmitool")
            await until(lambda: not port.watched)
        assert served.bmc.state.sol.owner is None
        assert b"HELLO BMC" in terminal.seen


def require_standard_port() -> None:
    """Skip, or fail where nothing may be skipped, if only others may listen on port 623."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((STANDARD_HOST, 623))
    except PermissionError:
        if os.environ.get("CONDUIT_REQUIRE_PEERS", "") not in {"", "0"}:
            raise
        pytest.skip("this user may not listen on port 623, the only one that libipmiconsole knows")


async def test_ipmiconsole_types_into_the_console_and_leaves_it(peer: FindPeer) -> None:
    ipmiconsole = peer("ipmiconsole")
    require_standard_port()
    async with open_virtual_bmc(BmcConfig(users=(USER,)), host=STANDARD_HOST, port=623) as served:
        port = upper_case(served)
        words = ["-h", served.host, "-u", "admin", "-p", "secret", "-I", "3"]
        async with open_terminal(ipmiconsole, *words) as terminal:
            await terminal.until(b"SOL established")
            await terminal.type(b"hello bmc")
            await terminal.until(b"HELLO BMC")
            assert port.watched
            await terminal.type(b"&B")
            await until(lambda: port.breaks)
            assert port.breaks == 1
            await terminal.type(b"&.")
            await terminal.until(b"closing the connection")
            await until(lambda: not port.watched)
        assert served.bmc.state.sol.owner is None
        assert b"HELLO BMC" in terminal.seen


async def test_ipmitool_reads_and_sets_the_configuration(peer: FindPeer) -> None:
    ipmitool = peer("ipmitool")
    async with open_virtual_bmc(users=(USER,)) as served:
        code, text = await run(ipmitool, *lanplus(served), "sol", "info", "1")
        assert code == 0, text
        assert f"Payload Port                    : {served.port}" in text
        assert "Volatile Bit Rate (kbps)        : 115.2" in text
        code, text = await run(ipmitool, *lanplus(served), "sol", "set", "volatile-bit-rate", "19.2", "1")
        assert code == 0, text
        code, text = await run(ipmitool, *lanplus(served), "sol", "info", "1")
        assert "Volatile Bit Rate (kbps)        : 19.2" in text
        code, text = await run(ipmitool, *lanplus(served), "sol", "payload", "status", "1", "1")
        assert (code, "enabled" in text) == (0, True), text
        code, text = await run(ipmitool, *lanplus(served), "sol", "payload", "disable", "1", "1")
        assert code == 0, text
        code, text = await run(ipmitool, *lanplus(served), "sol", "payload", "status", "1", "1")
        assert "disabled" in text


async def test_ipmitool_is_refused_a_console_that_is_taken_and_ends_it_when_asked(peer: FindPeer) -> None:
    ipmitool = peer("ipmitool")
    async with (
        open_virtual_bmc(users=(USER,)) as served,
        log_in(served) as bmc,
        bmc.console(reactivate=False) as console,
    ):
        code, text = await run(ipmitool, *lanplus(served), "sol", "activate")
        assert code != 0
        assert "already active on another session" in text
        code, text = await run(ipmitool, *lanplus(served), "sol", "deactivate")
        assert code == 0, text
        assert await console.receive_some() == b""
        (event,) = [event async for event in console.events()]
        assert event.kind is ConsoleEventKind.DEACTIVATED


async def test_conman_runs_a_console_through_its_ipmi_driver(peer: FindPeer, tmp_path: Path) -> None:
    conmand, conman = peer("conmand"), peer("conman")
    require_standard_port()
    async with open_virtual_bmc(BmcConfig(users=(USER,)), host=STANDARD_HOST, port=623) as served:
        port = upper_case(served)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            daemon_port: int = probe.getsockname()[1]
        configuration = tmp_path / "conman.conf"
        configuration.write_text(
            f"server loopback=on\nserver port={daemon_port}\nserver keepalive=on\n"
            f'server pidfile="{tmp_path}/pid"\nserver logfile="{tmp_path}/log"\n'
            f'console name="x" dev="ipmi:{served.host}" ipmiopts="U:admin,P:secret,C:3"\n'
        )
        daemon = [str(conmand), "-F", "-c", str(configuration)]
        async with open_background_nursery() as nursery:
            await nursery.start(
                partial(trio.run_process, daemon, check=False, capture_stdout=True, capture_stderr=True)
            )
            with trio.fail_after(20):
                await until(lambda: port.watched)
            async with open_terminal(conman, "-d", f"127.0.0.1:{daemon_port}", "x") as terminal:
                await terminal.until(b"<ConMan> Connection to console [x] opened")
                await terminal.type(b"hello conman")
                await terminal.until(b"HELLO CONMAN")
            assert port.watched  # by the daemon, also when nobody looks at it
            assert b"HELLO CONMAN" in terminal.seen


BURST = (
    30_000  # bytes, of which ipmi_sim passes on 16,384 for sure; what is beyond its buffer it may drop without a word
)
SIM_BUFFER = 16_384


class Machine(socketserver.BaseRequestHandler):
    """What is behind the simulator's serial port: a burst when told GO, capitals otherwise."""

    def handle(self) -> None:
        connection: socket.socket = self.request
        while data := connection.recv(4096):
            connection.sendall(burst() if data == b"GO" else data.upper())


def burst() -> bytes:
    return b"".join(b"%07d\n" % number for number in range(BURST // 8))


def test_console_outlives_a_burst_that_ipmi_sim_cuts(peer: FindPeer, tmp_path: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Machine) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            device = f"tcp:127.0.0.1:{server.server_address[1]}"
            with run_ipmi_sim(peer("ipmi_sim"), tmp_path, sol=device) as sim:
                seen = trio.run(outlive, sim.port)
        finally:
            server.shutdown()
            thread.join()
    assert seen[0][:SIM_BUFFER] == burst()[:SIM_BUFFER]
    assert [text.endswith(end) for text, end in zip(seen[1:], (b"STILL THERE", b"AND AGAIN"), strict=True)] == [
        True
    ] * 2


async def outlive(port: int) -> list[bytes]:
    """What came after the burst was asked for, after something was typed, and after the console was reactivated."""
    with trio.fail_after(30):
        async with (
            open_bmc("127.0.0.1", port=port, username="admin", password="adminpw", cipher_suite=3) as bmc,
            bmc.console() as console,
        ):
            await console.send_all(b"GO")
            seen = [await receive_until_quiet(console)]
            await console.send_all(b"still there")
            seen.append(await receive_until_quiet(console))
            assert console.status.activations == 1
            events = console.events()
            await console.reactivate()
            await console.send_all(b"and again")
            seen.append(await receive_until_quiet(console))
            told = [events.receive_nowait().kind for _ in range(2)]
            assert told == [ConsoleEventKind.GAP, ConsoleEventKind.REACTIVATED]
            return seen


async def receive_until_quiet(console: Console) -> bytes:
    data = bytearray()
    while True:
        with trio.move_on_after(1):
            data += await console.receive_some()
            continue
        return bytes(data)


@pytest.mark.parametrize("direction", ["from the machine", "to the machine"])
async def test_ten_megabytes_arrive_bit_by_bit(direction: str) -> None:
    size = 10 << 20
    sent = random.Random(1).randbytes(size)
    async with open_virtual_bmc(users=(USER,)) as served, log_in(served) as bmc, bmc.console() as console:
        port = served.bmc.state.sol.port
        received = bytearray()
        if direction == "to the machine":
            port.wake_host = lambda: received.extend(port.host_read(1 << 20))
            await console.send_all(sent)
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(feed, port, sent)
                while len(received) < size:
                    received += await console.receive_some()
        assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest()


async def feed(port: SerialPort, data: bytes) -> None:
    """Be a machine that writes as fast as its serial port takes it."""
    view, room = memoryview(data), trio.Event()
    port.wake_host = lambda: room.set()
    while view:
        room = trio.Event()
        view = view[port.host_write(bytes(view[: 1 << 16])) :]
        if view and not port.room:
            await room.wait()
