from __future__ import annotations

from tests.fakes.command_line import CommandLine


async def test_customers_see_their_servers_and_no_others(alice: CommandLine) -> None:
    found = (await alice.json("server", "list"))["servers"]
    assert [server["id"] for server in found] == ["db-01", "web-01"]
    assert [server["display"] for server in found] == [None, "vnc"]
    outcome = await alice.done("server", "list", "--tag", "web")
    assert "Shop" in outcome.out
    assert "db-01" not in outcome.out


async def test_without_a_log_in_the_way_to_one_is_named(line: CommandLine) -> None:
    outcome = await line.run("server", "list")
    assert (outcome.status, outcome.err) == (1, "Error: you are not logged in: conduit auth login\n")
