"""Tries every BMC of a configuration, every way to it on its own, and every display, before the Agent runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import trio

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError, ConduitError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import log_in
from conduit.rfb.security import method_name
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.services.agent.broker import AGENT, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.config import AgentConfig, Display, ServerConfig
from conduit.services.agent.display_login import login_options
from conduit.services.agent.operations_power import WORDS, look
from conduit.services.agent.secret_store import SecretStore
from conduit.services.agent.servers import endpoints_of, store_of

DISPLAY: Final = "display"
AT_ONCE: Final = 32  # BMCs that are tried at the same time
PATIENCE: Final = 20.0  # seconds for one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What trying it gave."""

    works: bool = False
    protocol: str = ""
    power: str = ""
    screen: str = ""
    "Of a display: its size and what it calls itself."
    trouble: str = ""
    "In words; empty where it works."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(_Outcome):
    """How one way to one BMC is, or one display."""

    server_id: str
    endpoint: str
    seconds: float
    "For log-in and answer."


Attempt = Callable[[], Awaitable[_Outcome]]


async def check_all(config: AgentConfig) -> AsyncGenerator[Finding]:
    """Each finding when it is there. To be closed by ``aclosing``."""
    store = store_of(config)
    sender, receiver = trio.open_memory_channel[Finding](AT_ONCE)
    limiter = trio.CapacityLimiter(AT_ONCE)
    async with open_endpoint() as udp, open_foreground_nursery() as nursery:
        async with sender:
            for server_id, server in config.servers.items():
                for name, attempt in _attempts(server_id, server, store, udp):
                    nursery.start_soon(_check, server_id, name, attempt, limiter, sender.clone())
        async for finding in receiver:
            yield finding


def _attempts(server_id: str, server: ServerConfig, store: SecretStore, udp: Endpoint) -> Iterator[tuple[str, Attempt]]:
    for control in endpoints_of(server_id, server, store).control:
        yield control.name, partial(_try, server_id, control, udp)
    if server.display is not None:
        yield DISPLAY, partial(_try_display, server_id, server.display, store)


async def _check(
    server_id: str,
    endpoint: str,
    attempt: Attempt,
    limiter: trio.CapacityLimiter,
    findings: trio.MemorySendChannel[Finding],
) -> None:
    async with findings, limiter:
        started = trio.current_time()
        outcome = _Outcome(trouble=f"no answer within {PATIENCE:.0f} s")
        with trio.move_on_after(PATIENCE):
            outcome = await _outcome(attempt)
        seconds = trio.current_time() - started
        await findings.send(Finding(server_id=server_id, endpoint=endpoint, seconds=seconds, **asdict(outcome)))


async def _outcome(attempt: Attempt) -> _Outcome:
    try:
        return await attempt()
    except CallError as error:
        return _Outcome(trouble=error.message)
    except ConduitError as error:
        return _Outcome(trouble=str(error))


async def _try(server_id: str, control: ControlEndpoint, udp: Endpoint) -> _Outcome:
    async with open_broker(ServerEndpoints(server_id=server_id, control=[control]), udp=udp) as broker:
        found = await look(broker, AGENT)
    return _Outcome(works=True, protocol=found.protocol, power=WORDS[found.value])


async def _try_display(server_id: str, display: Display, store: SecretStore) -> _Outcome:
    connection = await log_in(DisplayAddress.parse(display.url), login_options(server_id, display, store))
    await trio.aclose_forcefully(connection.stream)
    init, handshake = connection.init, connection.handshake
    name = "".join(filter(str.isprintable, init.name))
    way = "" if handshake.method is None else method_name(handshake.method)
    return _Outcome(
        works=True,
        protocol=f"rfb-{handshake.version} {way}".strip(),
        screen=f"{init.width}x{init.height} {name}".strip(),
    )
