"""What stands before the services' methods, over a real port: protocols, failures, health, metrics, limits, leaving."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import trio
import wsproto
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from quart import request, websocket
from quart_trio import QuartTrio
from trio_websocket import open_websocket_url
from wsproto import events

from conduit.errors import CallError, TransportError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.gateway.v1.gateway_connect import GatewayService, GatewayServiceASGIApplication
from conduit.services.web.bindings import Binding, Bound
from conduit.services.web.errors import Errors
from conduit.services.web.fronting import WebSettings, front
from conduit.services.web.health import Checks
from conduit.services.web.limits import Limits
from conduit.services.web.metrics import WebMetrics
from conduit.services.web.rest import answer_failures
from conduit.services.websocket_client import open_websocket
from tests.conftest import FindPeer
from tests.fakes.certificates import Authority
from tests.fakes.web_servers import QUICK, ours

POWER = "/gateway.v1.GatewayService/GetPowerStatus"
HEALTH = "/grpc.health.v1.Health/"
STRANGER = "https://stranger.example"
FRIEND = "https://friend.example"


class Gateway(GatewayService):
    """Knows one server; what else it is asked makes it fail."""

    async def get_power_status(self, request: pb.PowerStatusRequest, ctx: Any) -> pb.PowerStatusResponse:
        if request.server_id == "unknown":
            raise CallError(5, "there is no such server")
        if request.server_id == "broken":
            raise ZeroDivisionError("password=hunter2")
        await trio.sleep(float(request.server_id.partition("slow")[2] or 0))
        return pb.PowerStatusResponse()

    async def get_bmc_info(self, request: pb.GetBMCInfoRequest, ctx: Any) -> pb.GetBMCInfoResponse:
        raise ConnectError(Code.UNAVAILABLE, "the BMC does not answer")


def create_rest(has_begun: trio.Event, released: trio.Event) -> QuartTrio:
    rest = QuartTrio(__name__, static_folder=None)

    @rest.get("/items/<name>")
    async def item(name: str) -> dict[str, Any]:
        return {
            "name": name,
            "client": request.scope["client"][0],  # type: ignore[index]
            "scheme": request.scheme,
        }

    @rest.post("/items")
    async def add() -> dict[str, Any]:
        return {"bytes": len(await request.get_data())}

    @rest.get("/slow")
    async def slow() -> str:
        has_begun.set()
        await trio.sleep(0.3)
        return "done"

    @rest.get("/held")
    async def held() -> str:
        await released.wait()
        return "done"

    @rest.websocket("/echo")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())

    answer_failures(rest)
    return rest


@dataclass
class Served:
    """A front that runs."""

    bound: Bound
    leaving: trio.Event
    metrics: WebMetrics
    has_begun: trio.Event
    released: trio.Event
    leave: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        return self.bound.urls[0]

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.bound.port}"


@asynccontextmanager
async def served(
    *, limits: Limits = QUICK, binding: Binding | None = None, failing: bool = False, **settings: Any
) -> AsyncIterator[Served]:
    async def database() -> None:
        if failing:
            raise TransportError("the database does not answer")

    metrics = WebMetrics("gateway", [GatewayService.desc()])
    leaving, has_begun, released = trio.Event(), trio.Event(), trio.Event()
    app = front(
        metrics,
        create_rest(has_begun, released),
        [GatewayServiceASGIApplication(Gateway(), interceptors=[metrics, Errors()])],
        [GatewayService.desc()],
        checks=Checks({"database": database}, leaving=leaving),
        origins=lambda: [FRIEND],
        settings=WebSettings(limits=limits, **settings),
    )
    leave = trio.Event()
    async with ours(app, limits=limits, binding=binding or Binding(), leave=leave) as bound:
        yield Served(bound, leaving, metrics, has_begun, released, leave)


@pytest.fixture
async def front_end() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


@pytest.fixture
async def http(front_end: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=front_end.url, trust_env=False) as client:
        yield client


async def in_thread(call: Callable[..., Any], *args: Any) -> Any:
    return await trio.to_thread.run_sync(partial(call, *args), abandon_on_cancel=True)


def call(target: str, method: str, body: bytes = b"", timeout: float = 5) -> tuple[str, str]:
    """The status and its text."""
    with grpc.insecure_channel(target) as channel:
        try:
            channel.unary_unary(method)(body, timeout=timeout)
        except grpc.RpcError as error:
            return error.code().name, error.details()
    return "OK", ""


# --- the three kinds of clients on one port ---------------------------------------------------------------------------


@pytest.mark.parametrize("http2", [False, True])
async def test_one_port_speaks_rest_in_both_versions_of_http(front_end: Served, http2: bool) -> None:
    async with httpx.AsyncClient(http1=not http2, http2=http2, trust_env=False) as client:
        for url in front_end.bound.urls:
            response = await client.post(f"{url}/items", content=b"x" * 300_000)
            assert response.json() == {"bytes": 300_000}
            assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


async def test_the_port_is_the_same_on_every_address(front_end: Served) -> None:
    assert front_end.bound.addresses == (("127.0.0.1", front_end.bound.port), ("::1", front_end.bound.port))


@pytest.mark.interop
@pytest.mark.parametrize("protocol", ["grpc", "grpcweb", "connect"])
async def test_buf_curl_calls_by_each_protocol_with_reflection_alone(
    front_end: Served, peer: FindPeer, protocol: str
) -> None:
    for url in front_end.bound.urls:
        done = await trio.run_process(
            [buf(peer), "curl", "--http2-prior-knowledge", "--protocol", protocol, url + POWER, "-d", "{}"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert (done.returncode, json.loads(done.stdout or b"null")) == (0, {}), done.stderr


def buf(peer: FindPeer) -> str:

    beside = Path(sys.executable).with_name("buf")
    return str(beside) if beside.exists() else str(peer("buf"))


async def test_grpc_over_tls_and_alpn(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("web")
    binding = Binding(certificate=files.certificate, key=files.key)
    async with served(binding=binding) as running:

        def secure() -> bytes:
            credentials = grpc.ssl_channel_credentials(files.ca.read_bytes())
            with grpc.secure_channel(f"localhost:{running.bound.port}", credentials) as channel:
                return bytes(channel.unary_unary(POWER)(b"", timeout=5))

        assert await in_thread(secure) == b""

        context = ssl.create_default_context(cafile=str(files.ca))
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            response = await client.get(f"https://localhost:{running.bound.port}/items/a")
        assert response.json()["scheme"] == "https"
        assert "max-age" in response.headers["strict-transport-security"]
        running.bound.reload_certificate()


@pytest.mark.interop
async def test_a_websocket_echoes(front_end: Served) -> None:
    async with open_websocket_url(front_end.url.replace("http", "ws") + "/echo") as socket:
        await socket.send_message(b"hello")
        assert await socket.get_message() == b"hello"


async def test_a_websocket_ends_when_a_message_is_too_big(front_end: Served) -> None:
    client = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    async with await trio.open_tcp_stream("127.0.0.1", front_end.bound.port) as stream:
        await stream.send_all(client.send(events.Request(host="test", target="/echo")))
        got: list[events.Event] = []
        with trio.fail_after(5):
            while not any(isinstance(each, events.AcceptConnection) for each in got):
                client.receive_data(await stream.receive_some())
                got += client.events()
            for _ in range(2):
                half = events.BytesMessage(b"x" * (Limits().websocket_message * 2 // 3), message_finished=False)
                await stream.send_all(client.send(half))
            while not isinstance(got[-1], events.CloseConnection):
                client.receive_data(await stream.receive_some())
                got += client.events()
    assert got[-1].code == 1009


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "status", "text"),
    [("any", "OK", ""), ("unknown", "NOT_FOUND", "there is no such server"), ("slow9", "DEADLINE_EXCEEDED", "")],
)
async def test_grpc_clients_learn_the_code(front_end: Served, server: str, status: str, text: str) -> None:
    body = pb.PowerStatusRequest(server_id=server).to_binary()
    got = await in_thread(call, front_end.target, POWER, body, 0.3 if "slow" in server else 5)
    assert got[0] == status
    assert text in got[1]


async def test_an_unexpected_exception_is_an_incident_and_keeps_its_secrets(
    front_end: Served, http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await http.post(POWER, json={"serverId": "broken"})
    assert response.status_code == 500
    answer = response.json()
    assert answer["code"] == "internal"
    incident = answer["message"].rpartition(" ")[2]
    assert "Traceback" not in response.text
    assert "ZeroDivision" not in response.text
    log = capsys.readouterr().out
    assert incident in log
    assert "ZeroDivisionError" in log
    assert "hunter2" not in log


async def test_rest_failures_are_problem_documents(http: httpx.AsyncClient) -> None:
    response = await http.get("/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 404


# --- health and reflection --------------------------------------------------------------------------------------------


async def test_alive_and_ready(http: httpx.AsyncClient, front_end: Served) -> None:
    assert (await http.get("/health")).json() == {"status": "alive"}
    ready = await http.get("/ready")
    assert ready.status_code == 200
    assert [each["name"] for each in ready.json()["checks"]] == ["database"]
    assert (await in_thread(call, front_end.target, HEALTH + "Check"))[0] == "OK"


async def test_a_failing_check_makes_it_not_ready_and_says_which() -> None:
    async with served(failing=True) as running, httpx.AsyncClient(trust_env=False) as client:
        ready = await client.get(running.url + "/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"][0] == {
            "name": "database",
            "ok": False,
            "text": "the database does not answer",
            "seconds": pytest.approx(0, abs=1),
        }
        assert (await client.get(running.url + "/health")).status_code == 200


async def test_grpc_health_knows_our_services_and_no_others(front_end: Served) -> None:
    def check(service: bytes) -> tuple[str, str]:
        return call(front_end.target, HEALTH + "Check", bytes([10, len(service)]) + service)

    assert (await in_thread(check, b"gateway.v1.GatewayService"))[0] == "OK"
    assert (await in_thread(check, b"other.Service"))[0] == "NOT_FOUND"


async def test_grpc_health_watch_sees_that_we_leave(front_end: Served) -> None:
    seen: list[bytes] = []

    def watch() -> None:
        with grpc.insecure_channel(front_end.target) as channel:
            for status in channel.unary_stream(HEALTH + "Watch")(b"", timeout=10):
                seen.append(status)
                trio.from_thread.run_sync(front_end.leaving.set)

    await in_thread(watch)
    assert seen == [b"\x08\x01", b"\x08\x02"]


async def test_reflection_lists_what_we_have(front_end: Served) -> None:
    def services() -> set[str]:
        with grpc.insecure_channel(front_end.target) as channel:
            return set(ProtoReflectionDescriptorDatabase(channel).get_services())

    assert {"gateway.v1.GatewayService", "grpc.health.v1.Health"} <= await in_thread(services)


# --- metrics ----------------------------------------------------------------------------------------------------------


async def test_metrics_count_by_route_and_code(front_end: Served, http: httpx.AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await http.get(f"/items/{name}")
    for index in range(3):
        await http.get(f"/no/such/path/{index}")
    await http.post(POWER, json={"serverId": "unknown"})
    text = (await http.get("/metrics")).text
    assert 'gateway_http_requests_total{endpoint="/items/<name>",method="GET",status_code="200"} 3.0' in text
    assert 'gateway_http_requests_total{endpoint="other",method="GET",status_code="404"} 3.0' in text
    call = 'method="GetPowerStatus",service="gateway.v1.GatewayService",status="not_found"'
    assert f"gateway_rpc_calls_total{{{call}}} 1.0" in text
    assert "such" not in text


async def test_metrics_are_for_their_readers_alone() -> None:
    async with served(metrics_readers=("192.0.2.0/24",)) as running, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(running.url + "/metrics")).status_code == 403


# --- who a client is, and how much it may -----------------------------------------------------------------------------

FORWARDED = {"X-Forwarded-For": "203.0.113.7, 198.51.100.9", "X-Forwarded-Proto": "https"}


async def test_nobody_believes_a_client_about_itself(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/items/a", headers=FORWARDED)).json()
    assert (answer["client"], answer["scheme"]) == ("127.0.0.1", "http")


async def test_a_trusted_proxy_names_the_client_and_the_scheme() -> None:
    async with served(trusted_proxies=("127.0.0.0/8",)) as running, httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(running.url + "/items/a", headers=FORWARDED)
    assert response.json()["client"] == "198.51.100.9"
    assert response.json()["scheme"] == "https"


async def test_one_client_has_so_many_requests_at_a_time() -> None:
    limits = Limits(grace=0.2, requests_per_client=2)
    async with served(limits=limits) as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        statuses: list[int] = []

        async def get() -> None:
            statuses.append((await client.get("/held")).status_code)
            if statuses == [429, 429]:
                running.released.set()

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(get)
    assert statuses == [429, 429, 200, 200]


async def test_one_client_has_so_many_connections() -> None:
    async with served(limits=Limits(grace=0.2, connections_per_client=2)) as running:
        streams = [await trio.open_tcp_stream("127.0.0.1", running.bound.port) for _ in range(3)]
        with trio.fail_after(20):
            assert await streams[2].receive_some() == b""
        for each in streams:
            await each.aclose()


async def raw(port: int, sent: bytes) -> bytes:
    """What the server answers until it closes."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(sent)
        received = b""
        with trio.fail_after(5):
            while data := await stream.receive_some():
                received += data
        return received


async def test_a_body_beyond_the_limit_is_refused(front_end: Served) -> None:
    head = b"POST /items HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (Limits().body + 1)
    assert (await raw(front_end.bound.port, head + b"x" * 100_000)).startswith(b"HTTP/1.1 413")


async def test_a_head_beyond_the_limit_is_refused(front_end: Served) -> None:
    answer = await raw(front_end.bound.port, b"GET / HTTP/1.1\r\nHost: a\r\nLong: " + b"x" * 40_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431")


async def test_a_slow_head_ends_the_connection() -> None:
    async with served(limits=Limits(grace=0.2, handshake=0.1)) as running:
        assert await raw(running.bound.port, b"GET / HTTP/1.1\r\nHo") == b""


async def test_a_slow_body_is_refused() -> None:
    async with served(limits=Limits(grace=0.2, slow_body=0.1)) as running:
        head = b"POST /items HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9\r\n\r\nx"
        assert (await raw(running.bound.port, head)).startswith(b"HTTP/1.1 408")


# --- browsers ---------------------------------------------------------------------------------------------------------


async def test_pages_of_configured_sites_may_call_and_of_others_not(http: httpx.AsyncClient) -> None:
    for origin, allowed in ((FRIEND, FRIEND), (STRANGER, None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for response in (await http.options(POWER, headers=asked), await http.get("/items/a", headers=asked)):
            assert response.headers.get("access-control-allow-origin") == allowed


async def test_websockets_of_other_sites_are_refused(front_end: Served) -> None:
    head = (
        f"GET /echo HTTP/1.1\r\nHost: a\r\nOrigin: {STRANGER}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await raw(front_end.bound.port, head.encode())).startswith(b"HTTP/1.1 403")


async def test_every_answer_has_the_headers_that_keep_browsers_strict(http: httpx.AsyncClient) -> None:
    for path in ("/health", "/items/a", "/nothing"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "strict-transport-security" not in headers


# --- leaving ----------------------------------------------------------------------------------------------------------


async def leaves_during(running: Served, path: str, http2: bool) -> httpx.Response:
    async with httpx.AsyncClient(http1=not http2, http2=http2, base_url=running.url, trust_env=False) as client:
        answers: list[httpx.Response] = []

        async def get() -> None:
            answers.append(await client.get(path))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(get)
            await running.has_begun.wait()
            running.leave.set()
        return answers[0]


@pytest.mark.parametrize("http2", [False, True])
async def test_a_server_that_leaves_lets_requests_end_and_nobody_new_in(http2: bool) -> None:
    async with served(limits=Limits(grace=5)) as running:
        assert (await leaves_during(running, "/slow", http2)).text == "done"
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream("127.0.0.1", running.bound.port)


async def test_a_server_that_leaves_waits_no_longer_than_its_grace() -> None:
    async with served(limits=Limits(grace=0.1)) as running:
        assert (await leaves_during(running, "/slow", http2=False)).status_code == 500


async def test_an_application_has_time_for_what_a_client_sent_before_it_left() -> None:
    heard: list[Any] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await trio.sleep(0.05)
            heard.append(message["bytes"])
        heard.append(message["type"])

    async with ours(slow) as bound:
        async with open_websocket(f"ws{bound.urls[0].removeprefix('http')}/") as client:
            for number in range(6):
                await client.send(bytes((number,)))
        with trio.fail_after(10):
            while len(heard) < 7:  # noqa: ASYNC110  # the application is a task of the server's
                await trio.sleep(0.01)
    assert heard == [*(bytes((number,)) for number in range(6)), "websocket.disconnect"]
