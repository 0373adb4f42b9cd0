"""What the Agent has found out about a machine, as the Manager keeps it."""

from __future__ import annotations

from conduit.cli.moments import moment_of
from conduit.cli.render import Field, Value
from conduit.services.api.common.v1.discovery_pb import (
    CapabilityInfo,
    DiscoveryMetadata,
    FruInfo,
    HardwareInfo,
    ProtocolConfig,
)

__all__ = ["discovery_fields"]


def discovery_fields(found: DiscoveryMetadata | None) -> list[Field]:
    """What is known; nothing where the BMC has not said anything yet."""
    if found is None:
        return []
    hardware, protocol = found.hardware or HardwareInfo(), found.protocol or ProtocolConfig()
    capabilities = found.capabilities or CapabilityInfo()
    known = (
        Field("model", "Model", "" if found.vendor is None else found.vendor.model),
        Field("system_guid", "System GUID", hardware.system_guid),
        _fru_field("board", "FRU board", hardware.board),
        _fru_field("product", "FRU product", hardware.product),
        Field("bmc_features", "BMC has", list(capabilities.supported_features)),
        Field("bmc_lacks", "BMC has not", list(capabilities.unsupported_features)),
        Field("endpoint", "Endpoint in use", _endpoint(protocol)),
        _fallback(protocol),
        Field("discovered_at", "Found out", moment_of(found.discovered_at)),
    )
    return [field for field in known if field.value]


def _fru_field(key: str, label: str, fru: FruInfo | None) -> Field:
    if fru is None:
        return Field(key, label, None)
    parts = (
        ("manufacturer", "", fru.manufacturer),
        ("name", "", fru.name),
        ("part_number", "part ", fru.part_number),
        ("serial_number", "serial ", fru.serial_number),
    )
    value: dict[str, Value] = {name: text for name, _, text in parts if text}
    return Field(key, label, value, ", ".join(f"{word}{text}" for _, word, text in parts if text))


def _endpoint(protocol: ProtocolConfig) -> str:
    return f"{protocol.primary_protocol}-{protocol.primary_version}" if protocol.primary_version else ""


def _fallback(protocol: ProtocolConfig) -> Field:
    if not protocol.fallback_protocol:
        return Field("fallback", "Fallback", None)
    value: dict[str, Value] = {"what": protocol.fallback_protocol, "reason": protocol.fallback_reason}
    return Field("fallback", "Fallback", value, f"{protocol.fallback_protocol}: {protocol.fallback_reason}")
