"""The Gateway as a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import trio

from conduit._trio import open_background_nursery, open_foreground_nursery
from conduit.console.words import End
from conduit.errors import LocalProtocolError
from conduit.services.certificates import check_name
from conduit.services.clock import Clock, system_clock
from conduit.services.connect_client import ConnectClient, open_http
from conduit.services.gateway.access import Access
from conduit.services.gateway.agents import Agents, admit, is_agent
from conduit.services.gateway.app import create_app
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.manager_link import ManagerLink
from conduit.services.machine import SERVICE, JoinToken, MachineCertificate, MachineFiles
from conduit.services.started import Started, reload_certificate
from conduit.services.web.bindings import Binding
from conduit.services.web.clients import LOOPBACK
from conduit.services.web.fronting import WebSettings
from conduit.services.web.serving import serve
from conduit.tunnel import Tunnel, accept
from conduit.tunnel.link import Listener

PORT: Final = 8081
TUNNEL_PORT: Final = 8444
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # to listen on, never to go to
DRAIN: Final = 5.0  # seconds that tunnels have when the last client has gone


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What a Gateway is told at its start."""

    manager: str
    "URL of the Manager."
    name: str
    "This Gateway's; unique."
    state: Path = Path("/var/lib/conduit-gateway")
    "Folder for its certificate, and what it remembers of the Manager."
    join_token_file: Path | None = None
    "File with the join token; needed until the machine has enrolled."
    join_token_env: str | None = None
    "Or the environment variable that has it."
    manager_ca: Path | None = None
    "PEM: whom to trust as the Manager, when not the system's CAs."
    host: str = "127.0.0.1"
    "Address to listen on for clients."
    port: int = PORT
    "TCP port for clients, 0 for any."
    certificate: Path | None = None
    "PEM, with its chain: serve TLS. Without it, plain text, for loopback or a proxy that does TLS."
    key: Path | None = None
    "PEM: the certificate's key."
    trusted_proxies: Sequence[str] = ()
    "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 10.0.0.0/8."
    metrics_readers: Sequence[str] = LOOPBACK
    "Networks that may read /metrics."
    tunnel_host: str = "0.0.0.0"  # noqa: S104  # Agents come from elsewhere
    "Address to listen on for Agents."
    tunnel_port: int = TUNNEL_PORT
    "TCP port for Agents, 0 for any."
    public_url: str = ""
    "Where clients reach it, such as https://gw1.example; by default the address that it listens on, if that is one."
    public_tunnel: str = ""
    "Where Agents reach it, host:port; by default the address that it listens on, if that is one."

    pages_url: str = ""
    "Where people find the web pages; by default at the Manager."
    origins: Sequence[str] = ()
    "Sites whose pages may talk to this Gateway, such as https://manager.example; by default the Manager's own."

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_advertised("public_url", self.public_url, self.host, self.port, "https://gw1.example")
        _check_advertised("public_tunnel", self.public_tunnel, self.tunnel_host, 1, "gw1.example:8444")

    @property
    def binding(self) -> Binding:
        """What to listen on."""
        return Binding(hosts=(self.host,), port=self.port, certificate=self.certificate, key=self.key)

    @property
    def web(self) -> WebSettings:
        """For the HTTP side."""
        return WebSettings(trusted_proxies=tuple(self.trusted_proxies), metrics_readers=tuple(self.metrics_readers))


def _check_advertised(name: str, value: str, host: str, port: int, example: str) -> None:
    """Others are told where to reach us: never an address that means their own machine, or any.

    :raises LocalProtocolError: nothing is set, and what we listen on is no such place.
    """
    if not value and (not port or host in _ANYWHERE):
        raise LocalProtocolError(f"missing: {name}, where others reach this Gateway, such as {example}")


async def run_gateway(
    settings: GatewaySettings,
    *,
    clock: Clock = system_clock,
    leave: trio.Event,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until *leave* is set."""
    async with open_http(settings.manager_ca) as http:
        machines = ConnectClient(http, settings.manager, SERVICE)
        certificate = await MachineCertificate.obtain(
            MachineFiles(settings.state),
            machines,
            clock,
            name=settings.name,
            join_token=JoinToken(kind="gateway", file=settings.join_token_file, environment=settings.join_token_env),
        )
        access = Access(clock)
        async with accept(
            settings.tunnel_host,
            settings.tunnel_port,
            tls=certificate.files.tls,
            trust=is_agent,
            revoked=access.certificate_revoked,
            admit=admit,
        ) as listener:
            await _run(settings, http, certificate, listener, access, leave, task_status)


async def _run(
    settings: GatewaySettings,
    http: httpx.AsyncClient,
    certificate: MachineCertificate,
    listener: Listener,
    access: Access,
    leave: trio.Event,
    task_status: trio.TaskStatus[Started],
) -> None:
    agents = Agents()
    public_tunnel = settings.public_tunnel or f"{settings.tunnel_host}:{listener.port}"
    public_url = settings.public_url or f"{settings.binding.scheme}://{settings.host}:{settings.port}"
    link = ManagerLink(
        http, settings.manager, certificate, access, advertise=(public_url, public_tunnel), agents=agents
    )
    link.recall()
    origins = settings.origins or [_origin(settings.manager)]
    pages = settings.pages_url or settings.manager
    gateway = Gateway(
        public_url,
        link,
        access,
        agents,
        access.clock,
        origins=origins,
        pages_url=pages,
    )
    async with open_background_nursery() as nursery:
        nursery.start_soon(link.run)
        nursery.start_soon(gateway.keep_order)
        nursery.start_soon(_welcome, listener, agents)
        async with open_foreground_nursery() as clients:
            no_more = trio.Event()
            app = create_app(gateway, leave, settings.web)
            start = partial(serve, app, settings.binding, leave=no_more, trusted=settings.web.trusted_proxies)
            bound = await clients.start(start)
            await link.ready.wait()
            addresses = {"clients": bound.urls[0], "agents": f"{settings.tunnel_host}:{listener.port}"}
            task_status.started(
                Started(
                    service="gateway",
                    name=settings.name,
                    addresses=addresses,
                    reload=partial(reload_certificate, bound),
                )
            )
            await leave.wait()
            gateway.sessions.end_all(End.DRAIN)
            no_more.set()
        await agents.drain(DRAIN)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _welcome(listener: Listener, agents: Agents) -> None:
    async with open_foreground_nursery() as nursery:
        async for tunnel in listener:
            nursery.start_soon(_keep, tunnel, agents)


async def _keep(tunnel: Tunnel, agents: Agents) -> None:
    with agents.connected(tunnel):
        await tunnel.wait_closed()
