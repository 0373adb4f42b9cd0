"""What `buf` makes of the .proto files, for clients that have no generated code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")


def buf(*words: str | Path, timeout: float = 30) -> str:
    """What it says; it must succeed."""
    done = subprocess.run([BUF, *words], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def descriptor_set(folder: Path) -> Path:
    """A file with google.protobuf.FileDescriptorSet."""
    made = folder / "descriptors.binpb"
    buf("build", "--as-file-descriptor-set", "-o", made)
    return made
