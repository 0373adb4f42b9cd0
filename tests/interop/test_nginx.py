"""nginx in front, as the documentation configures it: log-in with cookies, REST, gRPC, and consoles, all over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.cookies import SimpleCookie
from typing import Any, Final

import grpc
import httpx
import pytest
import trio

from conduit.cli.up.fleet import HOST
from conduit.cli.up.seed import Seed
from conduit.cli.up.tree import free_ports
from conduit.console.viewer import ViewerSession
from conduit.console.words import Mode
from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.gateway.v1.gateway_pb import PowerState
from conduit.services.api.manager.v1 import manager_pb
from conduit.services.connect_client import ConnectClient
from conduit.services.websocket_client import open_websocket
from tests.conftest import FindPeer
from tests.fakes.certificates import Authority
from tests.interop.grpc_client import GATEWAY, MANAGER, Client
from tests.interop.nginx import Nginx, run_nginx
from tests.interop.test_grpcio import Console
from tests.whole_path import ACME, WholePath, open_whole_path

pytestmark = pytest.mark.interop
PATIENCE: Final = 20.0  # seconds


@pytest.fixture(scope="module")
def proxied(peer: FindPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WholePath, Nginx]]:
    """All of Conduit behind nginx; Gateway and Agent reach the Manager through it, too."""
    folder = tmp_path_factory.mktemp("nginx")
    nginx = Nginx(folder, Authority(folder).issue("conduit://web"), *trio.run(free_ports, 2, HOST))
    with ExitStack() as stack:

        def configure(seed: Seed) -> None:
            nginx.configure(seed)
            stack.enter_context(run_nginx(peer("nginx"), nginx))

        yield stack.enter_context(open_whole_path(tmp_path_factory.mktemp("path"), configure)), nginx


@pytest.fixture
def nginx(proxied: tuple[WholePath, Nginx]) -> Nginx:
    return proxied[1]


@pytest.fixture
def path(proxied: tuple[WholePath, Nginx]) -> WholePath:
    return proxied[0]


@pytest.fixture
def http(nginx: Nginx) -> Iterator[httpx.Client]:
    """A browser, more or less; from an address that is nobody else's."""
    transport = httpx.HTTPTransport(verify=nginx.trust, local_address="127.0.0.77")
    with httpx.Client(transport=transport, trust_env=False, timeout=PATIENCE) as client:
        yield client


@contextmanager
def secure_client(nginx: Nginx, url: str, service: str) -> Iterator[Client]:
    credentials = grpc.ssl_channel_credentials(nginx.ca.read_bytes())
    with grpc.secure_channel(url.removeprefix("https://"), credentials) as channel:
        yield Client(channel, service)


def server_token(nginx: Nginx, path: WholePath, server_id: str) -> str:
    """Over gRPC."""
    with secure_client(nginx, nginx.manager, MANAGER) as manager:
        asked = manager_pb.AuthenticateRequest(email=ACME, password=path.password(ACME))
        access = manager.call("Authenticate", asked, manager_pb.AuthenticateResponse).access_token
        request = manager_pb.GetServerTokenRequest(server_id=server_id)
        answer = manager.call("GetServerToken", request, manager_pb.GetServerTokenResponse, token=access)
    assert answer.gateway_endpoint == nginx.gateway
    return answer.token


def log_in(http: httpx.Client, nginx: Nginx, path: WholePath) -> httpx.Response:
    """As the log-in page does."""
    body = {"email": ACME, "password": path.password(ACME)}
    headers = {"origin": nginx.manager, "sec-fetch-site": "same-origin"}
    answer = http.post(f"{nginx.manager}/api/v1/auth/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_browser_logs_in_with_a_cookie_for_this_host_alone(path: WholePath, nginx: Nginx, http: httpx.Client) -> None:
    cookies: SimpleCookie = SimpleCookie(log_in(http, nginx, path).headers["set-cookie"])
    kept = cookies["__Host-conduit"]
    assert (kept["secure"], kept["httponly"], kept["path"], kept["domain"]) == (True, True, "/", "")
    again = http.post(f"{nginx.manager}/api/v1/auth/refresh", json={}, headers={"sec-fetch-site": "same-origin"})
    assert again.status_code == 200, again.text


def test_rest_lists_servers_and_asks_a_bmc(path: WholePath, nginx: Nginx, http: httpx.Client) -> None:
    bearer = {"authorization": f"Bearer {log_in(http, nginx, path).json()['access_token']}"}
    listed = http.get(f"{nginx.manager}/api/v1/servers", headers=bearer).json()
    assert "web-01" in {server["id"] for server in listed["servers"]}
    token = http.post(f"{nginx.manager}/api/v1/servers/web-01/token", json={}, headers=bearer).json()
    headers = {"authorization": f"Bearer {token['token']}", "origin": nginx.manager}
    answer = http.get(f"{token['gateway_endpoint']}/api/v1/servers/web-01/power", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == nginx.manager


def test_the_services_know_the_client_and_not_what_it_says_of_itself(
    path: WholePath, nginx: Nginx, http: httpx.Client
) -> None:
    http.get(f"{nginx.manager}/health", headers={"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"})
    log = path.log("manager")
    assert "127.0.0.77" in log
    assert "203.0.113.9" not in log


@pytest.mark.parametrize("service", ["manager", "gateway"])
def test_metrics_are_nobodys_business_outside(nginx: Nginx, http: httpx.Client, service: str) -> None:
    assert http.get(f"{getattr(nginx, service)}/metrics").status_code == 404
    assert http.get(f"{getattr(nginx, service)}/ready").status_code == 200


def test_grpc_switches_power(path: WholePath, nginx: Nginx) -> None:
    token = server_token(nginx, path, "web-01")
    with secure_client(nginx, nginx.gateway, GATEWAY) as gateway:
        for method, state in (("PowerOn", PowerState.ON), ("PowerOff", PowerState.OFF)):
            request = gateway_pb.PowerOperationRequest(server_id="web-01", wait=True, timeout_seconds=15)
            answer = gateway.call(method, request, gateway_pb.PowerOperationResponse, token=token)
            assert (answer.success, answer.state) == (True, state)
            assert path.is_on("web-01") == (state is PowerState.ON)
        status = gateway_pb.PowerStatusRequest(server_id="web-01")
        with pytest.raises(grpc.RpcError) as refused:
            gateway.call("GetPowerStatus", status, gateway_pb.PowerStatusResponse, token="nonsense")
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_console_over_grpc_is_open_both_ways(path: WholePath, nginx: Nginx) -> None:
    token = server_token(nginx, path, "web-02")
    with secure_client(nginx, nginx.gateway, GATEWAY) as gateway:
        console = Console(gateway, token, "web-02")
        console.until_live()
        for word in (b"first", b"second"):
            console.type(word)
            console.until_output(word.upper())
        console.keys.put(None)
        console.rest()
        assert console.call.code() is grpc.StatusCode.OK


async def test_a_console_over_a_websocket_is_open_both_ways(path: WholePath, nginx: Nginx) -> None:
    token = await trio.to_thread.run_sync(server_token, nginx, path, "web-02")
    async with httpx.AsyncClient(verify=nginx.trust, trust_env=False, http2=True) as http:
        gateway = ConnectClient(http, nginx.gateway, GATEWAY)
        request = gateway_pb.CreateSOLSessionRequest(server_id="web-02")
        session: Any = await gateway.call(
            "CreateSOLSession", request, gateway_pb.CreateSOLSessionResponse, bearer=token
        )
    assert session.websocket_endpoint.startswith(nginx.gateway.replace("https", "wss"))
    assert session.console_url == f"{nginx.manager}/console/web-02"
    protocols, viewer = ["conduit.console.1", f"ticket.{session.ticket}"], ViewerSession(name="test", mode=Mode.WRITE)
    with trio.fail_after(PATIENCE):
        async with open_websocket(session.websocket_endpoint, subprotocols=protocols, tls=nginx.trust) as websocket:
            await websocket.send(viewer.attach())
            seen = b""
            while b"TYPED" not in seen:
                data = await websocket.receive()
                assert data is not None
                was_writer = viewer.is_writer and viewer.is_live
                seen += b"".join(getattr(each, "data", b"") for each in viewer.receive(data))
                if viewer.is_writer and viewer.is_live and not was_writer:
                    for message in viewer.type(b"typed"):
                        await websocket.send(message)


def test_machines_reach_the_manager_through_it(nginx: Nginx, path: WholePath) -> None:
    for method in ("Enroll", "ReportServers"):
        assert f"POST /manager.v1.MachineService/{method} HTTP" in nginx.requests
    assert path.log("agent").count("cannot reach") <= 1
