from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from conduit.errors import CallError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.tunnel.call_frames import Code
from tests.fakes.command_line import CommandLine
from tests.fakes.services import FakeServices

UNAVAILABLE = CallError(Code.UNAVAILABLE, "the BMC does not answer")


async def test_a_server_that_is_off_says_so(alice: CommandLine) -> None:
    outcome = await alice.done("server", "power", "status", "web-01")
    assert outcome.out == "web-01 is off\n"
    data = await alice.json("server", "power", "status", "web-01")
    assert (data["power"], data["protocol"]) == ("off", "ipmi-2.0")


async def test_power_on_waits_for_the_effect(alice: CommandLine, services: FakeServices) -> None:
    outcome = await alice.done("server", "power", "on", "web-01", "--timeout", "90")
    assert outcome.out == "web-01: on, after 1.2 s; power is on\n"
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.PowerOperationRequest)
    assert (asked.wait, asked.timeout_seconds, len(asked.idempotency_key)) == (True, 90, 32)


async def test_no_wait_returns_when_the_bmc_has_accepted_it(alice: CommandLine, services: FakeServices) -> None:
    outcome = await alice.done("server", "power", "reset", "web-01", "--no-wait")
    assert "the BMC has accepted it" in outcome.out
    asked = services.servers.asked[-1]
    assert isinstance(asked, pb.PowerOperationRequest)
    assert not asked.wait


async def test_what_is_somebody_elses_does_not_exist(alice: CommandLine) -> None:
    outcome = await alice.run("server", "power", "status", "build-01")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "Error: there is no such server, or it is not yours\n"


async def test_reading_is_tried_again_where_nobody_was_there(alice: CommandLine, services: FakeServices) -> None:
    services.servers.failures = [UNAVAILABLE]
    assert (await alice.done("server", "power", "status", "web-01")).out == "web-01 is off\n"
    assert len(services.servers.asked) == 2


async def test_switching_is_done_once_whatever_comes_of_it(alice: CommandLine, services: FakeServices) -> None:
    services.servers.failures = [UNAVAILABLE]
    outcome = await alice.run("server", "power", "cycle", "web-01", "--yes")
    assert (outcome.status, outcome.err) == (1, "Error: the BMC does not answer\n")
    assert len(services.servers.asked) == 1


async def test_a_server_token_is_asked_for_once(alice: CommandLine, services: FakeServices) -> None:
    for _ in range(3):
        await alice.done("server", "power", "status", "web-01")
    assert services.hosts.calls("GetServerToken") == 1
    services.manager.clock.now += 3590
    await services.heartbeat()
    await alice.done("server", "power", "status", "web-01")
    assert services.hosts.calls("GetServerToken") == 2


async def test_power_works_from_the_cached_token_while_the_manager_is_away(
    alice: CommandLine, services: FakeServices
) -> None:
    await alice.done("server", "power", "status", "web-01")
    services.hosts.down.add("manager.example")
    assert (await alice.done("server", "power", "status", "web-01")).out == "web-01 is off\n"


async def test_a_gateway_that_is_gone_is_left_for_the_one_that_has_the_agent_now(
    alice: CommandLine, services: FakeServices
) -> None:
    await alice.done("server", "power", "status", "web-01")
    services.hosts.apps["gw2.example"] = services.hosts.apps["gw1.example"]
    services.hosts.down.add("gw1.example")
    await services.manager.machine("gateway", "gw2")
    services.manager.clock.now += 120  # the Manager has noticed
    await services.heartbeat("gw2")
    outcome = await alice.done("server", "power", "cycle", "web-01")
    assert "power is on" in outcome.out


async def test_a_token_that_a_gateway_does_not_believe_is_replaced(
    alice: CommandLine, services: FakeServices, home: Path
) -> None:
    await alice.done("server", "power", "status", "web-01")
    path = home / "state/conduit/tokens/default.servers.json"
    kept = json.loads(path.read_text())
    kept["web-01"]["token"] += "x"
    path.write_text(json.dumps(kept))
    assert (await alice.done("server", "power", "status", "web-01")).out == "web-01 is off\n"
    assert services.hosts.calls("GetServerToken") == 2


async def test_a_person_is_asked_before_power_goes(
    alice: CommandLine, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conduit.cli.nouns.is_interactive", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    outcome = await alice.run("server", "power", "off", "web-01")
    assert (outcome.status, services.servers.asked) == (1, [])
    assert outcome.err == "Force web-01 off? Unsaved data will be lost. [y/N] Error: nothing was done\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "power is off" in (await alice.done("server", "power", "off", "web-01")).out
