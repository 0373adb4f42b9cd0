"""The Connect project's client for Node, in each of its forms: Connect, gRPC and gRPC-Web, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.descriptors import descriptor_set
from tests.whole_path import ACME, WholePath

pytestmark = pytest.mark.interop
HERE = Path(__file__).with_name("connect_node")
ROOT = Path(__file__).parents[2]
NODE = ROOT / ".node/bin"
CALLS = 100

# form, HTTP, binary; whether a stream may go both ways at once
FORMS = [
    ("connect", "2", True, True),
    ("connect", "2", False, True),
    ("connect", "1.1", True, False),
    ("connect", "1.1", False, False),
    ("grpc", "2", True, True),
    ("grpc-web", "2", True, True),
    ("grpc-web", "1.1", True, False),
]


def missing(reason: str) -> None:
    if os.environ.get("CONDUIT_REQUIRE_PEERS", "") not in {"", "0"}:
        pytest.fail(f"{reason}, and CONDUIT_REQUIRE_PEERS is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def node() -> Path:
    """Node, with the locked packages beside the client."""
    if not (NODE / "node").exists():
        missing("Node is not set up (make web)")
    installed, lock = HERE / "node_modules/.package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        environment = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        command = [str(NODE / "npm"), "ci", "--silent"]
        done = subprocess.run(
            command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=50, check=False
        )
        if done.returncode:
            missing(f"npm could not install the client: {done.stderr.strip()[-200:]}")
    return NODE / "node"


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return descriptor_set(tmp_path_factory.mktemp("descriptors"))


@pytest.mark.parametrize(("form", "version", "binary", "bidi"), FORMS)
def test_a_client_for_node_does_everything_in_this_form(
    path: WholePath, node: Path, descriptors: Path, form: str, version: str, binary: bool, bidi: bool
) -> None:
    settings = {
        "form": form,
        "httpVersion": version,
        "useBinaryFormat": binary,
        "manager": path.manager,
        "email": ACME,
        "password": path.password(ACME),
        "server": "web-01",
        "foreign": "build-01",
        "calls": CALLS,
        "bidi": bidi,
    }
    answer = run(node, descriptors, settings)
    assert answer["servers"] == ["db-01", "legacy-01", "web-01", "web-02"]
    assert (answer["state"], path.is_on("web-01")) == (1, True)
    assert answer["healthy"] == CALLS
    assert answer["nobody"] == "Unauthenticated"
    assert answer["foreign"] == "PermissionDenied"
    assert answer["unknown"] == "NotFound"
    assert answer["late"] == "DeadlineExceeded"
    assert answer["watched"] == 1
    if bidi:
        assert re.search("ONE.*TWO.*THREE", answer["console"], re.DOTALL)  # while the firmware talks, too


def run(node: Path, descriptors: Path, settings: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [node, HERE / "client.js", descriptors],
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_lock_file_names_no_registry() -> None:
    assert "://" not in (HERE / "package-lock.json").read_text()
