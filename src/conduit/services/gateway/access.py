"""Who may do what here. Everything is judged with public keys and what is revoked; the Manager may be down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from conduit.errors import AuthenticationError, CallError
from conduit.services.api.manager.v1.machine_pb import Revocation
from conduit.services.certificates import BACKDATE, LIFE, Identity
from conduit.services.clock import MAX_SKEW, Clock, from_timestamp
from conduit.services.gateway.facts import Ended
from conduit.services.permissions import Permission
from conduit.services.remembered import Remembered
from conduit.services.sealing import Sealer, SealingKey
from conduit.services.tokens import ServerClaims, ServerContext, TokenVerifier
from conduit.tunnel.call_frames import Code

MATTERS: Final = LIFE + 2 * MAX_SKEW  # seconds that a revocation can still change something; tokens end sooner


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: its claims, and where the server is."""

    claims: ServerClaims
    context: ServerContext

    def check(self, permission: Permission) -> None:
        """:raises CallError: PERMISSION_DENIED."""
        if permission not in self.claims.permissions:
            raise CallError(
                Code.PERMISSION_DENIED, f"this token does not allow {permission} on {self.claims.server_id}"
            )

    def check_server(self, server_id: str) -> None:
        """:raises CallError: PERMISSION_DENIED: the token is for another server."""
        if server_id and server_id != self.claims.server_id:
            raise CallError(Code.PERMISSION_DENIED, "this token is for another server")


class Revocations:
    """What has ended before its time."""

    def __init__(self) -> None:
        self.last = 0
        "The number of the last one that is known."
        self._before: dict[tuple[str, str], float] = {}

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Take note."""
        for revocation in revocations:
            self.last = max(self.last, revocation.number)
            if revocation.what is None:
                continue
            key = revocation.what.field, revocation.what.value
            before = from_timestamp(revocation.not_before) or 0.0
            self._before[key] = max(before, self._before.get(key, 0.0))

    def known(self, now: float) -> list[Ended]:
        """Those that still matter; the others are forgotten: whatever they ended has expired."""
        self._before = {key: before for key, before in self._before.items() if before >= now - MATTERS}
        return [(kind, name, before) for (kind, name), before in self._before.items()]

    def revoked(self, claims: ServerClaims) -> bool:
        """Whether the token is worth nothing any more."""
        by_customer = self._before.get(("customer_id", claims.customer_id), 0.0)
        by_server = self._before.get(("server_id", claims.server_id), 0.0)
        return ("token_id", claims.token_id) in self._before or claims.issued_at < max(by_customer, by_server)

    def machine_revoked(self, machine_id: str, certified_at: float) -> bool:
        """Whether a machine's certificate is worth nothing any more."""
        return certified_at < self._before.get(("machine_id", machine_id), 0.0)


class Access:
    """Judges tokens."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._verifier = TokenVerifier({})
        self._sealer = Sealer(())
        self._known = Remembered[Grant]()  # of tokens that are verified with the present keys
        self.revocations = Revocations()

    def use(self, verifier: TokenVerifier) -> None:
        """Verify with these keys from now on."""
        self._verifier = verifier
        self._known.clear()

    def use_region_keys(self, keys: Iterable[SealingKey]) -> None:
        """Open contexts with these keys from now on."""
        self._sealer = Sealer(keys)
        self._known.clear()

    def knows_key_of(self, token: str) -> bool:
        """Whether other keys would not help."""
        return token in self._known or self._verifier.knows_key_of(token)

    def grant(self, token: str) -> Grant:
        """What a token allows.

        :raises CallError: UNAUTHENTICATED: nothing.
        """
        grant = self._known.get(token)
        if grant is None or self.clock() > grant.claims.expires_at + MAX_SKEW:
            grant = self._verify(token)
            self._known.keep(token, grant)
        if grant.context.server_id != grant.claims.server_id or self.revocations.revoked(grant.claims):
            raise CallError(Code.UNAUTHENTICATED, "the token is revoked: get a new one")
        return grant

    def _verify(self, token: str) -> Grant:
        try:
            claims = self._verifier.server(token, self.clock())
            return Grant(claims, ServerContext.decode(self._sealer.open(claims.context, bound_to=claims.token_id)))
        except AuthenticationError as error:
            raise CallError(Code.UNAUTHENTICATED, f"{error}: get a new token for the server") from error

    def certificate_revoked(self, uri: str, valid_since: float) -> bool:
        """Whether a machine's certificate is worth nothing any more.

        :param uri: the identity in it.
        :param valid_since: as it stands in the certificate.
        """
        identity = Identity.parse(uri)
        return self.revocations.machine_revoked(f"{identity.kind}/{identity.name}", valid_since + BACKDATE)

    def still_good(self, grant: Grant) -> bool:
        """Whether what was granted may go on."""
        return not self.revocations.revoked(grant.claims)
