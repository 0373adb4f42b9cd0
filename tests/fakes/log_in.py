"""A log-in and a scripted BMC wired together without a socket, on a clock that jumps to the next deadline."""

from __future__ import annotations

from collections.abc import Callable

from conduit.errors import ConduitError
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.login import LoggedIn, Login
from tests.fakes.entropy import CountedEntropy
from tests.fakes.scripted_bmc import ScriptedBmc

CONSOLE_ID = 0x0A0B0C0D


class Rehearsal:
    """One log-in; `now` is its clock. `lose` decides which requests never arrive, by their number from 0."""

    def __init__(
        self,
        credentials: Credentials,
        bmc: ScriptedBmc,
        *,
        lose: Callable[[int], bool] = lambda number: False,
        seed: int = 0,
    ) -> None:
        self.bmc = bmc
        self.login = Login(credentials, console_id=CONSOLE_ID, entropy=CountedEntropy(seed), first_sequence=0)
        self.now = 0.0
        self.sent = 0
        self._lose = lose
        self.login.start(self.now)

    def run(self) -> LoggedIn:
        """Until it succeeds; a failure is raised, after its farewell was delivered."""
        try:
            while True:
                done = self._exchange()
                if done is not None:
                    return done
                deadline = self.login.next_deadline()
                assert deadline is not None, "neither done nor waiting"
                assert deadline >= self.now
                self.now = deadline
                events = self.login.handle_deadline(self.now)
                if events:
                    return events[0]
        except ConduitError:
            assert self.login.next_deadline() is None
            self.deliver()
            raise

    def _exchange(self) -> LoggedIn | None:
        while answers := self.deliver():
            for answer in answers:
                events = self.login.receive_datagram(answer, self.now)
                if events:
                    return events[0]
        return None

    def deliver(self) -> list[bytes]:
        """Give what is to be sent to the BMC; its answers."""
        answers: list[bytes] = []
        for datagram in self.login.datagrams_to_send():
            lost = self._lose(self.sent)
            self.sent += 1
            if not lost:
                answers += self.bmc.receive(datagram)
        return answers
