from __future__ import annotations

import pytest

from conduit.errors import DecodeError, NegotiationError
from conduit.rfb.versions import Version, agree, decode_version


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("003.003", Version.V3_3),
        ("003.004", Version.V3_3),
        ("003.005", Version.V3_3),  # RFC 6143: wrongly said by some, and meant is 3.3
        ("003.006", Version.V3_3),  # UltraVNC
        ("003.007", Version.V3_7),
        ("003.008", Version.V3_8),
        ("003.016", Version.V3_8),
        ("003.889", Version.V3_8),  # Apple
        ("004.000", Version.V3_8),  # Intel AMT
        ("004.001", Version.V3_8),  # RealVNC
        ("005.000", Version.V3_8),
    ],
)
def test_what_servers_say_and_what_is_agreed_on(line: str, version: Version) -> None:
    assert agree(decode_version(f"RFB {line}\n".encode())) is version


@pytest.mark.parametrize(("line", "says"), [("055.008", "ATEN"), ("003.002", "3.2"), ("006.000", "6.0")])
def test_what_nobody_speaks(line: str, says: str) -> None:
    with pytest.raises(NegotiationError, match=says):
        agree(decode_version(f"RFB {line}\n".encode()))


@pytest.mark.parametrize("line", [b"HTTP/1.1 400", b"RFB 003.008\r", b"RFB 3.8\n    ", b""])
def test_what_is_no_version(line: bytes) -> None:
    with pytest.raises(DecodeError, match="does not speak RFB"):
        decode_version(line)


@pytest.mark.parametrize("version", Version)
def test_a_version_is_twelve_bytes(version: Version) -> None:
    assert len(version.line) == 12
    assert agree(decode_version(version.line)) is version
    assert str(version) == f"3.{version.value}"
