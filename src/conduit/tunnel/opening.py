"""How a stream is opened: the headers of its request and of the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.streams import Headers

PATH: Final = b"/tunnel/v1/stream"
AUTHORITY: Final = b"conduit"
KIND: Final = b"conduit-kind"
META: Final = b"conduit-meta-"
TIMEOUT: Final = b"conduit-timeout"  # milliseconds that are left when the headers leave
MAX_TIMEOUT: Final = 99_999_999  # milliseconds, eight digits as in gRPC; a later deadline is kept by the opener alone
MAX_METADATA: Final = 12 << 10  # bytes of all names and values, as HTTP/2 counts them: the peer takes 16 KiB
_OVERHEAD: Final = 32  # bytes that a header counts for beside its name and value (RFC 9113, section 6.5.2)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_TIMEOUT: Final = re.compile(rb"[0-9]{1,8}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")  # no control characters, and no half ones


def encode_request(kind: str, metadata: Mapping[str, str], timeout: float | None = None) -> Headers:
    """The headers that open a stream.

    :param timeout: seconds until its deadline; None without one. Part of a millisecond counts as a whole one, so that
        the peer's deadline is never before ours.
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
    if timeout is not None and timeout * 1000 <= MAX_TIMEOUT:
        headers.append((TIMEOUT, b"%d" % max(math.ceil(timeout * 1000), 0)))
    return headers + _encode_metadata(metadata)


def _encode_metadata(metadata: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    size = 0
    for name, value in metadata.items():
        if not _may_travel(name, value):
            raise LocalProtocolError(f"metadata {name!r} cannot travel: names are like kinds, values are plain text")
        header = META + name.encode(), value.encode()
        headers.append(header)
        size += len(header[0]) + len(header[1]) + _OVERHEAD
    if size > MAX_METADATA:
        raise LocalProtocolError(f"the metadata have {size} bytes, {MAX_METADATA} at most can travel")
    return headers


def encode_response(metadata: Mapping[str, str] | None = None) -> Headers:
    """The headers that accept it.

    :param metadata: what the opener should know.
    :raises LocalProtocolError: a name or a value cannot travel.
    """
    return [(b":status", b"200"), *_encode_metadata(metadata or {})]


def decode_response(headers: Headers) -> dict[str, str]:
    """Metadata of the answer.

    :raises DecodeError: it is not the answer of one of our kind.
    """
    metadata: dict[str, str] = {}
    for name, value in headers:
        if name == b":status" and value != b"200":
            raise DecodeError("an answer that neither accepts nor refuses")
        if name.startswith(META):
            _add_metadata(metadata, name, value)
    return metadata


def decode_timeout(headers: Headers) -> float:
    """Seconds that the peer gives a stream that it opens; infinite when it says nothing.

    :raises DecodeError: not a number of at most eight digits.
    """
    for name, value in headers:
        if name == TIMEOUT:
            if not _TIMEOUT.fullmatch(value):
                raise DecodeError("a timeout that is no number of milliseconds")
            return int(value) / 1000
    return math.inf


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
            _add_metadata(metadata, name, value)
    if path != PATH or not _NAME.fullmatch(_text(kind)):
        raise DecodeError("a request that opens no stream")
    return _text(kind), metadata


def _add_metadata(metadata: dict[str, str], name: bytes, value: bytes) -> None:
    key, text = _text(name[len(META) :]), _text(value)
    if not _may_travel(key, text):
        raise DecodeError("metadata that nobody could have sent")
    metadata[key] = text


def _may_travel(name: str, value: str) -> bool:
    plain = _NAME.fullmatch(name) and _VALUE.fullmatch(value) and value == value.strip()
    return bool(plain)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a header that is no UTF-8") from error
