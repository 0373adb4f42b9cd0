"""Vino, the server that TLS (18) comes from: it offers nothing else, inside of it VncAuth, and speaks RFB 3.7.

Until it has read its settings it listens on all addresses, so it gets a network of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from tests.interop.displays import PASSWORD, PATIENCE, Displays, FindPeer, running
from tests.interop.x11 import XClient

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

PLACE: Final = (40, 30, 64, 32)  # x, y, width, height
PAINTING: Final = b"".join(bytes((3 * n % 256, n % 256, n // 8 % 256, 0)) for n in range(PLACE[2] * PLACE[3]))
SERVER: Final = Path("/usr/lib/vino/vino-server")
SETTINGS: Final = f"""[org/gnome/desktop/remote-access]
prompt-enabled=false
network-interface='lo'
require-encryption=true
authentication-methods=['vnc']
vnc-password='{b64encode(PASSWORD.encode()).decode()}'
notify-on-connect=false
icon-visibility='never'
"""


@pytest.fixture(scope="module")
def network(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """What runs a command where the server is, on 127.0.0.1:5900."""
    folder = tmp_path_factory.mktemp("vino")
    alone, enter, ip, bus = (str(peer(name)) for name in ("unshare", "nsenter", "ip", "dbus-run-session"))
    server = str(peer(str(SERVER)))
    keyfile = folder / "glib-2.0" / "settings" / "keyfile"
    keyfile.parent.mkdir(parents=True)
    keyfile.write_text(SETTINGS)
    with ExitStack() as stack:
        x = Displays(peer, folder, stack).xvfb()
        stack.enter_context(XClient(int(x.removeprefix(":")))).draw(*PLACE, PAINTING)
        env = os.environ | {"DISPLAY": x, "XDG_CONFIG_HOME": str(folder), "GSETTINGS_BACKEND": "keyfile"}
        inside = f"{ip} link set lo up && exec {bus} -- {server}"
        log = folder / "vino.log"
        command = [alone, "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", inside]
        process = stack.enter_context(running(command, log, env=env))
        entered = (enter, "--target", str(process.pid), "--user", "--net", "--preserve-credentials")
        wait_for_settings(entered, log)
        yield entered


def wait_for_settings(entered: tuple[str, ...], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while "VNC Authentication" not in log.read_text(errors="replace") or conduit(entered, "info").returncode:
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)  # noqa: TID251  # a process has no event


def conduit(
    entered: tuple[str, ...], *words: str, password: str = PASSWORD, options: tuple[str, ...] = ("--anonymous-tls",)
) -> subprocess.CompletedProcess[bytes]:
    command = [*entered, sys.executable, "-m", "conduit", "rfb", "127.0.0.1", *options, *words]
    env = os.environ | {"CONDUIT_RFB_PASSWORD": password}
    return subprocess.run(command, capture_output=True, env=env, timeout=PATIENCE, check=False)


def test_we_log_in_inside_of_its_tls(network: tuple[str, ...]) -> None:
    told = conduit(network, "info", "--output", "json")
    assert told.returncode == 0, told.stderr
    info = json.loads(told.stdout)
    assert info.items() >= {"version": "3.7", "offered": ["tls"], "offered_inside": ["vnc"], "encrypted": True}.items()
    told = conduit(network, "screenshot", "-o", "-")
    assert told.returncode == 0, told.stderr
    x, y, width, height = PLACE
    with Image.open(BytesIO(told.stdout)) as picture:
        assert picture.size == (640, 480)
        assert picture.convert("RGBX").crop((x, y, x + width, y + height)).tobytes("raw", "BGRX") == PAINTING


def test_a_wrong_password_is_refused(network: tuple[str, ...]) -> None:
    told = conduit(network, "screenshot", "-o", "-", password="wrong")
    assert (told.returncode, told.stdout) == (1, b"")
    assert b"refuses the login" in told.stderr


def test_it_is_not_believed_unless_we_say_so(network: tuple[str, ...]) -> None:
    told = conduit(network, "screenshot", "-o", "-", options=())
    assert (told.returncode, told.stdout) == (1, b"")
    assert b"does not say who it is" in told.stderr
