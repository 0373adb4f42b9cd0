"""Who may call what: every method of every service, for every kind of caller. A method without a row is a failure."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from inspect import isasyncgen
from pathlib import Path
from typing import Any, Final

import pytest

from conduit.errors import CallError
from conduit.services.api.gateway.v1.gateway_connect import GatewayService
from conduit.services.api.manager.v1.admin_connect import AdminService
from conduit.services.api.manager.v1.machine_connect import MachineService
from conduit.services.api.manager.v1.manager_connect import BMCManagerService
from conduit.services.gateway.access import Access
from conduit.services.gateway.agents import Agents
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.rpc import GatewayRpc
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.manager.machine_rpc import MachineRpc
from conduit.services.manager.registry import ReportedServer
from conduit.services.permissions import Permission
from conduit.services.sealing import Sealer, SealingKey
from conduit.services.secret import Secret
from conduit.services.tokens import ServerContext, SigningKey, TokenSigner, TokenVerifier
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import TestManager, open_test_manager

CALLERS: Final = ("nobody", "customer", "other customer", "staff", "agent", "gateway")
REFUSALS: Final = {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}
EVERYBODY: Final = set(CALLERS)
ACCOUNTS: Final = {"customer", "other customer", "staff"}
OWNERS: Final = {"customer", "staff"}
STAFF: Final = {"staff"}

# Who gets past the door. For what names a server, the others are told that there is none.
MANAGER: Final[Mapping[str, set[str]]] = {
    "BMCManagerService.Authenticate": EVERYBODY,
    "BMCManagerService.RefreshToken": EVERYBODY,
    "BMCManagerService.Logout": EVERYBODY,
    "BMCManagerService.GetServerToken": OWNERS,
    "BMCManagerService.RegisterServer": STAFF,
    "BMCManagerService.GetServerLocation": OWNERS,
    "BMCManagerService.RegisterGateway": {"gateway"},
    "BMCManagerService.ListGateways": ACCOUNTS,
    "BMCManagerService.GetSystemStatus": STAFF,
    "BMCManagerService.GetServer": OWNERS,
    "BMCManagerService.ListServers": ACCOUNTS,
    "BMCManagerService.ReportAvailableEndpoints": {"gateway"},
    "BMCManagerService.UpdateServer": OWNERS,
    "AdminService.GetDashboardMetrics": STAFF,
    "AdminService.ListAllServers": STAFF,
    "AdminService.ListAllCustomers": STAFF,
    "AdminService.GetGatewayHealth": STAFF,
    "AdminService.GetRegions": STAFF,
    "AdminService.LaunchVNCSession": STAFF,
    "AdminService.LaunchSOLSession": STAFF,
    "AdminService.CreateJoinToken": STAFF,
    "AdminService.CreateCustomer": STAFF,
    "AdminService.SetCustomerPassword": STAFF,
    "AdminService.AssignServer": STAFF,
    "AdminService.ListMachines": STAFF,
    "AdminService.Revoke": STAFF,
    "MachineService.Enroll": EVERYBODY,  # with a join token
    "MachineService.RenewCertificate": {"agent", "gateway"},
    "MachineService.ReportServers": {"agent"},
    "MachineService.WatchGateways": {"agent"},
    "MachineService.WatchRevocations": {"gateway"},
}
JUDGED_BY_CONTENT: Final = {"Authenticate", "RefreshToken", "Enroll"}  # a bearer changes nothing

# What a server token must allow.
GATEWAY: Final[Mapping[str, Permission | None]] = {
    "HealthCheck": None,
    "PowerOn": Permission.POWER_WRITE,
    "PowerOff": Permission.POWER_WRITE,
    "PowerCycle": Permission.POWER_WRITE,
    "Reset": Permission.POWER_WRITE,
    "PowerSoft": Permission.POWER_WRITE,
    "PowerDiag": Permission.POWER_WRITE,
    "GetPowerStatus": Permission.POWER_READ,
    "GetBMCInfo": Permission.POWER_READ,
    "GetSystemStatus": Permission.POWER_READ,
    "ListSensors": Permission.SENSORS_READ,
    "ListEvents": Permission.EVENTS_READ,
    "GetBootDevice": Permission.POWER_READ,
    "SetBootDevice": Permission.BOOT_WRITE,
    "Identify": Permission.POWER_WRITE,
    "GetScreenshot": Permission.VNC_READ,
    "SendKeys": Permission.VNC_WRITE,
    "CreateVNCSession": Permission.VNC_WRITE,
    "GetVNCSession": Permission.VNC_READ,
    "CloseVNCSession": Permission.VNC_READ,
    "CreateSOLSession": Permission.CONSOLE_WRITE,
    "GetSOLSession": Permission.CONSOLE_READ,
    "CloseSOLSession": Permission.CONSOLE_READ,
    "StreamConsoleData": Permission.CONSOLE_READ,
    "StreamVNCData": Permission.VNC_READ,
}
CLOSED: Final = {"RegisterAgent", "AgentHeartbeat", "StartVNCProxy"}


@dataclass(frozen=True)
class Context:
    """A call's context with one header."""

    request_headers: Mapping[str, str]
    timeout_ms: float | None = None
    client_address: str = "127.0.0.1:5000"


def context(token: str) -> Context:
    return Context({"authorization": f"Bearer {token}"} if token else {})


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def methods_of(service: Any) -> list[Any]:
    return list(service.desc().methods)


async def outcome(service: Any, method: Any, token: str, **fields: object) -> Code:
    """The code with which a call ends; OK for one that begins to answer."""
    known = {field.name for field in method.input.fields}
    request = method.input.type(**{name: value for name, value in fields.items() if name in known})
    requests = one(request)
    if method.method_kind in ("client_streaming", "bidi_streaming"):
        request = requests
    try:
        answer = getattr(service, snake(method.name))(request, context(token))
        if isasyncgen(answer):
            await answer.__anext__()
            await answer.aclose()
        else:
            await answer
    except CallError as error:
        return Code(error.code)
    finally:
        await requests.aclose()
    return Code.OK


async def one(message: Any) -> AsyncGenerator[Any]:
    yield message


@pytest.fixture
async def test_manager(tmp_path: Path) -> AsyncIterator[TestManager]:
    async with open_test_manager(tmp_path) as manager:
        yield manager


async def tokens(test_manager: TestManager) -> dict[str, str]:
    """A token of each kind of caller; db-01 is the customer's."""
    customer = await test_manager.account()
    other = await test_manager.account("bob@globex.example")
    staff = await test_manager.account("staff@provider.example", is_staff=True)
    agent = await test_manager.machine("agent", "a1")
    gateway = await test_manager.machine("gateway", "gw1")
    registry = test_manager.manager.registry
    await registry.report("a1", "dc1", [ReportedServer(id="db-01", customer=customer.email)])
    await registry.heartbeat(
        gateway_id="gw1", region="eu", endpoint="http://x", tunnel_endpoint="x:1", version="", agents=["a1"]
    )
    return {
        "nobody": "",
        "customer": test_manager.bearer(customer),
        "other customer": test_manager.bearer(other),
        "staff": test_manager.bearer(staff),
        "agent": agent,
        "gateway": gateway,
    }


def test_every_method_has_a_row() -> None:
    described = {
        f"{name}.{method.name}"
        for name, service in (
            ("BMCManagerService", BMCManagerService),
            ("AdminService", AdminService),
            ("MachineService", MachineService),
        )
        for method in methods_of(service)
    }
    assert described == set(MANAGER)
    assert {method.name for method in methods_of(GatewayService)} == set(GATEWAY) | CLOSED


async def test_the_manager_lets_in_whom_the_table_says_and_nobody_else(test_manager: TestManager) -> None:
    manager = test_manager.manager
    bearer = await tokens(test_manager)
    services = {
        "BMCManagerService": CustomerRpc(manager),
        "AdminService": AdminRpc(manager),
        "MachineService": MachineRpc(manager),
    }
    wrong = []
    for row, allowed in MANAGER.items():
        name, _, method_name = row.partition(".")
        method = next(each for each in methods_of(services[name]) if each.name == method_name)
        if method_name in JUDGED_BY_CONTENT:
            continue
        for caller in CALLERS:
            code = await outcome(services[name], method, bearer[caller], server_id="db-01")
            let_in = code not in REFUSALS and not (code == Code.NOT_FOUND and caller == "other customer")
            if let_in != (caller in allowed):
                wrong.append(f"{row} for {caller}: {code.name}")
    assert not wrong


@pytest.mark.parametrize("method_name", sorted(set(GATEWAY) - {"HealthCheck"}))
async def test_a_gateway_wants_a_token_for_this_server_with_this_permission(
    test_manager: TestManager, method_name: str
) -> None:
    rpc, mint = await gateway(test_manager)
    method = next(each for each in methods_of(rpc) if each.name == method_name)
    needed = GATEWAY[method_name]
    everything = frozenset(Permission)
    cases = {
        "no token": ("", "db-01", Code.UNAUTHENTICATED),
        "an access token": (test_manager.bearer(await test_manager.account()), "db-01", Code.UNAUTHENTICATED),
        "no permission": (mint(frozenset()), "db-01", Code.PERMISSION_DENIED),
        "every other permission": (mint(everything - {needed}), "db-01", Code.PERMISSION_DENIED),
        "another server": (mint(everything), "db-02", Code.PERMISSION_DENIED),
    }
    if method_name.startswith(("Get", "Close")) and method_name.endswith("Session"):  # another's does not exist
        cases = {name: case for name, case in cases.items() if case[2] == Code.UNAUTHENTICATED}
    for name, (token, server_id, expected) in cases.items():
        assert await outcome(rpc, method, token, server_id=server_id, session_id="x") == expected, name


@pytest.mark.parametrize("method_name", sorted(CLOSED))
async def test_methods_of_the_original_that_are_gone_do_nothing_for_anybody(
    test_manager: TestManager, method_name: str
) -> None:
    rpc, mint = await gateway(test_manager)
    method = next(each for each in methods_of(rpc) if each.name == method_name)
    with pytest.raises(Exception, match=r"(?i)not implemented"):
        await outcome(rpc, method, mint(frozenset(Permission)), server_id="db-01")


async def gateway(test_manager: TestManager) -> tuple[GatewayRpc, Any]:
    """A Gateway without Agents, and what mints tokens for db-01 with some permissions."""
    key, region_key = SigningKey.generate(), SealingKey.generate()
    access = Access(test_manager.clock)
    access.use(TokenVerifier({key.key_id: key.private.public_key()}))
    access.use_region_keys([region_key])
    made = Gateway("http://gw1", NoLink(), access, Agents(), test_manager.clock)  # type: ignore[arg-type]
    where = ServerContext(server_id="db-01", agent_id="a1", datacenter_id="dc1").encode()

    def mint(permissions: frozenset[Permission]) -> str:
        token, _ = TokenSigner(key).server_token(
            customer_id="c1",
            email="a@b.c",
            server_id="db-01",
            permissions=permissions,
            seal_context=lambda token_id: Sealer([region_key]).seal(where, bound_to=token_id),
            now=test_manager.clock(),
        )
        return token

    return GatewayRpc(made), mint


class NoLink:
    """Of a Gateway that has all the keys it needs."""

    def check(self) -> str:
        """They are good."""
        return ""

    async def fetch_keys(self) -> None:
        """There are no others."""


@pytest.mark.parametrize("ending", ["revoked", "new password"])
async def test_an_access_token_ends_with_the_sessions_of_its_account(test_manager: TestManager, ending: str) -> None:
    account = await test_manager.account()
    token = test_manager.bearer(account)
    test_manager.clock.now += 1
    if ending == "revoked":
        await test_manager.manager.accounts.end_sessions(account.id)
    else:
        await test_manager.manager.accounts.set_password(account.id, Secret("another password"))
    rpc = CustomerRpc(test_manager.manager)
    listing = next(each for each in methods_of(rpc) if each.name == "ListServers")
    assert await outcome(rpc, listing, token) == Code.UNAUTHENTICATED
    test_manager.clock.now += 1
    assert await outcome(rpc, listing, test_manager.bearer(account)) == Code.OK
