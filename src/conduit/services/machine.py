"""A machine's own certificate: enrolled with a join token, renewed long before it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

import structlog
import trio
from cryptography import x509

from conduit.errors import AuthenticationError, CallError, LocalProtocolError
from conduit.services.api.manager.v1.machine_pb import RenewCertificateRequest, RenewCertificateResponse
from conduit.services.certificates import (
    Identity,
    Key,
    certificate_from_pem,
    identity_of,
    key_from_pem,
    new_key,
    request_certificate,
)
from conduit.services.clock import Clock
from conduit.services.connect_client import ConnectClient
from conduit.services.enrolment import Enrolment, JoinToken
from conduit.services.machine_files import MachineFiles
from conduit.services.machine_tokens import machine_token
from conduit.services.sealing import SealingKey, derive_key
from conduit.tunnel.call_frames import Code

SERVICE: Final = "manager.v1.MachineService"
RETRY: Final = 60.0  # seconds after a renewal that failed
_KEY_MARK: Final = b"-----BEGIN PRIVATE KEY-----"
_KEY_SIZE: Final = 32  # bytes of a private key on P-256
_RENEW_AT: Final = 0.5  # of its life
logger = structlog.get_logger(__name__)


class MachineCertificate:
    """The certificate in use, and the tokens that show it to the Manager."""

    def __init__(self, files: MachineFiles, clock: Clock, enrolment: Enrolment | None = None) -> None:
        self.files = files
        self.clock = clock
        self._enrolment = enrolment
        self._turn = trio.Lock()
        self.on_new_identity: Callable[[], None] = _nothing
        "Called when the machine has enrolled anew: the old certificate was refused."
        self._key: Key
        self._certificate: x509.Certificate
        self.load()

    @classmethod
    async def obtain(
        cls, files: MachineFiles, client: ConnectClient, clock: Clock, *, name: str, join_token: JoinToken
    ) -> Self:
        """The one in the files, or one for a join token when there is none, or none that is good any more.

        Waits for a Manager that cannot be reached yet.

        :param join_token: read only then.
        :raises CallError: the Manager refuses.
        """
        enrolment = Enrolment(files, client, name, join_token)
        if files.exist():
            known = cls(files, clock, enrolment)
            if known.expires_at > clock():
                return known
        await enrolment.enrol()
        return cls(files, clock, enrolment)

    def load(self) -> None:
        """:raises LocalProtocolError: the files cannot be used."""
        try:
            certificate, mark, key = self.files.pem.read_bytes().partition(_KEY_MARK)
            self._key = key_from_pem(mark + key)
            self._certificate = certificate_from_pem(certificate)
        except (OSError, AuthenticationError) as error:
            raise LocalProtocolError(f"cannot use the certificate in {self.files.folder}: {error}") from error

    @property
    def identity(self) -> Identity:
        """Who we are."""
        return identity_of(self._certificate)

    @property
    def expires_at(self) -> float:
        """Seconds since 1970."""
        return self._certificate.not_valid_after_utc.timestamp()

    def token(self) -> str:
        """To be shown to the Manager within two minutes."""
        return machine_token(self._certificate, self._key, self.clock())

    def sealing_key(self, purpose: str) -> SealingKey:
        """For what this machine keeps for itself. Another certificate has another one."""
        secret = self._key.private_numbers().private_value.to_bytes(_KEY_SIZE, "big")
        return derive_key(secret, f"conduit {purpose}")

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[str]:
        """A token to show to the Manager. If it is refused there, the machine enrols anew, where it can.

        :raises CallError: whatever the block raises; UNAUTHENTICATED says what to do.
        """
        serial = self._certificate.serial_number
        try:
            yield self.token()
        except CallError as error:
            if error.code == Code.UNAUTHENTICATED:
                await self._come_back(serial, error)
            raise

    async def _come_back(self, refused: int, because: CallError) -> None:
        """With a new certificate, unless somebody has just got one.

        :raises CallError: UNAUTHENTICATED: there is no way but for people.
        """
        async with self._turn:
            if self._enrolment is None or self._certificate.serial_number != refused:
                return
            try:
                await self._enrolment.enrol_again()
            except CallError as error:
                if error.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                    return
                raise CallError(Code.UNAUTHENTICATED, f"{because.message}; {error.message}") from error
            self.load()
            logger.warning("the old certificate was refused, there is a new one", reason=because.message)
            self.on_new_identity()

    async def keep(self, client: ConnectClient) -> None:
        """Renew it in the middle of its life, for ever."""
        while True:
            await trio.sleep(max(0.0, self._renew_at() - self.clock()))
            try:
                await self._renew(client)
            except CallError as error:
                logger.warning("certificate not renewed", reason=error.message, expires_at=self.expires_at)
                await trio.sleep(RETRY)

    def _renew_at(self) -> float:
        begins = self._certificate.not_valid_before_utc.timestamp()
        return begins + (self.expires_at - begins) * _RENEW_AT

    async def _renew(self, client: ConnectClient) -> None:
        key = new_key()
        request = RenewCertificateRequest(certificate_request=request_certificate(key))
        async with self.shown() as bearer:
            answer = await client.call("RenewCertificate", request, RenewCertificateResponse, bearer=bearer)
        self.files.write(key=key, certificate=answer.certificate, ca=answer.ca)
        self.load()


def _nothing() -> None:
    """Nobody wants to know."""


__all__ = ["SERVICE", "JoinToken", "MachineCertificate", "MachineFiles"]
