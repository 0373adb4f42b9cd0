"""Who reads a tunnel's connection: one task at a time, the resident or, in its place, the only task that waits.

A resident costs a switch of tasks for every message. So it makes room when it has served the only task that waited: if
that task waits again it reads the connection itself (ADR 0016), a *guest* until it is served, and what comes for others
it passes on. The resident returns when another task waits too, and when no guest has come for a while: a PING, or the
opening of a stream, is late by that while at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

import trio

from conduit.errors import ConduitError
from conduit.tunnel.tls import TlsPipe
from conduit.tunnel.writing import Writing

ROUNDS: Final = 8  # reads before other tasks get a turn
GRACE: Final = 0.005  # seconds that nobody reads, then the resident does; a shorter timer costs what guests save
WARY: Final = 16  # messages that the resident passes on before it makes room, at first and when no guest came


class Guest(Protocol):
    """Whoever may read in the resident's place."""

    @property
    def is_served(self) -> bool:
        """Whether there is nothing to wait for any more."""
        ...


class Reading:
    """One connection's readers, and those who wait for what they read.

    :param take: gets what was read, lent, and empty at the end; returns how many tasks that woke.
    :param fail: told why the tunnel ends, when a guest finds out. The resident raises it.
    """

    def __init__(
        self,
        pipe: TlsPipe,
        take: Callable[[memoryview], int],
        writing: Writing,
        fail: Callable[[ConduitError], None],
    ) -> None:
        self._pipe = pipe
        self._take = take
        self._writing = writing
        self._fail = fail
        self._waiting = 0  # tasks that want somebody to read now
        self._served = 0  # of them, since the resident last looked; they may come back
        self._is_free = False  # nobody reads
        self._is_resting = False  # the resident
        self._is_dozing = False  # without a deadline: a guest reads
        self._alarm = trio.CancelScope()  # ends the resident's rest
        self._guests = 0  # so far
        self._asleep = False  # a guest, until there is something to read
        self._wary = WARY

    # --- waiting ---

    def enter(self) -> None:
        """A task waits for something that has to be read."""
        self._waiting += 1
        if self._is_free:
            self._alarm.cancel()

    def leave(self, *, served: bool = False) -> None:
        """It does not any more.

        :param served: whether it has bytes to read, and may wait again soon.
        """
        self._waiting -= 1
        if served:
            self._served += 1

    @property
    def has_room(self) -> bool:
        """Whether a task that is about to wait may read itself: nobody else does, and nobody else waits."""
        return self._is_free and not self._waiting

    def interrupt(self) -> None:
        """Have the guest look whether it is served."""
        if self._asleep:
            self._pipe.carrier.interrupt()

    # --- reading ---

    async def read_for(self, guest: Guest) -> None:
        """Read until *guest* is served, where there is room; a checkpoint. When the tunnel fails it is not served."""
        self._is_free = False
        self._guests += 1
        pipe = self._pipe
        try:
            while not guest.is_served:
                if pipe.may_have_more and await self._read_turn():
                    continue
                self._asleep = True
                await pipe.carrier.wait_readable()
                self._asleep = False
                if not guest.is_served:  # by others, who have interrupted
                    data = pipe.receive_nowait()
                    if data is not None:
                        await self._pass_on(data)
        except ConduitError as error:
            self._fail(error)
        finally:
            self._asleep = False
            self._make_room()

    async def _read_turn(self) -> bool:
        """Read what is there, then give others a turn; whether there was anything."""
        data = self._pipe.receive_nowait()
        if data is None:
            return False
        await self._pass_on(data)
        await trio.lowlevel.checkpoint()
        return True

    def _make_room(self) -> None:
        """A guest leaves."""
        self._is_free = self._is_resting
        if self._waiting:
            self._alarm.cancel()
        elif self._is_dozing:
            self._is_dozing = False
            self._alarm.deadline = trio.current_time() + GRACE

    async def run(self) -> None:
        """The resident's task; never ends.

        :raises ConduitError: why the tunnel does.
        """
        while True:
            while not self._may_rest():
                await self._pipe.carrier.wait_readable()
                while await self._read_some():
                    await trio.lowlevel.checkpoint()
            await self._rest()

    async def _read_some(self) -> bool:
        """Whether there is more."""
        pipe = self._pipe
        for _ in range(ROUNDS):
            data = pipe.receive_nowait()
            if data is None:
                return False
            await self._pass_on(data)
            if not pipe.may_have_more:
                return False
        return True

    async def _pass_on(self, data: memoryview) -> None:
        """What the bytes cause is sent together."""
        if self._take(data) > 1:
            await self._writing.join()
        else:
            self._writing.flush()

    def _may_rest(self) -> bool:
        """Whether only one task has waited: it has been served, and may be a guest soon."""
        served, self._served = self._served, 0
        if served != 1 or self._waiting:
            return False
        if self._wary:
            self._wary -= 1
            return False
        return True

    async def _rest(self) -> None:
        """Let guests read, until no guest comes or somebody else waits."""
        first, patience = self._guests, GRACE
        self._is_free = self._is_resting = True
        try:
            while True:
                before = self._guests
                self._is_dozing = patience == math.inf
                with trio.CancelScope(deadline=trio.current_time() + patience) as self._alarm:
                    await trio.sleep_forever()
                if self._is_free and (self._waiting or self._guests == before):
                    break
                patience = GRACE if self._is_free else math.inf
        finally:
            self._is_free = self._is_resting = False
        if self._guests == first:
            self._wary = WARY
        while await self._read_some():  # the last guest may have left some of it
            await trio.lowlevel.checkpoint()
