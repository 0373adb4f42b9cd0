from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import LocalProtocolError
from conduit.rfb.des import answer_challenge, encrypt_block


@pytest.mark.parametrize(
    ("key", "plain", "cipher"),
    [  # Handbook of Applied Cryptography, example 7.82, and NIST SP 800-17, tables A.1 to A.4
        ("0123456789abcdef", "4e6f772069732074", "3fa40e8a984d4815"),
        ("0101010101010101", "8000000000000000", "95f8a5e5dd31d900"),
        ("0101010101010101", "0000000000000001", "166b40b44aba4bd6"),
        ("8001010101010101", "0000000000000000", "95a8d72813daa94d"),
        ("1046913489980131", "0000000000000000", "88d55e54f54c97b4"),
        ("7ca110454a1a6e57", "01a1d6d039776742", "690f5b0d9a26939b"),
        ("0131d9619dc1376e", "5cd54ca83def57da", "7a389d10354bd271"),
    ],
)
def test_published_vectors(key: str, plain: str, cipher: str) -> None:
    assert encrypt_block(bytes.fromhex(key), bytes.fromhex(plain)).hex() == cipher


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_the_complement_of_all_is_the_complement(key: bytes, block: bytes) -> None:
    def turn(data: bytes) -> bytes:
        return bytes(byte ^ 0xFF for byte in data)

    assert encrypt_block(turn(key), turn(block)) == turn(encrypt_block(key, block))


def test_only_eight_bytes_of_a_password_count() -> None:
    challenge = bytes(range(16))
    assert answer_challenge(b"12345678", challenge) == answer_challenge(b"123456789", challenge)
    assert answer_challenge(b"1234567", challenge) != answer_challenge(b"12345678", challenge)
    assert answer_challenge(b"", challenge) == answer_challenge(bytes(8), challenge)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_challenge_has_sixteen_bytes(length: int) -> None:
    with pytest.raises(LocalProtocolError):
        answer_challenge(b"", bytes(length))


@pytest.mark.parametrize(("key", "block"), [(7, 8), (8, 9)])
def test_des_takes_eight_bytes(key: int, block: int) -> None:
    with pytest.raises(LocalProtocolError):
        encrypt_block(bytes(key), bytes(block))
