"""Servers of displays with certificates, and the proof that one has let us in: a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conduit.rfb.login import Connection
from conduit.rfb.messages import Area, FramebufferUpdateRequest, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.server_heads import RectangleHeader, decode_update
from tests.fakes.certificates import Authority
from tests.interop.displays import Displays, FindPeer, open_displays


@dataclass(frozen=True)
class Lab:
    """Servers, and certificates for them."""

    displays: Displays
    certificate: Path
    key: Path
    ca: Path
    tls: Path
    "Where QEMU looks for certificates."
    both: Path
    "Certificate and key in one file, as x11vnc wants them."


@contextmanager
def open_lab(peer: FindPeer, folder: Path) -> Iterator[Lab]:
    """Servers end with the block."""
    authority = Authority(folder)
    files = authority.issue("")
    tls = folder / "tls"
    tls.mkdir()
    (tls / "ca-cert.pem").write_bytes(files.ca.read_bytes())
    (tls / "server-cert.pem").write_bytes(files.certificate.read_bytes())
    (tls / "server-key.pem").write_bytes(files.key.read_bytes())
    both = folder / "both.pem"
    old = authority.issue("x/old", old=True)
    both.write_bytes(old.key.read_bytes() + old.certificate.read_bytes())
    with open_displays(peer, folder) as displays:
        yield Lab(displays, files.certificate, files.key, files.ca, tls, both)


def tls_of(kind: str, lab: Lab) -> tuple[str | Path, ...]:
    """QEMU's words for TLS: anon, x509, or mutual, which wants our certificate."""
    if kind == "anon":
        return ("-object", "tls-creds-anon,id=tls,endpoint=server")
    verify = "on" if kind == "mutual" else "off"
    return ("-object", f"tls-creds-x509,id=tls,dir={lab.tls},endpoint=server,verify-peer={verify}")


async def take_picture(connection: Connection) -> None:
    """See something."""
    init, stream = connection.init, connection.stream
    area = Area(0, 0, init.width, init.height)
    asked = (SetPixelFormat(PixelFormat.BGRX), SetEncodings((Encoding.RAW,)), FramebufferUpdateRequest(area, False))
    await stream.send_all(b"".join(each.encode() for each in asked))
    received = b""
    while len(received) < 4 + 12 + 4 * init.width * 8:
        received += await stream.receive_some()
    assert decode_update(received[:4]) >= 1
    assert RectangleHeader.decode(received, 4).encoding == Encoding.RAW
