"""Header fields with which a WebSocket is asked for: who we are to the web server before the display."""

from __future__ import annotations

import base64

from conduit.errors import LocalProtocolError
from conduit.rfb.security import to_bytes

__all__ = ["basic", "parse_fields"]


def basic(username: str, password: str) -> str:
    """The value of ``Authorization`` (RFC 7617)."""
    return f"Basic {base64.b64encode(to_bytes(f'{username}:{password}')).decode()}"


def parse_fields(text: str, source: str) -> dict[str, str]:
    """One in each line, ``X-Auth-Token: ...``; empty lines do not matter.

    :param source: where the text is from, for people.
    :raises LocalProtocolError: a line is none. The message does not repeat it, as it may be a secret.
    """
    fields = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise LocalProtocolError(f"a line of {source!r} is no header field, such as X-Auth-Token: ...")
        if colon:
            fields[name.strip()] = value.strip()
    return fields
