"""Who calls the Manager: somebody with an access token, or a machine with a token that it signed itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography import x509

from conduit.errors import AuthenticationError, CallError
from conduit.services.clock import Clock
from conduit.services.headers import Call, bearer_of
from conduit.services.machine_tokens import Machine, verify_machine_token
from conduit.services.manager.accounts import Account, Accounts, find_since
from conduit.services.manager.machines import Machines
from conduit.services.remembered import Remembered
from conduit.services.tokens import AccessClaims, TokenVerifier
from conduit.tunnel.call_frames import Code


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """A machine whose certificate is good."""

    machine: Machine
    datacenter_id: str
    region: str

    @property
    def name(self) -> str:
        """What it is called among its kind."""
        return self.machine.identity.name


class Callers:
    """Tells who calls, or refuses.

    :param verifier: the present one; keys change.
    """

    def __init__(
        self,
        accounts: Accounts,
        machines: Machines,
        verifier: Callable[[], TokenVerifier],
        ca: x509.Certificate,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._machines = machines
        self._verifier = verifier
        self._ca = ca
        self._clock = clock
        self._verified = Remembered[AccessClaims]()

    async def customer(self, call: Call) -> Account:
        """A customer, or staff.

        :raises CallError: UNAUTHENTICATED.
        """
        claims = self.claims(call)
        return _known(await self._accounts.find_since(claims.customer_id, claims.issued_at))

    def claims(self, call: Call) -> AccessClaims:
        """What the caller's token says; the account may have ended since.

        :raises CallError: UNAUTHENTICATED.
        """
        token, now = bearer_of(call), self._clock()
        claims = self._verified.get(token)
        if claims is not None and claims.issued_at <= now <= claims.expires_at:
            return claims
        try:
            claims = self._verifier().access(token, now)
        except AuthenticationError as error:
            raise CallError(Code.UNAUTHENTICATED, f"{error}: log in") from error
        self._verified.keep(token, claims)
        return claims

    def forget(self) -> None:
        """Verify all tokens anew: the keys have changed."""
        self._verified.clear()

    def find_customer(self, connection: sa.Connection, claims: AccessClaims) -> Account:
        """Whose they are, in the connection's transaction.

        :raises CallError: UNAUTHENTICATED.
        """
        return _known(find_since(connection, claims.customer_id, claims.issued_at))

    async def staff(self, call: Call) -> Account:
        """:raises CallError: UNAUTHENTICATED, PERMISSION_DENIED."""
        account = await self.customer(call)
        if not account.is_staff:
            raise CallError(Code.PERMISSION_DENIED, "this is for staff")
        return account

    async def machine(self, call: Call, kind: str) -> KnownMachine:
        """An Agent or a Gateway.

        :raises CallError: UNAUTHENTICATED, PERMISSION_DENIED: it is of the other kind.
        """
        try:
            machine = verify_machine_token(bearer_of(call), self._ca, self._clock())
        except AuthenticationError as error:
            raise CallError(Code.UNAUTHENTICATED, str(error)) from error
        datacenter_id, region = await self._machines.check(machine)
        if kind not in ("any", machine.identity.kind):
            raise CallError(Code.PERMISSION_DENIED, f"this is for machines of kind {kind}")
        return KnownMachine(machine, datacenter_id, region)


def _known(account: Account | None) -> Account:
    if account is None:
        raise CallError(Code.UNAUTHENTICATED, "this log-in has ended: log in")
    return account
