"""Who calls the Manager: somebody with an access token, or a machine with a token that it signed itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509

from conduit.errors import AuthenticationError, CallError
from conduit.services.clock import Clock
from conduit.services.headers import Call, bearer_of
from conduit.services.machine_tokens import Machine, verify_machine_token
from conduit.services.manager.accounts import Account, Accounts
from conduit.services.manager.machines import Machines
from conduit.services.tokens import TokenVerifier
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

    async def customer(self, call: Call) -> Account:
        """A customer, or staff.

        :raises CallError: UNAUTHENTICATED.
        """
        try:
            claims = self._verifier().access(bearer_of(call), self._clock())
        except AuthenticationError as error:
            raise CallError(Code.UNAUTHENTICATED, f"{error}: log in") from error
        account = await self._accounts.find_since(claims.customer_id, claims.issued_at)
        if account is None:
            raise CallError(Code.UNAUTHENTICATED, "this log-in has ended: log in")
        return account

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
