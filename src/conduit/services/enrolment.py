"""How a machine gets a certificate for a join token: the first time, and again when the one that it has is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from conduit.errors import CallError, LocalProtocolError
from conduit.services.api.manager.v1.machine_pb import EnrollRequest, EnrollResponse
from conduit.services.certificates import new_key, request_certificate
from conduit.services.connect_client import ConnectClient
from conduit.services.machine_files import MachineFiles
from conduit.services.secret import Secret
from conduit.services.settings import read_secret
from conduit.services.troubles import Trouble
from conduit.tunnel.call_frames import Code

_FIRST_PAUSE: Final = 0.1  # seconds
_LONGEST_PAUSE: Final = 10.0  # seconds
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """Where a machine's configuration has it."""

    kind: str
    "agent or gateway"
    file: Path | None = None
    environment: str | None = None

    def read(self) -> Secret:
        """:raises LocalProtocolError: it is not there."""
        return read_secret(file=self.file, environment=self.environment, what="join token")

    @property
    def advice(self) -> str:
        """What to do when there is none that counts."""
        place = f"the environment's {self.environment}" if self.environment else self.file or "join_token_file"
        return f"make one with `conduit admin join-token create --kind {self.kind}` and put it into {place}"


class Enrolment:
    """Uses join tokens, each once.

    :param name: of the machine.
    """

    def __init__(self, files: MachineFiles, client: ConnectClient, name: str, token: JoinToken) -> None:
        self._files = files
        self._client = client
        self._name = name
        self._token = token
        self._useless: set[str] = set()
        "Digests of tokens that the Manager refused."

    async def enrol(self) -> None:
        """Write a new certificate. Waits for a Manager that cannot be reached yet.

        :raises CallError: the Manager refuses.
        :raises LocalProtocolError: there is no join token.
        """
        await self._use(self._token.read(), _when_reachable)

    async def enrol_again(self) -> None:
        """Likewise, if there is a join token that this machine has not used yet. Waits for nobody.

        :raises CallError: UNAUTHENTICATED: there is none; or the Manager refuses.
        """
        try:
            token = self._token.read()
        except LocalProtocolError as error:
            raise CallError(Code.UNAUTHENTICATED, f"{error}; {self._token.advice}") from error
        if _digest(token) in {self._files.joined_with(), *self._useless}:
            raise CallError(Code.UNAUTHENTICATED, f"to enrol again it needs a new join token: {self._token.advice}")
        await self._use(token, _at_once)

    async def _use(
        self, token: Secret, how: Callable[[Callable[[], Awaitable[EnrollResponse]]], Awaitable[EnrollResponse]]
    ) -> None:
        key = new_key()
        request = EnrollRequest(
            join_token=token.reveal(), certificate_request=request_certificate(key), name=self._name
        )
        try:
            answer = await how(partial(self._client.call, "Enroll", request, EnrollResponse))
        except CallError as error:
            if error.code != Code.UNAUTHENTICATED:
                raise
            self._useless.add(_digest(token))
            raise CallError(error.code, f"{error.message}: {self._token.advice}") from error
        self._files.write(key=key, certificate=answer.certificate, ca=answer.ca)
        self._files.note_joined(_digest(token))
        logger.info("enrolled", machine=answer.machine_id)


async def _at_once(call: Callable[[], Awaitable[EnrollResponse]]) -> EnrollResponse:
    return await call()


async def _when_reachable(call: Callable[[], Awaitable[EnrollResponse]]) -> EnrollResponse:
    pause, silent = _FIRST_PAUSE, Trouble("waiting for the Manager, to enrol")
    while True:
        try:
            return await call()
        except CallError as error:
            if error.code not in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                raise
            silent.failed(error.message)
        await trio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _digest(token: Secret) -> str:
    """A join token has 24 random bytes: nobody finds it by its digest."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()
