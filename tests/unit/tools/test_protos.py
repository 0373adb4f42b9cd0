"""The .proto files: lint, what generated the code, and that clients of what was released still work."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.executable).parent
API = Path("src/conduit/services/api")


def buf(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run(
        [TOOLS / "buf", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    for name in ("buf.yaml", "buf.gen.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def breaks(folder: Path) -> str:
    return buf("breaking", "--against", "proto/released.binpb", folder=folder).stdout


def test_the_linter_is_content() -> None:
    for words in (["lint"], ["format", "--diff", "--exit-code"]):
        done = buf(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_that_was_released_is_broken() -> None:
    done = buf("breaking", "--against", "proto/released.binpb")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "  string session_id = 1;\n  string server_id = 2;\n  bytes data = 3;",
            "  string session_id = 1;\n  bytes data = 3;",
        ),
        ("  bool wait = 20;", "  bool wait = 24;"),
        ("  POWER_STATE_OFF = 2;", "  POWER_STATE_OUT = 2;"),
    ],
)
def test_a_field_that_goes_or_moves_is_noticed(copy: Path, old: str, new: str) -> None:
    file = copy / "proto/gateway/v1/gateway.proto"
    text = file.read_text()
    assert old in text
    assert breaks(copy) == ""
    file.write_text(text.replace(old, new))
    assert "gateway.proto" in breaks(copy)


def test_a_field_may_be_added(copy: Path) -> None:
    file = copy / "proto/gateway/v1/gateway.proto"
    file.write_text(file.read_text().replace("  bool wait = 20;", "  bool wait = 20;\n  bool later = 39;"))
    assert breaks(copy) == ""


def test_the_code_is_what_the_files_generate(copy: Path) -> None:
    done = buf("generate", folder=copy)
    assert done.returncode == 0, done.stderr
    made = sorted(path.relative_to(copy / API) for path in (copy / API).rglob("*.py") if path.name != "__init__.py")
    kept = sorted(path.relative_to(ROOT / API) for path in (ROOT / API).rglob("*.py") if path.name != "__init__.py")
    assert made == kept
    assert [path for path in made if not filecmp.cmp(copy / API / path, ROOT / API / path, shallow=False)] == []
