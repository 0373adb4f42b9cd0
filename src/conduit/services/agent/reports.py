"""What the Manager is told of the servers: no address, no credential, and nothing that a BMC says without a limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from conduit.ipmi.operations.identity import Identity
from conduit.ipmi.records.fru_areas import BoardArea, ProductArea
from conduit.services.agent.broker_health import BrokerSnapshot, Fallback
from conduit.services.agent.config import Display, ServerConfig
from conduit.services.agent.servers import Server, Servers
from conduit.services.api.common.v1.discovery_pb import (
    CapabilityInfo,
    DiscoveryMetadata,
    DiscoveryMethod,
    FruInfo,
    HardwareInfo,
    ProtocolConfig,
    VendorInfo,
)
from conduit.services.api.common.v1.server_pb import BMCType, SOLType, VNCType
from conduit.services.api.manager.v1.machine_pb import ReportedServer
from conduit.services.clock import timestamp

MAX_TEXT: Final = 64  # characters of what a BMC says
MAX_REASON: Final = 200  # characters
MAX_TOLD: Final = 500  # servers whose BMCs are described in one report: a few hundred kilobytes
SETTLE: Final = 1.0  # seconds in which more news may come


class Reports:
    """Says what is new, once: a list of all servers goes out every minute, what their BMCs are does not.

    :param source: the Agent's name.
    """

    def __init__(self, servers: Servers, source: str) -> None:
        self._servers = servers
        self._source = source
        self._taken: dict[str, bytes] = {}
        self._sent: dict[str, bytes] = {}
        self._more = False
        self._changes = 0  # when the last report was made

    def next(self) -> list[ReportedServer]:
        """The servers as they are now."""
        known = self._servers.by_id
        self._taken = {server_id: told for server_id, told in self._taken.items() if server_id in known}
        self._sent, self._more, self._changes = {}, False, self._servers.changes
        return [self._report(server) for server in known.values()]

    def _report(self, server: Server) -> ReportedServer:
        report = reported(server)
        described = described_by(server, self._source)
        if described is None:
            return report
        as_bytes = described.to_binary()
        if self._taken.get(server.id) == as_bytes:
            return report
        if len(self._sent) < MAX_TOLD:
            self._sent[server.id] = as_bytes
            report.discovery_metadata = described
        else:
            self._more = True
        return report

    def taken(self, *, refused: Sequence[str]) -> None:
        """The Manager has the last one, but for what it *refused*."""
        self._taken |= {server_id: told for server_id, told in self._sent.items() if server_id not in refused}

    async def wait_news(self) -> None:
        """Return when there is more to tell; news that come together are told together."""
        if not self._more:
            await self._servers.wait_changed(self._changes)
            await trio.sleep(SETTLE)


def reported(server: Server) -> ReportedServer:
    """A server as its configuration tells, and whether its BMC answers."""
    config = server.config
    return ReportedServer(
        server_id=server.id,
        customer=config.customer,
        display_name=config.display_name,
        tags=list(config.tags),
        metadata=dict(config.metadata),
        control_kinds=[BMCType.BMC_IPMI for _ in config.control],
        sol_kind=SOLType.SOL_IPMI if config.console is not None else SOLType.SOL_UNSPECIFIED,
        vnc_kind=_vnc_kind(config.display),
        features=["power", "sensors", "events", *_faces(config)],
        status="online" if server.broker.snapshot().reachable else "offline",
    )


def _faces(config: ServerConfig) -> list[str]:
    there = {"console": config.console, "display": config.display}
    return [name for name, what in there.items() if what is not None]


def _vnc_kind(display: Display | None) -> VNCType:
    if display is None:
        return VNCType.VNC_UNSPECIFIED
    return VNCType.VNC_NATIVE if display.url.startswith("vnc:") else VNCType.VNC_WEBSOCKET


def described_by(server: Server, source: str) -> DiscoveryMetadata | None:
    """What its BMC says of itself; None while it has said nothing."""
    found = server.discovery.found
    if found is None:
        return None
    identity = found.identity
    return DiscoveryMetadata(
        discovery_method=DiscoveryMethod.STATIC_CONFIG,
        discovered_at=timestamp(found.at),
        discovery_source=source,
        vendor=_vendor(identity),
        protocol=_protocol(server.broker.snapshot(), has_console=server.config.console is not None),
        capabilities=_capabilities(identity),
        hardware=_hardware(identity),
    )


def _vendor(identity: Identity) -> VendorInfo:
    device, board, product = identity.device, _board(identity), _product(identity)
    return VendorInfo(
        manufacturer=_text(device.manufacturer or "") or product.manufacturer or board.manufacturer,
        model=product.name or board.name,
        firmware_version=_text(device.firmware),
    )


def _protocol(snapshot: BrokerSnapshot, *, has_console: bool) -> ProtocolConfig:
    """Which endpoint is in use, and why not the preferred one."""
    active = next((one for one in snapshot.endpoints if one.name == snapshot.active), snapshot.endpoints[0])
    name, _, version = active.protocol.partition("-")
    config = ProtocolConfig(primary_protocol=name, primary_version=version, console_type="ipmi" if has_console else "")
    fallback: Fallback | None = snapshot.fallback or active.downgrade
    if fallback is not None:
        config.fallback_protocol = _text(f"{fallback.chosen} instead of {fallback.instead_of}")
        config.fallback_reason = _text(fallback.reason, MAX_REASON)
    return config


def _capabilities(identity: Identity) -> CapabilityInfo:
    has = {
        "sol": bool(identity.sol_enabled),
        "fru": identity.fru is not None,
        "dcmi" if identity.dcmi is None else f"dcmi-{identity.dcmi}": identity.dcmi is not None,
    }
    return CapabilityInfo(
        supported_features=[name for name, is_there in has.items() if is_there],
        unsupported_features=[name for name, is_there in has.items() if not is_there],
    )


def _hardware(identity: Identity) -> HardwareInfo:
    device = identity.device
    return HardwareInfo(
        system_guid="" if identity.guid is None else str(identity.guid),
        device_id=device.device_id,
        device_revision=device.device_revision,
        manufacturer_id=device.manufacturer_id,
        product_id=device.product_id,
        ipmi_version=device.ipmi_version,
        board=_board(identity),
        product=_product(identity),
    )


def _board(identity: Identity) -> FruInfo:
    area: BoardArea | None = None if identity.fru is None else identity.fru.board
    return FruInfo() if area is None else _fru(area, "product_name")


def _product(identity: Identity) -> FruInfo:
    area: ProductArea | None = None if identity.fru is None else identity.fru.product
    return FruInfo() if area is None else _fru(area, "name")


def _fru(area: BoardArea | ProductArea, name: str) -> FruInfo:
    texts = {key: _text(field.text(area.language)) for key, field in area.named().items()}
    return FruInfo(
        manufacturer=texts["manufacturer"],
        name=texts[name],
        part_number=texts["part_number"],
        serial_number=texts["serial_number"],
    )


def _text(text: str, most: int = MAX_TEXT) -> str:
    """Whatever a BMC says, as one short line."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)[:most].strip()
