"""How Agents and Gateways show the Manager who they are: a token that they sign with the key of their certificate.

It is a JSON Web Token with the certificate in its ``x5c`` header (RFC 7515, 4.1.6), good for two minutes. So a machine
is known through any number of TLS proxies, and its key never travels.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conduit.errors import AuthenticationError
from conduit.services.certificates import BACKDATE, Identity, Key, verify
from conduit.services.clock import MAX_SKEW

AUDIENCE: Final = "conduit-manager"
LIFE: Final = 120.0  # seconds
MAX_TOKEN: Final = 8192  # characters
_ALGORITHM: Final = "ES256"
_KIND: Final = "machine+jwt"


@dataclass(frozen=True, slots=True)
class Machine:
    """Who signed a token, with which certificate."""

    identity: Identity
    serial: int
    certified_at: float
    "Seconds since 1970: when the certificate was issued."


def machine_token(certificate: x509.Certificate, key: Key, now: float) -> str:
    """For the next two minutes."""
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    payload = {"aud": AUDIENCE, "iat": now, "exp": now + LIFE}
    return jwt.encode(payload, key, algorithm=_ALGORITHM, headers={"x5c": [encoded], "typ": _KIND})


def verify_machine_token(token: str, ca: x509.Certificate, now: float) -> Machine:
    """:raises AuthenticationError: no machine of ours signed it, or not just now."""
    certificate = _certificate_in(token)
    identity = verify(certificate, ca, now)
    key = certificate.public_key()
    options: Any = {"verify_exp": False, "verify_iat": False, "require": ["aud", "iat", "exp"]}
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise AuthenticationError("the certificate's key is of another kind than ECDSA")
    try:
        payload = jwt.decode(token, key, algorithms=[_ALGORITHM], audience=AUDIENCE, options=options)
        issued, expires = float(payload["iat"]), float(payload["exp"])
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise AuthenticationError("the machine's token is not valid") from error
    if not issued - MAX_SKEW <= now <= min(expires, issued + LIFE) + MAX_SKEW:
        raise AuthenticationError("the machine's token is not of this time: check the clocks")
    return Machine(identity, certificate.serial_number, certificate.not_valid_before_utc.timestamp() + BACKDATE)


def _certificate_in(token: str) -> x509.Certificate:
    if len(token) > MAX_TOKEN:
        raise AuthenticationError("the machine's token is too long")
    try:
        header = jwt.get_unverified_header(token)
        (encoded,) = header["x5c"]
        kind = header["typ"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, binascii.Error) as error:
        raise AuthenticationError("the machine's token carries no certificate") from error
    if kind != _KIND:
        raise AuthenticationError("the token is of another kind")
    return certificate
