from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest

from conduit.cli.tunnel.keys import make, write
from conduit.errors import LocalProtocolError, TransportError
from conduit.tunnel.link import TlsFiles


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    paths = make(folder, ("a1", "a2"), (), 30, force=False)
    assert [path.name for path in paths] == [
        "ca.pem", "gateway.pem", "gateway.key", "a1.pem", "a1.key", "a2.pem", "a2.key",
    ]  # fmt: skip
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert modes[".key"] == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_certificates_are_ones_that_a_tunnel_takes(tmp_path: Path) -> None:
    make(tmp_path, ("a1",), ("gateway.example", "192.0.2.1"), 30, force=False)
    for name in ("gateway", "a1"):
        files = TlsFiles(certificate=tmp_path / f"{name}.pem", key=tmp_path / f"{name}.key", ca=tmp_path / "ca.pem")
        assert files.server_context().verify_mode is ssl.CERT_REQUIRED


def test_nothing_is_overwritten_unless_forced(tmp_path: Path) -> None:
    make(tmp_path, ("a1",), (), 30, force=False)
    before = (tmp_path / "a1.key").read_bytes()
    with pytest.raises(LocalProtocolError, match="--force"):
        make(tmp_path, ("a1",), (), 30, force=False)
    assert (tmp_path / "a1.key").read_bytes() == before
    (tmp_path / "a1.key").chmod(0o644)
    make(tmp_path, ("a1",), (), 30, force=True)
    assert (tmp_path / "a1.key").read_bytes() != before
    assert stat.S_IMODE((tmp_path / "a1.key").stat().st_mode) == 0o600


def test_one_file_that_is_there_stops_all(tmp_path: Path) -> None:
    (tmp_path / "a1.key").write_text("mine")
    with pytest.raises(LocalProtocolError):
        make(tmp_path, ("a1",), (), 30, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a1.key"]
    with pytest.raises(LocalProtocolError):
        write(tmp_path / "a1.key", b"", 0o600, force=False)


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TransportError, match="cannot make"):
        make(tmp_path / "file" / "below", ("a1",), (), 30, force=False)
    with pytest.raises(TransportError, match="cannot write"):
        write(tmp_path / "nowhere" / "file", b"", 0o600, force=False)
