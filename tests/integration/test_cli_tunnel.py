"""``conduit tunnel`` in processes of its own, as people run it."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import socket  # noqa: TID251  # users and targets that know nothing of Trio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest

HOST: Final = "127.0.0.1"
ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 20.0  # seconds
CUTS: Final = 10
CUT_SIZE: Final = 60_000_000  # bytes that pass while the connection is cut
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


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("keys")
    assert run("keys", str(folder), "--agent", "agent", "--agent", "other").returncode == 0
    return str(folder)


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


def until_turned_away(address: str) -> None:
    """Come as a user until there is no way in."""
    give_up = time.monotonic() + PATIENCE
    with suppress(ConnectionError):
        while time.monotonic() < give_up:
            with connect(address) as user:
                user.sendall(b"x")
                assert user.recv(1) == b"x"
        raise AssertionError("users are let in as before")


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


def test_bytes_pass_both_ways_as_they_are(keys: str) -> None:
    data = secrets.token_bytes(5_000_000)
    with running(keys) as lab, connect(lab.users) as user:
        sender = threading.Thread(target=send_all, args=(user, data))
        sender.start()
        assert hashlib.sha256(receive_all(user)).digest() == hashlib.sha256(data).digest()
        sender.join()
        told = lab.gateway.until("forwarded")
        assert (told["name"], told["sent"], told["got"], told["failure"]) == ("web", len(data), len(data), "")


def test_a_target_that_is_down_is_said_on_both_sides(keys: str) -> None:
    with target() as port:
        pass
    with ExitStack() as stack:
        lab = Running(stack, keys, port)
        with pytest.raises(ConnectionResetError), connect(lab.users) as user:
            receive_all(user)
        assert "connect failed" in lab.gateway.until("forwarded")["failure"]
        assert "cannot connect to 127.0.0.1" in lab.agent.until("forwarded")["failure"]


def test_an_agent_that_was_killed_comes_back(keys: str) -> None:
    with running(keys) as lab:
        lab.agent.stop(signal.SIGKILL)
        lab.gateway.until("lost")
        with pytest.raises(ConnectionResetError), connect(lab.users) as user:
            receive_all(user)
        lab.dial(lab.agents)
        lab.gateway.until("connected", identity="conduit://agent/agent")
        with connect(lab.users) as user:
            user.sendall(b"x")
            assert user.recv(1) == b"x"


def test_an_agent_dials_again_until_the_gateway_is_there(keys: str) -> None:
    with running(keys) as lab:
        assert lab.gateway.stop(signal.SIGKILL) == -signal.SIGKILL
        lab.agent.until("retry")
        words = ("listen", "--keys", keys, "--listen", lab.agents, "--forward", f"{HOST}:0=web")
        with Command(*words) as again:
            again.until("connected")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("who", "options"), [("gateway", ()), ("agent", ()), ("agent", ("--once",))])
def test_a_second_signal_stops_at_once(keys: str, who: str, number: signal.Signals, options: tuple[str, ...]) -> None:
    with running(keys, agent_options=options) as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        leaving: Command = getattr(lab, who)
        leaving.process.send_signal(number)
        leaving.until("draining")
        assert leaving.stop(number) == 0


def test_without_open_connections_one_signal_ends_both_and_the_other_is_told_why(keys: str) -> None:
    with running(keys) as lab:
        assert lab.agent.stop() == 0
        assert "leaves" in lab.gateway.until("lost")["reason"]
        agent = lab.dial(lab.agents)
        lab.gateway.until("connected")
        assert lab.gateway.stop() == 0
        assert "the Gateway leaves" in agent.until("retry")["reason"]


def test_what_is_open_has_no_more_than_the_drain_time(keys: str) -> None:
    with running(keys, "--drain-time", "0.3") as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        lab.gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            receive_all(user)
        lab.gateway.process.communicate(timeout=PATIENCE)
        assert lab.gateway.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("who", "options"), [("gateway", ()), ("agent", ()), ("agent", ("--once",))])
def test_a_signal_lets_what_is_open_end_and_takes_nothing_new(
    keys: str, who: str, number: signal.Signals, options: tuple[str, ...]
) -> None:
    with running(keys, agent_options=options) as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"
        leaving: Command = getattr(lab, who)
        leaving.process.send_signal(number)
        leaving.until("draining")
        until_turned_away(lab.users)
        user.sendall(b"y")
        assert user.recv(1) == b"y"
        user.shutdown(socket.SHUT_WR)
        assert receive_all(user) == b""
        leaving.process.communicate(timeout=PATIENCE)
        assert leaving.process.returncode == 0


def test_only_agents_that_are_named_are_let_in(keys: str) -> None:
    with running(keys, "--agent", "agent") as lab:
        certificate = ("--cert", f"{keys}/other.pem", "--key", f"{keys}/other.key")
        done = run("dial", lab.agents, "--keys", keys, *certificate, "--expose", "web=127.0.0.1:1", "--once")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")


def test_a_forward_may_say_whose_target_it_means(keys: str) -> None:
    with running(keys, "--forward", f"{HOST}:0=nobody/web") as lab, connect(lab.users) as user:
        user.sendall(b"x")
        assert user.recv(1) == b"x"


def test_a_websocket_carries_it(keys: str) -> None:
    words = ("listen", "--keys", keys, "--listen", f"{HOST}:0", "--forward", f"{HOST}:0=web", "--websocket")
    with target() as web, Command(*words) as gateway:
        where = gateway.until("ready", what="agents")["address"]
        users = gateway.until("ready", what="web")["address"]
        road = ("--websocket", f"ws://{where}/x", "--proxy", "")
        with Command("dial", where, "--keys", keys, "--expose", f"web={HOST}:{web}", *road):
            gateway.until("connected")
            with connect(users) as user:
                user.sendall(b"x")
                assert user.recv(1) == b"x"


def test_every_address_may_be_one_of_ipv6(keys: str) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as web, ExitStack() as stack:
        words = ("listen", "--keys", keys, "--listen", "[::1]:0", "--forward", "[::1]:0=web")
        gateway = stack.enter_context(Command(*words))
        where = gateway.until("ready", what="agents")["address"]
        users = gateway.until("ready", what="web")["address"]
        assert where.startswith("[::1]:")
        target = f"web=[::1]:{web.getsockname()[1]}"
        stack.enter_context(Command("dial", where, "--keys", keys, "--expose", target))
        gateway.until("connected")
        with connect(users) as user:
            user.sendall(b"x")
            with web.accept()[0] as served:
                assert served.recv(1) == b"x"


def test_the_commands_of_the_page_bring_a_user_to_the_service(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "tunnel.md").read_text()
    commands = [line.removeprefix("$ conduit tunnel ").split() for line in page.splitlines() if line.startswith("$ ")]
    assert [words[0] for words in commands] == ["keys", "listen", "dial"]
    with target() as web, ExitStack() as stack:
        known = {"/tmp/keys": str(tmp_path / "keys"), "127.0.0.1:8080=web": f"{HOST}:0=web"}  # noqa: S108  # the page's
        known |= {"web=127.0.0.1:80": f"web={HOST}:{web}"}
        keys, listen, dial = ([known.get(word, word) for word in words] for words in commands)
        assert run(*keys).returncode == 0
        at = listen.index("127.0.0.1:7443")
        listen[at] = f"{HOST}:0"
        gateway = stack.enter_context(Command(*listen))
        dial[1] = gateway.until("ready", what="agents")["address"]
        users = gateway.until("ready", what="web")["address"]
        stack.enter_context(Command(*dial))
        gateway.until("connected")
        with connect(users) as user:
            user.sendall(b"x")
            assert user.recv(1) == b"x"


class Cutter:
    """A proxy on the way that breaks the connection when another *every* bytes have passed."""

    def __init__(self, address: str, every: int, cuts: int) -> None:
        self._address = address
        self._every = every
        self._left = cuts
        self._carried = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.address = f"{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def cuts_left(self) -> int:
        return self._left

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                pair = self._listener.accept()[0], connect(self._address)
                for here, there in (pair, pair[::-1]):
                    here.settimeout(None)
                    threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(1 << 16):
                there.sendall(data)
                if self._cuts_now(len(data)):
                    break
        for sock in (here, there):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _cuts_now(self, count: int) -> bool:
        with self._lock:
            self._carried += count
            if self._left and self._carried >= self._every:
                self._carried, self._left = 0, self._left - 1
                return True
        return False


def test_a_resumable_connection_survives_ten_cuts(keys: str) -> None:
    data = secrets.token_bytes(CUT_SIZE)
    with ExitStack() as stack:
        web = stack.enter_context(target(echoes=False))
        lab = Running(stack, keys, web, "--resumable")
        lab.agent.stop()
        lab.gateway.until("lost")
        cutter = Cutter(lab.agents, CUT_SIZE // (CUTS + 1), CUTS)
        stack.callback(cutter.close)
        lab.dial(cutter.address, "--max-pause", "0.2", "--server-name", "localhost")
        lab.gateway.until("connected")
        with connect(lab.users) as user:
            user.settimeout(60)
            send_all(user, data)
            assert receive_all(user) == hashlib.sha256(data).digest()
        assert cutter.cuts_left == 0
        told = lab.gateway.until("forwarded")
        assert (told["sent"], told["got"], told["failure"]) == (len(data), 32, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("dial", "nowhere", "--expose", "a=h:1"), "'nowhere' is not HOST:PORT"),
        (("dial", "h:1", "--expose", "a=h:1"), "certificates are needed"),
        (("dial", "h:1"), "--expose"),
        (("dial", "h:1", "--expose", "a=h:1", "--proxy", "socks5://u:p@h"), "none of http:// and https://"),
        (("dial", "h:1", "--expose", "a=h:1", "--websocket", "http://h"), "no URL such as wss://"),
        (("listen", "--forward", "8080=web", "--keys", "k"), "'8080' is not HOST:PORT"),
        (("listen", "--forward", "127.0.0.1:1=a", "--keys", "nowhere"), "there is no file 'nowhere/gateway.pem'"),
        (("keys", "k", "--agent", "gateway"), "the names of other files"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_failure_is_one_line_and_status_1(keys: str) -> None:
    with target() as port:
        pass
    done = run("dial", f"{HOST}:{port}", "--keys", keys, "--expose", "a=127.0.0.1:1", "--once")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot connect to 127.0.0.1")
    assert len(done.stderr.splitlines()) == 1
    with target() as port:
        done = run("listen", "--listen", f"{HOST}:{port}", "--keys", keys, "--forward", f"{HOST}:0=a")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot listen on 127.0.0.1")


@pytest.mark.parametrize("words", [(), ("dial",), ("listen",), ("keys",)])
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.returncode == 0
    assert "conduit tunnel" in done.stdout
    assert "xample" in done.stdout or "Try it" in done.stdout


def test_keys_warn_and_do_not_overwrite(tmp_path: Path) -> None:
    first = run("keys", str(tmp_path / "k"))
    assert first.returncode == 0
    assert "for trying it out" in first.stderr
    again = run("keys", str(tmp_path / "k"))
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert run("keys", str(tmp_path / "k"), "--force").returncode == 0
