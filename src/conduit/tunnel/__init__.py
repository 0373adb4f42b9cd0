"""A multiplexed tunnel over one outbound connection: HTTP/2 with reversed roles, over mutual TLS."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

__all__ = [
    "Addresses",
    "Bidirectional",
    "Code",
    "ErrorCode",
    "ResumableStream",
    "Resumables",
    "TlsFiles",
    "Tunnel",
    "TunnelStream",
    "Unary",
    "accept",
    "call",
    "dial",
    "dial_all",
    "forward_udp",
    "keep_dialling",
    "open_call",
    "open_datagrams",
    "open_resumable",
    "open_resumables",
    "relay_udp",
    "serve_calls",
    "serve_streams",
    "serving_calls",
]

_HOMES: Final = {
    "relay_udp": "conduit.tunnel.datagrams",
    "open_datagrams": "conduit.tunnel.datagrams",
    "forward_udp": "conduit.tunnel.datagrams",
    "serving_calls": "conduit.tunnel.calls",
    "serve_calls": "conduit.tunnel.calls",
    "open_call": "conduit.tunnel.calls",
    "call": "conduit.tunnel.calls",
    "Unary": "conduit.tunnel.calls",
    "Code": "conduit.tunnel.call_frames",
    "Bidirectional": "conduit.tunnel.calls",
    "ErrorCode": "conduit.tunnel.frames",
    "ResumableStream": "conduit.tunnel.resumable",
    "Resumables": "conduit.tunnel.resume_serve",
    "TlsFiles": "conduit.tunnel.link",
    "Tunnel": "conduit.tunnel.tunnel",
    "TunnelStream": "conduit.tunnel.stream",
    "accept": "conduit.tunnel.link",
    "Addresses": "conduit.tunnel.reconnect",
    "dial": "conduit.tunnel.link",
    "dial_all": "conduit.tunnel.reconnect",
    "keep_dialling": "conduit.tunnel.reconnect",
    "open_resumable": "conduit.tunnel.resume_open",
    "open_resumables": "conduit.tunnel.resume_serve",
    "serve_streams": "conduit.tunnel.serving",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for and no more: the machines and codecs are of use without Trio."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
