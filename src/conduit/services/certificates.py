"""Certificates of machines: the Manager's own CA signs them, for a day; ECDSA P-256 with SHA-256 (RFC 5280).

A machine's identity is the URI in its certificate, ``conduit://agent/NAME`` or ``conduit://gateway/NAME``; a Gateway's
certificate has the name :data:`GATEWAY_NAME` too, by which Agents know that they have reached one wherever it is.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conduit.errors import AuthenticationError, LocalProtocolError

GATEWAY_NAME: Final = "gateway.conduit.internal"
LIFE: Final = 24 * 3600.0  # seconds that a machine's certificate is good for
CA_LIFE: Final = 10 * 365 * 24 * 3600.0  # seconds
BACKDATE: Final = 300.0  # seconds before it is issued that a certificate begins, for machines whose clock is behind
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_IDENTITY: Final = re.compile(rf"conduit://(agent|gateway)/({_NAME.pattern})")
KINDS: Final = frozenset({"agent", "gateway"})

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a machine is."""

    kind: str
    "agent or gateway"
    name: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """:raises AuthenticationError: it is no machine's."""
        match = _IDENTITY.fullmatch(uri)
        if match is None:
            raise AuthenticationError("the certificate names no machine")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"conduit://{self.kind}/{self.name}"


def check_name(name: str) -> str:
    """:raises LocalProtocolError: a machine cannot be called so."""
    if _NAME.fullmatch(name) is None:
        raise LocalProtocolError(f"{name!r} is no machine's name: use lower-case letters, digits, '.', '_' and '-'")
    return name


def new_key() -> Key:
    """On P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: Key) -> bytes:
    """PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_from_pem(data: bytes) -> Key:
    """:raises AuthenticationError: it is no key of ours."""
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthenticationError("the key cannot be read") from error
    if not isinstance(key, Key):
        raise AuthenticationError("the key is of another kind than ECDSA")
    return key


def request_certificate(key: Key) -> bytes:
    """A request for *key*, in DER; who asks is known otherwise."""
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def identity_of(certificate: x509.Certificate) -> Identity:
    """:raises AuthenticationError: it names no machine."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise AuthenticationError("the certificate names no machine") from error
    return Identity.parse(next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), ""))


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @classmethod
    def create(cls, now: float) -> Self:
        """A new one."""
        key = new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Conduit machines")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_date(now - BACKDATE))
            .not_valid_after(_date(now + CA_LIFE))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def from_pem(cls, certificate: bytes, key: bytes) -> Self:
        """:raises AuthenticationError: one of them cannot be read."""
        return cls(certificate_from_pem(certificate), key_from_pem(key))

    def issue(self, request: bytes, identity: Identity, now: float, life: float = LIFE) -> x509.Certificate:
        """Sign for whoever has the key of *request*.

        :raises AuthenticationError: the request is not signed by its own key, or the key is of another kind.
        """
        public = _requested_key(request)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_date(now - BACKDATE))
            .not_valid_after(_date(now + life))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_usages(identity)), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(identity)), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


def verify(certificate: x509.Certificate, ca: x509.Certificate, now: float) -> Identity:
    """Whose certificate it is.

    :raises AuthenticationError: our CA did not sign it, or it is not of this time.
    """
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise AuthenticationError("the certificate is not from our CA") from error
    if not certificate.not_valid_before_utc <= _date(now) <= certificate.not_valid_after_utc:
        raise AuthenticationError("the certificate has expired")
    return identity_of(certificate)


def certificate_from_pem(data: bytes) -> x509.Certificate:
    """:raises AuthenticationError: it cannot be read."""
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError as error:
        raise AuthenticationError("the certificate cannot be read") from error


def to_pem(certificate: x509.Certificate) -> str:
    """As files and messages have it."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        parsed = x509.load_der_x509_csr(request)
        public, signed = parsed.public_key(), parsed.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise AuthenticationError("the certificate request cannot be read") from error
    if not signed or not isinstance(public, ec.EllipticCurvePublicKey):
        raise AuthenticationError("the certificate request is not signed by an ECDSA key of its own")
    return public


def _names(identity: Identity) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(str(identity))]
    return [*names, x509.DNSName(GATEWAY_NAME)] if identity.kind == "gateway" else names


def _usages(identity: Identity) -> list[x509.ObjectIdentifier]:
    """Of TLS: the Agent dials, the Gateway accepts."""
    return [ExtendedKeyUsageOID.SERVER_AUTH if identity.kind == "gateway" else ExtendedKeyUsageOID.CLIENT_AUTH]


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _date(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
