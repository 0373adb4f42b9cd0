"""How a stream is opened: the headers of its request and of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.streams import Headers

PATH: Final = b"/tunnel/v1/stream"
AUTHORITY: Final = b"conduit"
KIND: Final = b"conduit-kind"
META: Final = b"conduit-meta-"
MAX_METADATA: Final = 12 << 10  # bytes of all names and values
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]*")


def encode_request(kind: str, metadata: Mapping[str, str]) -> Headers:
    """The headers that open a stream.

    :raises LocalProtocolError: a name or a value cannot travel.
    """
    if not _NAME.fullmatch(kind):
        raise LocalProtocolError(f"{kind!r} is no kind: lower-case letters, digits and hyphens, 63 at most")
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", AUTHORITY),
        (b":path", PATH),
        (KIND, kind.encode()),
    ]
    size = 0
    for name, value in metadata.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or value != value.strip():
            raise LocalProtocolError(f"metadata {name!r} cannot travel: names are like kinds, values are plain text")
        headers.append((META + name.encode(), value.encode()))
        size += len(name) + len(value)
    if size > MAX_METADATA:
        raise LocalProtocolError(f"the metadata have {size} bytes, {MAX_METADATA} at most can travel")
    return headers


def encode_response() -> Headers:
    """The headers that accept it."""
    return [(b":status", b"200")]


def decode_request(headers: Headers) -> tuple[str, dict[str, str]]:
    """Kind and metadata of a stream that the peer opens.

    :raises DecodeError: it is no stream of ours.
    """
    kind, path = b"", b""
    metadata: dict[str, str] = {}
    for name, value in headers:
        if name == b":path":
            path = value
        elif name == KIND:
            kind = value
        elif name.startswith(META):
            metadata[_text(name[len(META) :])] = _text(value)
    if path != PATH or not _NAME.fullmatch(_text(kind)):
        raise DecodeError("a request that opens no stream")
    return _text(kind), metadata


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a header that is no UTF-8") from error
