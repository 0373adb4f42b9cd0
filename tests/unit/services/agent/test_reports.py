from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from trio.testing import MockClock

from conduit.ipmi.commands import DeviceId
from conduit.ipmi.operations.identity import Identity
from conduit.ipmi.records.fru import FruInventory
from conduit.ipmi.records.fru_areas import BoardArea, ProductArea
from conduit.ipmi.records.fru_fields import FruField
from conduit.services.agent import reports
from conduit.services.agent.broker_breaker import BreakerState
from conduit.services.agent.broker_health import BrokerSnapshot, EndpointSnapshot, Fallback
from conduit.services.agent.config import Console, Control, ServerConfig
from conduit.services.agent.discovery import Found
from conduit.services.agent.reports import MAX_TEXT, Reports, described_by
from conduit.services.manager.messages import MAX_DISCOVERY, reported_server

LONG = FruField.of("x" * 63)
AREA: dict[str, Any] = {
    "manufacturer": FruField.of("Acme\x1b[2J"),
    "serial_number": FruField.of("S1"),
    "part_number": LONG,
}
FRU = FruInventory(board=BoardArea(**AREA), product=ProductArea(name=FruField.of("R1"), **AREA))
DEVICE = DeviceId(
    device_id=32, device_revision=1, firmware_major=2, firmware_minor_bcd=0x53, manufacturer_id=674, product_id=256
)
FALLBACK = Fallback(chosen="ipmi-2", instead_of="ipmi-1", since=0.0, reason="the BMC does not answer")


def endpoint(name: str, protocol: str, downgrade: Fallback | None = None) -> EndpointSnapshot:
    return EndpointSnapshot(
        name=name,
        breaker=BreakerState.CLOSED,
        protocol=protocol,
        connected=True,
        latency=None,
        log_in_time=None,
        operations=0,
        failures=0,
        log_ins=0,
        last_success=None,
        last_error_at=None,
        last_error="",
        downgrade=downgrade,
    )


def server(server_id: str = "db-02", identity: Identity | None = None, fallback: Fallback | None = None) -> Any:
    """As :class:`Servers` has it; a fallback is to the second endpoint, which speaks IPMI 1.5."""
    snapshot = BrokerSnapshot(
        server_id=server_id,
        endpoints=(endpoint("ipmi-1", "ipmi-2.0"), endpoint("ipmi-2", "ipmi-1.5")),
        active="ipmi-2" if fallback else "ipmi-1",
        fallback=fallback,
        waiting=0,
        busy=False,
        consoles=0,
    )
    return SimpleNamespace(
        id=server_id,
        config=ServerConfig(
            control=[Control(type="ipmi", address="10.9.8.7", user="u", password="p")], console=Console()
        ),
        broker=SimpleNamespace(snapshot=lambda: snapshot),
        discovery=SimpleNamespace(found=None if identity is None else Found(identity, 1_700_000_000.0)),
    )


class Several:
    """Servers, and how often they have changed."""

    def __init__(self, *servers: Any) -> None:
        self.by_id = {each.id: each for each in servers}
        self.changes = 0

    async def wait_changed(self, since: int) -> None:
        assert self.changes != since


def made(*servers: Any) -> tuple[Several, Reports]:
    several: Any = Several(*servers)
    return several, Reports(several, "ams1-a")


def full() -> Identity:
    return Identity(DEVICE, uuid.UUID(int=1), FRU, sol_enabled=True, dcmi="1.5")


def test_what_a_bmc_says_is_told_short_and_in_one_line() -> None:
    found = described_by(server(identity=full(), fallback=FALLBACK), "ams1-a")
    assert found is not None
    assert found.hardware is not None
    assert found.hardware.board is not None
    assert found.hardware.board.manufacturer == "Acme\ufffd[2J"
    assert len(found.hardware.board.part_number) <= MAX_TEXT
    assert found.hardware.system_guid == str(uuid.UUID(int=1))
    assert found.vendor is not None
    assert (found.vendor.manufacturer, found.vendor.model, found.vendor.firmware_version) == ("Dell", "R1", "2.53")
    assert found.protocol is not None
    assert (found.protocol.primary_protocol, found.protocol.primary_version) == ("ipmi", "1.5")
    assert found.protocol.fallback_protocol == "ipmi-2 instead of ipmi-1"
    assert found.protocol.fallback_reason == FALLBACK.reason
    assert found.capabilities is not None
    assert found.capabilities.supported_features == ["sol", "fru", "dcmi-1.5"]
    assert "10.9.8.7" not in str(found.to_json())


def test_a_bmc_that_says_only_its_device_id_is_described_by_that() -> None:
    found = described_by(server(identity=Identity(DEVICE)), "ams1-a")
    assert found is not None
    assert found.capabilities is not None
    assert found.capabilities.unsupported_features == ["sol", "fru", "dcmi"]
    assert described_by(server(), "ams1-a") is None


def test_what_the_manager_has_taken_is_not_told_again_until_it_changes() -> None:
    several, outgoing = made(server(identity=full()), server("db-03"))
    first, other = outgoing.next()
    assert first.discovery_metadata is not None
    assert other.discovery_metadata is None
    assert outgoing.next()[0].discovery_metadata is not None, "nobody has taken it yet"
    outgoing.taken(refused=[])
    assert outgoing.next()[0].discovery_metadata is None
    several.by_id["db-02"] = server(identity=full(), fallback=FALLBACK)
    assert outgoing.next()[0].discovery_metadata is not None
    outgoing.taken(refused=["db-02"])
    assert outgoing.next()[0].discovery_metadata is not None, "it was refused"


async def test_many_are_told_in_several_reports(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    monkeypatch.setattr(reports, "MAX_TOLD", 2)
    several, outgoing = made(*(server(f"s{number}", full()) for number in range(5)))
    told = []
    for _ in range(3):
        told.append(sum(each.discovery_metadata is not None for each in outgoing.next()))
        outgoing.taken(refused=[])
        if len(told) < 3:
            await outgoing.wait_news()
    assert told == [2, 2, 1]
    several.changes += 1
    await outgoing.wait_news()


def test_the_manager_keeps_no_description_that_is_too_long() -> None:
    _, outgoing = made(server(identity=full()))
    (report,) = outgoing.next()
    assert 0 < len(reported_server(report).discovery) < MAX_DISCOVERY
    assert report.discovery_metadata is not None
    report.discovery_metadata.discovery_source = "x" * MAX_DISCOVERY
    assert reported_server(report).discovery == ""
