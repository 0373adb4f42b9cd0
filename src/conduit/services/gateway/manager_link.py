"""What the Gateway has from the Manager: public keys, its region's keys, revocations. It outlives the Manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

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
from conduit.services.gateway.facts import Facts, as_messages
from conduit.services.keepsake import MAX_AGE, Keepsake, in_words
from conduit.services.machine import SERVICE, MachineCertificate
from conduit.services.sealing import SealingKey
from conduit.services.tokens import TokenVerifier
from conduit.services.troubles import Trouble
from conduit.tunnel.call_frames import Code

RETRY: Final = 2.0  # seconds
HEARTBEAT: Final = 15.0  # seconds
KEYS_TIMEOUT: Final = 5.0  # seconds
KEYS_PAUSE: Final = 1.0  # seconds between two fetches that somebody's token asks for
SILENCE: Final = 40.0  # seconds without a sign of life on a stream
_ALL: Final = ("keys", "region keys", "revocations")
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
        self._memory = Keepsake(certificate, "remembered")
        self._writing = trio.Lock()
        self._jwks: Mapping[str, Any] = {}
        self._region_keys: Sequence[SealingKey] = ()
        self._told: dict[str, float] = {}
        "When the Manager told what, in this process, in seconds since 1970."
        self._remembered_at = float("-inf")
        self._no_keys = Trouble("no keys from the Manager")
        self._silent = Trouble("the Manager does not take the heartbeat")
        self._deaf = Trouble("no revocations from the Manager")
        self._refused = False
        "Whether the Manager does not trust us any more."
        self.ready = trio.Event()
        "Set when all is known that tokens are judged by."

    async def run(self) -> None:
        """For ever."""
        async with open_foreground_nursery() as nursery:
            nursery.start_soon(self._certificate.keep, self._machines)
            nursery.start_soon(self._keep_registered)
            nursery.start_soon(self._follow_revocations)

    def recall(self) -> None:
        """Begin with what is remembered: the Manager may be down."""
        found = self._memory.read(self._access.clock())
        if found is None:
            return
        try:
            facts = Facts.decode(found[0])
            verifier = TokenVerifier.from_jwks(facts.jwks)
        except AuthenticationError as error:
            logger.warning("what the Manager said last cannot be used", reason=str(error))
            return
        self._jwks, self._region_keys, self._remembered_at = facts.jwks, facts.region_keys, found[1]
        self._access.use(verifier)
        self._access.use_region_keys(facts.region_keys)
        self._access.revocations.add(as_messages(facts.revocations))
        self.ready.set()

    @property
    def heard_at(self) -> float:
        """Seconds since 1970: from when on the Manager may have said something that is not known here."""
        return min((self._told.get(what, self._remembered_at) for what in _ALL), default=0.0)

    def check(self) -> str:
        """What tokens are judged by, in words.

        :raises CallError: UNAVAILABLE: nothing that may be used.
        """
        if not self.ready.is_set():
            raise CallError(Code.UNAVAILABLE, "the Manager has not told its public keys yet")
        if self._refused:
            raise CallError(Code.UNAVAILABLE, "the Manager does not take this Gateway's certificate")
        age = self._access.clock() - self.heard_at
        if age > MAX_AGE:
            raise CallError(Code.UNAVAILABLE, f"the Manager was not heard of for {in_words(age)}: too long")
        source = "from the Manager" if len(self._told) == len(_ALL) else "remembered from the Manager"
        return f"{source}, {in_words(age)} ago"

    async def fetch_keys(self) -> None:
        """Get the public keys, unless that was done a moment ago; failing leaves the ones that are known."""
        async with self._lock:
            if trio.current_time() < self._fetched_at + KEYS_PAUSE:
                return
            self._fetched_at = trio.current_time()
            try:
                url = f"{self._manager_url}/.well-known/jwks.json"
                response = (await self._http.get(url, timeout=KEYS_TIMEOUT)).raise_for_status()
                jwks = response.json()
                self._access.use(TokenVerifier.from_jwks(jwks))
                self._jwks = jwks
                self._no_keys.over()
                await self._heard("keys")
            except (httpx.HTTPError, AuthenticationError, ValueError) as error:
                self._no_keys.failed(str(error))

    async def _keep_registered(self) -> None:
        while True:
            try:
                pause = await self._register()
                self._silent.over()
                await self.fetch_keys()
            except CallError as error:
                self._silent.failed(error.message)
                self._judge(error)
                pause = RETRY
            with trio.move_on_after(pause):
                await self._agents.wait_changed()

    def _judge(self, error: CallError) -> None:
        """A Gateway that is revoked lives on nothing that it remembers."""
        if error.code == Code.UNAUTHENTICATED:
            self._refused = True
            self._memory.forget()

    async def _register(self) -> float:
        """Seconds until the next time."""
        endpoint, tunnel_endpoint = self._advertise
        request = RegisterGatewayRequest(
            endpoint=endpoint, tunnel_endpoint=tunnel_endpoint, version=__version__, agent_ids=self._agents.names()
        )
        async with self._certificate.shown() as bearer:
            answer = await self._managers.call("RegisterGateway", request, RegisterGatewayResponse, bearer=bearer)
        self._refused = False
        self._region_keys = [SealingKey(key.key_id, key.key) for key in answer.region_keys]
        self._access.use_region_keys(self._region_keys)
        await self._heard("region keys")
        return float(answer.heartbeat_interval_seconds or HEARTBEAT)

    async def _follow_revocations(self) -> None:
        while True:
            try:
                await self._watch()
            except CallError as error:
                self._deaf.failed(error.message)
            await trio.sleep(RETRY)

    async def _watch(self) -> None:
        """From the first that still matters: numbers begin anew when a Manager is restored from a backup."""
        request = WatchRevocationsRequest(after=0)
        async with self._certificate.shown() as bearer:
            stream = self._machines.stream(
                "WatchRevocations", request, WatchRevocationsResponse, bearer=bearer, silence=SILENCE
            )
            async with aclosing(stream) as news:
                async for each in news:
                    self._deaf.over()
                    self._access.revocations.add(each.revocations)
                    await self._heard("revocations")

    async def _heard(self, what: str) -> None:
        """The Manager has told; when it has told all, that is kept."""
        self._told[what] = self._access.clock()
        if len(self._told) < len(_ALL) or self._refused:
            return
        self.ready.set()
        async with self._writing:
            revocations = self._access.revocations.known(self._access.clock())
            facts = Facts(jwks=self._jwks, region_keys=self._region_keys, revocations=revocations)
            await trio.to_thread.run_sync(self._memory.write, facts.encode(), self.heard_at)
