"""What a process has open: files, sockets among them, and Trio tasks. What comes back to where it was leaks nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import trio

PATIENCE: Final = 20.0  # seconds
AGAIN: Final = 0.1  # seconds
_FILES: Final = re.compile(r"^process_open_fds (\S+)$", re.MULTILINE)
_TASKS: Final = re.compile(r"^conduit_tasks (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment."""

    files: int
    tasks: int


async def of_this_process() -> Usage:
    """With the services that run as tasks of it."""
    return Usage(len(os.listdir("/proc/self/fd")), trio.lowlevel.current_statistics().tasks_living)


async def of_service(url: str) -> Usage:
    """As it says itself; the asking is counted, always the same."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{url}/metrics", timeout=PATIENCE)).raise_for_status().text
    files, tasks = (pattern.search(text) for pattern in (_FILES, _TASKS))
    assert files, text
    assert tasks, text
    return Usage(int(float(files[1])), int(float(tasks[1])))


async def until_back(at: Usage, measure: Callable[[], Awaitable[Usage]]) -> None:
    """Return when no more is open than there was."""
    now = at
    with trio.move_on_after(PATIENCE):
        while (now := await measure()).files > at.files or now.tasks > at.tasks:  # noqa: ASYNC110  # nobody tells us
            await trio.sleep(AGAIN)
        return
    raise AssertionError(f"something is left: {now}, where there was {at}")


async def until_steady(measure: Callable[[], Awaitable[Usage]]) -> Usage:
    """What is open when nothing is being closed any more."""
    before, now = None, await measure()
    with trio.fail_after(PATIENCE):
        while now != before:
            await trio.sleep(4 * AGAIN)
            before, now = now, await measure()
    return now


class Leaks:
    """Looks for what is left in this process and in services.

    :param urls: of services that say what they have open.
    """

    def __init__(self, *urls: str) -> None:
        self._measures: list[Callable[[], Awaitable[Usage]]] = [
            of_this_process,
            *(partial(of_service, url) for url in urls),
        ]
        self._before: list[Usage] = []

    async def look(self) -> None:
        """Now is how it should be again later."""
        self._before = [await measure() for measure in self._measures]

    async def check(self) -> None:
        """Return when no more is open than there was."""
        assert self._before, "look first"
        for before, measure in zip(self._before, self._measures, strict=True):
            await until_back(before, measure)
