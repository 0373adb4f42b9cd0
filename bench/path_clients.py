"""What customers do on the whole path, measured: each row has Manager, Gateway, Agent and BMCs of its own.

python -m bench.path_clients power|rate|keys|idle|mint|start --folder F
"""

from __future__ import annotations

import argparse
import json
import random  # noqa: TID251  # how people type is no secret
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import httpx
import trio

from bench.measure import percentile
from bench.path_mint import mint_all
from bench.path_world import PASSWORD, World, time_start
from conduit.cli.up.fleet import HOST, USER
from conduit.console.messages import Output
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode
from conduit.errors import CallError
from conduit.ipmi import open_bmc
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.connect_client import ConnectClient
from conduit.services.websocket_client import WebSocket, open_websocket
from conduit.tunnel.call_frames import Code

T = TypeVar("T")
Figures = dict[str, float]
LIMIT: Final = 100.0  # seconds for one row
PER_ADDRESS: Final = 100  # connections from one of our addresses; a Gateway allows 128
BLOCK: Final = 25  # requests of one kind before the other has its turn
BLOCKS: Final = 16
WORKERS: Final = 16  # requests at the same time, each to a server of its own
SECONDS: Final = 5.0  # of measuring, where it is by time
WARM_UP: Final = 1.0
LIVE: Final = 200  # consoles
PAUSE: Final = 2.0  # seconds between two keys of one person
TYPING: Final = 12.0  # seconds
IDLE: Final = 1000  # consoles
PATIENCE: Final = 30.0  # seconds until a server is reached


@dataclass(slots=True)
class Clients:
    """Everybody, logged in."""

    world: World
    http: httpx.AsyncClient
    access: dict[str, str]
    tokens: dict[str, str]
    "Server tokens."

    @property
    def gateway(self) -> ConnectClient:
        """Its calls."""
        return ConnectClient(self.http, self.world.gateway, "gateway.v1.GatewayService")

    async def status(self, server_id: str) -> None:
        """Power status through all of it."""
        request = gateway_pb.PowerStatusRequest(server_id=server_id)
        bearer = self.tokens[server_id]
        await self.gateway.call("GetPowerStatus", request, gateway_pb.PowerStatusResponse, bearer=bearer)

    @asynccontextmanager
    async def console(self, server_id: str, source: str, mode: Mode) -> AsyncIterator[tuple[WebSocket, ViewerSession]]:
        """A WebSocket of it, from one of our addresses."""
        request = gateway_pb.CreateSOLSessionRequest(server_id=server_id, read_only=mode is Mode.READ)
        answer = await self.gateway.call(
            "CreateSOLSession", request, gateway_pb.CreateSOLSessionResponse, bearer=self.tokens[server_id]
        )
        protocols = ["conduit.console.1", f"ticket.{answer.ticket}"]
        url = answer.websocket_endpoint
        async with open_websocket(url, subprotocols=protocols, source=source) as websocket:
            viewer = ViewerSession(name="bench", mode=mode)
            await websocket.send(viewer.attach())
            yield websocket, viewer


async def log_in(world: World, http: httpx.AsyncClient) -> Clients:
    """Every customer, with a token for each server."""
    manager = ConnectClient(http, world.manager, "manager.v1.BMCManagerService")
    clients = Clients(world, http, {}, {})
    for email in sorted(set(world.owners.values())):
        asked = manager_pb.AuthenticateRequest(email=email, password=PASSWORD)
        clients.access[email] = (
            await manager.call("Authenticate", asked, manager_pb.AuthenticateResponse)
        ).access_token
    for server_id, owner in world.owners.items():
        clients.tokens[server_id] = await eventually(partial(token, manager, server_id, clients.access[owner]))
        await eventually(partial(clients.status, server_id))
    return clients


async def token(manager: ConnectClient, server_id: str, bearer: str) -> str:
    """A server's."""
    request = manager_pb.GetServerTokenRequest(server_id=server_id)
    return (await manager.call("GetServerToken", request, manager_pb.GetServerTokenResponse, bearer=bearer)).token


async def eventually(attempt: Callable[[], Awaitable[T]]) -> T:
    """Until it is reached."""
    with trio.fail_after(PATIENCE):
        while True:
            try:
                return await attempt()
            except CallError as error:
                if error.code not in {Code.UNAVAILABLE, Code.FAILED_PRECONDITION, Code.NOT_FOUND}:
                    raise
            await trio.sleep(0.1)


def share(before: Mapping[str, float], after: Mapping[str, float], count: int) -> Figures:
    """Processor milliseconds of each process for one operation."""
    return {f"{name} CPU ms": (after[name] - before[name]) / count * 1e3 for name in before}


async def power(clients: Clients) -> Figures:
    """One request at a time, directly and through all of it, in turn, to the same BMC."""
    server_id, direct, chain = next(iter(clients.tokens)), list[float](), list[float]()
    before = clients.world.cpu()
    async with open_bmc(HOST, port=clients.world.bmcs[server_id], username=USER, password=PASSWORD) as bmc:

        async def status() -> None:
            await clients.status(server_id)

        for block in range(BLOCKS + 2):
            for what, taken in ((bmc.chassis_status, direct), (status, chain)):
                each = [await timed(what) for _ in range(BLOCK)]
                taken += each if block > 1 else []
    used = share(before, clients.world.cpu(), (BLOCKS + 2) * BLOCK)
    direct.sort()
    chain.sort()
    added = percentile(chain, 0.5) - percentile(direct, 0.5)
    return {
        "direct p50 ms": percentile(direct, 0.5) * 1e3,
        "path p50 ms": percentile(chain, 0.5) * 1e3,
        "path p99 ms": percentile(chain, 0.99) * 1e3,
        "added p50 ms": added * 1e3,
        "times direct": percentile(chain, 0.5) / percentile(direct, 0.5),
        **used,
    }


async def timed(what: Callable[[], Awaitable[object]]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


async def rate(clients: Clients) -> Figures:
    """Many at once, each to a server of its own, so that no answer is shared."""
    done = 0

    async def ask(server_id: str) -> None:
        nonlocal done
        while True:
            await clients.status(server_id)
            done += 1

    async with trio.open_nursery() as nursery:
        for server_id in clients.tokens:
            nursery.start_soon(ask, server_id)
        await trio.sleep(WARM_UP)
        before, count, began, own = clients.world.cpu(), done, time.perf_counter(), time.process_time()
        await trio.sleep(SECONDS)
        after, count, seconds = clients.world.cpu(), done - count, time.perf_counter() - began
        own = time.process_time() - own
        nursery.cancel_scope.cancel()
    return {
        "requests/s": count / seconds,
        "requests/s of Gateway CPU": count / (after["gateway"] - before["gateway"]),
        "client CPU ms": own / count * 1e3,
        **share(before, after, count),
    }


async def keys(clients: Clients) -> Figures:
    """People who type, each on a console of their own: from the key to its echo in capitals."""
    taken = list[float]()
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        people = []
        for number, server_id in enumerate(clients.tokens):
            source = f"127.0.1.{1 + number // PER_ADDRESS}"
            people.append(await stack.enter_async_context(clients.console(server_id, source, Mode.WRITE)))
        for websocket, viewer in people:
            await until_writer(websocket, viewer)
            nursery.start_soon(type_keys, websocket, viewer, taken)
        await trio.sleep(PAUSE)
        taken.clear()
        before = clients.world.cpu()
        own = time.process_time()
        await trio.sleep(TYPING)
        used, own = share(before, clients.world.cpu(), len(taken)), time.process_time() - own
        ordered = sorted(taken)
        nursery.cancel_scope.cancel()
    return {
        "consoles": float(len(people)),
        "keys/s": len(ordered) / TYPING,
        "p50 ms": percentile(ordered, 0.5) * 1e3,
        "p99 ms": percentile(ordered, 0.99) * 1e3,
        "client CPU ms": own / len(ordered) * 1e3,
        **used,
    }


async def until_writer(websocket: WebSocket, viewer: ViewerSession) -> None:
    """Until typing reaches the server."""
    with trio.fail_after(PATIENCE):
        while not (viewer.is_live and viewer.is_writer):
            viewer.receive(await receive(websocket))


async def receive(websocket: WebSocket) -> bytes:
    """The next message."""
    data = await websocket.receive()
    if data is None:
        raise RuntimeError("the Gateway closed a console")
    return data


async def type_keys(websocket: WebSocket, viewer: ViewerSession, taken: list[float]) -> None:
    """A key, its echo, a pause; a wrong echo ends the run."""
    while True:
        await trio.sleep(random.uniform(0, 2 * PAUSE))
        letter = random.choice(b"abcdefghijklmnopqrstuvwxyz")
        began = time.perf_counter()
        for message in viewer.type(bytes([letter])):
            await websocket.send(message)
        while not (seen := output(viewer, await receive(websocket))):
            pass
        taken.append(time.perf_counter() - began)
        if seen.upper() != bytes([letter]).upper():
            raise RuntimeError(f"typed {letter}, saw {seen!r}")


def output(viewer: ViewerSession, data: bytes) -> bytes:
    """What a message shows of the server's output."""
    return b"".join(each.data for each in viewer.receive(data) if isinstance(each, Output))


async def idle(clients: Clients) -> Figures:
    """Consoles that nobody types on: memory of the Gateway and of the Agent."""
    names = list(clients.tokens)
    async with AsyncExitStack() as stack:
        for number in range(len(names)):  # so that each server's console is open, and all code has run once
            await open_idle(clients, stack, names[number], "127.0.1.250")
        await trio.sleep(1)
        before = {name: clients.world.memory(name) for name in ("gateway", "agent")}
        cpu = clients.world.cpu()
        for number in range(IDLE):
            await open_idle(clients, stack, names[number % len(names)], f"127.0.1.{1 + number // PER_ADDRESS}")
        used = share(cpu, clients.world.cpu(), IDLE)
        await trio.sleep(2)
        grown = {name: clients.world.memory(name) - before[name] for name in before}
        mine = {"Gateway MB in all": clients.world.memory("gateway") / 1e6}
        cpu, began = clients.world.cpu(), time.perf_counter()
        await trio.sleep(SECONDS)
        quiet = clients.world.cpu()["gateway"] - cpu["gateway"]
        stack.pop_all()  # the Gateway learns of it when we end
        return {
            "Gateway MB": grown["gateway"] / 1e6,
            "Agent MB": grown["agent"] / 1e6,
            **mine,
            "opening: gateway CPU ms": used["gateway CPU ms"],
            "idle: gateway CPU %": quiet / (time.perf_counter() - began) * 100,
        }


async def open_idle(clients: Clients, stack: AsyncExitStack, server_id: str, source: str) -> None:
    """One more, attached."""
    websocket, viewer = await stack.enter_async_context(clients.console(server_id, source, Mode.READ))
    while viewer.attached is None:
        viewer.receive(await receive(websocket))
        if viewer.ended is not None:
            raise RuntimeError(f"a console ends: {viewer.ended.text or viewer.ended.reason}")


async def mint(clients: Clients) -> Figures:
    """Server tokens, over HTTP/2 connections that stay."""
    server_id, owner = next(iter(clients.world.owners.items()))
    request = manager_pb.GetServerTokenRequest(server_id=server_id).to_binary()
    own = time.process_time()
    before = clients.world.cpu()
    count, seconds = await mint_all(clients.world.manager, request, clients.access[owner], SECONDS)
    used, own = share(before, clients.world.cpu(), count), time.process_time() - own
    return {
        "tokens/s": count / seconds,
        "tokens/s of Manager CPU": 1e3 / used["manager CPU ms"],
        "manager CPU ms": used["manager CPU ms"],
        "client CPU ms": own / count * 1e3,
    }


ROWS: Final[Mapping[str, tuple[Callable[[Clients], Awaitable[Figures]], int, int]]] = {
    "power": (power, 1, 1),
    "rate": (rate, WORKERS, 4),
    "keys": (keys, LIVE, 4),
    "idle": (idle, 40, 8),
    "mint": (mint, 1, 1),
}


async def measure(what: Callable[[Clients], Awaitable[Figures]], world: World) -> Figures:
    """One row."""
    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    with trio.fail_after(LIMIT):
        async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
            return await what(await log_in(world, http))


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=[*ROWS, "start"])
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="path-", dir=options.folder) as name:
        folder = Path(name) / "data"
        if options.what == "start":
            figures = time_start(folder)
        else:
            what, servers, customers = ROWS[options.what]
            with World.open(folder, servers=servers, customers=customers) as world:
                figures = trio.run(measure, what, world)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
