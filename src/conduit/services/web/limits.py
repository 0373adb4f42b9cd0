"""How much a client may ask of us, and for how long: every number of the HTTP side has its name here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    connections: int = 4096
    connections_per_client: int = 128
    "From one IPv4 address or IPv6 /64; trusted proxies are exempt."
    requests_per_client: int = 256
    "At the same time."
    streams: int = 100
    "At the same time on one HTTP/2 connection."
    header: int = 32 * 1024
    body: int = 4 * 1024 * 1024
    "Of a request that is not a stream of messages."
    websocket_message: int = 1024 * 1024
    window: int = 512 * 1024
    "That an HTTP/2 client may send on a stream before the application takes it."
    connection_window: int = 4 * 1024 * 1024
    "The same for all streams of a connection: more than one window, or a stream that nobody reads stops the others."
    handshake: float = 10.0
    "For TLS, and again for the head of the first request."
    keep_alive: float = 75.0
    "That an HTTP/1.1 connection may wait for its next request, head included."
    http2_keep_alive: float = 3600.0
    "That an HTTP/2 connection may be without streams."
    ping: float = 30.0
    "Between signs of life of an HTTP/2 connection; after two without any it is closed."
    send: float = 60.0
    "That a connection may take nothing of what we send."
    stalled: float = 600.0
    "That an HTTP/2 stream's receiver may give no credit."
    slow_body: float = 60.0
    "For the whole body of a request that is not a stream of messages."
    grace: float = 25.0
    "For open requests when the server leaves."
