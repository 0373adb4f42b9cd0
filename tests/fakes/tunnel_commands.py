"""``conduit tunnel`` in processes of its own, as people run it, with users and targets that know nothing of Trio."""

from __future__ import annotations

import hashlib
import json
import signal
import socket  # noqa: TID251  # users and targets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
PATIENCE: Final = 20.0  # seconds
Event = dict[str, Any]  # JSON


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """One command that ends by itself."""
    command = [sys.executable, "-m", "conduit", "tunnel", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


class Command:
    """A command that goes on, and tells what happens."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "conduit", "tunnel", *words, "--output", "json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(self, event: str, **facts: object) -> Event:
        """The next event of that name in which *facts* are so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found: Event = json.loads(line)
            if found["event"] == event and facts.items() <= found.items():
                return found
        raise AssertionError(f"it ended before {event}: {self.process.communicate()[1]}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit status after a signal."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextmanager
def target(echoes: bool = True) -> Iterator[int]:
    """A TCP server's port; it sends everything back, or takes it and answers with its digest."""

    def answer(sock: socket.socket) -> None:
        digest = hashlib.sha256()
        with sock, suppress(OSError):
            while data := sock.recv(1 << 18):
                digest.update(data)
                if echoes:
                    sock.sendall(data)
            if not echoes:
                sock.sendall(digest.digest())

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def send_all(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def receive_all(sock: socket.socket) -> bytes:
    data = b""
    while more := sock.recv(1 << 18):
        data += more
    return data


class Running:
    """A Gateway and an Agent that exposes ``web``."""

    def __init__(
        self, stack: ExitStack, keys: str, web: int, *options: str, agent_options: tuple[str, ...] = ()
    ) -> None:
        self._stack, self._keys, self._web = stack, keys, web
        words = ("listen", "--keys", keys, "--listen", f"{HOST}:0", "--forward", f"{HOST}:0=web", *options)
        self.gateway = stack.enter_context(Command(*words))
        self.agents: str = self.gateway.until("ready", what="agents")["address"]
        self.users: str = self.gateway.until("ready", what="web")["address"]
        self.agent = self.dial(self.agents, *agent_options)
        self.gateway.until("connected")

    def dial(self, address: str, *options: str) -> Command:
        words = ("dial", address, "--keys", self._keys, "--expose", f"web={HOST}:{self._web}", *options)
        return self._stack.enter_context(Command(*words))


@contextmanager
def running(keys: str, *options: str, agent_options: tuple[str, ...] = ()) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(stack, keys, stack.enter_context(target()), *options, agent_options=agent_options)


def make_keys(folder: Path) -> str:
    """Where they are; of two Agents, ``agent`` and ``other``."""
    assert run("keys", str(folder), "--agent", "agent", "--agent", "other").returncode == 0
    return str(folder)
