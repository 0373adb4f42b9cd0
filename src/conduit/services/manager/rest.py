"""The Manager's REST API: which verb and path call which method."""

from __future__ import annotations

from typing import Final

from conduit.services.api.manager.v1.admin_connect import AdminService
from conduit.services.api.manager.v1.manager_connect import BMCManagerService
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.web.rest import RestService, Route

_V1: Final = "/api/v1"

CUSTOMER_ROUTES: Final = (
    Route(
        verb="POST",
        path=f"{_V1}/auth/token",
        method="Authenticate",
        summary="Log in as a program; the answer has both tokens.",
        public=True,
    ),
    Route(
        verb="POST",
        path=f"{_V1}/auth/token/refresh",
        method="RefreshToken",
        summary="The next access token, for a refresh token that is then used up.",
        public=True,
    ),
    Route(verb="POST", path=f"{_V1}/auth/token/revoke", method="Logout", summary="End a log-in.", public=True),
    Route(verb="GET", path=f"{_V1}/servers", method="ListServers", summary="The servers that you may see, in pages."),
    Route(verb="GET", path=f"{_V1}/servers/{{server_id}}", method="GetServer", summary="One server."),
    Route(
        verb="PATCH", path=f"{_V1}/servers/{{server_id}}", method="UpdateServer", summary="Change its name or its tags."
    ),
    Route(
        verb="POST",
        path=f"{_V1}/servers/{{server_id}}/token",
        method="GetServerToken",
        summary="What opens this server at a Gateway, and which Gateway.",
    ),
    Route(verb="GET", path=f"{_V1}/servers/{{server_id}}/location", method="GetServerLocation", summary="Where it is."),
    Route(verb="GET", path=f"{_V1}/gateways", method="ListGateways", summary="The Gateways that are alive, in pages."),
    Route(verb="GET", path=f"{_V1}/status", method="GetSystemStatus", summary="How much there is; for staff."),
)

ADMIN_ROUTES: Final = (
    Route(verb="GET", path=f"{_V1}/admin/metrics", method="GetDashboardMetrics", summary="Numbers."),
    Route(verb="GET", path=f"{_V1}/admin/servers", method="ListAllServers", summary="All servers, in pages."),
    Route(
        verb="PUT",
        path=f"{_V1}/admin/servers/{{server_id}}/owner",
        method="AssignServer",
        summary="Give it to somebody.",
    ),
    Route(verb="GET", path=f"{_V1}/admin/customers", method="ListAllCustomers", summary="All accounts, in pages."),
    Route(verb="POST", path=f"{_V1}/admin/customers", method="CreateCustomer", summary="A new account."),
    Route(
        verb="PUT",
        path=f"{_V1}/admin/customers/{{customer_id}}/password",
        method="SetCustomerPassword",
        summary="A new password; ends their sessions.",
    ),
    Route(verb="GET", path=f"{_V1}/admin/gateways", method="GetGatewayHealth", summary="How Gateways are, in pages."),
    Route(verb="GET", path=f"{_V1}/admin/regions", method="GetRegions", summary="Where there are Gateways."),
    Route(verb="GET", path=f"{_V1}/admin/machines", method="ListMachines", summary="Agents and Gateways, in pages."),
    Route(verb="POST", path=f"{_V1}/admin/join-tokens", method="CreateJoinToken", summary="Let a machine enrol."),
    Route(
        verb="POST",
        path=f"{_V1}/admin/revocations",
        method="Revoke",
        summary="End a machine's certificates or a customer's sessions.",
    ),
)


def rest_services(customers: CustomerRpc, admin: AdminRpc) -> list[RestService]:
    """What is served."""
    return [
        RestService(customers, BMCManagerService.desc(), CUSTOMER_ROUTES),
        RestService(admin, AdminService.desc(), ADMIN_ROUTES),
    ]
