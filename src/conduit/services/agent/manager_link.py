"""What the Agent says to the Manager, and has from it: its servers; the Gateways of its region."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import structlog
import trio

from conduit._trio import open_foreground_nursery
from conduit.errors import CallError, LocalProtocolError
from conduit.services.agent.config import host_and_port
from conduit.services.agent.reports import Reports
from conduit.services.agent.standing import Standing
from conduit.services.api.manager.v1.machine_pb import (
    ReportServersRequest,
    ReportServersResponse,
    WatchGatewaysRequest,
    WatchGatewaysResponse,
)
from conduit.services.connect_client import ConnectClient
from conduit.services.keepsake import Keepsake
from conduit.services.machine import MachineCertificate
from conduit.services.troubles import Trouble
from conduit.tunnel import Addresses

RETRY: Final = 2.0  # seconds
SILENCE: Final = 40.0  # seconds without a sign of life on a stream
TUNNEL_PORT: Final = 8444
logger = structlog.get_logger(__name__)


class ManagerLink:
    """Keeps up with the Manager; while that is down, tunnels and consoles go on.

    :param reports: the servers as they are now.
    """

    def __init__(
        self,
        client: ConnectClient,
        certificate: MachineCertificate,
        addresses: Addresses,
        reports: Reports,
        standing: Standing,
    ) -> None:
        self._client = client
        self._certificate = certificate
        self._addresses = addresses
        self._reports = reports
        self._standing = standing
        self._silent = Trouble("the Manager does not take the list of servers")
        self._deaf = Trouble("no list of Gateways from the Manager")
        self._memory = Keepsake(certificate, "remembered")

    def recall(self) -> None:
        """Begin with the Gateways that are remembered: the Manager may be down."""
        found = self._memory.read(self._certificate.clock())
        endpoints = [] if found is None else found[0].get("gateways", [])
        if found is not None and endpoints:
            logger.info("Gateways as remembered", seconds=round(self._certificate.clock() - found[1]))
            self._use([str(each) for each in endpoints])

    async def run(self) -> None:
        """For ever."""
        async with open_foreground_nursery() as nursery:
            nursery.start_soon(self._certificate.keep, self._client)
            nursery.start_soon(self._keep_reporting)
            nursery.start_soon(self._follow_gateways)

    async def _keep_reporting(self) -> None:
        while True:
            try:
                request = ReportServersRequest(servers=self._reports.next())
                async with self._certificate.shown() as bearer:
                    answer = await self._client.call("ReportServers", request, ReportServersResponse, bearer=bearer)
            except CallError as error:
                self._silent.failed(error.message)
                self._standing.manager_answers = False
                pause = RETRY
            else:
                self._silent.over()
                self._standing.manager_answers = True
                self._reports.taken(refused=list(answer.refused))
                pause = float(answer.report_interval_seconds or 60)
                for server_id, reason in answer.refused.items():
                    logger.error("the Manager refuses a server", server=server_id, reason=reason)
            with trio.move_on_after(pause):
                await self._reports.wait_news()

    async def _follow_gateways(self) -> None:
        while True:
            try:
                await self._watch()
            except CallError as error:
                self._deaf.failed(error.message)
            await trio.sleep(RETRY)

    async def _watch(self) -> None:
        async with self._certificate.shown() as bearer:
            stream = self._client.stream(
                "WatchGateways", WatchGatewaysRequest(), WatchGatewaysResponse, bearer=bearer, silence=SILENCE
            )
            async with aclosing(stream) as lists:
                async for each in lists:
                    self._deaf.over()
                    await self._hear([gateway.tunnel_endpoint for gateway in each.gateways])

    async def _hear(self, endpoints: Sequence[str]) -> None:
        self._use(endpoints)
        if endpoints:
            facts = {"gateways": sorted(endpoints)}
            await trio.to_thread.run_sync(self._memory.write, facts, self._certificate.clock())

    def _use(self, endpoints: Sequence[str]) -> None:
        """An empty list is not believed: the Manager may just have started."""
        try:
            addresses = {host_and_port(endpoint, TUNNEL_PORT) for endpoint in endpoints}
        except LocalProtocolError as error:
            logger.warning("the Manager names a Gateway that cannot be dialled", reason=str(error))
            return
        if addresses and addresses != self._addresses.wanted:
            self._addresses.set(addresses)
