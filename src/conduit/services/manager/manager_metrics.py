"""The Manager's inventory in Prometheus' words. No label names a customer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import trio
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conduit.errors import CallError
from conduit.services.manager.registry import Census, Registry

PATIENCE: Final = 5.0  # seconds; who reads metrics waits ten, as a rule
_NONE: Final = Census({}, {}, {}, 0, 0)


class InventoryMetrics(Collector):
    """What there was when it was counted last: :meth:`refresh` comes before each scrape."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._census = _NONE
        self._is_up = False

    async def refresh(self) -> None:
        """Count; a database that does not work, or not in time, leaves the last figures, and is told."""
        self._is_up = False
        with trio.move_on_after(PATIENCE), suppress(CallError):
            self._census = await self._registry.census()
            self._is_up = True

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        found = self._census
        servers = GaugeMetricFamily("manager_servers", "In the inventory.", labels=("datacenter", "status"))
        gateways = GaugeMetricFamily("manager_gateways", "That are known.", labels=("region", "status"))
        machines = GaugeMetricFamily("manager_machines", "That have enrolled.", labels=("kind",))
        for family, counts in ((servers, found.servers), (gateways, found.gateways), (machines, found.machines)):
            for labels, number in counts.items():
                family.add_metric(labels, number)
        customers = GaugeMetricFamily("manager_customers", "Accounts, staff included.", found.customers)
        log_ins = GaugeMetricFamily("manager_log_ins", "That have not ended.", found.log_ins)
        works = GaugeMetricFamily("manager_db_up", "Whether the database answered.", self._is_up)
        yield from (servers, gateways, machines, customers, log_ins, works)
