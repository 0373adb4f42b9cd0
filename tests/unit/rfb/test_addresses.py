from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.rfb.addresses import DisplayAddress, Transport
from conduit.rfb.endings import End, Ending


@pytest.mark.parametrize(
    ("text", "host", "port", "transport", "shown"),
    [
        ("bmc.example", "bmc.example", 5900, Transport.TCP, "bmc.example:5900"),
        ("192.0.2.7:5901", "192.0.2.7", 5901, Transport.TCP, "192.0.2.7:5901"),
        ("192.0.2.7:1", "192.0.2.7", 5901, Transport.TCP, "192.0.2.7:5901"),
        ("192.0.2.7::1", "192.0.2.7", 5901, Transport.TCP, "192.0.2.7:5901"),
        ("192.0.2.7::100", "192.0.2.7", 6000, Transport.TCP, "192.0.2.7:6000"),
        ("::1", "::1", 5900, Transport.TCP, "[::1]:5900"),
        ("2001:db8::7", "2001:db8::7", 5900, Transport.TCP, "[2001:db8::7]:5900"),
        ("[::1]", "::1", 5900, Transport.TCP, "[::1]:5900"),
        ("[::1]:5902", "::1", 5902, Transport.TCP, "[::1]:5902"),
        ("[::1]::2", "::1", 5902, Transport.TCP, "[::1]:5902"),
        ("vnc://bmc.example:5903/", "bmc.example", 5903, Transport.TCP, "bmc.example:5903"),
        ("vnc://bmc.example:3", "bmc.example", 5903, Transport.TCP, "bmc.example:5903"),
        ("tcp://bmc.example:590", "bmc.example", 590, Transport.TCP, "bmc.example:590"),
        ("vncs://bmc.example", "bmc.example", 5900, Transport.TLS, "vncs://bmc.example:5900"),
        ("ws://bmc.example:6080/a?token=x", "bmc.example", 6080, Transport.WEBSOCKET, "ws://bmc.example:6080/a"),
        ("wss://bmc.example/kvm/0", "bmc.example", 443, Transport.WEBSOCKET, "wss://bmc.example/kvm/0"),
    ],
)
def test_addresses(text: str, host: str, port: int, transport: Transport, shown: str) -> None:
    address = DisplayAddress.parse(text)
    assert (address.host, address.port, address.transport, str(address)) == (host, port, transport, shown)
    assert address.is_covered is text.startswith(("vncs", "wss"))


@pytest.mark.parametrize(
    "text",
    [
        "", ":1", "host:", "host::", "host:x", "host:65536", "host::59636", "host:1:2", "ho st", "[::1", "[::1]x",
        "host:0123456", "host:²", "http://host", "vnc://user:geheim@host", "vnc://host/path", "vnc://host?x=geheim",
        "vnc://[host", "ws://user:geheim@host/", "vnc://",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DisplayAddress.parse(text)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("end", "code"), [(End.REVOKED, 1008), (End.VIEWER_FAULT, 1002), (End.SERVER_REFUSED, 1011)])
def test_endings_have_codes_of_websockets(end: End, code: int) -> None:
    assert Ending(end, "why").close_code == code
