"""Cipher suites: published RAKP vectors, and every algorithm against the plain way of computing it."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.rmcp.ciphers import (
    CONFIDENTIALITY,
    INTEGRITY,
    PREFERENCE,
    RAKP_HASHES,
    SUITES,
    Authentication,
    CipherSuite,
    Confidentiality,
    Integrity,
    PayloadCipher,
    RakpTranscript,
    SessionKeys,
    suite_number,
)
from tests.fakes import reference
from tests.fakes.entropy import CountedEntropy
from tests.fakes.reference import Keys
from tests.fakes.scripted_bmc import SUITE_ALGORITHMS

K2 = bytes(range(32))
RC4 = [Confidentiality.XRC4_128, Confidentiality.XRC4_40]
# IDs, random numbers, GUID, role, name length and name, as password crackers are given them; and the RAKP 2 code.
# John the Ripper, rakp_fmt_plug.c (root/calvin, twice), and hashcat's example hash (hashcat/hashcat).
RAKP2_VECTORS = [
    (
        b"calvin",
        (
            "a4a3a2a03f0b000094272eb1ba576450b0d98ad10727a9fb0ab83616e099e8bf5f7366c9c03d36a3000000000000000000000000"
            "000000001404726f6f74"
        ),
        "0ea27d6d5effaa996e5edc855b944e179a2f2434",
    ),
    (
        b"calvin",
        (
            "c358d2a72f0c00001135f9b254c274629208b22f1166d94d2eba47f21093e9734355a33593da16f2000000000000000000000000"
            "000000001404726f6f74"
        ),
        "41fce60acf2885f87fcafdf658d6f97db12639a9",
    ),
    (
        b"hashcat",
        (
            "b7c2d6f13a43dce2e44ad120a9cd8a13d0ca23f0414275c0bbe1070d2d1299b1c04da0f1a0f1e4e2537300263a22000000000000"
            "00000000140768617368636174"
        ),
        "472bdabe2d5d4bffd6add7b3ba79a291d104a9ef",
    ),
]


def transcript_of(salt: bytes, authentication: Authentication = Authentication.RAKP_HMAC_SHA1) -> RakpTranscript:
    return RakpTranscript(
        authentication=authentication,
        console_id=int.from_bytes(salt[:4], "little"),
        bmc_id=int.from_bytes(salt[4:8], "little"),
        console_random=salt[8:24],
        bmc_random=salt[24:40],
        guid=salt[40:56],
        role=salt[56],
        username=salt[58:],
    )


@pytest.mark.parametrize(("password", "salt", "code"), RAKP2_VECTORS)
def test_rakp2_code_is_that_of_the_published_vectors(password: bytes, salt: str, code: str) -> None:
    assert transcript_of(bytes.fromhex(salt)).rakp2_code(password).hex() == code


@pytest.mark.parametrize("authentication", list(Authentication))
def test_rakp_values_are_hmacs_over_the_fields_of_the_specification(authentication: Authentication) -> None:
    salt = bytes.fromhex(RAKP2_VECTORS[0][1])
    transcript = transcript_of(salt, authentication)
    console_id, bmc_id, rm, rc, guid, who = salt[:4], salt[4:8], salt[8:24], salt[24:40], salt[40:56], salt[56:]
    sik = reference.keyed(authentication, b"kg", rm, rc, who)
    check = reference.keyed(authentication, sik, rm, bmc_id, guid)[: reference.RAKP4_LENGTHS[authentication]]
    assert transcript.rakp3_code(b"pw") == reference.keyed(authentication, b"pw", rc, console_id, who)
    assert transcript.session_integrity_key(b"kg") == sik
    assert transcript.rakp4_check(sik) == check
    keys = transcript.session_keys(sik)
    assert keys.k1 == reference.keyed(authentication, sik, b"\x01" * 20)
    assert keys.k2 == reference.keyed(authentication, sik, b"\x02" * 20)
    assert len(transcript.rakp2_code(b"pw")) == RAKP_HASHES[authentication].code_length
    assert len(check) == RAKP_HASHES[authentication].check_length


def test_rakp4_check_takes_another_hash_where_a_bmc_does() -> None:
    transcript = transcript_of(bytes(58))
    check = transcript.rakp4_check(b"sik", RAKP_HASHES[Authentication.RAKP_HMAC_MD5])
    assert check == hmac.new(b"sik", bytes(36), "md5").digest()


def test_suites_are_those_of_the_table() -> None:
    assert {number: tuple(map(int, suite)) for number, suite in SUITES.items()} == SUITE_ALGORITHMS


def test_suite_is_found_by_its_algorithms() -> None:
    assert [suite_number(SUITES[number]) for number in range(20)] == list(range(20))
    odd = CipherSuite(Authentication.RAKP_HMAC_SHA1, Integrity.MD5_128, Confidentiality.NONE)
    assert suite_number(odd) is None


def test_only_suites_that_prove_and_protect_are_ever_preferred() -> None:
    assert sorted(PREFERENCE) == [number for number in range(20) if number not in (0, 1, 6, 15)]
    assert [number for number in range(20) if SUITES[number].is_weak] == [0, 1, 6, 15]


def test_suite_is_printed_with_the_names_of_its_algorithms() -> None:
    assert str(SUITES[17]) == "RAKP-HMAC-SHA256/HMAC-SHA256-128/AES-CBC-128"
    assert str(SUITES[4]) == "RAKP-HMAC-SHA1/HMAC-SHA1-96/xRC4-128"


def test_keys_are_not_in_repr() -> None:
    assert "k1" not in repr(SessionKeys(k1=b"secret", k2=b"secret"))


@pytest.mark.property
@given(key=st.binary(max_size=32), data=st.lists(st.binary(max_size=300), max_size=4))
@pytest.mark.parametrize(
    ("integrity", "name"),
    [(Integrity.HMAC_SHA1_96, "sha1"), (Integrity.HMAC_MD5_128, "md5"), (Integrity.HMAC_SHA256_128, "sha256")],
)
def test_mac_with_hashed_pads_is_the_hmac(integrity: Integrity, name: str, key: bytes, data: list[bytes]) -> None:
    method = INTEGRITY[integrity]
    mac = method.make(SessionKeys(k1=key), b"ignored")
    for part in data:
        assert mac.code(part) == hmac.digest(key, part, name)[: method.length]


def test_md5_128_is_keyed_with_the_password_and_no_session_key() -> None:
    mac = INTEGRITY[Integrity.MD5_128].make(SessionKeys(k1=b"unused"), b"secret")
    padded = b"secret" + bytes(14)
    assert mac.code(b"data") == hashlib.md5(padded + b"data" + padded).digest()  # noqa: S324 - the protocol's


def pair(method: Confidentiality) -> tuple[Keys, PayloadCipher]:
    keys = Keys(integrity=0, confidentiality=int(method), k2=K2)
    return keys, CONFIDENTIALITY[method](SessionKeys(k2=K2), CountedEntropy())


@pytest.mark.parametrize("method", list(CONFIDENTIALITY))
def test_payloads_of_every_length_are_understood_by_the_other_implementation(method: Confidentiality) -> None:
    keys, cipher = pair(method)
    for length in range(66):
        assert reference.decrypt(keys, cipher.encrypt(bytes(range(length)))) == bytes(range(length))


@pytest.mark.parametrize("method", list(CONFIDENTIALITY))
def test_payloads_of_every_length_from_the_other_implementation_are_understood(method: Confidentiality) -> None:
    keys, cipher = pair(method)
    for length in range(66):
        sent = reference.encrypt(keys, bytes(range(length)), bytes([length]) * 16)
        assert cipher.decrypt(sent) == bytes(range(length))


@pytest.mark.parametrize("method", list(CONFIDENTIALITY))
def test_equal_payloads_never_look_equal(method: Confidentiality) -> None:
    _, cipher = pair(method)
    assert len({cipher.encrypt(b"same payload") for _ in range(50)}) == 50


@pytest.mark.parametrize("length", [length for length in range(66) if length < 32 or length % 16])
def test_datagram_of_bad_length_never_touches_the_live_cbc_context(length: int) -> None:
    keys, cipher = pair(Confidentiality.AES_CBC_128)
    with pytest.raises(DecodeError, match="not a whole number of blocks"):
        cipher.decrypt(bytes(length))
    assert cipher.decrypt(reference.encrypt(keys, b"next", bytes(16))) == b"next"


def test_wrong_padding_is_a_decode_error_and_the_next_packet_decrypts() -> None:
    keys, cipher = pair(Confidentiality.AES_CBC_128)
    sent = bytearray(reference.encrypt(keys, b"payload", bytes(16)))
    sent[15] ^= 1  # the last byte of the IV flips the last byte of plain text: the pad length
    with pytest.raises(DecodeError, match="wrong AES padding"):
        cipher.decrypt(bytes(sent))
    sent[15] ^= 0x81
    with pytest.raises(DecodeError, match="wrong AES padding"):
        cipher.decrypt(bytes(sent))
    assert cipher.decrypt(reference.encrypt(keys, b"next", bytes(16))) == b"next"


@pytest.mark.parametrize("method", RC4)
def test_continued_xrc4_stream_is_followed_in_any_order(method: Confidentiality) -> None:
    keys, cipher = pair(method)
    vector = b"v" * 16
    first, second, third = b"first packet", b"second", b"third"
    packets = {
        len(first): reference.rc4(keys, vector, second, offset=len(first)),
        len(first + second): reference.rc4(keys, vector, third, offset=len(first + second)),
    }
    assert cipher.decrypt(reference.encrypt(keys, first, vector)) == first
    for offset, plain in ((18, third), (12, second)):
        assert cipher.decrypt(reference.u32(offset) + packets[offset]) == plain


@pytest.mark.parametrize("method", RC4)
def test_xrc4_offset_into_no_stream_or_too_far_is_a_decode_error(method: Confidentiality) -> None:
    keys, cipher = pair(method)
    with pytest.raises(DecodeError, match="offset outside the stream"):
        cipher.decrypt(reference.u32(1) + b"x")
    cipher.decrypt(reference.encrypt(keys, b"", bytes(16)))
    with pytest.raises(DecodeError, match="offset outside the stream"):
        cipher.decrypt(reference.u32((1 << 20) + 1))
    assert cipher.decrypt(reference.u32(1 << 20)) == b""


@pytest.mark.parametrize("length", range(20))
def test_xrc4_header_cut_short_is_a_decode_error(length: int) -> None:
    _, cipher = pair(Confidentiality.XRC4_128)
    with pytest.raises(DecodeError, match="truncated xRC4"):
        cipher.decrypt(bytes(length))
