"""How the Agent itself stands: what it has reached, for ``/ready`` and Prometheus. No address, no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conduit.errors import CallError
from conduit.services.clock import Clock
from conduit.services.machine import MachineCertificate
from conduit.services.web.health import Check
from conduit.tunnel.call_frames import Code


class Standing(Collector):
    """Written by those who do the work; made before anything is reached."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.certificate: MachineCertificate | None = None
        "Once the machine has enrolled."
        self.has_servers = False
        "Whether the configuration's servers are open."
        self.reload_failed = False
        "Whether the configuration that was read last cannot be used; the one before it counts."
        self.manager_answers = False
        "Whether the Manager took the last report."
        self.tunnels = 0

    @contextmanager
    def tunnel(self) -> Iterator[None]:
        """There is one more while the block lasts."""
        self.tunnels += 1
        try:
            yield
        finally:
            self.tunnels -= 1

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must be so that customers can work."""
        return {"configuration": self._check_servers, "gateways": self._check_tunnels, "manager": self._check_manager}

    async def _check_servers(self) -> None:
        if not self.has_servers:
            raise _not_yet("the servers are not open yet")

    async def _check_tunnels(self) -> None:
        if not self.tunnels:
            raise _not_yet("there is no tunnel to any Gateway")

    async def _check_manager(self) -> str | None:
        """Down it may be, for as long as Gateways take our certificate."""
        if self.certificate is None:
            raise _not_yet("this machine has not enrolled yet")
        if not self.manager_answers and self.certificate.expires_at <= self._clock():
            raise _not_yet("the certificate has expired, and the Manager does not take our reports")
        return None if self.manager_answers else "the Manager does not take our reports; Gateways are as it last said"

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        yield GaugeMetricFamily("agent_tunnels", "Tunnels to Gateways.", self.tunnels)
        yield GaugeMetricFamily("agent_manager_up", "Whether the Manager took the last report.", self.manager_answers)
        yield GaugeMetricFamily(
            "agent_configuration_refused", "Whether what was read last cannot be used.", self.reload_failed
        )
        if self.certificate is not None:
            yield GaugeMetricFamily(
                "agent_certificate_expiry_timestamp_seconds", "Of our certificate.", self.certificate.expires_at
            )


def _not_yet(text: str) -> CallError:
    return CallError(Code.UNAVAILABLE, text)
