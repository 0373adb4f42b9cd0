"""The Agent's consoles and displays in Prometheus' words. Labels are its own servers: as many as are configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conduit.console.phases import Phase
from conduit.services.agent.servers import Server

_SERVER: Final = ("server",)


class ServerMetrics(Collector):
    """Reads their state when it is scraped.

    :param servers: looked at anew each time.
    """

    def __init__(self, registry: CollectorRegistry, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        servers = list(self._servers.values())
        known = sum(server.discovery.found is not None for server in servers)
        yield GaugeMetricFamily("agent_servers", "That are configured.", len(servers))
        yield GaugeMetricFamily("agent_servers_discovered", "Whose BMC has told what it is.", known)
        yield from _discovery_metrics(servers)
        yield from _console_metrics(servers)
        yield from _display_metrics(servers)


def _discovery_metrics(servers: list[Server]) -> Iterator[Metric]:
    looks = CounterMetricFamily("agent_discovery_cycles", "Looks at what the BMC is.", labels=_SERVER)
    failures = CounterMetricFamily("agent_discovery_errors", "Of them in vain.", labels=_SERVER)
    seconds = CounterMetricFamily("agent_discovery_seconds", "That they took.", labels=_SERVER)
    for server in servers:
        labels = (server.id,)
        looks.add_metric(labels, server.discovery.looks)
        failures.add_metric(labels, server.discovery.failures)
        seconds.add_metric(labels, server.discovery.seconds)
    yield from (looks, failures, seconds)


def _console_metrics(servers: list[Server]) -> Iterator[Metric]:
    seats = GaugeMetricFamily("agent_console_seats", "Its viewers, and those of the screen.", labels=_SERVER)
    live = GaugeMetricFamily("agent_console_live", "Whether characters go both ways.", labels=_SERVER)
    output = CounterMetricFamily("agent_console_output_bytes", "That servers said.", labels=_SERVER)
    typed = CounterMetricFamily("agent_console_input_bytes", "That BMCs took.", labels=_SERVER)
    losses = CounterMetricFamily("agent_console_losses", "Live sessions that were lost.", labels=_SERVER)
    for server in servers:
        if server.config.console is None or server.hub is None:
            continue
        labels = (server.id,)
        seats.add_metric(labels, server.hub.machine.viewers)
        live.add_metric(labels, server.hub.machine.phase is Phase.LIVE)
        output.add_metric(labels, server.hub.output_bytes)
        typed.add_metric(labels, server.hub.input_bytes)
        losses.add_metric(labels, server.hub.losses)
    yield from (seats, live, output, typed, losses)


def _display_metrics(servers: list[Server]) -> Iterator[Metric]:
    viewers = GaugeMetricFamily("agent_display_viewers", "That look at it.", labels=_SERVER)
    connected = GaugeMetricFamily("agent_display_connected", "Whether the Agent is logged in.", labels=_SERVER)
    shown = CounterMetricFamily("agent_display_output_bytes", "That viewers were sent.", labels=_SERVER)
    typed = CounterMetricFamily("agent_display_input_bytes", "That viewers sent.", labels=_SERVER)
    log_ins = CounterMetricFamily("agent_display_log_ins", "Connections opened.", labels=_SERVER)
    failures = CounterMetricFamily("agent_display_connection_errors", "Log-ins refused or lost.", labels=_SERVER)
    for server in servers:
        if server.display is None:
            continue
        labels = (server.id,)
        viewers.add_metric(labels, server.display.viewers)
        connected.add_metric(labels, server.display.is_connected)
        shown.add_metric(labels, server.display.traffic.sent)
        typed.add_metric(labels, server.display.traffic.received)
        log_ins.add_metric(labels, server.display.log_ins)
        failures.add_metric(labels, server.display.failures)
    yield from (viewers, connected, shown, typed, log_ins, failures)
