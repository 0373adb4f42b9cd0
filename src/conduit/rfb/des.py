"""DES, as far as VNC authentication needs it: eight bytes, one key (FIPS 46-3; RFC 6143, section 7.2.2).

A cipher of 1977 with 56 bits of key protects nothing; it is here because most BMCs speak nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conduit.errors import LocalProtocolError

BLOCK: Final = 8  # bytes
CHALLENGE: Final = 16  # bytes
MAX_PASSWORD: Final = 8  # bytes; what follows has no effect

# The tables of FIPS 46-3: positions of bits, counted from 1 at the most significant one.
_INITIAL: Final = [bit - row for bit in (58, 60, 62, 64, 57, 59, 61, 63) for row in range(0, 64, 8)]
_FINAL: Final = [bit - row for row in range(8) for bit in (40, 8, 48, 16, 56, 24, 64, 32)]
_EXPANSION: Final = [(group * 4 + bit - 1) % 32 + 1 for group in range(8) for bit in range(6)]
_ROUND: Final = [
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
]
_KEY_CHOICE: Final = [
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
]
_SUBKEY_CHOICE: Final = [
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
]
_TURNS: Final = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
# Eight boxes of four rows, a hexadecimal digit for each value.
_BOXES: Final = (
    ("e4d12fb83a6c5907", "0f74e2d1a6cb9538", "41e8d62bfc973a50", "fc8249175b3ea06d"),
    ("f18e6b34972dc05a", "3d47f28ec01a69b5", "0e7ba4d158c6932f", "d8a13f42b67c05e9"),
    ("a09e63f51dc7b428", "d709346a285ecbf1", "d6498f30b12c5ae7", "1ad069874fe3b52c"),
    ("7de3069a1285bc4f", "d8b56f03472c1ae9", "a690cb7df13e5284", "3f06a1d8945bc72e"),
    ("2c417ab6853fd0e9", "eb2c47d150fa3986", "421bad78f9c5630e", "b8c71e2d6f09a453"),
    ("c1af92680d34e75b", "af427c9561de0b38", "9ef528c3704a1db6", "432c95fabe17608d"),
    ("4b2ef08d3c975a61", "d0b7491ae35c2f86", "14bdc37eaf680592", "6bd814a7950fe23c"),
    ("d2846fb1a93e50c7", "1fd8a374c56b0e92", "7b419ce206adf358", "21e74a8dfc90356b"),
)


def _pick(value: int, size: int, positions: Sequence[int]) -> int:
    """The bits of *value*, which has *size*, at *positions*."""
    result = 0
    for position in positions:
        result = result << 1 | value >> (size - position) & 1
    return result


def _substitute(value: int) -> int:
    """48 bits become 32: of every six, the outer two choose the row, the inner four the column."""
    result = 0
    for index, box in enumerate(_BOXES):
        six = value >> (42 - 6 * index) & 0x3F
        row = box[six >> 4 & 2 | six & 1]
        result = result << 4 | int(row[six >> 1 & 0xF], 16)
    return result


def _subkeys(key: bytes) -> list[int]:
    both = _pick(int.from_bytes(key), 64, _KEY_CHOICE)
    left, right = both >> 28, both & 0xFFF_FFFF
    keys = []
    for turn in _TURNS:
        left = (left << turn | left >> (28 - turn)) & 0xFFF_FFFF
        right = (right << turn | right >> (28 - turn)) & 0xFFF_FFFF
        keys.append(_pick(left << 28 | right, 56, _SUBKEY_CHOICE))
    return keys


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """Eight bytes under a key of eight, of which every byte's last bit means nothing."""
    if len(key) != BLOCK or len(block) != BLOCK:
        raise LocalProtocolError("DES takes eight bytes and a key of eight")
    value = _pick(int.from_bytes(block), 64, _INITIAL)
    left, right = value >> 32, value & 0xFFFF_FFFF
    for subkey in _subkeys(key):
        mixed = _substitute(_pick(right, 32, _EXPANSION) ^ subkey)
        left, right = right, left ^ _pick(mixed, 32, _ROUND)
    return _pick(right << 32 | left, 64, _FINAL).to_bytes(BLOCK)


def _mirror(byte: int) -> int:
    return int(f"{byte:08b}"[::-1], 2)


def answer_challenge(password: bytes, challenge: bytes) -> bytes:
    """What proves that we know *password*: the challenge encrypted with it, its bytes' bits in reverse.

    :raises LocalProtocolError: the challenge has not sixteen bytes.
    """
    if len(challenge) != CHALLENGE:
        raise LocalProtocolError("a challenge has sixteen bytes")
    key = bytes(_mirror(byte) for byte in password[:MAX_PASSWORD].ljust(BLOCK, b"\0"))
    return encrypt_block(key, challenge[:BLOCK]) + encrypt_block(key, challenge[BLOCK:])
