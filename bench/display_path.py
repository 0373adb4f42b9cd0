"""From a key to the picture that answers it: at the display itself, and through Gateway, tunnel and Agent, in turn.

    python -m bench.display_path --folder F

The viewer asks for an update, presses a key, and gets a square of sixteen pixels. Between two keys it waits longer than
the pause that the Agent makes between two updates (30 a second), which is on purpose and no cost of the path.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx
import trio

from bench.display_relays import far
from bench.measure import percentile
from bench.path_clients import LIMIT, Clients, Figures, log_in
from bench.path_world import World
from conduit.rfb.client_handshake import ClientHandshake, LoggedIn
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area, FramebufferUpdateRequest, KeyEvent, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.server_messages import FramebufferUpdated, ServerMessageReader
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.websocket_client import WebSocketStream, open_websocket

BLOCK: Final = 10  # keys before the other way has its turn
BLOCKS: Final = 12
PAUSE: Final = 0.06  # seconds between two keys
PATIENCE: Final = 30.0  # seconds until there is a keyboard
CHUNK: Final = 64 << 10


class Viewer:
    """Presses keys and waits for pixels."""

    def __init__(self, stream: trio.abc.Stream, init: ServerInit) -> None:
        self._stream = stream
        self._reader = ServerMessageReader(Framebuffer(init.width, init.height))

    async def begin(self) -> None:
        """The whole picture, and a request for what changes in it."""
        wishes = SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings((Encoding.RAW,)).encode()
        await self._stream.send_all(wishes + FramebufferUpdateRequest(self._whole, incremental=False).encode())
        await self._until_updated()

    @property
    def _whole(self) -> Area:
        return self._reader.picture.whole

    async def press(self) -> float:
        """Seconds from a key to its picture."""
        with trio.move_on_after(PAUSE):
            while True:  # what comes by itself is no answer
                await self._until_updated()
        began = time.perf_counter()
        await self._stream.send_all(KeyEvent(97, down=True).encode())
        await self._until_updated()
        return time.perf_counter() - began

    async def _until_updated(self) -> None:
        """An update has come, and the next one is asked for."""
        while True:
            data = await self._stream.receive_some(CHUNK)
            if not data:
                raise RuntimeError("the display is gone")
            if any(isinstance(event, FramebufferUpdated) for event in self._reader.receive_data(data)):
                await self._stream.send_all(FramebufferUpdateRequest(self._whole).encode())
                return


async def come_in(stream: trio.abc.Stream) -> Viewer:
    """Log in without a password."""
    handshake = ClientHandshake(Credentials(), LoginRules())
    while not (events := handshake.receive_data(await stream.receive_some(CHUNK))):
        await stream.send_all(handshake.data_to_send())
    (event,) = events
    if not isinstance(event, LoggedIn):
        raise RuntimeError(f"the display wants {event}")  # noqa: TRY004 - of what it does
    viewer = Viewer(stream, event.init)
    await viewer.begin()
    return viewer


async def open_path(clients: Clients, stack: AsyncExitStack) -> Viewer:
    """A viewer at the Gateway, with the keyboard."""
    server_id = next(iter(clients.tokens))
    request = gateway_pb.CreateVNCSessionRequest(server_id=server_id)
    bearer = clients.tokens[server_id]
    answer = await clients.gateway.call("CreateVNCSession", request, gateway_pb.CreateVNCSessionResponse, bearer=bearer)
    protocols = ["binary", f"ticket.{answer.ticket}"]
    websocket = await stack.enter_async_context(open_websocket(answer.websocket_endpoint, subprotocols=protocols))
    return await come_in(WebSocketStream(websocket))


async def measure(world: World, screen: int) -> Figures:
    """Keys in turn."""
    taken: dict[str, list[float]] = {"direct": [], "path": []}
    async with AsyncExitStack() as stack:
        stack.enter_context(trio.fail_after(LIMIT))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        clients = await log_in(world, http)
        display = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", screen))
        viewers = {"direct": await come_in(display), "path": await open_path(clients, stack)}
        with trio.fail_after(PATIENCE):
            await viewers["path"].press()  # answered: the keyboard is there
        used = dict.fromkeys(world.pids, 0.0)
        for _ in range(BLOCKS):
            for which, viewer in viewers.items():
                before = world.cpu()
                taken[which] += [await viewer.press() for _ in range(BLOCK)]
                sign = 1 if which == "path" else -1  # what the services do by themselves they do all the time
                used = {name: sum_ + sign * (world.cpu()[name] - before[name]) for name, sum_ in used.items()}
    direct, path = sorted(taken["direct"]), sorted(taken["path"])
    return {
        "added p50 ms": (percentile(path, 0.5) - percentile(direct, 0.5)) * 1e3,
        "path p50 ms": percentile(path, 0.5) * 1e3,
        "path p99 ms": percentile(path, 0.99) * 1e3,
        "direct p50 ms": percentile(direct, 0.5) * 1e3,
        **{f"{name} CPU ms": used[name] / (BLOCKS * BLOCK) * 1e3 for name in ("gateway", "agent")},
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="display-", dir=options.folder) as name,
        far("--screen") as screen,
        World.open(Path(name) / "data", servers=1, customers=1, screen=screen) as world,
    ):
        figures = trio.run(measure, world, screen)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
