"""The inventory: whose servers are whose, pages, filters, Gateways."""

from __future__ import annotations

import pytest

from conduit.errors import CallError
from conduit.services.certificates import LIFE
from conduit.services.manager.accounts import Account
from conduit.services.manager.registry import AGENT_SILENCE, GATEWAY_SILENCE, Filters, ReportedServer
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import TestManager

ACME = "alice@acme.example"


async def report(
    test_manager: TestManager, *servers: ReportedServer, agent: str = "a1", dc: str = "dc1"
) -> dict[str, str]:
    return await test_manager.manager.registry.report(agent, dc, servers)


async def ids(test_manager: TestManager, account: Account, **filters: str) -> list[str]:
    page = await test_manager.manager.registry.servers(account, Filters(**filters), 1000, "")
    assert page.total == len(page.servers)
    return [server.id for server in page.servers]


@pytest.fixture
async def alice(test_manager: TestManager) -> Account:
    await test_manager.machine("agent", "a1")
    return await test_manager.account(ACME)


@pytest.fixture
async def staff(test_manager: TestManager) -> Account:
    return await test_manager.account("staff@provider.example", is_staff=True)


async def test_a_reported_server_is_its_customers_and_nobody_elses(
    test_manager: TestManager, alice: Account, staff: Account
) -> None:
    bob = await test_manager.account("bob@globex.example")
    await report(test_manager, ReportedServer(id="db-01", customer=ACME), ReportedServer(id="spare"))
    assert await ids(test_manager, alice) == ["db-01"]
    assert await ids(test_manager, bob) == []
    assert await ids(test_manager, staff) == ["db-01", "spare"]
    with pytest.raises(CallError) as refused:
        await test_manager.manager.registry.server(bob, "db-01")
    with pytest.raises(CallError) as missing:
        await test_manager.manager.registry.server(bob, "never-was")
    assert refused.value.code == missing.value.code == Code.NOT_FOUND
    assert refused.value.message == missing.value.message


async def test_a_customer_cannot_ask_for_anothers_by_filter(
    test_manager: TestManager, alice: Account, staff: Account
) -> None:
    bob = await test_manager.account("bob@globex.example")
    await report(test_manager, ReportedServer(id="db-01", customer=ACME))
    assert await ids(test_manager, bob, customer_id=alice.id) == []
    assert await ids(test_manager, staff, customer_id=alice.id) == ["db-01"]


async def test_what_is_known_of_a_bmc_stays_until_more_is_known(
    test_manager: TestManager, alice: Account, staff: Account
) -> None:
    for told, kept in (("", ""), ('{"a":1}', '{"a":1}'), ("", '{"a":1}'), ('{"a":2}', '{"a":2}')):
        await report(test_manager, ReportedServer(id="db-01", discovery=told))
        assert (await test_manager.manager.registry.server(staff, "db-01")).discovery == kept


async def test_a_server_that_vanishes_from_the_list_goes_offline(test_manager: TestManager, alice: Account) -> None:
    await report(test_manager, ReportedServer(id="a", customer=ACME), ReportedServer(id="b", customer=ACME))
    await report(test_manager, ReportedServer(id="b", customer=ACME))
    assert await ids(test_manager, alice, status="offline") == ["a"]
    assert await ids(test_manager, alice, status="online") == ["b"]


async def test_servers_of_an_agent_that_is_silent_count_as_offline(test_manager: TestManager, alice: Account) -> None:
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    test_manager.clock.now += AGENT_SILENCE + 1
    assert (await test_manager.manager.registry.server(alice, "a")).status == "offline"
    assert await ids(test_manager, alice, status="offline") == ["a"]


async def test_what_staff_assigned_is_not_taken_back_by_a_report(
    test_manager: TestManager, alice: Account, staff: Account
) -> None:
    bob = await test_manager.account("bob@globex.example")
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    await test_manager.manager.registry.assign("a", bob.id)
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    assert await ids(test_manager, alice) == []
    assert await ids(test_manager, bob) == ["a"]
    await test_manager.manager.registry.assign("a", None)
    assert await ids(test_manager, bob) == []


async def test_a_server_that_changes_hands_ends_the_tokens_of_its_owner(
    test_manager: TestManager, alice: Account
) -> None:
    await test_manager.account("bob@globex.example")
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    await report(test_manager, ReportedServer(id="a", customer="bob@globex.example"))
    (revocation,) = await test_manager.manager.revocations_after(0)
    assert (revocation.kind, revocation.target) == ("server", "a")


async def test_an_agent_does_not_take_another_ones_server(test_manager: TestManager, alice: Account) -> None:
    await test_manager.machine("agent", "elsewhere", datacenter="dc2")
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    refused = await report(test_manager, ReportedServer(id="a"), agent="a2")
    assert list(refused) == ["a"]
    test_manager.clock.now += AGENT_SILENCE + 1
    assert await report(test_manager, ReportedServer(id="a"), agent="elsewhere", dc="dc2")
    assert not await report(test_manager, ReportedServer(id="a", customer=ACME), agent="a2")
    assert (await test_manager.manager.registry.server(alice, "a")).agent_id == "a2"


async def test_pages_hold_every_server_once(test_manager: TestManager, alice: Account) -> None:
    names = [f"s{number:02}" for number in range(25)]
    await report(test_manager, *(ReportedServer(id=name, customer=ACME) for name in names))
    found, token = [], ""
    while True:
        page = await test_manager.manager.registry.servers(alice, Filters(), 7, token)
        found += [server.id for server in page.servers]
        token = page.next_token
        if not token:
            break
        assert len(page.servers) == 7
    assert found == names


@pytest.mark.parametrize("token", ["!", "\udcff", "gQ"])
async def test_a_made_up_page_is_refused(test_manager: TestManager, alice: Account, token: str) -> None:
    with pytest.raises(CallError, match="no page token"):
        await test_manager.manager.registry.servers(alice, Filters(), 7, token)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"query": "DB"}, ["db-01", "db_02"]),
        ({"query": "main"}, ["db-01"]),
        ({"query": "prod"}, ["db-01"]),
        ({"query": "db_"}, ["db_02"]),
        ({"query": "%"}, []),
        ({"tag": "prod"}, ["db-01"]),
        ({"tag": "pro"}, []),
        ({"datacenter_id": "dc1"}, ["db-01", "db_02"]),
        ({"datacenter_id": "dc2"}, []),
    ],
)
async def test_filters_find_what_they_say(
    test_manager: TestManager, alice: Account, filters: dict[str, str], expected: list[str]
) -> None:
    await report(
        test_manager,
        ReportedServer(id="db-01", customer=ACME, display_name="Main", tags=["prod"]),
        ReportedServer(id="db_02", customer=ACME, tags=["test"]),
    )
    assert await ids(test_manager, alice, **filters) == expected


async def test_a_customer_names_their_server(test_manager: TestManager, alice: Account) -> None:
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    server = await test_manager.manager.registry.update(alice, "a", display_name=" Shop ", tags=["x", "y"])
    assert (server.display_name, list(server.tags)) == ("Shop", ["x", "y"])
    await report(test_manager, ReportedServer(id="a", customer=ACME, display_name="from the file"))
    assert (await test_manager.manager.registry.server(alice, "a")).display_name == "Shop"
    for bad in ("", "a\nb", "x" * 201):
        with pytest.raises(CallError, match="characters"):
            await test_manager.manager.registry.update(alice, "a", display_name=bad)


async def heartbeat(test_manager: TestManager, name: str, *agents: str) -> None:
    await test_manager.manager.registry.heartbeat(
        gateway_id=name,
        region="eu",
        endpoint=f"https://{name}",
        tunnel_endpoint=f"{name}:8444",
        version="1",
        agents=agents,
    )


async def test_agents_dial_gateways_that_are_silent_but_none_without_a_certificate(test_manager: TestManager) -> None:
    """A Manager that was down has heard of nobody lately: no Agent may leave a Gateway, and its consoles, for that."""
    manager = test_manager.manager
    for name in ("gw1", "gw2", "gw3"):
        await test_manager.machine("gateway", name)
        await heartbeat(test_manager, name)
    test_manager.clock.now += 10 * GATEWAY_SILENCE
    await heartbeat(test_manager, "gw1")
    assert [each.id for each in await manager.registry.gateways("eu", alive=True)] == ["gw1"]
    await manager.machines.revoke("gateway/gw2")
    assert [each.id for each in await manager.registry.gateways_to_dial("eu")] == ["gw1", "gw3"]
    assert await manager.registry.gateways_to_dial("us") == []
    test_manager.clock.now += LIFE
    assert await manager.registry.gateways_to_dial("eu") == []


async def test_all_is_counted_as_it_is_now(test_manager: TestManager, alice: Account) -> None:
    manager = test_manager.manager
    await report(test_manager, ReportedServer(id="a", customer=ACME), ReportedServer(id="b"))
    await heartbeat(test_manager, "gw1")
    test_manager.clock.now += AGENT_SILENCE + 1
    await heartbeat(test_manager, "gw2")
    await report(test_manager, ReportedServer(id="c"))
    found = await manager.registry.census()
    assert found.servers == {("dc1", "offline"): 2, ("dc1", "online"): 1}
    assert found.gateways == {("eu", "offline"): 1, ("eu", "active"): 1}
    assert (found.machines, found.customers) == ({("agent",): 1}, 1)


@pytest.mark.parametrize(
    ("query", "tag", "found"),
    [("über", "", True), ("ÜBER", "", True), ("", "Größe", True), ("", "größe", False), ("größ", "", True)],
)
async def test_texts_of_all_languages_are_found(
    test_manager: TestManager, alice: Account, query: str, tag: str, *, found: bool
) -> None:
    registry = test_manager.manager.registry
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    await registry.update(alice, "a", display_name="Über Nacht", tags=["Größe"])
    assert bool(await ids(test_manager, alice, query=query, tag=tag)) is found


async def test_a_server_is_reached_through_a_gateway_that_has_its_agent(
    test_manager: TestManager, alice: Account
) -> None:
    await report(test_manager, ReportedServer(id="a", customer=ACME))
    server = await test_manager.manager.registry.server(alice, "a")

    async def gateway() -> str:
        registry = test_manager.manager.registry
        return (await test_manager.manager.database.run(lambda one: registry.find_gateway(one, server))).id

    with pytest.raises(CallError, match="no Gateway"):
        await gateway()
    await heartbeat(test_manager, "gw1")
    await heartbeat(test_manager, "gw2", "a1")
    assert await gateway() == "gw2"
    test_manager.clock.now += GATEWAY_SILENCE + 1
    await heartbeat(test_manager, "gw1")
    assert await gateway() == "gw1"
