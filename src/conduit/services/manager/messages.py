"""Between the Manager's records and the messages of its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protobuf import Oneof

from conduit.services.api.common.v1.discovery_pb import DiscoveryMetadata
from conduit.services.api.common.v1.server_pb import (
    BMCControlEndpoint,
    BMCType,
    SOLEndpoint,
    SOLType,
    VNCEndpoint,
    VNCType,
)
from conduit.services.api.manager.v1.admin_pb import CustomerSummary, GatewayHealth, ServerDetails
from conduit.services.api.manager.v1.admin_pb import Machine as MachineMessage
from conduit.services.api.manager.v1.machine_pb import ReportedServer as ReportedServerMessage
from conduit.services.api.manager.v1.machine_pb import Revocation as RevocationMessage
from conduit.services.api.manager.v1.manager_pb import Customer as CustomerMessage
from conduit.services.api.manager.v1.manager_pb import RegionalGateway
from conduit.services.api.manager.v1.manager_pb import Server as ServerMessage
from conduit.services.clock import timestamp
from conduit.services.manager.accounts import Account
from conduit.services.manager.machines import MachineRecord
from conduit.services.manager.registry import Gateway, ReportedServer, Server
from conduit.services.manager.revocations import Revocation

MAX_DISCOVERY: Final = 8192  # characters of JSON


def customer_message(account: Account) -> CustomerMessage:
    """What somebody may know of an account."""
    return CustomerMessage(
        id=account.id,
        email=account.email,
        created_at=timestamp(account.created_at),
        display_name=account.display_name,
        is_staff=account.is_staff,
    )


def customer_summary(account: Account, counts: tuple[int, int] = (0, 0)) -> CustomerSummary:
    """What staff see in the list.

    :param counts: of servers, in all and online.
    """
    return CustomerSummary(
        customer_id=account.id,
        email=account.email,
        server_count=counts[0],
        online_server_count=counts[1],
        is_admin=account.is_staff,
        created_at=timestamp(account.created_at),
    )


def server_message(server: Server) -> ServerMessage:
    """A server with the kinds of its endpoints; addresses and credentials are not known here."""
    return ServerMessage(
        id=server.id,
        customer_id=server.customer_id or "",
        datacenter_id=server.datacenter_id,
        control_endpoints=[BMCControlEndpoint(type=BMCType(kind)) for kind in server.control_kinds],
        primary_protocol=_primary(server),
        sol_endpoint=SOLEndpoint(type=SOLType(server.sol_kind)) if server.sol_kind else None,
        vnc_endpoint=VNCEndpoint(type=VNCType(server.vnc_kind)) if server.vnc_kind else None,
        features=list(server.features),
        status=server.status,
        created_at=timestamp(server.created_at),
        updated_at=timestamp(server.updated_at),
        metadata=dict(server.metadata),
        discovery_metadata=DiscoveryMetadata.from_json(server.discovery) if server.discovery else None,
        display_name=server.display_name,
        tags=list(server.tags),
        agent_id=server.agent_id,
        last_seen=timestamp(server.last_seen),
        region=server.region,
    )


def server_details(server: Server) -> ServerDetails:
    """A server in the list of staff."""
    return ServerDetails(
        server_id=server.id,
        customer_id=server.customer_id or "",
        datacenter_id=server.datacenter_id,
        primary_protocol=_primary(server).name.removeprefix("BMC_").lower(),
        status=server.status,
        has_vnc=bool(server.vnc_kind),
        has_sol=bool(server.sol_kind),
        last_seen=timestamp(server.last_seen),
        created_at=timestamp(server.created_at),
    )


def _primary(server: Server) -> BMCType:
    return BMCType(server.control_kinds[0]) if server.control_kinds else BMCType.BMC_UNSPECIFIED


def machine_message(machine: MachineRecord) -> MachineMessage:
    """A machine as staff see it."""
    return MachineMessage(
        id=machine.id,
        kind=machine.kind,
        datacenter_id=machine.datacenter_id,
        region=machine.region,
        certificate_expires_at=timestamp(machine.certificate_expires_at),
        last_seen=None if machine.last_seen is None else timestamp(machine.last_seen),
    )


def reported_server(message: ReportedServerMessage) -> ReportedServer:
    """As the registry takes it."""
    return ReportedServer(
        id=message.server_id,
        customer=message.customer,
        display_name=message.display_name,
        tags=message.tags,
        metadata=message.metadata,
        control_kinds=[int(kind) for kind in message.control_kinds],
        sol_kind=int(message.sol_kind),
        vnc_kind=int(message.vnc_kind),
        features=message.features,
        status=message.status or "online",
        discovery=_discovery(message),
    )


def _discovery(message: ReportedServerMessage) -> str:
    """What is too long to be true is not kept."""
    text = str(message.discovery_metadata.to_json()) if message.discovery_metadata else ""
    return text if len(text) <= MAX_DISCOVERY else ""


def gateway_message(gateway: Gateway) -> RegionalGateway:
    """A Gateway as customers see it."""
    return RegionalGateway(
        id=gateway.id,
        region=gateway.region,
        endpoint=gateway.endpoint,
        last_seen=timestamp(gateway.last_seen),
        created_at=timestamp(gateway.created_at),
    )


def gateway_health(gateway: Gateway, behind: Mapping[str, tuple[str, int]], *, alive: bool) -> GatewayHealth:
    """A Gateway as staff see it.

    :param behind: datacenter and number of servers, by Agent; those are counted to which the Gateway has a tunnel.
    """
    reached = [behind[agent] for agent in gateway.agent_ids if agent in behind] if alive else []
    return GatewayHealth(
        gateway_id=gateway.id,
        region=gateway.region,
        endpoint=gateway.endpoint,
        status="active" if alive else "offline",
        last_seen=timestamp(gateway.last_seen),
        server_count=sum(count for _, count in reached),
        datacenter_ids=sorted({datacenter for datacenter, _ in reached}),
    )


def revocation_message(revocation: Revocation) -> RevocationMessage:
    """As Gateways hear of it."""
    target = revocation.target
    match revocation.kind:
        case "token":
            what: object = Oneof("token_id", target)
        case "customer":
            what = Oneof("customer_id", target)
        case "machine":
            what = Oneof("machine_id", target)
        case _:
            what = Oneof("server_id", target)
    return RevocationMessage(
        number=revocation.number,
        what=what,  # type: ignore[arg-type]  # one of the four
        not_before=timestamp(revocation.not_before),
    )
