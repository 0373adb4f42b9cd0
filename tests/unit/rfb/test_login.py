"""Logins over loopback, to displays of our own that do what real ones do, and what they should not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import (
    AuthenticationError,
    DecodeError,
    DisplayRefused,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    TransportError,
)
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import HANDSHAKE_PATIENCE, Connection, LoginOptions, open_connection, probe
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.security import Credentials, LoginRules, Method
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust, parse_fingerprint
from tests.fakes.certificates import Authority
from tests.fakes.display_server import (
    HOST,
    INIT,
    FakeDisplay,
    anonymous_server_context,
    open_listener,
)

USER = Credentials("admin", "geheim")


def login(*methods: Method, credentials: Credentials = USER, trust: Trust | None = None, **rules: bool) -> LoginOptions:
    return LoginOptions(
        credentials=credentials,
        rules=LoginRules(methods=methods, **rules),
        transport=TransportOptions(trust=trust or Trust()),
    )


@asynccontextmanager
async def entered(port: int, options: LoginOptions) -> AsyncIterator[Connection]:
    async with open_connection(DisplayAddress.parse(f"{HOST}:{port}"), options) as connection:
        yield connection


@pytest.mark.parametrize(
    "method", [SecurityType.VNC_AUTH, VeNCryptType.TLS_VNC, VeNCryptType.TLS_PLAIN, VeNCryptType.PLAIN]
)
async def test_we_get_in_and_others_may_stay(method: Method) -> None:
    display = FakeDisplay([method])
    async with open_listener(display.serve) as port, entered(port, login(method)) as connection:
        assert connection.init == INIT
    assert display.shared == [True]


async def test_a_certificate_is_believed_for_its_ca_or_its_fingerprint(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    display = FakeDisplay([VeNCryptType.X509_PLAIN], context=context)
    fingerprint = sha256(ssl.PEM_cert_to_DER_cert(files.certificate.read_text())).digest()
    async with open_listener(display.serve) as port:
        for trust in (Trust(ca=files.ca), Trust(fingerprint=fingerprint), Trust(insecure=True)):
            async with entered(port, login(trust=trust)) as connection:
                assert connection.handshake.method is VeNCryptType.X509_PLAIN
        for trust, says in (
            (Trust(), "not believed"),
            (Trust(fingerprint=bytes(32)), "another certificate"),
            (Trust(ca=files.ca, name="bmc.example"), "not believed"),
        ):
            with pytest.raises(TransportError, match=says):
                async with entered(port, login(trust=trust)):
                    pytest.fail("in")


async def test_anonymous_tls_is_left_for_what_is_beside_it_unless_it_is_allowed() -> None:
    display = FakeDisplay([VeNCryptType.TLS_VNC, SecurityType.VNC_AUTH])
    async with open_listener(display.serve) as port:
        async with entered(port, login()) as connection:
            assert connection.handshake.method is SecurityType.VNC_AUTH
        assert display.viewers == 2
        async with entered(port, login(anonymous_tls=True)) as connection:
            assert connection.handshake.method is VeNCryptType.TLS_VNC


async def test_the_type_tls() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(b"RFB 003.008\n")
        await stream.receive_some(12)
        await stream.send_all(b"\x01\x12")
        await stream.receive_some(1)
        secured = trio.SSLStream(stream, anonymous_server_context(), server_side=True)
        await secured.send_all(b"\x01\x01")
        await secured.receive_some()
        await secured.send_all(bytes(4) + INIT.encode())
        await secured.receive_some()

    async with open_listener(serve) as port:
        options = login(SecurityType.TLS, credentials=Credentials())
        async with entered(port, options) as connection:
            assert connection.init == INIT
            assert connection.handshake.is_in_tls


@pytest.mark.parametrize(
    ("method", "credentials", "kind"),
    [
        (SecurityType.VNC_AUTH, Credentials(password="falsch"), AuthenticationError),
        (SecurityType.VNC_AUTH, Credentials(), AuthenticationError),
        (SecurityType.NONE, USER, NegotiationError),
        (VeNCryptType.TLS_PLAIN, USER, NegotiationError),
    ],
)
async def test_a_login_that_fails_is_not_tried_again(
    method: Method, credentials: Credentials, kind: type[Exception]
) -> None:
    display = FakeDisplay([method])
    async with open_listener(display.serve) as port:
        with pytest.raises(kind):
            async with entered(port, login(credentials=credentials)):
                pytest.fail("in")
    assert display.viewers == 1


async def test_somebody_is_asked_for_what_is_missing() -> None:
    asked = []

    async def ask(username: bool) -> Credentials:
        asked.append(username)
        return USER

    display = FakeDisplay([VeNCryptType.PLAIN])
    async with open_listener(display.serve) as port:
        address = DisplayAddress.parse(f"{HOST}:{port}")
        options = login(VeNCryptType.PLAIN, credentials=Credentials())
        async with open_connection(address, options, ask=ask) as connection:
            assert connection.init == INIT
        with pytest.raises(LocalProtocolError, match="nobody to ask"):
            async with open_connection(address, options):
                pytest.fail("in")
    assert asked == [True]


async def test_who_is_asked_has_as_much_time_as_they_want() -> None:
    async def ask(username: bool) -> Credentials:
        await trio.sleep(0.6)
        return USER

    async with open_listener(FakeDisplay([VeNCryptType.PLAIN]).serve) as port:
        options = replace(login(VeNCryptType.PLAIN, credentials=Credentials()), patience=0.5)
        async with open_connection(DisplayAddress.parse(f"{HOST}:{port}"), options, ask=ask) as connection:
            assert connection.init == INIT


@pytest.mark.parametrize("said", [b"", b"RFB 003.008\n", b"RFB 003.008\n\x01\x02" + bytes(16)])
async def test_a_server_that_falls_silent_is_not_waited_for_longer_than_said(said: bytes) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(said)
        await trio.sleep_forever()

    async with open_listener(serve) as port:
        options = LoginOptions(credentials=USER, patience=0.2)
        with pytest.raises(PeerTimeoutError, match=r"did not let us in within 0\.2 s"):
            async with entered(port, options):
                pytest.fail("in")
    assert LoginOptions().patience == HANDSHAKE_PATIENCE == 30


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", DisplayRefused),
        (b"SSH-2.0-OpenSSH\r\n", DecodeError),
        (b"RFB 003.008\n\x00\x00\x00\x00\x03bye", DisplayRefused),
    ],
)
async def test_a_server_that_hangs_up_is_named(said: bytes, kind: type[Exception]) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(said)
        await stream.send_eof()
        await stream.receive_some(12)

    async with open_listener(serve) as port:
        with pytest.raises(kind):
            async with entered(port, login()):
                pytest.fail("in")


async def test_nobody_there() -> None:
    async with open_listener(FakeDisplay([]).serve) as port:
        pass
    with pytest.raises(TransportError, match=f"cannot connect to {HOST}:{port}: Connection refused"):
        async with entered(port, login()):
            pytest.fail("in")


async def test_a_silent_address_is_given_up(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    async def connect(*_args: object, **_options: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(trio, "open_tcp_stream", connect)
    with pytest.raises(TransportError, match="does not answer within 15 s"):
        async with entered(9, login()):
            pytest.fail("in")


async def test_tls_with_who_speaks_none_is_named() -> None:
    async with open_listener(FakeDisplay([SecurityType.NONE]).serve) as port:
        with pytest.raises(TransportError, match="no TLS with the server"):
            async with open_connection(DisplayAddress.parse(f"vncs://{HOST}:{port}"), login()):
                pytest.fail("in")


async def test_a_probe_says_what_is_offered_even_where_we_are_not_let_in() -> None:
    async with open_listener(FakeDisplay([SecurityType.VNC_AUTH]).serve) as port:
        address = DisplayAddress.parse(f"{HOST}:{port}")
        found = await probe(address, login(credentials=Credentials()))
        assert found.handshake is not None
        assert found.handshake.offered == (2,)
        assert isinstance(found.failure, AuthenticationError)
        found = await probe(address, login())
        assert (found.init, found.failure, found.is_encrypted) == (INIT, None, False)
    assert (await probe(address, login())).handshake is None


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for trust in (Trust(ca=tmp_path / "missing.pem"), Trust(ca=empty), Trust(certificate=empty)):
        with pytest.raises(LocalProtocolError, match="cannot be used for TLS"):
            trust.make_context()


def test_fingerprints() -> None:
    digits = "ab" * 32
    assert parse_fingerprint(f"SHA256:{digits}") == parse_fingerprint(":".join(["AB"] * 32)) == bytes.fromhex(digits)
    for wrong in ("", "ab", "x" * 64):
        with pytest.raises(LocalProtocolError, match="64 hexadecimal digits"):
            parse_fingerprint(wrong)
