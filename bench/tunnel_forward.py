"""One measurement from end to end, between a TCP client and a TCP server, with two processes between them.

    python -m bench.tunnel_forward conduit|ssh|direct [--size BYTES] --folder CERTIFICATES

``conduit`` is ``conduit tunnel listen`` and ``dial``; ``ssh`` is ``ssh -R`` to an OpenSSH server of our own, with keys
of our own, on loopback, with its default cipher. CPU is that of the two processes in between, or of all that sshd makes
of itself. The client and the server are blocking sockets, the same for all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket  # noqa: TID251 - blocking sockets cost the least
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.measure import percentile
from bench.run import ROOT, environment
from bench.tunnel_ends import cpu_of

HOST: Final = "127.0.0.1"
PIECE: Final = 256 << 10
MESSAGE: Final = 32
PINGS: Final = 3000
WARM_UP: Final = 32 << 20  # bytes
PATIENCE: Final = 15.0  # seconds until everything is there
ACK: Final = b"all"
PROOF: Final = b"P"
BULK: Final = b"B"
ECHO: Final = b"E"
Pids = Callable[[], list[int]]


def free_port() -> int:
    """A TCP port that nobody has now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
    return port


def connected(port: int) -> socket.socket:
    """A connection that does not wait to fill packets."""
    sock = socket.create_connection((HOST, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    """*count* bytes, or fewer at the end."""
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


# --- the server at the far end, a process ---


def answer(sock: socket.socket) -> None:
    """Take bytes and say so, or send them back."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(PIECE))
    with sock:
        while kind := sock.recv(1):
            left = int.from_bytes(receive_exactly(sock, 8), "big")
            digest = hashlib.sha256()
            while left > 0 and (count := sock.recv_into(buffer[: min(left, PIECE)])):
                left -= count
                if kind == PROOF:
                    digest.update(buffer[:count])
                elif kind == ECHO:
                    sock.sendall(buffer[:count])
            sock.sendall(digest.digest() if kind == PROOF else b"" if kind == ECHO else ACK)


def serve(port: int) -> None:
    """For ever, or until standard input ends."""
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    with socket.create_server((HOST, port)) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=answer, args=(sock,), daemon=True).start()


# --- what is in between ---


@contextmanager
def process(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    with log.open("wb") as file:
        one = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, env=environment(), cwd=ROOT
        )
        try:
            yield one
        finally:
            one.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                one.communicate(timeout=3)
            one.kill()
            one.communicate()


@contextmanager
def between_conduit(stack: ExitStack, folder: Path, user: int, target: int) -> Iterator[Pids]:
    """``conduit tunnel listen`` and ``dial``."""
    port = free_port()
    conduit = (sys.executable, "-m", "conduit", "tunnel")
    tls = ("--keys", str(folder), "--output", "json")
    listen = (*conduit, "listen", *tls, "--listen", f"{HOST}:{port}", "--forward", f"{HOST}:{user}=bench")
    dial = (*conduit, "dial", f"{HOST}:{port}", *tls, "--expose", f"bench={HOST}:{target}", "--drain-time", "0")
    gateway = stack.enter_context(process(*listen, "--drain-time", "0", log=folder / "listen.log"))
    agent = stack.enter_context(process(*dial, log=folder / "dial.log"))
    yield lambda: [gateway.pid, agent.pid]


SSHD: Final = """\
Port {port}
ListenAddress {host}
HostKey {folder}/ssh_host
AuthorizedKeysFile {folder}/ssh_user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
AllowTcpForwarding yes
"""


@contextmanager
def between_ssh(stack: ExitStack, folder: Path, user: int, target: int) -> Iterator[Pids]:
    """``ssh -R``: its client is the Agent, its server the Gateway."""
    port = free_port()
    for name in ("ssh_host", "ssh_user"):
        if not (folder / name).exists():
            keygen = shutil.which("ssh-keygen") or "/usr/bin/ssh-keygen"
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    config = folder / "sshd_config"
    config.write_text(SSHD.format(port=port, host=HOST, folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    server = stack.enter_context(process(sshd, "-D", "-e", "-f", str(config), log=folder / "sshd.log"))
    options = [
        "-N", "-F", "none", "-p", str(port), "-i", str(folder / "ssh_user"), "-o", "StrictHostKeyChecking=no",
        "-o", f"UserKnownHostsFile={folder}/known", "-o", "ExitOnForwardFailure=yes", "-o", "ConnectionAttempts=20",
    ]  # fmt: skip
    client = stack.enter_context(
        process("ssh", *options, "-R", f"{HOST}:{user}:{HOST}:{target}", HOST, log=folder / "ssh.log")
    )

    def pids() -> list[int]:
        """The client, and the server's process with those it forked."""
        return [client.pid, *descendants(server.pid)]

    yield pids


def descendants(pid: int) -> list[int]:
    """*pid* and the processes under it."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += descendants(int(child))
    return found


@contextmanager
def between_nothing(stack: ExitStack, folder: Path, user: int, target: int) -> Iterator[Pids]:
    """The client and the server, directly."""
    yield list


BETWEEN: Final = {"conduit": between_conduit, "ssh": between_ssh, "direct": between_nothing}


# --- the client ---


def say(sock: socket.socket, kind: bytes, size: int) -> None:
    """What follows."""
    sock.sendall(kind + size.to_bytes(8, "big"))


def push(sock: socket.socket, size: int) -> None:
    """Send *size* bytes and wait until they have been taken."""
    say(sock, BULK, size)
    piece = memoryview(bytes(PIECE))
    for at in range(0, size, PIECE):
        sock.sendall(piece[: size - at])
    if receive_exactly(sock, len(ACK)) != ACK:
        raise RuntimeError("the other end did not get everything")


def prove(sock: socket.socket, size: int) -> None:
    """Random bytes arrive as they were sent."""
    say(sock, PROOF, size)
    digest = hashlib.sha256()
    for at in range(0, size, PIECE):
        piece = secrets.token_bytes(min(PIECE, size - at))
        digest.update(piece)
        sock.sendall(piece)
    if receive_exactly(sock, 32) != digest.digest():
        raise RuntimeError("the bytes that arrived are not those that were sent")


def pings(sock: socket.socket) -> list[float]:
    """Round trips in seconds."""
    say(sock, ECHO, PINGS * MESSAGE)
    taken = []
    for _ in range(PINGS):
        began = time.perf_counter()
        sock.sendall(bytes(MESSAGE))
        receive_exactly(sock, MESSAGE)
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def try_until_there(port: int) -> None:
    """Wait until the whole chain answers.

    :raises RuntimeError: it does not.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), connected(port) as sock:
            sock.settimeout(2)
            push(sock, 1)
            return
        time.sleep(0.05)  # noqa: TID251  # there is no Trio here
    raise RuntimeError("nobody answers at the other end")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """One row."""
    target = free_port()
    user = target if options.what == "direct" else free_port()
    with ExitStack() as stack:
        command = (sys.executable, "-m", "bench.tunnel_forward", "serve", "--port", str(target))
        stack.enter_context(process(*command, log=options.folder / "server.log"))
        pids = stack.enter_context(BETWEEN[options.what](stack, options.folder, user, target))
        with suppress(RuntimeError):
            try_until_there(user)
        with connected(user) as sock:
            if options.prove:
                prove(sock, options.size)
                return {"equal": 1.0}
            push(sock, WARM_UP)
            before, began = sum(map(cpu_of, pids())), time.perf_counter()
            push(sock, options.size)
            seconds = time.perf_counter() - began
            cpu = sum(map(cpu_of, pids())) - before
        with connected(user) as sock:
            taken = pings(sock)
    return {
        "MB/s": options.size / seconds / 1e6,
        "cpu s/GB": cpu / options.size * 1e9,
        "p50 us": percentile(taken, 0.5) * 1e6,
        "p99 us": percentile(taken, 0.99) * 1e6,
    }


def main() -> None:
    """Measure and print JSON, or be the server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=[*BETWEEN, "serve"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--size", type=int, default=400_000_000)
    parser.add_argument("--prove", action="store_true", help="compare digests instead")
    options = parser.parse_args()
    if options.what == "serve":
        serve(options.port)
    else:
        sys.stdout.write(json.dumps(measure(options)) + "\n")


if __name__ == "__main__":
    main()
