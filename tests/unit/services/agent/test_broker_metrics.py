from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from trio.testing import MockClock

from conduit.services.agent.broker_metrics import BrokerMetrics
from conduit.services.agent.operations import serve_call
from conduit.tunnel.call_frames import Code
from tests.fakes.broker_pair import METADATA, PASSWORD, SERVER, open_pair


async def test_operations_and_endpoints_are_scraped(autojump_clock: MockClock) -> None:
    registry = CollectorRegistry()
    async with open_pair() as (served, broker):
        brokers = {SERVER: broker}
        metrics = BrokerMetrics(registry, brokers)
        await serve_call(brokers, "GetPowerStatus", METADATA, b"", metrics=metrics)
        labels = {"server": SERVER, "endpoint": "ipmi-1"}
        done = {"operation": "GetPowerStatus", "status": "ok"}
        assert registry.get_sample_value("agent_bmc_operations_total", done) == 1
        assert registry.get_sample_value("agent_bmc_up", labels) == 1
        assert registry.get_sample_value("agent_bmc_log_ins_total", labels) == 1
        assert registry.get_sample_value("agent_bmc_latency_seconds", labels) is not None
        assert registry.get_sample_value("agent_bmc_fallback", {"server": SERVER}) == 0
        text = generate_latest(registry).decode()
        assert served.host not in text
        assert PASSWORD not in text


def test_failures_are_counted_by_their_code() -> None:
    registry = CollectorRegistry()
    BrokerMetrics(registry, {}).observe("PowerOn", Code.UNAVAILABLE, 8.0)
    labels = {"operation": "PowerOn", "status": "unavailable"}
    assert registry.get_sample_value("agent_bmc_operations_total", labels) == 1
    generate_latest(registry)
