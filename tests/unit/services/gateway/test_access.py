"""What a Gateway believes: tokens, revocations."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from protobuf import Oneof

from conduit.errors import AuthenticationError, CallError
from conduit.services.api.manager.v1.machine_pb import Revocation
from conduit.services.clock import MAX_SKEW, timestamp
from conduit.services.gateway.access import MATTERS, Access, Grant
from conduit.services.gateway.facts import Facts, as_messages
from conduit.services.permissions import OWNER, Permission
from conduit.services.sealing import Sealer, SealingKey
from conduit.services.tokens import ServerClaims, ServerContext, SigningKey, TokenSigner, TokenVerifier
from conduit.tunnel.call_frames import Code

NOW = 1_800_000_000.0
KEY = SigningKey.generate()
REGION = SealingKey.generate()


def access(now: float = NOW) -> Access:
    made = Access(lambda: now)
    made.use(TokenVerifier({KEY.key_id: KEY.private.public_key()}))
    made.use_region_keys([REGION])
    return made


def token(server_id: str = "db-01", *, context_of: str = "db-01", region: SealingKey = REGION) -> str:
    context = ServerContext(server_id=context_of, agent_id="a1", datacenter_id="dc1")
    return TokenSigner(KEY).server_token(
        customer_id="c1",
        email="a@b.c",
        server_id=server_id,
        permissions=OWNER,
        seal_context=lambda token_id: Sealer([region]).seal(context.encode(), bound_to=token_id),
        now=NOW,
    )[0]


def test_a_token_tells_where_its_server_is() -> None:
    grant = access().grant(token())
    assert (grant.claims.server_id, grant.context.agent_id) == ("db-01", "a1")


@pytest.mark.parametrize(
    "bad",
    ["", "nonsense", token(region=SealingKey.generate()), token(context_of="db-02")],
    ids=["empty", "nonsense", "another region's", "another server's"],
)
def test_a_token_without_a_context_of_its_own_is_refused(bad: str) -> None:
    with pytest.raises(CallError) as refused:
        access().grant(bad)
    assert refused.value.code == Code.UNAUTHENTICATED


def test_a_grant_is_for_its_server_and_its_permissions() -> None:
    grant = access().grant(token())
    grant.check(Permission.POWER_WRITE)
    grant.check_server("db-01")
    with pytest.raises(CallError) as not_that:
        grant.check(Permission.ADMIN_ALL)
    with pytest.raises(CallError) as not_there:
        grant.check_server("db-02")
    assert not_that.value.code == not_there.value.code == Code.PERMISSION_DENIED


def revocation(grant: Grant, kind: str, not_before: float) -> Revocation:
    targets = {
        "token_id": grant.claims.token_id,
        "customer_id": grant.claims.customer_id,
        "server_id": grant.claims.server_id,
    }
    return Revocation(number=7, what=Oneof(kind, targets[kind]), not_before=timestamp(not_before))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["token_id", "customer_id", "server_id"])
def test_what_is_revoked_ends_what_goes_on_and_what_would_begin(kind: str) -> None:
    gate = access()
    text = token()
    grant = gate.grant(text)
    gate.revocations.add([revocation(grant, kind, NOW + 1)])
    assert not gate.still_good(grant)
    with pytest.raises(CallError, match="revoked"):
        gate.grant(text)
    assert gate.revocations.last == 7


@pytest.mark.parametrize("kind", ["customer_id", "server_id"])
def test_a_token_from_after_the_revocation_is_good(kind: str) -> None:
    gate = access()
    grant = gate.grant(token())
    gate.revocations.add([revocation(grant, kind, NOW - 1)])
    assert gate.still_good(grant)


def test_a_machines_certificate_from_before_is_worth_nothing() -> None:
    gate = access()
    what: Oneof[Literal["machine_id"], str] = Oneof("machine_id", "agent/a1")
    gate.revocations.add([Revocation(number=1, what=what, not_before=timestamp(NOW))])
    assert gate.revocations.machine_revoked("agent/a1", NOW - 0.1)
    assert not gate.revocations.machine_revoked("agent/a1", NOW)
    assert not gate.revocations.machine_revoked("agent/a2", NOW - 10)


class Counting(TokenVerifier):
    """Notes what it is asked."""

    asked = 0

    def server(self, token: str, now: float) -> ServerClaims:
        self.asked += 1
        return super().server(token, now)


def test_a_token_is_verified_once_and_anew_with_new_keys() -> None:
    judge, text = access(), token()
    for _ in range(2):  # the Manager tells its keys again
        verifier = Counting({KEY.key_id: KEY.private.public_key()})
        judge.use(verifier)
        assert judge.grant(text) == judge.grant(text)
        assert verifier.asked == 1


def test_a_token_that_is_known_still_ends_by_time_by_revocation_and_with_its_key() -> None:
    text, now = token(), NOW
    judge = Access(lambda: now)
    judge.use_region_keys([REGION])
    judge.use(TokenVerifier({KEY.key_id: KEY.private.public_key()}))
    grant = judge.grant(text)
    now = grant.claims.expires_at + MAX_SKEW + 1
    with pytest.raises(CallError, match="expired"):
        judge.grant(text)
    now = NOW
    judge.revocations.add([revocation(grant, "token_id", 0.0)])
    with pytest.raises(CallError, match="revoked"):
        judge.grant(text)
    other = SigningKey.generate()
    judge.use(TokenVerifier({other.key_id: other.private.public_key()}))
    with pytest.raises(CallError, match="not known here"):
        judge.grant(text)


def test_revocations_survive_being_kept() -> None:
    gate, again = access(), access()
    text = token()
    grant = gate.grant(text)
    gate.revocations.add([revocation(grant, kind, NOW + 1) for kind in ("token_id", "customer_id", "server_id")])
    known = gate.revocations.known(NOW)
    facts = Facts.decode(
        json.loads(json.dumps(Facts(jwks={"keys": []}, region_keys=[REGION], revocations=known).encode()))
    )
    again.revocations.add(as_messages(facts.revocations))
    assert again.revocations.known(NOW) == known
    assert facts.region_keys == [REGION]
    assert not again.still_good(grant)


def test_a_revocation_is_forgotten_when_all_that_it_ended_has_expired() -> None:
    gate = access()
    gate.revocations.add([revocation(gate.grant(token()), "customer_id", NOW)])
    assert len(gate.revocations.known(NOW + MATTERS)) == 1
    assert gate.revocations.known(NOW + MATTERS + 1) == []


@pytest.mark.parametrize("facts", [{}, {"jwks": 1}, {"jwks": {}, "region_keys": [["a"]], "revocations": []}])
def test_facts_that_make_no_sense_are_refused(facts: dict[str, object]) -> None:
    with pytest.raises(AuthenticationError):
        Facts.decode(facts)


def test_keys_are_not_printed() -> None:
    assert "key" not in repr(Facts(jwks={}, region_keys=[REGION], revocations=[])).lower().replace("jwks", "")
