"""A Gateway in a process of its own, to be killed: `python -m tests.fakes.tunnel_gateways PORT CERT KEY CA`.

It keeps bytes moving on several streams of each Agent that comes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from conduit.tunnel import Tunnel, accept
from conduit.tunnel.link import TlsFiles

STREAMS = 5
BLOCK = bytes(100_000)


async def use(tunnel: Tunnel) -> None:
    """Talk on one stream, for ever."""
    stream = await tunnel.open_stream("echo")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, stream)
        while await stream.receive_some():
            pass


async def _send(stream: trio.abc.SendStream) -> None:
    while True:
        await stream.send_all(BLOCK)


async def main(*arguments: str) -> None:
    """Take Agents, for ever; print the port first."""
    port, certificate, key, ca = arguments
    files = TlsFiles(certificate=Path(certificate), key=Path(key), ca=Path(ca))
    async with accept("127.0.0.1", int(port), tls=files) as listener, trio.open_nursery() as nursery:
        sys.stdout.write(f"{listener.port}\n")
        sys.stdout.flush()
        async for tunnel in listener:
            for _ in range(STREAMS):
                nursery.start_soon(use, tunnel)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
