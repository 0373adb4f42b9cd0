"""``python -m tests.fakes.console_process``: the terminal of ``conduit server console``, on a hub in the same process.

The server echoes, and obeys some letters: ``c`` cuts every connection, ``l`` loses the BMC's session, ``e`` ends all.
"""

from __future__ import annotations

import sys

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.server.console_terminal import ConsoleTerminal
from conduit.cli.terminal.streams import Manners
from conduit.console import Happening, Mode, ViewerSession
from conduit.console.words import End
from conduit.services.console_client import ConsoleViewing
from tests.fakes.console_hub import HubServer


async def echo(server: HubServer) -> None:
    """What the server does with what it is told."""
    seen = 0
    while True:
        await trio.sleep(0.01)
        while len(server.typed) > seen:
            data = server.typed[seen]
            seen += 1
            server.say(data)
            if b"c" in data:
                server.cut()
                server.say(b"<while nobody looked>")
            elif b"l" in data:
                server.happen(Happening.LOST)
            elif b"e" in data:
                server.hub.end(End.CLOSED, "Staff ended this session.", trio.current_time())
                server.wake()


async def main() -> None:
    server = HubServer()
    server.say(b"ready> ")
    terminal = ConsoleTerminal(Manners(), [])
    viewing = ConsoleViewing(ViewerSession(mode=Mode.WRITE, name="me"), server.dial, terminal)
    async with open_background_nursery() as nursery:
        nursery.start_soon(echo, server)
        await terminal.run(viewing)


if __name__ == "__main__":
    try:
        trio.run(main)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
