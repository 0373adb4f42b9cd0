"""Agents in a process of their own, to be killed: `python -m tests.fakes.tunnel_agents PORT CERT KEY CA`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import trio

from conduit.tunnel import Tunnel, TunnelStream, Unary, dial, keep_dialling, serve_streams, serving_calls
from conduit.tunnel.link import TlsFiles
from conduit.tunnel.resumable import ResumableStream
from conduit.tunnel.resume_serve import open_resumables
from conduit.tunnel.serving import StreamHandler


async def echo(stream: TunnelStream | ResumableStream) -> None:
    """Send everything back."""
    while data := await stream.receive_some():
        await stream.send_all(bytes(data))


async def hang(_: bytes) -> bytes:
    """Never answer."""
    await trio.sleep_forever()


async def main(*arguments: str) -> None:
    """One Agent, for ever."""
    port, certificate, key, ca = arguments
    files = TlsFiles(certificate=Path(certificate), key=Path(key), ca=Path(ca))
    async with open_resumables() as resumables:
        handlers: dict[str, StreamHandler] = {
            "echo": echo, "sol": resumables.serving(echo), "call": serving_calls({"hang": Unary(hang)})
        }  # fmt: skip

        async def serve(tunnel: Tunnel) -> None:
            await serve_streams(tunnel, handlers)

        await keep_dialling(partial(dial, tls=files), ("127.0.0.1", int(port)), serve)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
