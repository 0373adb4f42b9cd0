"""AuthCodes of IPMI 1.5 packets (section 22.17.1): a keyed digest over session ID, message and sequence number."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.rmcp.md2 import md2
from conduit.rmcp.packets import AuthType

PASSWORD_LENGTH: Final = 16  # bytes, NUL-padded

_U32LE: Final = struct.Struct("<I")


def pad_password(password: bytes) -> bytes:
    """*password* as IPMI 1.5 uses it: 16 bytes, NUL-padded.

    :raises LocalProtocolError: longer than 16 bytes; a truncated password would let others in.
    """
    if len(password) > PASSWORD_LENGTH:
        raise LocalProtocolError(f"IPMI 1.5 passwords have at most {PASSWORD_LENGTH} bytes, this one {len(password)}")
    return password.ljust(PASSWORD_LENGTH, b"\0")


def _keyed(digest: Callable[[bytes], bytes]) -> Callable[[bytes, int, int, bytes], bytes]:
    """The multi-session AuthCode: the padded password before and after what it protects."""

    def auth_code(password: bytes, session_id: int, sequence: int, message: bytes) -> bytes:
        body = _U32LE.pack(session_id) + message + _U32LE.pack(sequence)
        return digest(password + body + password)

    return auth_code


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _none(password: bytes, session_id: int, sequence: int, message: bytes) -> bytes:
    return b""


def _straight(password: bytes, session_id: int, sequence: int, message: bytes) -> bytes:
    return password


# password (16 bytes) | session ID | session sequence number | IPMI message -> AuthCode
AUTH_CODES: Final[Mapping[int, Callable[[bytes, int, int, bytes], bytes]]] = {
    AuthType.NONE: _none,
    AuthType.MD2: _keyed(md2),
    AuthType.MD5: _keyed(_md5),
    AuthType.STRAIGHT_PASSWORD: _straight,
    AuthType.OEM: _straight,  # of what the workarounds supermicro and quanta make of the password
}

# Best first: what a console picks when the BMC offers several. A straight password crosses the wire in the clear.
PREFERENCE: Final = (AuthType.MD5, AuthType.MD2, AuthType.STRAIGHT_PASSWORD, AuthType.NONE)
