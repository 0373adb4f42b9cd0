"""What services read from a request's headers."""

from __future__ import annotations

from typing import Protocol

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code


class HeaderSource(Protocol):
    """Something with the headers of a request."""

    def get(self, key: str, /) -> str | None:
        """The value of a header, if it is there."""
        ...


class Call(Protocol):
    """A call as the methods see it."""

    @property
    def request_headers(self) -> HeaderSource:
        """Of the HTTP request."""
        ...


def bearer_of(call: Call) -> str:
    """The token in the Authorization header.

    :raises CallError: UNAUTHENTICATED: there is none.
    """
    scheme, _, token = (call.request_headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise CallError(Code.UNAUTHENTICATED, "there is no bearer token: log in")
    return token.strip()


def address_of(client: str | None) -> str:
    """The address in "address:port", empty where nobody knows it."""
    return (client or "").rpartition(":")[0].strip("[]")
