"""Cipher suites of RMCP+ (sections 13.28 to 13.32, table 22-20) and the keys they work with.

A suite names three algorithms: how the two sides prove that they know the password (RAKP), how packets are
authenticated (integrity) and how they are encrypted (confidentiality). Algorithms are pure functions of key and data.
Adding one means adding a row to one table here.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, NamedTuple, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from conduit.errors import DecodeError

Entropy = Callable[[int], bytes]
"Returns that many unpredictable bytes."
Transform = Callable[[bytes], bytes]
"Encrypts or decrypts bytes of a stream."


class Mac(Protocol):
    """A message authentication code under a fixed key."""

    def code(self, data: bytes) -> bytes:
        """The AuthCode of *data*."""
        ...


class PayloadCipher(Protocol):
    """How payloads of one session are encrypted, in both directions."""

    def encrypt(self, payload: bytes) -> bytes:
        """Confidentiality header, encrypted payload, trailer."""
        ...

    def decrypt(self, data: bytes) -> bytes:
        """:raises DecodeError: *data* is no payload of such a cipher."""
        ...


class Authentication(IntEnum):
    """RAKP authentication algorithms (table 13-17)."""

    RAKP_NONE = 0
    RAKP_HMAC_SHA1 = 1
    RAKP_HMAC_MD5 = 2
    RAKP_HMAC_SHA256 = 3


class Integrity(IntEnum):
    """Integrity algorithms (table 13-18)."""

    NONE = 0
    HMAC_SHA1_96 = 1
    HMAC_MD5_128 = 2
    MD5_128 = 3
    HMAC_SHA256_128 = 4


class Confidentiality(IntEnum):
    """Confidentiality algorithms (table 13-19)."""

    NONE = 0
    AES_CBC_128 = 1
    XRC4_128 = 2
    XRC4_40 = 3


class CipherSuite(NamedTuple):
    """Three algorithms that are used together."""

    authentication: Authentication
    integrity: Integrity
    confidentiality: Confidentiality

    @property
    def is_weak(self) -> bool:
        """Whether anybody on the way may log in (no authentication) or inject commands (no integrity)."""
        return not (self.authentication and self.integrity)

    def __str__(self) -> str:
        return "/".join(part.name.replace("_", "-").replace("XRC4", "xRC4") for part in self)


def _suite(authentication: int, integrity: int, confidentiality: int) -> CipherSuite:
    return CipherSuite(Authentication(authentication), Integrity(integrity), Confidentiality(confidentiality))


# Table 22-20; 15 to 19 from the 2.0 revision 1.1 errata.
SUITES: Final[Mapping[int, CipherSuite]] = {
    0: _suite(0, 0, 0),
    1: _suite(1, 0, 0),
    2: _suite(1, 1, 0),
    3: _suite(1, 1, 1),
    4: _suite(1, 1, 2),
    5: _suite(1, 1, 3),
    6: _suite(2, 0, 0),
    7: _suite(2, 2, 0),
    8: _suite(2, 2, 1),
    9: _suite(2, 2, 2),
    10: _suite(2, 2, 3),
    11: _suite(2, 3, 0),
    12: _suite(2, 3, 1),
    13: _suite(2, 3, 2),
    14: _suite(2, 3, 3),
    15: _suite(3, 0, 0),
    16: _suite(3, 4, 0),
    17: _suite(3, 4, 1),
    18: _suite(3, 4, 2),
    19: _suite(3, 4, 3),
}

# Best first: what a console chooses when nobody asked for a suite by number. Suites without authentication or
# integrity are not here and never chosen; suites without encryption come last.
PREFERENCE: Final = (17, 3, 8, 12, 18, 4, 9, 13, 19, 5, 10, 14, 16, 2, 7, 11)


def suite_number(suite: CipherSuite) -> int | None:
    """The standard number of *suite*, or None when the table has no such combination."""
    return next((number for number, known in SUITES.items() if known == suite), None)


# --- HMAC (RFC 2104), for proofs, keys and packets alike ---

_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_HASH_BLOCK: Final = 64  # bytes, for MD5, SHA-1 and SHA-256 alike; no key here is longer
_HASHES: Final[Mapping[str, Callable[..., Any]]] = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256}


class Hmac:
    """An HMAC under *key* with both padded keys hashed once, here: a third of the time of ``hmac.digest`` per use.

    :param name: as hashlib calls the hash.
    :param length: bytes to keep of each digest; None keeps all of it.
    """

    __slots__ = ("_inner", "_length", "_outer")

    def __init__(self, name: str, key: bytes, length: int | None = None) -> None:
        new = _HASHES[name]
        padded = key.ljust(_HASH_BLOCK, b"\0")
        self._inner = new(padded.translate(_INNER_PAD), usedforsecurity=False)
        self._outer = new(padded.translate(_OUTER_PAD), usedforsecurity=False)
        self._length = length

    def code(self, data: bytes) -> bytes:
        """The first bytes of the HMAC of *data*."""
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        digest: bytes = outer.digest()
        return digest[: self._length]


class _NoMac:
    """RAKP-none: codes are empty."""

    __slots__ = ()

    def code(self, data: bytes) -> bytes:
        """No bytes."""
        return b""


_NO_MAC: Final = _NoMac()


# --- RAKP: proof of the password, and the keys that follow from it (sections 13.20 to 13.22, 13.31, 13.32) ---


class RakpHash(NamedTuple):
    """What an authentication algorithm uses."""

    name: str
    "As hashlib and hmac call it; empty for RAKP-none, which proves nothing."
    code_length: int
    "Bytes of the key exchange authentication code in RAKP 2 and 3."
    check_length: int
    "Bytes of the integrity check value in RAKP 4."

    def keyed(self, key: bytes, length: int | None = None) -> Mac:
        """The code under *key*, cut to *length* bytes."""
        return Hmac(self.name, key, length) if self.name else _NO_MAC


RAKP_HASHES: Final[Mapping[Authentication, RakpHash]] = {
    Authentication.RAKP_NONE: RakpHash("", 0, 0),
    Authentication.RAKP_HMAC_SHA1: RakpHash("sha1", 20, 12),
    Authentication.RAKP_HMAC_MD5: RakpHash("md5", 16, 16),
    Authentication.RAKP_HMAC_SHA256: RakpHash("sha256", 32, 16),
}

PASSWORD_LENGTH: Final = 20  # bytes, most that RMCP+ takes
KG_LENGTH: Final = 20  # bytes
_K1_CONSTANT: Final = b"\x01" * 20  # section 13.32
_K2_CONSTANT: Final = b"\x02" * 20
_IDS: Final = struct.Struct("<II")
_U32LE: Final = struct.Struct("<I")


@dataclass(slots=True, kw_only=True)  # not frozen, as the messages it is made from
class RakpTranscript:
    """All that both sides of a RAKP exchange know before they prove the password."""

    authentication: Authentication
    console_id: int
    "Session ID that the remote console chose (SIDm)."
    bmc_id: int
    "Session ID that the BMC chose (SIDc)."
    console_random: bytes
    "16 bytes (Rm)."
    bmc_random: bytes
    "16 bytes (Rc)."
    guid: bytes
    "The BMC's GUID, 16 bytes (GUIDc)."
    role: int
    "The role byte of RAKP message 1: privilege in bits 3:0, name-only look-up in bit 4 (ROLEm)."
    username: bytes
    "0 to 16 bytes (UNAMEm)."
    _keyed: tuple[bytes, Mac] | None = field(default=None, repr=False, compare=False)
    "The key used last, hashed: codes come in runs under the password and under SIK."

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        if self._keyed is None or self._keyed[0] is not key:
            self._keyed = key, RAKP_HASHES[self.authentication].keyed(key)
        return self._keyed[1].code(data)

    def _who(self) -> bytes:
        return b"%c%c%b" % (self.role, len(self.username), self.username)

    def rakp2_code(self, password: bytes) -> bytes:
        """What the BMC proves with: over everything, under the user's key (table 13-12)."""
        ids = _IDS.pack(self.console_id, self.bmc_id)
        data = ids + self.console_random + self.bmc_random + self.guid + self._who()
        return self._hmac(password, data)

    def rakp3_code(self, password: bytes) -> bytes:
        """What the remote console proves with (table 13-13)."""
        return self._hmac(password, self.bmc_random + _U32LE.pack(self.console_id) + self._who())

    def session_integrity_key(self, key: bytes) -> bytes:
        """SIK, under Kg or, where none is set, the user's key (section 13.31)."""
        return self._hmac(key, self.console_random + self.bmc_random + self._who())

    def rakp4_check(self, sik: bytes, algorithm: RakpHash | None = None) -> bytes:
        """The integrity check value that ends the exchange (table 13-14), truncated as the algorithm asks.

        :param algorithm: another hash, for BMCs that take one (workaround ``intelplus``).
        """
        data = self.console_random + _U32LE.pack(self.bmc_id) + self.guid
        if algorithm is not None:
            return algorithm.keyed(sik, algorithm.check_length).code(data)
        return self._hmac(sik, data)[: RAKP_HASHES[self.authentication].check_length]

    def session_keys(self, sik: bytes) -> SessionKeys:
        """K1 and K2 (section 13.32)."""
        return SessionKeys(k1=self._hmac(sik, _K1_CONSTANT), k2=self._hmac(sik, _K2_CONSTANT))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKeys:
    """What packets of one session are authenticated and encrypted with."""

    k1: bytes = field(default=b"", repr=False)
    "Integrity key, 16 to 32 bytes."
    k2: bytes = field(default=b"", repr=False)
    "Confidentiality key material, 16 to 32 bytes, of which 16 are used."


# --- Integrity (section 13.28.4) ---


def _hmac_mac(name: str, length: int) -> Callable[[SessionKeys, bytes], Mac]:
    def make(keys: SessionKeys, password: bytes) -> Mac:
        return Hmac(name, keys.k1, length)

    return make


class _Md5Mac:
    """MD5-128: the password, NUL-padded to 20 bytes, before and after the data, and no session key at all."""

    __slots__ = ("_padded",)

    def __init__(self, keys: SessionKeys, password: bytes) -> None:
        self._padded = password.ljust(PASSWORD_LENGTH, b"\0")

    def code(self, data: bytes) -> bytes:
        """16 bytes."""
        return hashlib.md5(self._padded + data + self._padded, usedforsecurity=False).digest()


class IntegrityMethod(NamedTuple):
    """How packets are authenticated."""

    length: int
    "Bytes of the AuthCode."
    make: Callable[[SessionKeys, bytes], Mac]
    "Session keys and password to what computes AuthCodes."


INTEGRITY: Final[Mapping[Integrity, IntegrityMethod]] = {
    Integrity.HMAC_SHA1_96: IntegrityMethod(12, _hmac_mac("sha1", 12)),
    Integrity.HMAC_MD5_128: IntegrityMethod(16, _hmac_mac("md5", 16)),
    Integrity.MD5_128: IntegrityMethod(16, _Md5Mac),
    Integrity.HMAC_SHA256_128: IntegrityMethod(16, _hmac_mac("sha256", 16)),
}


# --- Confidentiality (sections 13.29 and 13.30) ---

AES_BLOCK: Final = 16  # bytes
# Pad bytes 1, 2, 3 ... and their count, by count (table 13-20).
AES_PADS: Final = tuple(bytes(range(1, count + 1)) + bytes([count]) for count in range(AES_BLOCK))


class AesCbc128:
    """AES-CBC-128 over ``IV | payload | pad``.

    Both contexts live as long as the session and are never finished, which costs a twentieth of a new context per
    packet. CBC chains on across packets, so that the first block sent, encrypted from random bytes and the last
    ciphertext, is as unpredictable as an IV must be; and the first block received, decrypted with a stranger's
    chain value, is the IV and is thrown away.
    """

    __slots__ = ("_decryptor", "_encryptor", "_entropy")

    def __init__(self, keys: SessionKeys, entropy: Entropy) -> None:
        cipher = Cipher(algorithms.AES(keys.k2[:AES_BLOCK]), modes.CBC(entropy(AES_BLOCK)))
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()
        self._entropy = entropy

    def encrypt(self, payload: bytes) -> bytes:
        """IV and encrypted blocks."""
        return self._encryptor.update(self._entropy(AES_BLOCK) + payload + AES_PADS[~len(payload) & 15])

    def decrypt(self, data: bytes) -> bytes:
        """:raises DecodeError: not whole blocks, or wrong padding."""
        # A partial block would shift a live context for good, so lengths are checked before it sees a byte.
        if len(data) < 2 * AES_BLOCK or len(data) & 15:
            raise DecodeError("AES payload is not a whole number of blocks", offset=len(data))
        plain = self._decryptor.update(data)
        count = plain[-1]
        if count >= AES_BLOCK or not plain.endswith(AES_PADS[count]):
            raise DecodeError("wrong AES padding", offset=len(data) - 1)
        return plain[AES_BLOCK : -1 - count]


_XRC4_IV: Final = 16  # bytes


class Xrc4:
    """xRC4: RC4 whose key follows from K2 and an IV that the first packet of a stream carries (table 13-21).

    Each packet starts with the offset of its first byte in the key stream, least significant byte first; offset 0
    is followed by a fresh IV. We start a new stream with every packet, which the format allows, so that a lost or
    reordered packet never matters; from the peer we accept continued streams too.
    """

    __slots__ = ("_entropy", "_key_length", "_keys", "_vector")

    MAX_OFFSET: Final = 1 << 20  # bytes of key stream that one packet may make us compute

    def __init__(self, keys: SessionKeys, entropy: Entropy, *, key_length: int) -> None:
        self._keys = keys
        self._entropy = entropy
        self._key_length = key_length
        self._vector: bytes | None = None  # of the key stream that the peer is in

    def encrypt(self, payload: bytes) -> bytes:
        """Offset 0, IV, encrypted payload."""
        vector = self._entropy(_XRC4_IV)
        return bytes(4) + vector + self._stream(vector)(payload)

    def decrypt(self, data: bytes) -> bytes:
        """:raises DecodeError: truncated, or an offset into a stream that never began or too far in."""
        if len(data) < 4:
            raise DecodeError("truncated xRC4 header", offset=len(data))
        offset = int.from_bytes(data[:4], "little")
        if offset:
            return self._continued(offset, data[4:])
        if len(data) < 4 + _XRC4_IV:
            raise DecodeError("truncated xRC4 initialisation vector", offset=len(data))
        self._vector = data[4 : 4 + _XRC4_IV]
        return self._stream(self._vector)(data[4 + _XRC4_IV :])

    def _stream(self, vector: bytes) -> Transform:
        digest = hashlib.md5(self._keys.k2[:16] + vector, usedforsecurity=False).digest()
        return Cipher(ARC4(digest[: self._key_length]), mode=None).encryptor().update

    def _continued(self, offset: int, data: bytes) -> bytes:
        if self._vector is None or offset > self.MAX_OFFSET:
            raise DecodeError("xRC4 offset outside the stream", offset=0)
        decrypt = self._stream(self._vector)
        decrypt(bytes(offset))
        return decrypt(data)


CONFIDENTIALITY: Final[Mapping[Confidentiality, Callable[[SessionKeys, Entropy], PayloadCipher]]] = {
    Confidentiality.AES_CBC_128: AesCbc128,
    Confidentiality.XRC4_128: functools.partial(Xrc4, key_length=16),
    Confidentiality.XRC4_40: functools.partial(Xrc4, key_length=5),
}
