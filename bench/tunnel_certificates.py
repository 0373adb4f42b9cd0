"""Throw-away certificates for the benchmarks' tunnels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conduit.tunnel.link import TlsFiles
from tests.fakes.certificates import Authority

AGENT: Final = "agent"
GATEWAY: Final = "gateway"


def make(folder: Path) -> None:
    """A CA and both ends' files in *folder*."""
    authority = Authority(folder)
    authority.issue(f"conduit://agent/{AGENT}")
    authority.issue(f"conduit://gateway/{GATEWAY}")


def files(folder: Path, name: str) -> TlsFiles:
    """One end's."""
    return TlsFiles(certificate=folder / f"{name}.pem", key=folder / f"{name}.key", ca=folder / "ca.pem")
