"""Machines: join tokens, certificates, revocation."""

from __future__ import annotations

import pytest

from conduit.errors import CallError
from conduit.services.certificates import (
    LIFE,
    Identity,
    certificate_from_pem,
    new_key,
    request_certificate,
    verify,
)
from conduit.services.machine_tokens import Machine, machine_token, verify_machine_token
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import TestManager


async def join_token(
    test_manager: TestManager, kind: str = "agent", *, uses: int = 1, ttl: float = 60, datacenter: str = "dc1"
) -> Secret:
    token, _ = await test_manager.manager.machines.create_join_token(
        kind=kind,
        datacenter_id=datacenter if kind == "agent" else "",
        region="eu",
        ttl=ttl,
        uses=uses,
        created_by="staff@provider.example",
    )
    return token


async def enrolled(test_manager: TestManager, name: str = "a1") -> Machine:
    key = new_key()
    token = await join_token(test_manager)
    certified = await test_manager.manager.machines.enroll(token, name, request_certificate(key))
    certificate = certificate_from_pem(certified.certificate.encode())
    signed = machine_token(certificate, key, test_manager.clock())
    return verify_machine_token(signed, test_manager.manager.authority.certificate, test_manager.clock())


async def test_a_join_token_is_worth_a_certificate_of_its_kind_and_place(test_manager: TestManager) -> None:
    token = await join_token(test_manager)
    certified = await test_manager.manager.machines.enroll(token, "a1", request_certificate(new_key()))
    assert (certified.datacenter_id, certified.region) == ("dc1", "eu")
    certificate = certificate_from_pem(certified.certificate.encode())
    assert verify(certificate, test_manager.manager.authority.certificate, test_manager.clock()) == Identity(
        "agent", "a1"
    )


async def test_a_join_token_is_used_as_often_as_it_says(test_manager: TestManager) -> None:
    token = await join_token(test_manager, uses=2)
    machines = test_manager.manager.machines
    for name in ("a1", "a2"):
        await machines.enroll(token, name, request_certificate(new_key()))
    with pytest.raises(CallError, match="used up"):
        await machines.enroll(token, "a3", request_certificate(new_key()))


async def test_a_join_token_that_is_late_or_made_up_is_refused(test_manager: TestManager) -> None:
    token = await join_token(test_manager)
    test_manager.clock.now += 61
    for each in (token, Secret("cj-made-up"), Secret("")):
        with pytest.raises(CallError) as refused:
            await test_manager.manager.machines.enroll(each, "a1", request_certificate(new_key()))
        assert refused.value.code == Code.UNAUTHENTICATED


@pytest.mark.parametrize(("name", "request_"), [("A 1", request_certificate(new_key())), ("a1", b"nonsense")])
async def test_a_mistake_does_not_use_a_join_token_up(test_manager: TestManager, name: str, request_: bytes) -> None:
    token = await join_token(test_manager)
    with pytest.raises(CallError) as refused:
        await test_manager.manager.machines.enroll(token, name, request_)
    assert refused.value.code == Code.INVALID_ARGUMENT
    await test_manager.manager.machines.enroll(token, "a1", request_certificate(new_key()))


async def test_whose_certificate_has_expired_comes_back_to_where_it_was(test_manager: TestManager) -> None:
    await enrolled(test_manager)
    test_manager.clock.now += LIFE + 1
    elsewhere = await join_token(test_manager, datacenter="dc2")
    with pytest.raises(CallError) as refused:
        await test_manager.manager.machines.enroll(elsewhere, "a1", request_certificate(new_key()))
    assert refused.value.code == Code.ALREADY_EXISTS
    await enrolled(test_manager)
    (machine,) = await test_manager.manager.machines.list()
    assert machine.certificate_expires_at == test_manager.clock.now + LIFE


async def test_a_name_is_given_once(test_manager: TestManager) -> None:
    await enrolled(test_manager)
    with pytest.raises(CallError) as refused:
        await enrolled(test_manager)
    assert refused.value.code == Code.ALREADY_EXISTS


async def test_a_machine_renews_its_certificate(test_manager: TestManager) -> None:
    machine = await enrolled(test_manager)
    test_manager.clock.now += 3600
    certified = await test_manager.manager.machines.renew(machine, request_certificate(new_key()))
    assert certified.expires_at == test_manager.clock() + 24 * 3600
    assert certified.identity == machine.identity


async def test_a_revoked_machine_is_out_and_gateways_hear_of_it(test_manager: TestManager) -> None:
    machine = await enrolled(test_manager)
    test_manager.clock.now += 10
    await test_manager.manager.machines.revoke("agent/a1")
    with pytest.raises(CallError, match="revoked"):
        await test_manager.manager.machines.check(machine)
    with pytest.raises(CallError, match="revoked"):
        await test_manager.manager.machines.renew(machine, request_certificate(new_key()))
    (revocation,) = await test_manager.manager.revocations_after(0)
    assert (revocation.kind, revocation.target) == ("machine", "agent/a1")


@pytest.mark.parametrize("later", [10.0, 0.2])  # seconds; certificates count whole ones
async def test_a_machine_that_comes_back_under_its_name_does_not_bring_the_old_certificate_back(
    test_manager: TestManager, later: float
) -> None:
    test_manager.clock.now += 0.3
    old = await enrolled(test_manager)
    test_manager.clock.now += later
    await test_manager.manager.machines.revoke("agent/a1")
    test_manager.clock.now += 0.2
    new = await enrolled(test_manager)
    (revocation,) = await test_manager.manager.revocations_after(0)
    assert old.certified_at < revocation.not_before <= new.certified_at
    await test_manager.manager.machines.check(new)
    with pytest.raises(CallError, match="revoked"):
        await test_manager.manager.machines.check(old)


async def test_who_is_not_there_cannot_be_revoked(test_manager: TestManager) -> None:
    with pytest.raises(CallError, match="no machine"):
        await test_manager.manager.machines.revoke("agent/nobody")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "toaster"}, "agent, gateway"),
        ({"ttl": 0.0}, "lives"),
        ({"ttl": 1e9}, "lives"),
        ({"uses": 0}, "machines"),
        ({"datacenter_id": ""}, "needs a datacenter"),
        ({"kind": "gateway", "region": ""}, "needs a region"),
        ({"region": ""}, "is new"),
    ],
)
async def test_some_join_tokens_make_no_sense(
    test_manager: TestManager, changes: dict[str, object], words: str
) -> None:
    sound = {"kind": "agent", "datacenter_id": "dc9", "region": "eu", "ttl": 60.0, "uses": 1, "created_by": "x"}
    with pytest.raises(CallError, match=words):
        await test_manager.manager.machines.create_join_token(**{**sound, **changes})  # type: ignore[arg-type]


async def test_a_datacenter_stays_in_its_region(test_manager: TestManager) -> None:
    await join_token(test_manager)
    with pytest.raises(CallError, match="is in region eu"):
        await test_manager.manager.machines.create_join_token(
            kind="agent", datacenter_id="dc1", region="us", ttl=60, uses=1, created_by="x"
        )
