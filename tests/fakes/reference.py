"""RMCP+ packets and RAKP values computed the plain way, straight from the specification: what the fast code must equal.

Nothing here shares code with `conduit.rmcp.ciphers` or `conduit.rmcp.session`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RAKP_DIGESTS = {0: "", 1: "sha1", 2: "md5", 3: "sha256"}
RAKP4_LENGTHS = {0: 0, 1: 12, 2: 16, 3: 16}
INTEGRITY_DIGESTS = {1: ("sha1", 12), 2: ("md5", 16), 4: ("sha256", 16)}
MD5_128 = 3
AES, XRC4_128, XRC4_40 = 1, 2, 3


def keyed(algorithm: int, key: bytes, *parts: bytes) -> bytes:
    """HMAC of a RAKP authentication algorithm; nothing for RAKP-none."""
    name = RAKP_DIGESTS[algorithm]
    return hmac.new(key, b"".join(parts), name).digest() if name else b""


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


@dataclass(frozen=True)
class Keys:
    """What both ends of one RMCP+ session use."""

    integrity: int
    confidentiality: int
    k1: bytes = b""
    k2: bytes = b""
    password: bytes = b""

    def mac(self, data: bytes) -> bytes:
        if self.integrity == 0:
            return b""
        if self.integrity == MD5_128:
            padded = self.password + bytes(20 - len(self.password))
            return hashlib.md5(padded + data + padded).digest()  # noqa: S324 - the protocol's
        name, length = INTEGRITY_DIGESTS[self.integrity]
        return hmac.new(self.k1, data, name).digest()[:length]

    def mac_length(self) -> int:
        return len(self.mac(b""))


def encrypt(keys: Keys, payload: bytes, vector: bytes) -> bytes:
    if keys.confidentiality == 0:
        return payload
    if keys.confidentiality == AES:
        pad = -(len(payload) + 1) % 16
        padded = payload + bytes(range(1, pad + 1)) + bytes([pad])
        cipher = Cipher(algorithms.AES(keys.k2[:16]), modes.CBC(vector)).encryptor()
        return vector + cipher.update(padded) + cipher.finalize()
    return bytes(4) + vector + rc4(keys, vector, payload)


def decrypt(keys: Keys, data: bytes) -> bytes:
    if keys.confidentiality == 0:
        return data
    if keys.confidentiality == AES:
        cipher = Cipher(algorithms.AES(keys.k2[:16]), modes.CBC(data[:16])).decryptor()
        plain = cipher.update(data[16:]) + cipher.finalize()
        pad = plain[-1]
        assert plain[-1 - pad : -1] == bytes(range(1, pad + 1))
        return plain[: -1 - pad]
    assert data[:4] == bytes(4)
    return rc4(keys, data[4:20], data[20:])


def rc4(keys: Keys, vector: bytes, data: bytes, *, offset: int = 0) -> bytes:
    key = hashlib.md5(keys.k2[:16] + vector).digest()  # noqa: S324 - the protocol's
    cipher = Cipher(ARC4(key[: 16 if keys.confidentiality == XRC4_128 else 5]), mode=None).encryptor()
    cipher.update(bytes(offset))
    return cipher.update(data)


def seal(
    keys: Keys,
    session_id: int,
    sequence: int,
    payload: bytes,
    *,
    kind: int = 0,
    vector: bytes = bytes(range(16)),
    body: bytes | None = None,
) -> bytes:
    """An RMCP+ packet of a session. *body* replaces the encrypted payload."""
    sent = encrypt(keys, payload, vector) if body is None else body
    flags = (0x80 if keys.confidentiality else 0) | (0x40 if keys.integrity else 0)
    packet = bytes([6, 0, 0xFF, 7, 6, flags | kind]) + u32(session_id) + u32(sequence) + struct.pack("<H", len(sent))
    packet += sent
    if not keys.integrity:
        return packet
    pad = -(len(packet) - 4 + 2) % 4
    packet += b"\xff" * pad + bytes([pad, 7])
    return packet + keys.mac(packet[4:])


@dataclass(frozen=True)
class Opened:
    """An RMCP+ packet of a session, taken apart."""

    kind: int
    session_id: int
    sequence: int
    payload: bytes


def unseal(keys: Keys, packet: bytes) -> Opened:
    """Take a packet apart and check everything that there is to check."""
    assert packet[:5] == bytes([6, 0, 0xFF, 7, 6])
    flags, session_id, sequence, length = struct.unpack_from("<BIIH", packet, 5)
    assert bool(flags & 0x80) == bool(keys.confidentiality)
    assert bool(flags & 0x40) == bool(keys.integrity)
    end = 16 + length
    if keys.integrity:
        signed = len(packet) - keys.mac_length()
        assert packet[signed:] == keys.mac(packet[4:signed])
        assert (signed - 4) % 4 == 0
        assert packet[end:signed] == b"\xff" * (signed - end - 2) + bytes([signed - end - 2, 7])
    else:
        assert len(packet) == end
    return Opened(flags & 0x3F, session_id, sequence, decrypt(keys, packet[16:end]))
