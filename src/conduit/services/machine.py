"""A machine's own certificate: enrolled once with a join token, renewed long before it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, Self

import structlog
import trio
from cryptography import x509

from conduit.errors import AuthenticationError, CallError, LocalProtocolError
from conduit.services.api.manager.v1.machine_pb import (
    EnrollRequest,
    EnrollResponse,
    RenewCertificateRequest,
    RenewCertificateResponse,
)
from conduit.services.certificates import (
    Identity,
    Key,
    certificate_from_pem,
    identity_of,
    key_from_pem,
    key_to_pem,
    new_key,
    request_certificate,
)
from conduit.services.clock import Clock
from conduit.services.connect_client import ConnectClient
from conduit.services.files import replace_file
from conduit.services.machine_tokens import machine_token
from conduit.services.sealing import SealingKey, derive_key
from conduit.services.secret import Secret
from conduit.tunnel import TlsFiles
from conduit.tunnel.call_frames import Code

SERVICE: Final = "manager.v1.MachineService"
RETRY: Final = 60.0  # seconds after a renewal that failed
_KEY_MARK: Final = b"-----BEGIN PRIVATE KEY-----"
_FIRST_PAUSE: Final = 0.1  # seconds
_LONGEST_PAUSE: Final = 10.0  # seconds
_KEY_SIZE: Final = 32  # bytes of a private key on P-256
_RENEW_AT: Final = 0.5  # of its life
logger = structlog.get_logger(__name__)


class MachineFiles:
    """Where a machine's key and certificates are; only its user reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pem = folder / "machine.pem"  # certificate and key in one file, so that they are replaced together
        self.tls = TlsFiles(certificate=self.pem, key=self.pem, ca=folder / "ca.pem")

    def exist(self) -> bool:
        """Whether the machine has enrolled."""
        return self.pem.exists() and self.tls.ca.exists()

    def write(self, *, key: Key, certificate: str, ca: str) -> None:
        """Replace them."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self.tls.ca, ca.encode())
        replace_file(self.pem, certificate.encode() + key_to_pem(key))

    def next_generation(self) -> int:
        """One more than at the last start."""
        path = self.folder / "generation"
        generation = int(path.read_text()) + 1 if path.exists() else 1
        replace_file(path, str(generation).encode())
        return generation


class MachineCertificate:
    """The certificate in use, and the tokens that show it to the Manager."""

    def __init__(self, files: MachineFiles, clock: Clock) -> None:
        self.files = files
        self.clock = clock
        self._key: Key
        self._certificate: x509.Certificate
        self.load()

    @classmethod
    async def obtain(
        cls, files: MachineFiles, client: ConnectClient, clock: Clock, *, name: str, join_token: Callable[[], Secret]
    ) -> Self:
        """The one in the files, or one for a join token when there is none, or none that is good any more.

        Waits for a Manager that cannot be reached yet.

        :param join_token: asked for only then.
        :raises CallError: the Manager refuses.
        """
        if files.exist():
            known = cls(files, clock)
            if known.expires_at > clock():
                return known
        key = new_key()
        request = EnrollRequest(
            join_token=join_token().reveal(), certificate_request=request_certificate(key), name=name
        )
        answer = await _when_reachable(partial(client.call, "Enroll", request, EnrollResponse))
        files.write(key=key, certificate=answer.certificate, ca=answer.ca)
        return cls(files, clock)

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

    async def keep(self, client: ConnectClient) -> None:
        """Renew it in the middle of its life, for ever."""
        while True:
            await trio.sleep(max(0.0, self._renew_at() - self.clock()))
            try:
                await self._renew(client)
            except CallError as error:
                logger.warning("certificate not renewed", reason=error.message, expires_at=self.expires_at)
                if error.code == Code.UNAUTHENTICATED:
                    raise
                await trio.sleep(RETRY)

    def _renew_at(self) -> float:
        begins = self._certificate.not_valid_before_utc.timestamp()
        return begins + (self.expires_at - begins) * _RENEW_AT

    async def _renew(self, client: ConnectClient) -> None:
        key = new_key()
        request = RenewCertificateRequest(certificate_request=request_certificate(key))
        answer = await client.call("RenewCertificate", request, RenewCertificateResponse, bearer=self.token())
        self.files.write(key=key, certificate=answer.certificate, ca=answer.ca)
        self.load()


async def _when_reachable(call: Callable[[], Awaitable[EnrollResponse]]) -> EnrollResponse:
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except CallError as error:
            if error.code not in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                raise
            logger.info("waiting for the Manager", reason=error.message)
        await trio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
