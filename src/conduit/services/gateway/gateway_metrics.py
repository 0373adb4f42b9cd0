"""The Gateway in Prometheus' words: who is connected and what is open. No label names a customer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conduit.services.gateway.agents import Agents
from conduit.services.gateway.sessions import Sessions

_FACE: Final = ("type",)


@dataclass(frozen=True, slots=True, eq=False)
class LiveState(Collector):
    """What is there at the moment, read when it is scraped."""

    agents: Agents
    sessions: Sessions

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        agents = GaugeMetricFamily("gateway_agents", "Agents that are connected.", len(self.agents.names()))
        came = CounterMetricFamily("gateway_agent_registrations", "Tunnels opened.", self.agents.registrations)
        trip = GaugeMetricFamily("gateway_agent_round_trip_seconds", "Of the tunnel's last ping.", labels=("agent",))
        for name, seconds in self.agents.round_trips():
            trip.add_metric((name,), seconds)
        opened = GaugeMetricFamily("gateway_sessions", "Sessions that are open.", labels=_FACE)
        viewers = GaugeMetricFamily("gateway_viewers", "Live streams of them.", labels=_FACE)
        for face, (number, live) in self.sessions.census().items():
            opened.add_metric((face,), number)
            viewers.add_metric((face,), live)
        yield from (agents, came, trip, opened, viewers)
