"""The MD2 message digest (RFC 1319), which OpenSSL no longer has and old BMCs still ask for."""

from __future__ import annotations

from typing import Final

_BLOCK: Final = 16  # bytes
_ROUNDS: Final = 18

# A permutation of 0 to 255 drawn with the digits of pi (RFC 1319, 3.2).
_SUBSTITUTION: Final = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca"
    "1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a"
    "a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1"
    "459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f"
    "5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)


def md2(data: bytes) -> bytes:
    """The 16-byte digest of *data*. Broken as a hash since 2004; here for IPMI 1.5's "MD2" only."""
    padding = _BLOCK - len(data) % _BLOCK
    padded = data + bytes([padding]) * padding
    blocks = [padded[start : start + _BLOCK] for start in range(0, len(padded), _BLOCK)]
    state = bytes(_BLOCK)
    for block in [*blocks, _checksum(blocks)]:
        state = _compress(state, block)
    return state


def _checksum(blocks: list[bytes]) -> bytes:
    """The 16 bytes appended before hashing (RFC 1319, 3.2, with the erratum: S is XORed in)."""
    total = bytearray(_BLOCK)
    last = 0
    for block in blocks:
        for index, byte in enumerate(block):
            total[index] ^= _SUBSTITUTION[byte ^ last]
            last = total[index]
    return bytes(total)


def _compress(state: bytes, block: bytes) -> bytes:
    """Mix one block into the 48-byte state, of which only the first third is carried on (RFC 1319, 3.4)."""
    mixed = bytearray(state + block + bytes(a ^ b for a, b in zip(state, block, strict=True)))
    carry = 0
    for turn in range(_ROUNDS):
        for index, byte in enumerate(mixed):
            carry = mixed[index] = byte ^ _SUBSTITUTION[carry]
        carry = (carry + turn) & 0xFF
    return bytes(mixed[:_BLOCK])
