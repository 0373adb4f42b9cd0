"""The Manager's keys, sealed at rest with a master key that is in a file of its own."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.certificates import LIFE, Authority, key_to_pem, to_pem
from conduit.services.manager.schema import keys
from conduit.services.sealing import KEY_SIZE, Sealer, SealingKey
from conduit.services.tokens import SERVER_LIFE, SigningKey

TOKEN_KEY_LIFE: Final = 30 * 24 * 3600.0  # seconds after which a key gets a successor
ANNOUNCED: Final = LIFE  # seconds that a new key is told before it is used: as long as a Gateway may miss the Manager
_OVERLAP: Final = 2 * SERVER_LIFE  # seconds that a key verifies after its successor took over
_CA: Final = "ca"
_TOKEN: Final = "token"  # noqa: S105  # a purpose


class _Row(NamedTuple):
    id: str
    created_at: float
    key: bytes


class Vault:
    """Opens and makes the keys. Its methods are given a connection, and are part of that transaction."""

    def __init__(self, master: SealingKey) -> None:
        self._sealer = Sealer([master])

    def signing_keys(self, connection: sa.Connection, now: float) -> list[SigningKey]:
        """The one that signs first, then all others that verify. Makes a new one when the last is too old."""

        def make() -> tuple[str, bytes]:
            key = SigningKey.generate()
            return key.key_id, key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

        rows = self._in_use(connection, _TOKEN, now, make)
        return [SigningKey(row.id, Ed25519PrivateKey.from_private_bytes(row.key)) for row in rows]

    def region_keys(self, connection: sa.Connection, region: str, now: float) -> list[SealingKey]:
        """The one that seals the server contexts of a region first, then all others that open them.

        Makes the first, and a new one a month later.
        """

        def make() -> tuple[str, bytes]:
            key = SealingKey.generate()
            return key.key_id, key.key

        return [SealingKey(row.id, row.key) for row in self._in_use(connection, f"region:{region}", now, make)]

    def _in_use(
        self, connection: sa.Connection, purpose: str, now: float, make: Callable[[], tuple[str, bytes]]
    ) -> Sequence[_Row]:
        rows = self._rows(connection, purpose)
        if not rows or rows[0].created_at < now - TOKEN_KEY_LIFE:
            key_id, key = make()
            self._add(connection, purpose, key_id, key, now)
            rows = self._rows(connection, purpose)
        return _in_order(rows, now)

    def authority(self, connection: sa.Connection, now: float) -> Authority:
        """The CA; made at the first call."""
        rows = self._rows(connection, _CA)
        if rows:
            certificate, _, key = rows[0].key.partition(b"\0")
            return Authority.from_pem(certificate, key)
        authority = Authority.create(now)
        pem = to_pem(authority.certificate).encode() + b"\0" + key_to_pem(authority.key)
        self._add(connection, _CA, _CA, pem, now)
        return authority

    def _rows(self, connection: sa.Connection, purpose: str) -> Sequence[_Row]:
        query = sa.select(keys.c.id, keys.c.sealed, keys.c.created_at).where(keys.c.purpose == purpose)
        return [
            _Row(row.id, row.created_at, self._sealer.open(row.sealed.decode(), bound_to=row.id))
            for row in connection.execute(query.order_by(keys.c.created_at.desc()))
        ]

    def _add(self, connection: sa.Connection, purpose: str, key_id: str, key: bytes, now: float) -> None:
        sealed = self._sealer.seal(key, bound_to=key_id).encode()
        connection.execute(sa.insert(keys).values(id=key_id, purpose=purpose, sealed=sealed, created_at=now))


def _in_order(rows: Sequence[_Row], now: float) -> Sequence[_Row]:
    """The key in use first. A newer one waits until all Gateways know it; an older one stays while it may be needed.

    :param rows: newest first, at least one.
    """
    waiting = [row for row in rows[:-1] if row.created_at > now - ANNOUNCED]
    current = rows[len(waiting)]
    retired = [
        row
        for newer, row in itertools.pairwise(rows[len(waiting) :])
        if newer.created_at + ANNOUNCED + _OVERLAP >= now  # so long after its successor took over
    ]
    return [current, *waiting, *retired]


def make_master_key(path: Path) -> SealingKey:
    """A new one, in a file that only its owner reads.

    :raises LocalProtocolError: there is one already.
    """
    key = secrets.token_bytes(KEY_SIZE)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise LocalProtocolError(f"{path} exists already; without it the database cannot be read") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(key.hex() + "\n")
    return SealingKey("master", key)


def read_master_key(path: Path) -> SealingKey:
    """:raises AuthenticationError: it cannot be read, or others could read it too."""
    try:
        if path.stat().st_mode & 0o077:
            raise AuthenticationError(f"{path} can be read by others: chmod 600 {path}")
        key = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise AuthenticationError(f"cannot read {path}: {error.strerror}; `conduit manager init` makes it") from error
    except ValueError as error:
        raise AuthenticationError(f"{path} is no master key") from error
    if len(key) != KEY_SIZE:
        raise AuthenticationError(f"{path} is no master key")
    return SealingKey("master", key)
