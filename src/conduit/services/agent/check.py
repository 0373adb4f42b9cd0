"""Tries every BMC of a configuration, every way to it on its own, before the Agent runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from typing import Final

import trio

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError, ConduitError
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.services.agent.broker import AGENT, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.config import AgentConfig
from conduit.services.agent.operations_power import WORDS, look
from conduit.services.agent.servers import endpoints_of, store_of

AT_ONCE: Final = 32  # BMCs that are tried at the same time
PATIENCE: Final = 20.0  # seconds for one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What trying it gave."""

    works: bool = False
    protocol: str = ""
    power: str = ""
    trouble: str = ""
    "In words; empty where it works."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(_Outcome):
    """How one way to one BMC is."""

    server_id: str
    endpoint: str
    seconds: float
    "For log-in and answer."


async def check_all(config: AgentConfig) -> AsyncGenerator[Finding]:
    """Each finding when it is there. To be closed by ``aclosing``."""
    store = store_of(config)
    sender, receiver = trio.open_memory_channel[Finding](AT_ONCE)
    limiter = trio.CapacityLimiter(AT_ONCE)
    async with open_endpoint() as udp, open_foreground_nursery() as nursery:
        async with sender:
            for server_id, server in config.servers.items():
                for control in endpoints_of(server_id, server, store).control:
                    nursery.start_soon(_check, server_id, control, udp, limiter, sender.clone())
        async for finding in receiver:
            yield finding


async def _check(
    server_id: str,
    control: ControlEndpoint,
    udp: Endpoint,
    limiter: trio.CapacityLimiter,
    findings: trio.MemorySendChannel[Finding],
) -> None:
    async with findings, limiter:
        started = trio.current_time()
        outcome = _Outcome(trouble=f"no answer within {PATIENCE:.0f} s")
        with trio.move_on_after(PATIENCE):
            outcome = await _try(server_id, control, udp)
        seconds = trio.current_time() - started
        await findings.send(Finding(server_id=server_id, endpoint=control.name, seconds=seconds, **asdict(outcome)))


async def _try(server_id: str, control: ControlEndpoint, udp: Endpoint) -> _Outcome:
    try:
        async with open_broker(ServerEndpoints(server_id=server_id, control=[control]), udp=udp) as broker:
            found = await look(broker, AGENT)
    except CallError as error:
        return _Outcome(trouble=error.message)
    except ConduitError as error:
        return _Outcome(trouble=str(error))
    return _Outcome(works=True, protocol=found.protocol, power=WORDS[found.value])
