"""A service is asked to end, by SIGTERM: what it has begun is finished, nothing new begins, its exit status is 0."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import h2.events
import pytest
import trio
import trio.lowlevel

from conduit.cli.up.tree import Service
from conduit.errors import CallError
from conduit.ipmi.bmc.power_states import PowerState as BmcPower
from conduit.ipmi.bmc.virtual_machine import Timings
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.services.api.manager.v1 import machine_pb
from conduit.services.clock import system_clock
from conduit.services.machine import MachineCertificate, MachineFiles
from conduit.tunnel.call_frames import Code
from conduit.tunnel.framing import encode_message
from tests.fakes.h2_client import H2Client, h2_client
from tests.fakes.path import BMC, HOST, RunningPath, open_path, plan
from tests.fakes.path_client import Customer, eventually
from tests.fakes.usage import Leaks

pytestmark = pytest.mark.slow
SLOW: Final = replace(BMC, timings=Timings(power_on=2.0))
IN_TIME: Final = 10.0  # seconds until a service has ended
LOG_INS: Final = 8  # at the same time; each costs the Manager some tens of milliseconds


class SwitchingOn:
    """A power operation that takes its time."""

    def __init__(self, path: RunningPath, customer: Customer) -> None:
        self._path = path
        self._customer = customer
        self.answer: gateway_pb.PowerOperationResponse | None = None

    async def run(self) -> None:
        request = gateway_pb.PowerOperationRequest(server_id="web-01", wait=True, timeout_seconds=20)
        self.answer = await self._customer.ask("PowerOn", request, gateway_pb.PowerOperationResponse)

    async def has_begun(self) -> bool:
        """Whether the BMC has the command."""
        return self._path.fleet.served["web-01"].bmc.state.machine.state is BmcPower.POWERING_ON


@asynccontextmanager
async def switching_on(path: RunningPath, customer: Customer) -> AsyncIterator[SwitchingOn]:
    """In the block the BMC is at it; after it, it is done."""
    operation = SwitchingOn(path, customer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(operation.run)
        await eventually(operation.has_begun, "the BMC has the command")
        yield operation
    assert operation.answer is not None
    assert (operation.answer.success, operation.answer.state) == (True, PowerState.ON)


async def end(service: Service) -> None:
    """By SIGTERM; it has to be in order, and in time."""
    process = service._running
    with trio.fail_after(IN_TIME):
        await service.stop()
    assert process.returncode == 0


async def answers(customer: Customer, url: str) -> bool:
    """For :func:`eventually`: a Gateway has a tunnel to the server's Agent."""
    return (await customer.power("web-02", at=url)).state == PowerState.OFF


async def refuses(customer: Customer, url: str) -> bool:
    """For :func:`eventually`: nothing new begins there; one may try elsewhere."""
    try:
        await customer.power("web-02", at=url)
    except CallError as error:
        if error.code != Code.UNAVAILABLE:
            raise
        return True
    return False


async def test_a_gateway_that_leaves_finishes_its_calls_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01", config=SLOW), plan("web-02")) as path:
        first, second = path.process("gateway"), path.process(await path.second_gateway())
        urls = [f"http://{HOST}:{path.gateway_port(name)}" for name in ("gateway", "gateway2")]
        leaks = Leaks(path.seed.manager_url, urls[1], await path.agent_health())
        customer = path.customer()
        await path.process("manager").start()
        await first.start()
        await path.process("agent").start()
        await eventually(partial(answers, customer, urls[0]))
        await second.start()
        await eventually(partial(answers, customer, urls[1]))
        await customer.token("web-01")
        await leaks.look()
        async with trio.open_nursery() as nursery, switching_on(path, customer) as operation:
            nursery.start_soon(end, first)
            await eventually(partial(refuses, customer, urls[0]), "nothing new begins")
            assert await answers(customer, urls[1])
            assert operation.answer is None
        await leaks.check()


async def test_an_agent_that_leaves_finishes_its_calls(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01", config=SLOW), plan("web-02")) as path:
        customer, leaks = path.customer(), Leaks(path.seed.manager_url, path.seed.gateway_url)
        agent = (await path.start_all())["agent"]
        await eventually(partial(answers, customer, path.seed.gateway_url))
        await customer.token("web-01")
        await leaks.look()
        async with trio.open_nursery() as nursery, switching_on(path, customer) as operation:
            nursery.start_soon(end, agent)
            await eventually(partial(refuses, customer, path.seed.gateway_url), "nothing new begins")
            assert operation.answer is None
        await leaks.check()


async def test_a_manager_that_leaves_answers_what_was_asked_and_ends_its_streams(tmp_path: Path) -> None:
    async with open_path(tmp_path) as path:
        manager = path.process("manager")
        await manager.start()
        await path.process("gateway").start()
        answered: list[Customer] = []

        async def log_in() -> None:
            customer = path.customer()
            await customer.log_in()
            answered.append(customer)

        async with h2_client(path.seed.ports.manager) as client:
            number = await follow_revocations(client, path)
            async with trio.open_nursery() as nursery:
                for _ in range(LOG_INS):
                    nursery.start_soon(log_in)
                while not answered:  # the others are on their way
                    await trio.lowlevel.checkpoint()
                nursery.start_soon(end, manager)
            assert len(answered) == LOG_INS
            assert await client.until_closed()
            trailers = client.first(h2.events.TrailersReceived, number)
            assert trailers is not None
            assert dict(trailers.headers).get("grpc-status") == "0"  # type: ignore[call-overload]  # text, as we asked
            goaway = client.first(h2.events.ConnectionTerminated)
            assert goaway is not None
            assert goaway.error_code == 0


async def follow_revocations(client: H2Client, path: RunningPath) -> int:
    """As a Gateway does; the stream, on which something has come."""
    machine = MachineCertificate(MachineFiles(path.seed.data / "gateway"), system_clock)
    headers = (("content-type", "application/grpc+proto"), ("te", "trailers"))
    number = await client.request(
        "/manager.v1.MachineService/WatchRevocations",
        method="POST",
        body=encode_message(machine_pb.WatchRevocationsRequest(after=0).to_binary()),
        headers=(*headers, ("authorization", f"Bearer {machine.token()}")),
    )
    client.h2.end_stream(number)
    await client.flush()
    assert await client.until(h2.events.DataReceived, number)
    return number
