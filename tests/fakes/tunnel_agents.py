"""Agents in a process of their own, to be killed: `python -m tests.fakes.tunnel_agents PORT CERT KEY CA`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import trio

from conduit.tunnel.link import TlsFiles, dial
from conduit.tunnel.reconnect import keep_dialling
from conduit.tunnel.tunnel import Tunnel


async def main(*words: str) -> None:
    """One Agent, for ever."""
    port, certificate, key, ca = words
    files = TlsFiles(certificate=Path(certificate), key=Path(key), ca=Path(ca))
    await keep_dialling(partial(dial, tls=files), ("127.0.0.1", int(port)), Tunnel.wait_closed)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
