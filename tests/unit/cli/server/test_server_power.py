from __future__ import annotations

from conduit.services.api.gateway.v1 import gateway_pb as pb
from tests.fakes.command_line import CommandLine
from tests.fakes.services import FakeServices


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


async def test_what_is_somebody_elses_does_not_exist(alice: CommandLine) -> None:
    outcome = await alice.run("server", "power", "status", "build-01")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "Error: there is no such server, or it is not yours\n"
