from __future__ import annotations

import itertools
from pathlib import Path

import trio
from trio import socket
from trio.testing import MockClock

from conduit._trio import open_background_nursery
from conduit.services.notify import Notifier


async def test_the_service_manager_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        await notices.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        await notifier.ready()
        await notifier.stopping()
        assert [await notices.recv(64) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


async def test_signs_of_life_come_twice_in_each_interval(tmp_path: Path, autojump_clock: MockClock) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        await notices.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
        async with open_background_nursery() as nursery:
            nursery.start_soon(notifier.keep_alive)
            times = []
            for _ in range(3):
                assert await notices.recv(64) == b"WATCHDOG=1"
                times.append(trio.current_time())
    assert [round(after - before) for before, after in itertools.pairwise(times)] == [15, 15]


async def test_without_a_service_manager_nothing_is_told_and_nothing_fails(tmp_path: Path) -> None:
    await Notifier({}).ready()
    await Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).stopping()
