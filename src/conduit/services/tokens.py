"""Tokens: JSON Web Tokens that the Manager signs with Ed25519 and everybody else can only verify (RFC 7519, RFC 8037).

An *access token* says who somebody is, for the Manager. A *server token* says what its holder may do with one server,
for the Gateways: it carries where the server is in a note that only the region's Gateways can read.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from conduit.errors import AuthenticationError
from conduit.services.clock import MAX_SKEW
from conduit.services.permissions import Permission

ISSUER: Final = "conduit-manager"
ACCESS_LIFE: Final = 900.0  # seconds
SERVER_LIFE: Final = 3600.0  # seconds
SESSION_LIFE: Final = 12 * 3600.0  # seconds of what a server token has opened at a Gateway, whatever happens
MAX_TOKEN: Final = 8192  # characters; longer ones are not looked at
_ALGORITHM: Final = "EdDSA"
_ACCESS: Final = "access+jwt"
_SERVER: Final = "server+jwt"
_Claims = TypeVar("_Claims")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """Who somebody is."""

    customer_id: str
    email: str
    is_staff: bool
    token_id: str
    issued_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClaims:
    """What somebody may do with a server."""

    customer_id: str
    email: str
    server_id: str
    permissions: frozenset[Permission]
    context: str = field(repr=False)
    "The sealed note; see :class:`ServerContext`."
    token_id: str
    issued_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """Where a server is: for the region's Gateways only."""

    server_id: str
    agent_id: str
    datacenter_id: str
    tenant: str = ""
    "Whose server it is, which staff that look after it are not; empty as long as it is nobody's."

    def encode(self) -> bytes:
        """JSON."""
        fields = {"server": self.server_id, "agent": self.agent_id, "dc": self.datacenter_id, "tenant": self.tenant}
        return json.dumps(fields).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises AuthenticationError: it is something else."""
        try:
            fields = json.loads(data)
            return cls(
                server_id=fields["server"],
                agent_id=fields["agent"],
                datacenter_id=fields["dc"],
                tenant=fields["tenant"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AuthenticationError("the token's context makes no sense") from error


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half, and its name."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new one."""
        return cls(secrets.token_hex(8), Ed25519PrivateKey.generate())

    def public_jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        jwk = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**jwk, "kid": self.key_id, "use": "sig", "alg": _ALGORITHM}


class TokenSigner:
    """Makes tokens; the Manager has the only one.

    :param key: signs from now on; older keys verify until their last token has expired.
    """

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def access_token(self, *, customer_id: str, email: str, is_staff: bool, now: float) -> tuple[str, AccessClaims]:
        """For the Manager, for fifteen minutes."""
        claims = AccessClaims(
            customer_id=customer_id,
            email=email,
            is_staff=is_staff,
            token_id=secrets.token_urlsafe(12),
            issued_at=now,
            expires_at=now + ACCESS_LIFE,
        )
        body = {"sub": customer_id, "email": email, "staff": is_staff}
        return self._sign(_ACCESS, body, claims.token_id, now, claims.expires_at), claims

    def server_token(
        self,
        *,
        customer_id: str,
        email: str,
        server_id: str,
        permissions: Iterable[Permission],
        seal_context: Callable[[str], str],
        now: float,
        life: float = SERVER_LIFE,
    ) -> tuple[str, ServerClaims]:
        """For the Gateways.

        :param seal_context: makes the sealed note, given the token's id, to which it is bound.
        """
        token_id = secrets.token_urlsafe(12)
        claims = ServerClaims(
            customer_id=customer_id,
            email=email,
            server_id=server_id,
            permissions=frozenset(permissions),
            context=seal_context(token_id),
            token_id=token_id,
            issued_at=now,
            expires_at=now + life,
        )
        body = {
            "sub": customer_id,
            "email": email,
            "srv": server_id,
            "perms": sorted(claims.permissions),
            "ctx": claims.context,
        }
        return self._sign(_SERVER, body, token_id, now, claims.expires_at), claims

    def _sign(self, kind: str, body: Mapping[str, Any], token_id: str, now: float, expires: float) -> str:
        payload = {**body, "iss": ISSUER, "jti": token_id, "iat": now, "exp": expires}
        headers = {"kid": self._key.key_id, "typ": kind}
        return jwt.encode(payload, self._key.private, algorithm=_ALGORITHM, headers=headers)


class TokenVerifier:
    """Judges tokens with public keys alone.

    :param keys: by their names.
    """

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    @classmethod
    def from_jwks(cls, document: Mapping[str, Any]) -> Self:
        """:raises AuthenticationError: it is no set of Ed25519 keys."""
        try:
            return cls({key["kid"]: _public_key(key) for key in document["keys"]})
        except (jwt.exceptions.InvalidKeyError, KeyError, TypeError) as error:
            raise AuthenticationError("this is no set of public keys") from error

    def knows_key_of(self, token: str) -> bool:
        """Whether the token names a key that is here; if not, it may help to fetch the keys anew."""
        try:
            return jwt.get_unverified_header(token).get("kid") in self._keys
        except jwt.PyJWTError:
            return True  # it is no token at all; no other key would help

    def access(self, token: str, now: float) -> AccessClaims:
        """:raises AuthenticationError: it is not ours, not of this kind, or not of this time."""
        return self._read(token, _ACCESS, now, _access_claims)

    def server(self, token: str, now: float) -> ServerClaims:
        """:raises AuthenticationError: it is not ours, not of this kind, or not of this time."""
        return self._read(token, _SERVER, now, _server_claims)

    def _read(self, token: str, kind: str, now: float, build: Callable[[Mapping[str, Any]], _Claims]) -> _Claims:
        payload = self._verify(token, kind)
        try:
            issued, expires = float(payload["iat"]), float(payload["exp"])
            claims = build(payload)
        except (KeyError, TypeError, ValueError) as error:
            raise AuthenticationError("the token lacks something") from error
        if now > expires + MAX_SKEW:
            raise AuthenticationError("the token has expired")
        if issued > now + MAX_SKEW:
            raise AuthenticationError("the token is from the future: check the clocks")
        return claims

    def _verify(self, token: str, kind: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN:
            raise AuthenticationError("the token is too long")
        options: Any = {"verify_exp": False, "verify_iat": False, "require": ["iss", "sub", "jti", "iat", "exp"]}
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys[header["kid"]]
            payload = jwt.decode(token, key, algorithms=[_ALGORITHM], issuer=ISSUER, options=options)
        except KeyError as error:
            raise AuthenticationError("the token is signed with a key that is not known here") from error
        except jwt.PyJWTError as error:
            raise AuthenticationError("the token is not valid") from error
        if header.get("typ") != kind:
            raise AuthenticationError("the token is of another kind")
        return payload


def _public_key(jwk: Mapping[str, Any]) -> Ed25519PublicKey:
    key = OKPAlgorithm.from_jwk(dict(jwk))
    if not isinstance(key, Ed25519PublicKey):
        raise jwt.exceptions.InvalidKeyError("not an Ed25519 public key")
    return key


def _access_claims(payload: Mapping[str, Any]) -> AccessClaims:
    return AccessClaims(
        customer_id=str(payload["sub"]),
        email=str(payload["email"]),
        is_staff=payload["staff"] is True,
        token_id=str(payload["jti"]),
        issued_at=float(payload["iat"]),
        expires_at=float(payload["exp"]),
    )


def _server_claims(payload: Mapping[str, Any]) -> ServerClaims:
    known = {permission.value for permission in Permission}
    return ServerClaims(
        customer_id=str(payload["sub"]),
        email=str(payload["email"]),
        server_id=str(payload["srv"]),
        permissions=frozenset(Permission(name) for name in payload["perms"] if name in known),
        context=str(payload["ctx"]),
        token_id=str(payload["jti"]),
        issued_at=float(payload["iat"]),
        expires_at=float(payload["exp"]),
    )
