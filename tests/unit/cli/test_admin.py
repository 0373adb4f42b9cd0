from __future__ import annotations

from pathlib import Path

import asyncclick as click
import pytest

from conduit.cli.admin import customer as cli_customer
from conduit.cli.admin import machine as cli_machine
from conduit.cli.admin.join_token import Duration
from conduit.cli.server import listing as cli_listing
from conduit.services.manager.registry import AGENT_SILENCE, GATEWAY_SILENCE, ReportedServer
from tests.fakes.command_line import CommandLine
from tests.fakes.services import MANAGER, FakeServices


@pytest.fixture
async def staff(line: CommandLine, password_file: Path) -> CommandLine:
    await line.done(
        "auth",
        "login",
        "--manager",
        MANAGER,
        "--email",
        "staff@provider.example",
        "--password-file",
        str(password_file),
    )
    return line


async def test_customers_are_no_staff(alice: CommandLine) -> None:
    for args in (
        ("status",),
        ("customer", "list"),
        ("machine", "list"),
        ("gateway", "list"),
        ("server", "unassign", "x"),
    ):
        outcome = await alice.run("admin", *args)
        assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)


async def test_a_join_token_lets_an_agent_in(staff: CommandLine, services: FakeServices) -> None:
    args = ("admin", "join-token", "create", "--kind", "agent", "--datacenter", "dc1", "--ttl", "15m")
    data = await staff.json(*args)
    assert data["expires_at"] == "2027-01-15T08:15:00Z"
    assert len(data["join_token"]) > 20
    assert (await staff.run("admin", "join-token", "create", "--kind", "agent")).status == 2
    assert (await staff.run("admin", "join-token", "create", "--kind", "gateway")).status == 2


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800)])
def test_durations_have_units(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "1w", "-1s", "0", "31d", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


async def test_an_account_is_made_and_logs_in(staff: CommandLine, password_file: Path) -> None:
    await staff.done("admin", "customer", "create", "carol@new.example", "--password-file", str(password_file))
    listed = (await staff.json("admin", "customer", "list"))["customers"]
    assert "carol@new.example" in [each["email"] for each in listed]
    await staff.done(
        "auth", "login", "--profile", "carol", "--manager", MANAGER, "--email", "carol@new.example",
        "--password-file", str(password_file),
    )  # fmt: skip


async def test_a_new_password_counts_and_the_old_one_does_not(
    staff: CommandLine, password_file: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.write_text("a longer new password\n")
    await staff.done("admin", "customer", "set-password", "alice@acme.example", "--password-file", str(new))
    login = (
        "auth",
        "login",
        "--profile",
        "a",
        "--manager",
        MANAGER,
        "--email",
        "alice@acme.example",
        "--password-file",
    )
    assert (await staff.run(*login, str(password_file))).status == 1
    assert (await staff.run(*login, str(new))).status == 0


async def test_a_server_changes_hands(staff: CommandLine, services: FakeServices) -> None:
    await staff.done("admin", "server", "assign", "build-01", "alice@acme.example")
    found = await services.manager.manager.accounts.find("alice@acme.example")
    assert found is not None
    shown = await staff.json("server", "show", "build-01")
    assert shown["customer"] == found.id
    await staff.done("admin", "server", "unassign", "build-01")
    assert (await staff.json("server", "show", "build-01"))["customer"] is None
    assert (await staff.run("admin", "server", "assign", "build-01", "nobody@x.example")).status == 1


async def test_machines_are_listed_and_revoked(staff: CommandLine) -> None:
    listed = (await staff.json("admin", "machine", "list"))["machines"]
    assert {each["kind"] for each in listed} == {"agent", "gateway"}
    agent = next(each["id"] for each in listed if each["kind"] == "agent")
    await staff.done("admin", "machine", "revoke", agent)
    listed = (await staff.json("admin", "machine", "list"))["machines"]
    assert not [each for each in listed if each["id"] == agent and not each["revoked"]]


async def test_lists_are_whole_however_many_pages_they_have(
    staff: CommandLine, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_machine, "PAGE", 1)
    monkeypatch.setattr(cli_customer, "PAGE", 1)
    monkeypatch.setattr(cli_listing, "PAGE", 1)
    names = [f"gw{number}" for number in range(2, 5)]
    for name in names:
        await services.manager.machine("gateway", name)
        await services.manager.manager.registry.heartbeat(
            gateway_id=name, region="eu", endpoint=f"https://{name}.example", tunnel_endpoint="", version="", agents=()
        )
    gateways = (await staff.json("admin", "gateway", "list"))["gateways"]
    assert [each["id"] for each in gateways] == ["gw1", *names]
    machines = (await staff.json("admin", "machine", "list"))["machines"]
    assert {f"gateway/{name}" for name in names} < {each["id"] for each in machines}
    assert len((await staff.json("admin", "customer", "list"))["customers"]) == 3
    assert len((await staff.json("server", "list"))["servers"]) == 3
    assert len((await staff.json("server", "list", "--limit", "2"))["servers"]) == 2


async def test_staff_see_how_much_there_is(staff: CommandLine) -> None:
    assert (await staff.json("admin", "status"))["servers"] == 3
    assert [each["id"] for each in (await staff.json("admin", "gateway", "list"))["gateways"]] == ["gw1"]


async def test_a_gateway_has_the_servers_of_the_agents_that_it_has_a_tunnel_to(
    staff: CommandLine, services: FakeServices
) -> None:
    registry = services.manager.manager.registry
    await services.manager.machine("agent", "a2")
    await registry.report("a2", "dc1", [ReportedServer(id="other-01")])
    await services.heartbeat()

    async def listed() -> list[tuple[object, ...]]:
        rows = (await staff.json("admin", "gateway", "list"))["gateways"]
        return [(row["id"], row["status"], row["servers"], row["datacenters"]) for row in rows]

    assert await listed() == [("gw1", "active", 3, ["dc1"])], "not those of a2"
    services.manager.clock.now += AGENT_SILENCE + 1
    await services.heartbeat()
    assert await listed() == [("gw1", "active", 0, [])], "the Agents are silent"
    await services.register(ReportedServer(id="web-01", customer="alice@acme.example"))
    assert await listed() == [("gw1", "active", 1, ["dc1"])]
    services.manager.clock.now += GATEWAY_SILENCE + 1
    assert await listed() == [("gw1", "offline", 0, [])], "the tunnels of a Gateway that is gone are gone"


async def test_a_customer_is_logged_out_everywhere(
    alice: CommandLine, services: FakeServices, password_file: Path
) -> None:
    await alice.done(
        "auth", "login", "--profile", "staff", "--manager", MANAGER, "--email", "staff@provider.example",
        "--password-file", str(password_file),
    )  # fmt: skip
    services.manager.clock.now += 1
    await alice.done("admin", "--profile", "staff", "customer", "revoke", "alice@acme.example")
    outcome = await alice.run("server", "list")
    assert (outcome.status, outcome.err) == (1, "Error: your log-in has ended; log in: conduit auth login\n")
