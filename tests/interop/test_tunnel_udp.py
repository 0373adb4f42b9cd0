"""ipmitool and our virtual BMC, with a tunnel between them: UDP, capsules on a stream over TLS, UDP again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from conduit.ipmi.bmc import BmcConfig, PowerState, Timings
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.tunnel import TunnelStream, accept, dial, forward_udp, relay_udp, serve_streams
from tests.fakes.certificates import Authority
from tests.wired import ADMIN

pytestmark = pytest.mark.interop

DEADLINE = 40  # seconds that a tool may take; ipmitool parses a big file at each start
INSTANT = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)


async def test_ipmitool_reaches_a_bmc_through_a_tunnel(peer: Callable[[str], Path], tmp_path: Path) -> None:
    tool = peer("ipmitool")
    authority = Authority(tmp_path)
    agent_files, gateway_files = authority.issue("conduit://agent/a1"), authority.issue("conduit://gateway/g1")
    async with (
        open_virtual_bmc(BmcConfig(users=(ADMIN,), timings=INSTANT)) as bmc,
        accept("127.0.0.1", 0, tls=gateway_files) as listener,
        dial("127.0.0.1", listener.port, tls=agent_files) as agent,
        trio.open_nursery() as nursery,
    ):

        async def relay(stream: TunnelStream) -> None:
            await relay_udp(stream, bmc.host, bmc.port)

        async def open_stream() -> TunnelStream:
            return await gateway.open_stream("udp")

        async def ipmitool(*arguments: str) -> bytes:
            where = ("-H", "127.0.0.1", "-p", str(port), "-U", "admin", "-P", "secret", "-N", "2", "-R", "2")
            command = [str(tool), "-I", "lanplus", "-C", "17", *where, *arguments]
            with trio.fail_after(DEADLINE):
                done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
            assert done.returncode == 0, done.stderr.decode()
            return done.stdout

        nursery.start_soon(serve_streams, agent, {"udp": relay})
        gateway = await anext(aiter(listener))
        async with forward_udp(open_stream, "127.0.0.1") as forward:
            port = forward.port
            assert b"System Power         : off" in await ipmitool("chassis", "status")
            assert b"Up/On" in await ipmitool("chassis", "power", "on")
            assert bmc.bmc.state.machine.state is PowerState.RUNNING
            assert forward.peers == 2  # processes, each with a port of its own
        nursery.cancel_scope.cancel()
