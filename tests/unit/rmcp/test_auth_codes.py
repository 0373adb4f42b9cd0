"""AuthCodes of IPMI 1.5, against digests of bytes laid out by hand."""

from __future__ import annotations

import hashlib

import pytest

from conduit.errors import LocalProtocolError
from conduit.rmcp.auth_codes import AUTH_CODES, PASSWORD_LENGTH, PREFERENCE, pad_password
from conduit.rmcp.md2 import md2
from conduit.rmcp.packets import AuthType

PASSWORD = b"calvin" + bytes(10)
MESSAGE = bytes.fromhex("20 18 c8 81 04 38 0e 04 31")
LAID_OUT = PASSWORD + bytes.fromhex("44332211") + MESSAGE + bytes.fromhex("88776655") + PASSWORD


def code(auth_type: AuthType) -> bytes:
    return AUTH_CODES[auth_type](PASSWORD, 0x11223344, 0x55667788, MESSAGE)


def test_md5_code_is_over_password_id_message_sequence_password() -> None:
    assert code(AuthType.MD5) == hashlib.md5(LAID_OUT).digest()  # noqa: S324 - the protocol's
    assert code(AuthType.MD5).hex() == "36e930beb7215e88d31bda50da984ed2"


def test_md2_code_is_over_the_same_bytes() -> None:
    assert code(AuthType.MD2) == md2(LAID_OUT)
    assert code(AuthType.MD2).hex() == "8cfc37aae86951eca3eb25f1a2161ae7"


@pytest.mark.parametrize("auth_type", [AuthType.STRAIGHT_PASSWORD, AuthType.OEM])
def test_straight_password_is_its_own_code(auth_type: AuthType) -> None:
    assert code(auth_type) == PASSWORD


def test_none_has_no_code() -> None:
    assert code(AuthType.NONE) == b""


def test_password_is_padded_to_sixteen_bytes() -> None:
    assert pad_password(b"ab") == b"ab" + bytes(14)
    assert pad_password(b"x" * PASSWORD_LENGTH) == b"x" * 16


def test_password_that_would_have_to_be_cut_is_refused_without_showing_it() -> None:
    with pytest.raises(LocalProtocolError, match="at most 16 bytes, this one 17") as caught:
        pad_password(b"hunter2hunter2hun")
    assert "hunter2" not in str(caught.value)


def test_digests_are_preferred_to_a_password_in_the_clear() -> None:
    assert PREFERENCE.index(AuthType.MD5) < PREFERENCE.index(AuthType.MD2)
    assert PREFERENCE.index(AuthType.MD2) < PREFERENCE.index(AuthType.STRAIGHT_PASSWORD)
    assert PREFERENCE.index(AuthType.STRAIGHT_PASSWORD) < PREFERENCE.index(AuthType.NONE)
