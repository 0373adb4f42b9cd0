"""Both ends of a tunnel, cancelled at every moment of its life: no task, no stream and no socket is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from conduit.errors import ConduitError
from conduit.tunnel import Tunnel, TunnelStream, accept, dial, serve_streams
from conduit.tunnel.link import Listener, TlsFiles
from tests.fakes.certificates import Authority
from tests.fakes.connect_proxy import HOST, ConnectProxy, serving

MOST = 3000  # turns of the scheduler that a whole life takes, on a busy machine
LEAST = 20  # and at least

Work = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsFiles, TlsFiles]:
    authority = Authority(tmp_path_factory.mktemp("cancelled"))
    return authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")


def left_open() -> set[str]:
    """Tasks, and what the process has open; each by a name that no other has, or ever had."""
    tasks = {f"task {number} of so many" for number in range(trio.lowlevel.current_statistics().tasks_living)}
    return tasks | {link for each in Path("/proc/self/fd").iterdir() if (link := _link_of(each)) is not None}


def _link_of(number: Path) -> str | None:
    """What an open file is; None where it was the look at all of them."""
    try:
        return str(number.readlink())
    except FileNotFoundError:
        return None


async def echo(stream: TunnelStream) -> None:
    async for data in stream:
        await stream.send_all(bytes(data))
    await stream.send_eof()


async def use(gateway: Tunnel) -> None:
    """A stream from its opening to its end, a notice, and a drain."""
    async with await gateway.open_stream("echo", {"host": "a"}, deadline=60) as stream:
        await stream.send_all(b"hello")
        await stream.send_eof()
        while await stream.receive_some():
            pass
    await gateway.notify("done")
    await gateway.drain(60, "it is done")


async def meet(listener: Listener, files: TlsFiles, **road: str | None) -> None:
    """A tunnel's life, both ends of it."""
    port = listener.port

    async def be_agent() -> None:
        async with dial(HOST, port, tls=files, **road) as agent:  # type: ignore[arg-type]  # texts or None
            await serve_streams(agent, {"echo": echo})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_agent)
        await use(await anext(aiter(listener)))
        nursery.cancel_scope.cancel()


async def live(files: tuple[TlsFiles, TlsFiles], road: str) -> None:
    agent, gateway = files
    if road == "websocket":
        async with accept(HOST, 0, tls=gateway, websocket=True) as listener:
            await meet(listener, agent, proxy=None, websocket=f"ws://{HOST}:{listener.port}/")
    elif road == "proxy":
        async with accept(HOST, 0, tls=gateway) as listener, serving(ConnectProxy(listener.port).serve) as port:
            await meet(listener, agent, proxy=f"http://{HOST}:{port}")
    else:
        async with accept([HOST, "::1"], 0, tls=gateway) as listener:
            await meet(listener, agent, proxy=None)


async def cancelled_after(turns: int, work: Work) -> bool:
    """Whether *work* was cancelled; else it was done before."""
    with trio.CancelScope() as scope:
        trio.lowlevel.spawn_system_task(_cancel, scope, turns)
        try:
            await work()
        except* (ConduitError, trio.BrokenResourceError):  # the end that was cancelled first told the other
            assert scope.cancel_called
    return scope.cancel_called


async def _cancel(scope: trio.CancelScope, turns: int) -> None:
    for _ in range(turns):
        await trio.lowlevel.checkpoint()
    scope.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("road", ["straight", "proxy", "websocket"])
async def test_a_life_that_is_cut_short_at_any_moment_leaves_nothing(
    files: tuple[TlsFiles, TlsFiles], road: str
) -> None:
    work = partial(live, files, road)
    await work()
    before = left_open()  # also what earlier tests have left to the garbage collector: that may go at any time
    turns = 0
    while turns < MOST and await cancelled_after(turns, work):
        assert left_open() <= before, f"after {turns} turns"
        turns += 1
    assert LEAST < turns < MOST
