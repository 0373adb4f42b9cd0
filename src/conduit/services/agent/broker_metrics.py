"""The brokers in Prometheus' words. Labels are the Agent's own servers and endpoints: as many as are configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conduit.services.agent.broker import Broker
from conduit.services.agent.broker_breaker import BreakerState
from conduit.services.agent.broker_health import BrokerSnapshot, EndpointSnapshot
from conduit.tunnel.call_frames import Code

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
_ENDPOINT: Final = ("server", "endpoint")


class BrokerMetrics(Collector):
    """Counts operations, and reads the brokers' state when it is scraped.

    :param brokers: by server; looked at anew each time.
    """

    def __init__(self, registry: CollectorRegistry, brokers: Mapping[str, Broker]) -> None:
        self._brokers = brokers
        self._operations = Counter(
            "agent_bmc_operations", "Operations at BMCs.", ("operation", "status"), registry=registry
        )
        self._durations = Histogram(
            "agent_bmc_operation_duration_seconds",
            "How long they took, waiting included.",
            ("operation",),
            buckets=BUCKETS,
            registry=registry,
        )
        registry.register(self)

    def observe(self, operation: str, code: int, seconds: float) -> None:
        """One is over.

        :param operation: one of ``METHODS``.
        """
        self._operations.labels(operation, Code(code).name.lower()).inc()
        self._durations.labels(operation).observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        snapshots = [broker.snapshot() for broker in self._brokers.values()]
        yield from _server_metrics(snapshots)
        yield from _endpoint_metrics([(one.server_id, end) for one in snapshots for end in one.endpoints])


def _server_metrics(snapshots: list[BrokerSnapshot]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("agent_bmc_waiting_operations", "That wait for their turn.", labels=("server",))
    consoles = GaugeMetricFamily("agent_bmc_consoles", "Consoles that are open.", labels=("server",))
    fallback = GaugeMetricFamily(
        "agent_bmc_fallback", "Whether another endpoint than the preferred one is used.", labels=("server",)
    )
    for snapshot in snapshots:
        labels = (snapshot.server_id,)
        waiting.add_metric(labels, snapshot.waiting)
        consoles.add_metric(labels, snapshot.consoles)
        fallback.add_metric(labels, snapshot.fallback is not None)
    yield from (waiting, consoles, fallback)


def _endpoint_metrics(endpoints: list[tuple[str, EndpointSnapshot]]) -> Iterator[Metric]:
    up = GaugeMetricFamily("agent_bmc_up", "Whether the endpoint takes operations.", labels=_ENDPOINT)
    connected = GaugeMetricFamily("agent_bmc_connected", "Whether there is a session.", labels=_ENDPOINT)
    latency = GaugeMetricFamily("agent_bmc_latency_seconds", "Of one request, moving average.", labels=_ENDPOINT)
    errors = CounterMetricFamily("agent_bmc_connection_errors", "Log-ins and operations lost.", labels=_ENDPOINT)
    log_ins = CounterMetricFamily("agent_bmc_log_ins", "Sessions opened.", labels=_ENDPOINT)
    for server_id, endpoint in endpoints:
        labels = (server_id, endpoint.name)
        up.add_metric(labels, endpoint.breaker is not BreakerState.OPEN)
        connected.add_metric(labels, endpoint.connected)
        if endpoint.latency is not None:
            latency.add_metric(labels, endpoint.latency)
        errors.add_metric(labels, endpoint.failures)
        log_ins.add_metric(labels, endpoint.log_ins)
    yield from (up, connected, latency, errors, log_ins)
