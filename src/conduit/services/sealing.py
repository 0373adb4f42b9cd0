"""Sealed notes: text that only holders of a key read, and nobody changes. AES-256-GCM.

A note is ``<key id>.<base64url of 12 bytes nonce, ciphertext and 16 bytes tag>``.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from conduit.errors import AuthenticationError

NONCE_SIZE: Final = 12  # bytes
KEY_SIZE: Final = 32  # bytes
_ID_SIZE: Final = 4  # bytes


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key and its name."""

    key_id: str
    key: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new one."""
        return cls(secrets.token_hex(4), secrets.token_bytes(KEY_SIZE))


def derive_key(secret: bytes, purpose: str) -> SealingKey:
    """The key of one purpose that follows from a secret (HKDF with SHA-256, RFC 5869); its name follows too.

    :param secret: of full entropy, such as a private key.
    """
    derived = HKDF(hashes.SHA256(), KEY_SIZE + _ID_SIZE, salt=None, info=purpose.encode()).derive(secret)
    return SealingKey(derived[KEY_SIZE:].hex(), derived[:KEY_SIZE])


class Sealer:
    """Seals with the first of its keys, opens with any of them.

    :param keys: newest first; at least one to seal.
    """

    def __init__(self, keys: Iterable[SealingKey]) -> None:
        self._keys: Mapping[str, SealingKey] = {key.key_id: key for key in keys}

    def seal(self, text: bytes, *, bound_to: str) -> str:
        """A note that opens only for the same *bound_to*."""
        key = next(iter(self._keys.values()))
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + AESGCM(key.key).encrypt(nonce, text, bound_to.encode())
        return f"{key.key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, note: str, *, bound_to: str) -> bytes:
        """:raises AuthenticationError: it was not sealed by one of our keys, for *bound_to*."""
        key_id, _, body = note.partition(".")
        key = self._keys.get(key_id)
        if key is None:
            raise AuthenticationError("sealed with a key that is not known here")
        try:
            sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            return AESGCM(key.key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], bound_to.encode())
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise AuthenticationError("the seal is broken") from error
