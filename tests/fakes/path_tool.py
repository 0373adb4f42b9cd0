"""``conduit`` as a process, logged in at a path of the test's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from conduit.cli.up.fleet import ACME
from conduit.cli.up.seed import Seed, write_private

PATIENCE: Final = 30.0  # seconds, on a busy machine
_COMMAND: Final = (sys.executable, "-m", "conduit")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    status: int
    out: bytes
    err: str


class Listening:
    """``conduit server vnc --listen``."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._said = b""
        self._complained = b""

    async def port(self) -> int:
        """Where, once it listens."""
        assert self._process.stdout is not None
        while b"\n" not in self._said:
            data = await self._process.stdout.receive_some()
            assert data, "it has ended"
            self._said += data
        return int(self._said.split(b";")[0].rpartition(b":")[2])

    async def complains(self, words: str) -> None:
        """Until it says this on standard error."""
        assert self._process.stderr is not None
        with trio.fail_after(PATIENCE):
            while words.encode() not in self._complained:
                data = await self._process.stderr.receive_some()
                assert data, self._complained
                self._complained += data


class PathTool:
    """Somebody's command line."""

    def __init__(self, folder: Path) -> None:
        self._env = {
            **os.environ,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "CONDUIT_KEYRING": "off",
        }

    async def run(self, *words: str) -> Said:
        """Whatever comes of it."""
        with trio.fail_after(PATIENCE):
            ended = await trio.run_process(
                [*_COMMAND, *words], env=self._env, capture_stdout=True, capture_stderr=True, check=False
            )
        return Said(ended.returncode, ended.stdout, ended.stderr.decode())

    async def done(self, *words: str) -> Said:
        """It must work."""
        said = await self.run(*words)
        assert said.status == 0, said
        return said

    @asynccontextmanager
    async def listening(self, server: str, *words: str) -> AsyncIterator[Listening]:
        """A port for VNC viewers, until the block ends."""
        command = [*_COMMAND, "server", "vnc", server, "--listen", "127.0.0.1:0", *words]
        process = await trio.lowlevel.open_process(
            command, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            yield Listening(process)
        finally:
            process.terminate()
            with trio.CancelScope(shield=True):
                await process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    await trio.aclose_forcefully(pipe)


async def log_in(seed: Seed, folder: Path, email: str = ACME) -> PathTool:
    """A tool whose user is logged in."""
    await trio.Path(folder).mkdir()
    tool, password = PathTool(folder), folder / "password"
    write_private(password, seed.passwords[email].reveal())
    await tool.done("auth", "login", "--manager", seed.manager_url, "--email", email, "--password-file", str(password))
    return tool
