"""A multiplexed tunnel over one outbound connection: HTTP/2 with reversed roles, over mutual TLS."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # what is loaded late has types all the same
    from conduit.tunnel.call_frames import Code
    from conduit.tunnel.calls import Bidirectional, Unary, call, open_call, serve_calls, serving_calls
    from conduit.tunnel.datagrams import forward_udp, open_datagrams, relay_udp
    from conduit.tunnel.frames import ErrorCode
    from conduit.tunnel.link import TlsFiles, accept, dial
    from conduit.tunnel.reconnect import Addresses, dial_all, keep_dialling
    from conduit.tunnel.resumable import ResumableStream
    from conduit.tunnel.resume_open import open_resumable
    from conduit.tunnel.resume_serve import Resumables, open_resumables
    from conduit.tunnel.serving import serve_streams
    from conduit.tunnel.stream import TunnelStream
    from conduit.tunnel.tunnel import Tunnel

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
    "Bidirectional": "conduit.tunnel.calls",
    "Code": "conduit.tunnel.call_frames",
    "ErrorCode": "conduit.tunnel.frames",
    "ResumableStream": "conduit.tunnel.resumable",
    "Resumables": "conduit.tunnel.resume_serve",
    "TlsFiles": "conduit.tunnel.link",
    "Tunnel": "conduit.tunnel.tunnel",
    "TunnelStream": "conduit.tunnel.stream",
    "Unary": "conduit.tunnel.calls",
    "accept": "conduit.tunnel.link",
    "Addresses": "conduit.tunnel.reconnect",
    "call": "conduit.tunnel.calls",
    "dial": "conduit.tunnel.link",
    "dial_all": "conduit.tunnel.reconnect",
    "forward_udp": "conduit.tunnel.datagrams",
    "keep_dialling": "conduit.tunnel.reconnect",
    "open_call": "conduit.tunnel.calls",
    "open_datagrams": "conduit.tunnel.datagrams",
    "open_resumable": "conduit.tunnel.resume_open",
    "open_resumables": "conduit.tunnel.resume_serve",
    "relay_udp": "conduit.tunnel.datagrams",
    "serve_calls": "conduit.tunnel.calls",
    "serve_streams": "conduit.tunnel.serving",
    "serving_calls": "conduit.tunnel.calls",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for and no more: the machines and codecs are of use without Trio."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
