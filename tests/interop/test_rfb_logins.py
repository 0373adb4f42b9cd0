"""We log in to real servers, in every way that they offer, and no server gets less than it asks for."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
import trio

from conduit.errors import AuthenticationError, ConduitError, DisplayRefused, NegotiationError, TransportError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import LoginOptions, open_connection
from conduit.rfb.names import SecurityType
from conduit.rfb.security import Credentials, LoginRules, method_name, parse_method
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust
from tests.fakes.repeater import open_repeater
from tests.interop.displays import HOST, PASSWORD, Display, FindPeer, free_port
from tests.interop.rfb_lab import Lab, open_lab, take_picture, tls_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.rfb]

USER: Final = "labuser"
PAM: Final = Path("/etc/pam.d/conduit-rfb-test")


@pytest.fixture(scope="module")
def lab(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(peer, tmp_path_factory.mktemp("displays")) as opened:
        yield opened


def options(lab: Lab, method: str = "", credentials: Credentials | None = None, **trust: object) -> LoginOptions:
    methods = (parse_method(method),) if method else ()
    kept = Trust(**(trust or {"ca": lab.ca}))  # type: ignore[arg-type]  # by keyword, as Trust has them
    return LoginOptions(
        credentials=credentials or Credentials(password=PASSWORD),
        rules=LoginRules(methods=methods),
        transport=TransportOptions(trust=kept),
    )


async def see(address: str, login: LoginOptions) -> str:
    """Log in, take a whole picture, and say how it went."""
    async with open_connection(DisplayAddress.parse(address), login) as connection:
        await take_picture(connection)
        method = connection.handshake.method
        return "" if method is None else method_name(method)


@pytest.mark.parametrize(
    ("vnc", "tls", "method"),
    [
        ("", "", "none"),
        ("password-secret=password", "", "vnc"),
        ("tls-creds=tls", "anon", "tls-none"),
        ("tls-creds=tls,password-secret=password", "anon", "tls-vnc"),
        ("tls-creds=tls", "x509", "x509-none"),
        ("tls-creds=tls,password-secret=password", "x509", "x509-vnc"),
    ],
)
async def test_qemu(lab: Lab, vnc: str, tls: str, method: str) -> None:
    display = lab.displays.qemu(vnc, *(tls_of(tls, lab) if tls else ()))
    assert await see(f"{HOST}:{display.port}", options(lab, method)) == method


async def test_qemu_that_asks_for_our_certificate(lab: Lab) -> None:
    display = lab.displays.qemu("tls-creds=tls", *tls_of("mutual", lab))
    address = f"{HOST}:{display.port}"
    ours = options(lab, "x509-none", ca=lab.ca, certificate=lab.certificate, key=lab.key)
    assert await see(address, ours) == "x509-none"
    with pytest.raises((TransportError, DisplayRefused)):
        await see(address, options(lab, "x509-none"))


@pytest.fixture(scope="module")
def pam(lab: Lab) -> Iterator[str]:
    """A PAM service that knows one user; its name."""
    if not os.access(PAM.parent, os.W_OK):
        pytest.skip("PAM's services can be written by root alone")
    script = lab.tls / "pam.sh"
    script.write_text(f'#!/bin/sh\n[ "$PAM_USER" = {USER} ] && [ "$(tr -d "\\0")" = {PASSWORD} ]\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    PAM.write_text(f"auth required pam_exec.so expose_authtok {script}\naccount required pam_permit.so\n")
    try:
        yield PAM.name
    finally:
        PAM.unlink()


@pytest.fixture(scope="module")
def xvnc(lab: Lab, pam: str) -> Display:
    """TigerVNC's server with all of its types."""
    return lab.displays.xvnc(
        "X509Plain,X509Vnc,X509None,TLSPlain,TLSVnc,TLSNone,Plain,VncAuth,None",
        *("-X509Cert", lab.certificate, "-X509Key", lab.key, "-PAMService", pam, "-PlainUsers", f"{USER},other"),
        "-AlwaysShared",
        *("-BlacklistThreshold", "1000"),
    )


METHODS: Final = ("none", "vnc", "plain", "tls-none", "tls-vnc", "tls-plain", "x509-none", "x509-vnc", "x509-plain")


@pytest.mark.parametrize("method", METHODS)
async def test_xvnc(lab: Lab, xvnc: Display, method: str) -> None:
    login = options(lab, method, Credentials(USER, PASSWORD))
    assert await see(f"{HOST}:{xvnc.port}", login) == method


@pytest.mark.parametrize("method", ["vnc", "tls-vnc", "x509-vnc", "plain", "x509-plain"])
async def test_xvnc_and_a_wrong_password(lab: Lab, xvnc: Display, method: str) -> None:
    with pytest.raises(AuthenticationError, match="the server refuses the login: Authentication fail"):
        await see(f"{HOST}:{xvnc.port}", options(lab, method, Credentials(USER, "wrong")))


async def test_xvnc_and_what_is_chosen_where_nothing_is_pinned(lab: Lab, xvnc: Display) -> None:
    address = f"{HOST}:{xvnc.port}"
    assert await see(address, options(lab, "", Credentials(USER, PASSWORD))) == "x509-plain"
    assert await see(address, options(lab)) == "x509-vnc"
    assert await see(address, options(lab, "", Credentials())) == "x509-none"


async def test_xvnc_as_it_is_installed_offers_anonymous_tls_which_is_left_for_what_is_beside_it(lab: Lab) -> None:
    display = lab.displays.xvnc("TLSVnc,VncAuth", "-AlwaysShared")
    assert await see(f"{HOST}:{display.port}", options(lab)) == "vnc"


@pytest.mark.parametrize("line", ["3.3", "3.7"])
async def test_xvnc_of_an_old_version(lab: Lab, line: str) -> None:
    if line == "3.7":
        display = lab.displays.x11vnc(lab.displays.xvfb(), "-rfbversion", "3.7")
        login = options(lab, "none")
    else:
        display = lab.displays.xvnc("VncAuth", "-Protocol3.3", "-AlwaysShared")
        login = options(lab, "vnc")
    async with open_connection(DisplayAddress.parse(f"{HOST}:{display.port}"), login) as connection:
        await take_picture(connection)
        assert str(connection.handshake.version) == line


async def test_xvnc_that_has_a_viewer_and_wants_no_other_says_so(lab: Lab) -> None:
    display = lab.displays.xvnc("None", "-NeverShared", "-DisconnectClients=0")
    address = DisplayAddress.parse(f"{HOST}:{display.port}")
    login = options(lab, "none", Credentials())
    async with open_connection(address, login):
        with pytest.raises(DisplayRefused):
            await see(str(address), login)
    assert await see(str(address), login) == "none"


async def test_x11vnc_inside_tls(lab: Lab) -> None:
    display = lab.displays.x11vnc(lab.displays.xvfb(), "-passwd", PASSWORD, "-ssl", lab.both)
    address = f"vncs://{HOST}:{display.port}"
    assert await see(address, options(lab)) == "vnc"
    with pytest.raises(TransportError, match="certificate is not believed"):
        await see(address, options(lab, insecure=False))


async def test_x11vnc_as_it_is(lab: Lab) -> None:
    display = lab.displays.x11vnc(lab.displays.xvfb(), "-passwd", PASSWORD)
    async with open_connection(DisplayAddress.parse(f"{HOST}:{display.port}"), options(lab)) as connection:
        await take_picture(connection)
        handshake = connection.handshake
        assert (str(handshake.version), handshake.method) == ("3.8", SecurityType.VNC_AUTH)
    with pytest.raises(AuthenticationError):
        await see(f"{HOST}:{display.port}", options(lab, "", Credentials(password="wrong")))


async def test_x11vnc_of_version_3_3(lab: Lab) -> None:
    display = lab.displays.x11vnc(lab.displays.xvfb(), "-passwd", PASSWORD, "-rfbversion", "3.3")
    assert await see(f"{HOST}:{display.port}", options(lab)) == "vnc"
    with pytest.raises(AuthenticationError):
        await see(f"{HOST}:{display.port}", options(lab, "", Credentials(password="wrong")))


async def test_x11vnc_with_vencrypt(lab: Lab) -> None:
    display = lab.displays.x11vnc(
        lab.displays.xvfb(), "-passwd", PASSWORD, "-ssl", lab.both, "-vencrypt", "force", "-anontls", "never"
    )
    assert await see(f"{HOST}:{display.port}", options(lab)) == "x509-vnc"


async def test_x11vnc_behind_a_repeater(lab: Lab) -> None:
    async with open_repeater() as repeater:
        where = f"repeater=ID:4711+{HOST}:{repeater.server_port}"
        await trio.to_thread.run_sync(
            partial(lab.displays.x11vnc, lab.displays.xvfb(), "-passwd", PASSWORD, "-connect", where)
        )
        address = f"{HOST}:{repeater.viewer_port}"
        with pytest.raises(NegotiationError, match="repeater of UltraVNC: it wants to know the id"):
            await see(address, options(lab))
        assert await see(address, replace(options(lab), repeater_id="4711")) == "vnc"
        assert repeater.from_viewers == repeater.from_servers == [b"ID:4711".ljust(250, b"\0")]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_websockify_before_qemu(lab: Lab, scheme: str) -> None:
    display = lab.displays.qemu("password-secret=password")
    words = ("--cert", lab.certificate, "--key", lab.key, "--ssl-only") if scheme == "wss" else ()
    port = lab.displays.websockify(display, *words)
    assert await see(f"{scheme}://{HOST}:{port}/websockify", options(lab)) == "vnc"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_qemus_own_websocket(lab: Lab, scheme: str) -> None:
    port = free_port()
    vnc, tls = f"websocket={port},password-secret=password", tls_of("x509", lab)
    lab.displays.qemu(f"{vnc},tls-creds=tls" if scheme == "wss" else vnc, *(tls if scheme == "wss" else ()))
    address = f"{scheme}://{HOST}:{port}/"
    assert await see(address, options(lab)) == "vnc"
    if scheme == "wss":
        with pytest.raises(TransportError, match="certificate is not believed"):
            await see(address, options(lab, insecure=False))


async def test_a_certificate_is_believed_for_its_ca_its_fingerprint_or_blindly(lab: Lab, xvnc: Display) -> None:
    address = f"{HOST}:{xvnc.port}"
    fingerprint = sha256(ssl.PEM_cert_to_DER_cert(lab.certificate.read_text())).digest()
    for trust in ({"ca": lab.ca}, {"fingerprint": fingerprint}, {"insecure": True}):
        assert await see(address, options(lab, "x509-vnc", **trust)) == "x509-vnc"
    with pytest.raises(TransportError, match="certificate is not believed"):
        await see(address, options(lab, "x509-vnc", insecure=False))
    with pytest.raises(TransportError, match="another certificate than the pinned one"):
        await see(address, options(lab, "x509-vnc", fingerprint=bytes(32)))
    with pytest.raises(TransportError, match="certificate is not believed"):
        await see(address, options(lab, "x509-vnc", ca=lab.ca, name="other.example"))


@pytest.mark.parametrize(
    ("vnc", "login", "kind"),
    [
        ("", {"credentials": Credentials(password=PASSWORD)}, NegotiationError),
        ("", {"method": "x509-vnc"}, NegotiationError),
        ("password-secret=password", {"credentials": Credentials()}, AuthenticationError),
        ("password-secret=password", {"method": "x509-vnc"}, NegotiationError),
        ("password-secret=password", {"credentials": Credentials(password="wrong")}, AuthenticationError),
    ],
)
async def test_less_than_was_asked_for_is_refused(
    lab: Lab, vnc: str, login: dict[str, object], kind: type[ConduitError]
) -> None:
    display = lab.displays.qemu(vnc)
    with pytest.raises(kind):
        await see(f"{HOST}:{display.port}", options(lab, **login))  # type: ignore[arg-type]  # as options has them
