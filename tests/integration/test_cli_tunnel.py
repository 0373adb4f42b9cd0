"""``conduit tunnel`` in processes of its own, as people run it."""

from __future__ import annotations

import hashlib
import secrets
import signal
import socket  # noqa: TID251  # users and targets that know nothing of Trio
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.tunnel_commands import (
    HOST,
    Command,
    Running,
    connect,
    make_keys,
    receive_all,
    run,
    running,
    send_all,
    target,
)

ROOT: Final = Path(__file__).resolve().parents[2]
CUTS: Final = 10
CUT_SIZE: Final = 60_000_000  # bytes that pass while the connection is cut


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_keys(tmp_path_factory.mktemp("keys"))


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
