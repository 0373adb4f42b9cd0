"""The servers of an Agent: each with the broker of its BMC and the hub of its console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog
import trio

from conduit._trio import open_background_nursery
from conduit.errors import CallError
from conduit.ipmi import Interface
from conduit.rmcp.endpoint import Endpoint, open_endpoint
from conduit.services.agent.broker import AGENT, Broker, open_broker
from conduit.services.agent.broker_endpoints import ControlEndpoint, ServerEndpoints
from conduit.services.agent.config import AgentConfig, Console, Control, Display, ServerConfig, password_of
from conduit.services.agent.console_link import ConsoleLike
from conduit.services.agent.console_log import LogSettings
from conduit.services.agent.discovery import AT_ONCE, Discovery
from conduit.services.agent.display import ServerDisplay
from conduit.services.agent.display_login import login_options
from conduit.services.agent.hub import ConsoleHub, open_console_hub
from conduit.services.agent.hub_settings import HubSettings
from conduit.services.agent.secret_store import SecretStore
from conduit.services.agent.sol_holder import SolHolder, find_sol_holder
from conduit.tunnel.call_frames import Code

_INTERFACES: Final = {"ipmi": Interface.LANPLUS, "ipmi-1.5": Interface.LAN}
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """One server, and who owns what of it."""

    id: str
    config: ServerConfig
    broker: Broker
    hub: ConsoleHub | None
    "Its console's, or with a display alone the one whose keyboard that has."
    display: ServerDisplay | None
    discovery: Discovery


@dataclass(slots=True)
class _Kept:
    """A server's task."""

    config: ServerConfig
    leave: trio.Event
    gone: trio.Event

    @property
    def steals(self) -> bool:
        """Whether its console is taken from whoever has it."""
        return self.config.console is not None and self.config.console.steal


class Servers:
    """All that the configuration names; it may be replaced while consoles are open."""

    def __init__(self, config: AgentConfig, udp: Endpoint, nursery: trio.Nursery) -> None:
        self._state = config.state
        self._store = store_of(config)
        self._udp = udp
        self._nursery = nursery
        self._looks = trio.CapacityLimiter(AT_ONCE)
        self._changed = trio.lowlevel.ParkingLot()
        self.changes = 0
        "So far, of what the Manager is to know."
        self._kept: dict[str, _Kept] = {}
        self.by_id: dict[str, Server] = {}
        "Those that are ready."
        self.brokers: dict[str, Broker] = {}
        "Likewise, their brokers."
        self.displays: dict[str, ServerDisplay] = {}
        "Likewise, of those that have one."

    async def use(self, wanted: Mapping[str, ServerConfig]) -> None:
        """Have these servers and no others. One that differs only in what :func:`may_stay` allows is not opened anew,
        and its console goes on; logs are, as somebody may have moved the files.
        """
        for server_id, kept in list(self._kept.items()):
            new = wanted.get(server_id)
            if new is not None and may_stay(kept.config, new):
                self._adapt(server_id, kept, new)
                continue
            logger.info("server leaves", server=server_id)
            kept.leave.set()
            await kept.gone.wait()
        for server_id, config in wanted.items():
            if server_id not in self._kept:
                await self._nursery.start(self._keep, server_id, config)
        self._tell()

    def _adapt(self, server_id: str, kept: _Kept, new: ServerConfig) -> None:
        if new != kept.config:
            logger.info("server has other settings", server=server_id)
        kept.config = new
        server = self.by_id.get(server_id)
        if server is not None:
            self.by_id[server_id] = replace(server, config=new)
            if server.display is not None:
                server.display.forget_failure()
            if server.hub is not None and new.console is not None:
                server.hub.configure(hub_settings(new.console))

    def _tell(self) -> None:
        self.changes += 1
        self._changed.unpark_all()

    async def wait_changed(self, since: int) -> None:
        """Return when there are other servers, or more is known of one, than at so many changes."""
        while self.changes == since:
            await self._changed.park()

    async def say_goodbye(self) -> None:
        """Tell all viewers to come back later; calls go on."""
        async with trio.open_nursery() as nursery:
            for server in self.by_id.values():
                if server.display is not None:
                    server.display.say_goodbye()
                if server.hub is not None:
                    nursery.start_soon(server.hub.say_goodbye)

    async def _keep(
        self, server_id: str, config: ServerConfig, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Own a server, until it is to leave."""
        kept = self._kept[server_id] = _Kept(config, trio.Event(), trio.Event())
        try:
            async with AsyncExitStack() as stack:
                server = await self._open(stack, server_id, config)
                self.by_id[server_id], self.brokers[server_id] = server, server.broker
                if server.display is not None:
                    self.displays[server_id] = server.display
                task_status.started()
                await kept.leave.wait()
        finally:
            self.by_id.pop(server_id, None)
            self.brokers.pop(server_id, None)
            self.displays.pop(server_id, None)
            self._kept.pop(server_id, None)
            kept.gone.set()

    async def _open(self, stack: AsyncExitStack, server_id: str, config: ServerConfig) -> Server:
        endpoints = endpoints_of(server_id, config, self._store)
        broker = await stack.enter_async_context(open_broker(endpoints, udp=self._udp))
        hub: ConsoleHub | None = None
        if config.console is not None:
            hub = await stack.enter_async_context(self._open_hub(server_id, broker, config.console))
        elif config.display is not None:
            hub = await stack.enter_async_context(open_console_hub(_no_console))
        display: ServerDisplay | None = None
        if config.display is not None and hub is not None:
            display = await self._open_display(stack, server_id, config.display, hub)
        discovery = Discovery(broker, self._looks, self._tell)
        nursery = await stack.enter_async_context(open_background_nursery())
        nursery.start_soon(discovery.run)
        return Server(server_id, config, broker, hub, display, discovery)

    def _open_hub(self, server_id: str, broker: Broker, console: Console) -> AbstractAsyncContextManager[ConsoleHub]:
        kept = self._kept[server_id]
        return open_console_hub(
            lambda *, steal=False: broker.open_console(steal=steal or kept.steals),
            spool=self._state / "consoles" / server_id,
            settings=hub_settings(console),
            find_holder=partial(_find_holder, broker),
        )

    async def _open_display(
        self, stack: AsyncExitStack, server_id: str, display: Display, keyboard: ConsoleHub
    ) -> ServerDisplay:
        nursery = await stack.enter_async_context(open_background_nursery())
        options = partial(login_options, server_id, display, self._store)
        return ServerDisplay(server_id, display.url, options, keyboard, nursery, hidden=display.hide_encodings)


@asynccontextmanager
async def open_servers(config: AgentConfig) -> AsyncIterator[Servers]:
    """The servers of a configuration; closed with the block."""
    async with open_endpoint() as udp, open_background_nursery() as nursery:
        servers = Servers(config, udp, nursery)
        await servers.use(config.servers)
        yield servers


def _no_console(*, steal: bool = False) -> AbstractAsyncContextManager[ConsoleLike]:
    """A server that has but a display has a hub nevertheless: its viewers share the keyboard there."""
    raise CallError(Code.NOT_FOUND, "this server has no serial console here")


async def _find_holder(broker: Broker) -> SolHolder | None:
    """Who has the serial console, as far as the BMC tells."""
    found = await broker.run(AGENT, find_sol_holder)
    return found.value


def may_stay(old: ServerConfig, new: ServerConfig) -> bool:
    """Whether a server can go on as it is, with the same BMC, owner and console: its log and its name may be others."""
    console = old.console
    if console is not None and new.console is not None:
        console = replace(new.console, type=console.type, own_session=console.own_session)
    same = replace(old, console=console, display_name=new.display_name, tags=new.tags, metadata=new.metadata)
    return same == new


def hub_settings(console: Console) -> HubSettings:
    """How its hub behaves."""
    if console.log is None:
        return HubSettings()
    log = LogSettings(
        path=console.log, timestamps=console.log_timestamps, max_bytes=console.log_bytes, keep=console.log_keep
    )
    return HubSettings(log=log)


def store_of(config: AgentConfig) -> SecretStore:
    """The sealed passwords."""
    return SecretStore(config.state / "secrets.json", config.secret_key_file or config.state / "secrets.key")


def endpoints_of(server_id: str, server: ServerConfig, store: SecretStore) -> ServerEndpoints:
    """What its broker is told."""
    control = [_endpoint(server_id, number, each, store) for number, each in enumerate(server.control, 1)]
    console = server.console
    return ServerEndpoints(
        server_id=server_id,
        control=control,
        has_console=console is not None,
        share_session=console is None or not console.own_session,
    )


def _endpoint(server_id: str, number: int, control: Control, store: SecretStore) -> ControlEndpoint:
    return ControlEndpoint(
        name=f"ipmi-{number}",
        host=control.address,
        port=control.port,
        username=control.user,
        password=partial(password_of, server_id, control, store),
        interface=_INTERFACES[control.type],
        cipher_suite=control.cipher_suite,
        workarounds=control.workarounds,
    )
