"""tools/demo.py, with a fake `conduit` that keeps to the real one's contract or breaks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "tools" / "demo.py"
PASSWORD = "placeholder"

FAKE = """\
import os, signal, sys, time
from pathlib import Path

HERE = Path(__file__).parent
words = sys.argv[1:]
if words[:2] == ["bmc", "sim"]:
    (HERE / "sim.pid").write_text(str(os.getpid()))
    port = int(words[words.index("--listen") + 1].rpartition(":")[2])
    if "dies" in os.environ["FAKE"]:
        sys.exit(3)
    for number in range(int(words[words.index("--count") + 1])):
        print(f"ready 127.0.0.1:{port + number}", flush=True)
    signal.pause()
assert words[0] == "ipmi"
if os.environ.get("IPMI_PASSWORD") != "placeholder" or "placeholder" in words:
    sys.exit("password not passed through the environment alone")
if "power on" in " ".join(words) and "refuses" in os.environ["FAKE"]:
    sys.exit(1)
print("answer to", " ".join(words[words.index("-E") + 1:]))
"""


@contextmanager
def started_demo(folder: Path, *options: str, fake: str = "") -> Iterator[subprocess.Popen[str]]:
    script = folder / "conduit.py"
    script.write_text(FAKE)
    words = [sys.executable, str(DEMO), "--conduit", f"{sys.executable} {script}", "--password", PASSWORD, *options]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FAKE": fake},
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.kill()


def simulator_is_gone(folder: Path) -> bool:
    try:
        os.kill(int((folder / "sim.pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
def test_shows_every_command_and_its_answer_and_ends(tmp_path: Path) -> None:
    with started_demo(tmp_path, "--once", "--port", "19301") as demo:
        out, err = demo.communicate(timeout=30)
    assert (demo.returncode, err) == (0, "")
    assert "ready 127.0.0.1:19303" in out
    assert "$ conduit ipmi -H 127.0.0.1 -p 19301 -U admin -E power status\nanswer to power status\n" in out
    assert "answer to --output json power status" in out
    assert simulator_is_gone(tmp_path)


def test_a_shown_command_that_fails_fails_the_demo(tmp_path: Path) -> None:
    with started_demo(tmp_path, "--once", fake="refuses") as demo:
        _, err = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert err == "demo: `power on` failed with exit status 1\n"
    assert simulator_is_gone(tmp_path)


def test_bmcs_that_do_not_start_fail_the_demo(tmp_path: Path) -> None:
    with started_demo(tmp_path, "--once", fake="dies") as demo:
        _, err = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert err == "demo: the virtual BMCs ended with exit status 3\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_demo_and_its_bmcs(tmp_path: Path, number: signal.Signals) -> None:
    with started_demo(tmp_path) as demo:
        assert demo.stdout is not None
        assert any(line.startswith("The virtual BMCs stay up") for line in demo.stdout)
        assert not simulator_is_gone(tmp_path)
        demo.send_signal(number)
        out, err = demo.communicate(timeout=30)
    assert (demo.returncode, err) == (0, "")
    assert out.endswith("Demo ended.\n")
    assert simulator_is_gone(tmp_path)
