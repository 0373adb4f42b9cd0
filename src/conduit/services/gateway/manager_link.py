"""What the Gateway has from the Manager: public keys, its region's keys, revocations. It outlives the Manager."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import httpx
import structlog
import trio

from conduit import __version__
from conduit._trio import open_foreground_nursery
from conduit.errors import AuthenticationError, CallError
from conduit.services.api.manager.v1.machine_pb import WatchRevocationsRequest, WatchRevocationsResponse
from conduit.services.api.manager.v1.manager_pb import RegisterGatewayRequest, RegisterGatewayResponse
from conduit.services.connect_client import ConnectClient
from conduit.services.gateway.access import Access
from conduit.services.gateway.agents import Agents
from conduit.services.machine import SERVICE, MachineCertificate
from conduit.services.sealing import SealingKey
from conduit.services.tokens import TokenVerifier

RETRY: Final = 2.0  # seconds
HEARTBEAT: Final = 15.0  # seconds
KEYS_TIMEOUT: Final = 5.0  # seconds
KEYS_PAUSE: Final = 1.0  # seconds between two fetches that somebody's token asks for
SILENCE: Final = 40.0  # seconds without a sign of life on a stream
logger = structlog.get_logger(__name__)


class ManagerLink:
    """Keeps up with the Manager; while that is down, what is known stays in use.

    :param http: connections to it.
    :param advertise: our URL for clients, and "host:port" for Agents.
    :param agents: that are connected.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        manager_url: str,
        certificate: MachineCertificate,
        access: Access,
        *,
        advertise: tuple[str, str],
        agents: Agents,
    ) -> None:
        self._http = http
        self._manager_url = manager_url.rstrip("/")
        self._certificate = certificate
        self._access = access
        self._advertise = advertise
        self._agents = agents
        self._managers = ConnectClient(http, manager_url, "manager.v1.BMCManagerService")
        self._machines = ConnectClient(http, manager_url, SERVICE)
        self._fetched_at = float("-inf")
        self._lock = trio.Lock()
        self.ready = trio.Event()
        "Set when keys are known."
        self.heard_at = float("-inf")
        "When the Manager was heard of last, on Trio's clock."

    async def run(self) -> None:
        """For ever."""
        async with open_foreground_nursery() as nursery:
            nursery.start_soon(self._certificate.keep, self._machines)
            nursery.start_soon(self._keep_registered)
            nursery.start_soon(self._follow_revocations)

    async def fetch_keys(self) -> None:
        """Get the public keys, unless that was done a moment ago; failing leaves the ones that are known."""
        async with self._lock:
            if trio.current_time() < self._fetched_at + KEYS_PAUSE:
                return
            self._fetched_at = trio.current_time()
            try:
                url = f"{self._manager_url}/.well-known/jwks.json"
                response = (await self._http.get(url, timeout=KEYS_TIMEOUT)).raise_for_status()
                self._access.use(TokenVerifier.from_jwks(response.json()))
            except (httpx.HTTPError, AuthenticationError, ValueError) as error:
                logger.warning("no keys from the Manager", reason=str(error))

    async def _keep_registered(self) -> None:
        while True:
            try:
                pause = await self._register()
                await self.fetch_keys()
                self.ready.set()
            except CallError as error:
                logger.warning("the Manager does not answer", reason=error.message)
                pause = RETRY
            with trio.move_on_after(pause):
                await self._agents.wait_changed()

    async def _register(self) -> float:
        """Seconds until the next time."""
        endpoint, tunnel_endpoint = self._advertise
        request = RegisterGatewayRequest(
            endpoint=endpoint, tunnel_endpoint=tunnel_endpoint, version=__version__, agent_ids=self._agents.names()
        )
        answer = await self._managers.call(
            "RegisterGateway", request, RegisterGatewayResponse, bearer=self._certificate.token()
        )
        self.heard_at = trio.current_time()
        self._access.use_region_keys(SealingKey(key.key_id, key.key) for key in answer.region_keys)
        return float(answer.heartbeat_interval_seconds or HEARTBEAT)

    async def _follow_revocations(self) -> None:
        while True:
            try:
                await self._watch()
            except CallError as error:
                logger.warning("no revocations from the Manager", reason=error.message)
            await trio.sleep(RETRY)

    async def _watch(self) -> None:
        request = WatchRevocationsRequest(after=self._access.revocations.last)
        stream = self._machines.stream(
            "WatchRevocations", request, WatchRevocationsResponse, bearer=self._certificate.token(), silence=SILENCE
        )
        async with aclosing(stream) as news:
            async for each in news:
                self._access.revocations.add(each.revocations)
