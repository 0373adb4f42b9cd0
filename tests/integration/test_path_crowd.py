"""Five hundred people look at fifty consoles at once, over WebSocket and gRPC."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio

from conduit._trio import open_background_nursery
from conduit.cli.up.fleet import ACME, GLOBEX, ServerPlan
from conduit.cli.up.seed import STAFF
from tests.fakes.console_seen import Seen
from tests.fakes.grpc_viewers import GrpcViewer, open_grpc
from tests.fakes.path import RunningPath, open_path, plan
from tests.fakes.path_client import Viewer, eventually, gets_token
from tests.fakes.usage import of_service, until_back, until_steady

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # where other tests run too
OWNERS: Final = {ACME: 20, GLOBEX: 20, "": 10}  # servers; a customer may have 200 console sessions, staff have the rest
HALF: Final = 5  # viewers of a server over WebSocket, and as many over gRPC
PER_PLACE: Final = 10  # servers that are looked at from one address, and over one gRPC connection
LINES: Final = 20  # that everybody sees
PAUSE: Final = 0.25  # seconds between lines
PATIENCE: Final = 40.0  # seconds for all of them, on a busy machine
Crowd = dict[str, list[Viewer | GrpcViewer]]
"The viewers of each server."


async def test_five_hundred_consoles_at_once_lose_no_byte(tmp_path: Path) -> None:
    async with open_path(tmp_path, *servers()) as path:
        urls = path.seed.gateway_url, await path.agent_health()
        for name in ("manager", "gateway", "agent"):
            await path.process(name).start()
        for server_id in path.fleet.plans:
            path.speak(server_id, PAUSE)
        await look_a_moment(path)
        before = [await until_steady(partial(of_service, url)) for url in urls]
        async with open_crowd(path, HALF) as crowd:
            everybody = [viewer for viewers in crowd.values() for viewer in viewers]
            assert len(everybody) == 500
            for viewer in everybody:
                await viewer.until(partial(has_lines, viewer), "lines", patience=PATIENCE)
            async with trio.open_nursery() as nursery:
                for server_id, viewers in crowd.items():
                    nursery.start_soon(type_something, path, server_id, viewers)
            for viewer in everybody:
                check(viewer)
        for usage, url in zip(before, urls, strict=True):
            await until_back(usage, partial(of_service, url))


async def look_a_moment(path: RunningPath) -> None:
    """A smaller crowd has been there: code is loaded, and the Agent has every console open, for a minute after that."""
    async with open_crowd(path, 1) as crowd:
        for viewer in itertools.chain.from_iterable(crowd.values()):
            await viewer.until(partial(has_lines, viewer, 1), "live", patience=PATIENCE)


def servers() -> list[ServerPlan]:
    """Of two customers and of nobody."""
    return [
        plan(f"rack{rack}-{n:02}", owner) for rack, (owner, count) in enumerate(OWNERS.items()) for n in range(count)
    ]


def has_lines(viewer: Seen, lines: int = LINES) -> bool:
    return viewer.is_live and len(viewer.whole_lines) >= lines


def check(viewer: Seen) -> None:
    """It has seen every byte once, on its first connection."""
    viewer.check_whole()
    assert viewer.whole_lines[0] <= 1, "all of it, from the first line"
    assert (viewer.ends, viewer.gaps, viewer.failures) == ([], [], [])


async def type_something(path: RunningPath, server_id: str, viewers: list[Viewer | GrpcViewer]) -> None:
    """What the one who has the keyboard types reaches the server."""
    (writer,) = [viewer for viewer in viewers if viewer.session.is_writer]
    await writer.type(server_id.encode())
    with trio.fail_after(PATIENCE):
        while path.lines[server_id].heard != server_id.encode():  # noqa: ASYNC110  # nobody tells us
            await trio.sleep(PAUSE)


@asynccontextmanager
async def open_crowd(path: RunningPath, half: int) -> AsyncIterator[Crowd]:
    """Everybody, as fast as it goes; they vanish without a word.

    :param half: viewers of each server over WebSocket, and as many over gRPC.
    """
    crowd: Crowd = {}
    async with open_background_nursery() as nursery, AsyncExitStack() as stack:
        for place, names in enumerate(places(path)):
            customer = path.customer(path.fleet.plans[names[0]].owner or STAFF)
            source = f"127.0.1.{1 + place}"
            connection = await stack.enter_async_context(open_grpc(path.seed.gateway_url, source))
            for server_id in names:
                await eventually(partial(gets_token, customer, server_id), "the Agent has reported")
                over_websocket = [Viewer(customer, server_id, source=source) for _ in range(half)]
                over_grpc = [await connection.open(customer, server_id) for _ in range(half)]
                crowd[server_id] = [*over_websocket, *over_grpc]
                for viewer in over_websocket:
                    nursery.start_soon(viewer.run)
        yield crowd
        nursery.cancel_scope.cancel()


def places(path: RunningPath) -> list[list[str]]:
    """Servers that one person looks at, from one address."""
    names = list(path.fleet.plans)
    return [names[at : at + PER_PLACE] for at in range(0, len(names), PER_PLACE)]
