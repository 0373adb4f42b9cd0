"""TLS of displays: whom to believe, whom not to ask, and what to show of ourselves."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import trio

from conduit.errors import LocalProtocolError, TransportError

ANONYMOUS_CIPHERS: Final = "aNULL:@SECLEVEL=0"
FINGERPRINT: Final = 32  # bytes of SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How a server is known; without anything the system's certificate authorities decide."""

    ca: Path | None = None
    "Certificates that are believed, in place of the system's."
    fingerprint: bytes = b""
    "SHA-256 of the only certificate that is believed, whoever signed it."
    insecure: bool = False
    "Believe anybody."
    name: str = ""
    "What the certificate is for, if it is not for the host that we connect to."
    certificate: Path | None = None
    "Our own, with its key or beside it."
    key: Path | None = None

    def make_context(self) -> ssl.SSLContext:
        """What checks a server.

        :raises LocalProtocolError: a file is missing, or no certificate.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            what = f"{self.ca or self.certificate}"
            raise LocalProtocolError(f"{what} cannot be used for TLS: {error.strerror or error}") from error
        if self.insecure or self.fingerprint:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def check(self, certificate: bytes | None) -> None:
        """Whether it is the one that was pinned.

        :raises TransportError: it is not.
        """
        if not self.fingerprint:
            return
        seen = sha256(certificate or b"").digest()
        if not hmac.compare_digest(seen, self.fingerprint):
            raise TransportError(f"the server has another certificate than the pinned one: {seen.hex(':')} (SHA-256)")


def parse_fingerprint(text: str) -> bytes:
    """``sha256:`` or not, hexadecimal digits with colons or without.

    :raises LocalProtocolError: it is none.
    """
    digits = text.lower().removeprefix("sha256:").replace(":", "")
    try:
        fingerprint = bytes.fromhex(digits)
    except ValueError:
        fingerprint = b""
    if len(fingerprint) != FINGERPRINT:
        raise LocalProtocolError("a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits")
    return fingerprint


def make_anonymous_context() -> ssl.SSLContext:
    """TLS with a server that has no certificate: a listener learns nothing, whoever stands between learns all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3 knows no such thing
    context.set_ciphers(ANONYMOUS_CIPHERS)
    return context


Secured = trio.SSLStream[trio.abc.Stream]


async def start_tls(stream: trio.abc.Stream, host: str, trust: Trust | None) -> Secured:
    """TLS over *stream*.

    :param trust: whom to believe; None where the server has no certificate.
    :raises TransportError: the server is not believed, or speaks no TLS.
    """
    context = make_anonymous_context() if trust is None else trust.make_context()
    name = trust.name if trust is not None and trust.name else host
    secured = trio.SSLStream(stream, context, server_hostname=name, https_compatible=True)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        raise TransportError(_explain(error.__cause__)) from error
    if trust is not None:
        trust.check(secured.getpeercert(binary_form=True))
    return secured


def _explain(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = "name its CA, pin its fingerprint, or believe anybody if you must"
        return f"the server's certificate is not believed: {cause.verify_message}; {hint}"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with the server: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    return "the server closed the connection during the TLS handshake"
