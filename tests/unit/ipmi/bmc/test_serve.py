"""BMCs on real sockets, with our client at the other end."""

from __future__ import annotations

import resource
import secrets
from typing import Any, Final

import pytest
import trio
import trio.testing

from conduit.errors import PeerTimeoutError, TransportError
from conduit.ipmi.bmc import BmcConfig, PowerCommand, PowerState, Timings, VirtualBmc, VirtualMachine
from conduit.ipmi.bmc.serve import MAX_BACKLOG, MAX_BURST, ServedBmc, allow_files, open_virtual_bmc, serve_many
from conduit.ipmi.client import open_bmc
from conduit.ipmi.commands import ChassisControlAction
from conduit.rmcp.packets import PresencePing, PresencePong
from tests.wired import ADMIN


async def reaches(machine: VirtualMachine, state: PowerState) -> None:
    while machine.state is not state:  # noqa: ASYNC110 - the machine is no task and has no event
        await trio.sleep(0.005)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_our_client_switches_it_on(host: str) -> None:
    timings = Timings(power_on=0.01, post=0.01)
    async with open_virtual_bmc(users=(ADMIN,), timings=timings, host=host) as served:
        async with open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc:
            await bmc.control_chassis(ChassisControlAction.ON)
            with trio.fail_after(5):
                await reaches(served.bmc.state.machine, PowerState.RUNNING)
            assert (await bmc.chassis_status()).power_on
        assert len(served.bmc.state.sessions) == 0


async def test_changes_from_outside_are_noticed_after_a_wake_up() -> None:
    async with open_virtual_bmc(users=(ADMIN,), timings=Timings(power_on=0, post=0.02)) as served:
        await trio.testing.wait_all_tasks_blocked()
        machine = served.bmc.state.machine
        machine.command(PowerCommand.ON, trio.current_time())
        served.wake()
        with trio.fail_after(5):
            await reaches(machine, PowerState.RUNNING)


async def test_an_address_that_cannot_be_had_is_named() -> None:
    async with open_virtual_bmc() as served:
        with pytest.raises(TransportError, match=f"cannot listen on 127.0.0.1 port {served.port}"):
            async with open_virtual_bmc(port=served.port):
                pytest.fail("served twice")
    with pytest.raises(TransportError):
        async with open_virtual_bmc(host="no address"):
            pytest.fail("served nowhere")


async def test_many_are_served_or_none() -> None:
    bmcs = [VirtualBmc(BmcConfig(users=(ADMIN,)), entropy=secrets.token_bytes) for _ in range(200)]
    async with trio.open_nursery() as nursery:
        served = await nursery.start(serve_many, [(bmc, "127.0.0.1", 0) for bmc in bmcs])
        assert len({one.port for one in served}) == 200
        last = served[-1]
        async with open_bmc(last.host, port=last.port, username="admin", password="secret") as bmc:
            assert (await bmc.device_id()).device_id == 0x20
        with pytest.raises(TransportError):
            await serve_many([(bmcs[0], "127.0.0.1", 0), (bmcs[1], "127.0.0.1", last.port)])
        nursery.cancel_scope.cancel()


class FullSocket:
    """A socket whose buffer is full, or whose peer is gone, for so many calls."""

    def __init__(self, *failures: OSError) -> None:
        self._failures = list(failures)
        self.sent: list[bytes] = []
        self.arrived: list[bytes | OSError] = []

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def sendto(self, data: bytes, address: object) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.arrived:
            raise BlockingIOError
        first = self.arrived.pop(0)
        if isinstance(first, OSError):
            raise first
        return first, ("127.0.0.1", 2)


def serve_on(sock: FullSocket) -> ServedBmc:
    bmc = VirtualBmc(BmcConfig(), entropy=secrets.token_bytes)
    return ServedBmc(bmc, sock)  # type: ignore[arg-type]  # as much of a socket as is needed


def test_answers_wait_for_room_in_the_buffer() -> None:
    sock = FullSocket(*[BlockingIOError()] * 2)
    served = serve_on(sock)
    sock.arrived = [PresencePing(tag=tag).encode() for tag in range(3)]
    served._receive(0.0)
    assert [PresencePong.decode(data).tag for data in sock.sent] == [0, 1, 2]


def test_peers_that_are_gone_are_counted_and_forgotten() -> None:
    sock = FullSocket(ConnectionRefusedError())
    served = serve_on(sock)
    sock.arrived = [PresencePing(tag=1).encode(), ConnectionRefusedError(), PresencePing(tag=2).encode()]
    served._receive(0.0)
    assert served.dropped_sends == 1
    assert [PresencePong.decode(data).tag for data in sock.sent] == [2]


def test_the_backlog_is_bounded_and_a_burst_ends() -> None:
    sock = FullSocket(*[BlockingIOError()] * 10_000)
    served = serve_on(sock)
    for _ in range(6):
        sock.arrived = [PresencePing(tag=1).encode()] * 70
        served._receive(0.0)
        assert len(sock.arrived) == 70 - MAX_BURST
    assert len(served._backlog) == MAX_BACKLOG
    assert served.dropped_sends == 6 * MAX_BURST - MAX_BACKLOG


async def test_a_full_buffer_is_waited_for() -> None:
    async with open_virtual_bmc() as served:
        backlog = served._backlog
        receiver = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
        with receiver:
            await receiver.bind(("127.0.0.1", 0))
            await trio.testing.wait_all_tasks_blocked()
            backlog.append((b"late", receiver.getsockname()))
            served.wake()
            with trio.fail_after(5):
                assert await receiver.recv(100) == b"late"


def test_the_limit_of_open_files_is_raised_and_never_lowered() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        allow_files(1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft
        if hard == resource.RLIM_INFINITY or hard > soft:
            allow_files(soft + 1)
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft + 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_fault_in_a_handler_costs_one_datagram(caplog: pytest.LogCaptureFixture) -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as served:
        real = served.bmc.receive_datagram
        served.bmc.receive_datagram = broken  # type: ignore[method-assign]  # a handler with a bug
        with pytest.raises(PeerTimeoutError):
            async with open_bmc(served.host, port=served.port, username="admin", password="secret", **ONCE):
                pytest.fail("opened")
        served.bmc.receive_datagram = real  # type: ignore[method-assign]  # and mended
        async with open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc:
            await bmc.device_id()
    assert served.faults == 1
    assert "failed on a datagram" in caplog.text


ONCE: Final[dict[str, Any]] = {"timeout": 0.05, "retries": 0}


def broken(data: bytes, address: object, now: float) -> None:
    raise ZeroDivisionError
