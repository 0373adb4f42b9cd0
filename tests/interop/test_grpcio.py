"""Google's gRPC for Python at the Manager and the Gateway: calls, failures, and the serial console as a stream."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.gateway.v1.gateway_pb import ConsoleDataChunk, PowerState
from conduit.services.api.manager.v1 import manager_pb
from tests.interop.grpc_client import GATEWAY, MANAGER, Client, log_in, open_client, server_token
from tests.whole_path import ACME, GLOBEX, STAFF, WholePath

pytestmark = pytest.mark.interop
MANY = 2_500
PATIENCE = 20.0  # seconds
ATTACHED, ENDED = 0x40, 0x49  # docs/protocol/console.md
ATTACH, PING = 0x00, 0x08


@pytest.fixture
def manager(path: WholePath) -> Iterator[Client]:
    with open_client(path.manager_address, MANAGER) as client:
        yield client


@pytest.fixture
def gateway(path: WholePath) -> Iterator[Client]:
    with open_client(path.gateway_address, GATEWAY) as client:
        yield client


def status(client: Client, server_id: str, token: str, **options: Any) -> gateway_pb.PowerStatusResponse:
    request = gateway_pb.PowerStatusRequest(server_id=server_id)
    return client.call("GetPowerStatus", request, gateway_pb.PowerStatusResponse, token=token, **options)


# --- calls ---


@pytest.mark.parametrize(
    ("email", "servers"),
    [
        (ACME, {"web-01", "web-02", "db-01", "legacy-01"}),
        (GLOBEX, {"build-01"}),
        (STAFF, {"web-01", "web-02", "db-01", "legacy-01", "build-01", "spare-01"}),
    ],
)
def test_each_customer_lists_their_own_servers(path: WholePath, manager: Client, email: str, servers: set[str]) -> None:
    token = log_in(manager, path, email)
    answer = manager.call("ListServers", manager_pb.ListServersRequest(), manager_pb.ListServersResponse, token=token)
    assert {server.id for server in answer.servers} == servers


def test_power_is_switched_at_the_bmc_itself(path: WholePath, manager: Client, gateway: Client) -> None:
    token = server_token(manager, path, "web-01")
    for method, state in (("PowerOn", PowerState.ON), ("PowerOff", PowerState.OFF)):
        request = gateway_pb.PowerOperationRequest(server_id="web-01", wait=True, timeout_seconds=15)
        answer = gateway.call(method, request, gateway_pb.PowerOperationResponse, token=token)
        assert (answer.success, answer.state) == (True, state)
        assert path.is_on("web-01") == (state is PowerState.ON)
        assert status(gateway, "web-01", token).state is state


def test_many_calls_at_once_on_one_connection_are_all_answered(
    path: WholePath, manager: Client, gateway: Client
) -> None:
    token = server_token(manager, path, "web-01")
    method = gateway.method("HealthCheck", gateway_pb.HealthCheckResponse)
    calls = [method.future(gateway_pb.HealthCheckRequest(), timeout=50, wait_for_ready=True) for _ in range(MANY)]
    assert {call.result().status for call in calls} == {"healthy"}
    assert status(gateway, "web-01", token).state is PowerState.OFF


# --- failures ---


Failing = Callable[[WholePath, Client, Client], object]


def call_without_a_token(path: WholePath, manager: Client, gateway: Client) -> object:
    return status(gateway, "web-01", "")


def call_with_a_forged_token(path: WholePath, manager: Client, gateway: Client) -> object:
    return status(gateway, "web-01", server_token(manager, path, "web-01")[:-8] + "AAAAAAAA")


def call_with_an_access_token(path: WholePath, manager: Client, gateway: Client) -> object:
    return status(gateway, "web-01", log_in(manager, path))


def log_in_with_a_wrong_password(path: WholePath, manager: Client, gateway: Client) -> object:
    request = manager_pb.AuthenticateRequest(email=ACME, password="wrong")
    return manager.call("Authenticate", request, manager_pb.AuthenticateResponse)


def ask_for_somebody_elses_server(path: WholePath, manager: Client, gateway: Client) -> object:
    return server_token(manager, path, "web-01", GLOBEX)


def ask_for_a_session_that_is_not_there(path: WholePath, manager: Client, gateway: Client) -> object:
    request = gateway_pb.GetSOLSessionRequest(session_id="x")
    token = server_token(manager, path, "web-01")
    return gateway.call("GetSOLSession", request, gateway_pb.GetSOLSessionResponse, token=token)


def use_a_token_for_another_server(path: WholePath, manager: Client, gateway: Client) -> object:
    return status(gateway, "web-02", server_token(manager, path, "web-01"))


def ask_as_a_customer_what_is_for_staff(path: WholePath, manager: Client, gateway: Client) -> object:
    request, answer = manager_pb.GetSystemStatusRequest(), manager_pb.GetSystemStatusResponse
    return manager.call("GetSystemStatus", request, answer, token=log_in(manager, path))


def call_what_is_not_offered(path: WholePath, manager: Client, gateway: Client) -> object:
    token = server_token(manager, path, "web-01")
    return gateway.call(
        "StartVNCProxy", gateway_pb.StartVNCProxyRequest(), gateway_pb.StartVNCProxyResponse, token=token
    )


def call_what_does_not_exist(path: WholePath, manager: Client, gateway: Client) -> object:
    return gateway.call("Explode", gateway_pb.HealthCheckRequest(), gateway_pb.HealthCheckResponse)


def wait_a_millisecond(path: WholePath, manager: Client, gateway: Client) -> object:
    request = gateway_pb.ListSensorsRequest(server_id="db-01")
    token = server_token(manager, path, "db-01")
    return gateway.call("ListSensors", request, gateway_pb.ListSensorsResponse, token=token, timeout=0.001)


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        (call_without_a_token, grpc.StatusCode.UNAUTHENTICATED),
        (call_with_a_forged_token, grpc.StatusCode.UNAUTHENTICATED),
        (call_with_an_access_token, grpc.StatusCode.UNAUTHENTICATED),
        (log_in_with_a_wrong_password, grpc.StatusCode.UNAUTHENTICATED),
        (ask_for_somebody_elses_server, grpc.StatusCode.NOT_FOUND),
        (ask_for_a_session_that_is_not_there, grpc.StatusCode.NOT_FOUND),
        (use_a_token_for_another_server, grpc.StatusCode.PERMISSION_DENIED),
        (ask_as_a_customer_what_is_for_staff, grpc.StatusCode.PERMISSION_DENIED),
        (call_what_is_not_offered, grpc.StatusCode.UNIMPLEMENTED),
        (call_what_does_not_exist, grpc.StatusCode.UNIMPLEMENTED),
        (wait_a_millisecond, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_failure_has_its_code(
    path: WholePath, manager: Client, gateway: Client, failing: Failing, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        failing(path, manager, gateway)
    assert caught.value.code() is code


def test_a_power_operation_that_takes_longer_than_the_caller_waits_says_so(
    path: WholePath, manager: Client, gateway: Client
) -> None:
    """The Gateway itself is told the deadline: it gives up too, and the next call is not in anybody's way."""
    token = server_token(manager, path, "web-02")
    request = gateway_pb.PowerOperationRequest(server_id="web-02", wait=True, timeout_seconds=15)
    with pytest.raises(grpc.RpcError) as caught:
        gateway.call("PowerOn", request, gateway_pb.PowerOperationResponse, token=token, timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    answer = gateway.call("PowerOff", request, gateway_pb.PowerOperationResponse, token=token)
    assert (answer.state, path.is_on("web-02")) == (PowerState.OFF, False)


# --- the console ---


class Console:
    """A console over gRPC, as a person uses it; what is put into `keys` is typed, None ends it."""

    def __init__(self, gateway: Client, token: str, server_id: str, **handshake: Any) -> None:
        request = gateway_pb.CreateSOLSessionRequest(server_id=server_id)
        answer = gateway.call("CreateSOLSession", request, gateway_pb.CreateSOLSessionResponse, token=token)
        self.session_id = answer.session_id
        self.keys: queue.Queue[ConsoleDataChunk | None] = queue.Queue()
        first = ConsoleDataChunk(session_id=self.session_id, server_id=server_id, is_handshake=True, **handshake)
        self.keys.put(first)
        self.call = gateway.console(iter(self.keys.get, None), token=token)
        self.output = b""
        self.begins: int | None = None
        self.controls: list[dict[str, Any]] = []
        self._gateway, self._token = gateway, token

    def type(self, text: bytes) -> None:
        self.keys.put(ConsoleDataChunk(data=text))

    def control(self, **values: object) -> None:
        self.keys.put(ConsoleDataChunk(control=json.dumps(values)))

    def take(self, chunk: ConsoleDataChunk) -> None:
        if chunk.data:
            self.begins = chunk.offset if self.begins is None else self.begins
            assert chunk.offset == self.begins + len(self.output)
            self.output += chunk.data
        if chunk.control:
            self.controls.append(json.loads(chunk.control))

    def until(self, true: Callable[[], object]) -> None:
        """The call's own deadline ends it."""
        while not true():
            self.take(next(self.call))

    def until_live(self) -> None:
        self.until(lambda: any(each.get("state") == "live" for each in self.controls))
        self.until(lambda: any("writer" in each or each["type"] == 0x44 for each in self.controls))

    def until_output(self, text: bytes) -> None:
        self.until(lambda: text in self.output)

    def rest(self) -> None:
        for chunk in self.call:
            self.take(chunk)

    def viewers(self) -> int:
        request = gateway_pb.GetSOLSessionRequest(session_id=self.session_id)
        answer = self._gateway.call("GetSOLSession", request, gateway_pb.GetSOLSessionResponse, token=self._token)
        assert answer.session is not None
        return answer.session.viewers

    def until_nobody_looks(self) -> None:
        pause: queue.Queue[None] = queue.Queue()
        for _ in range(int(PATIENCE / 0.05)):
            if not self.viewers():
                return
            with pytest.raises(queue.Empty):
                pause.get(timeout=0.05)
        pytest.fail("the Gateway did not notice that the viewer left")


@pytest.fixture
def console(path: WholePath, manager: Client, gateway: Client) -> Iterator[Console]:
    opened = Console(gateway, server_token(manager, path, "web-02"), "web-02")
    yield opened
    opened.call.cancel()
    opened.keys.put(None)


def test_what_is_typed_comes_back_in_capitals(console: Console) -> None:
    console.until_live()
    assert console.controls[0]["type"] == ATTACHED
    for word in (b"first", b"second", b"third"):  # both ways are open at once
        console.type(word)
        console.until_output(word.upper())


def test_a_console_goes_on_where_the_viewer_says(
    path: WholePath, manager: Client, gateway: Client, console: Console
) -> None:
    console.until_live()
    console.type(b"before after")
    console.until_output(b"BEFORE AFTER")
    assert console.begins is not None
    start = console.begins + len(console.output) - len(b"AFTER")
    attach = json.dumps({"type": ATTACH, "epoch": console.controls[0]["epoch"], "from": start})
    again = Console(gateway, server_token(manager, path, "web-02"), "web-02", control=attach)
    again.until_output(b"AFTER")
    assert (again.begins, again.output) == (start, b"AFTER")
    again.keys.put(None)
    again.rest()


@pytest.mark.parametrize("control", ["no JSON", '{"type": 9}', '{"type": 0, "from": "x"}'])
def test_a_handshake_that_makes_no_sense_is_refused(
    path: WholePath, manager: Client, gateway: Client, control: str
) -> None:
    console = Console(gateway, server_token(manager, path, "web-02"), "web-02", control=control)
    with pytest.raises(grpc.RpcError) as caught:
        console.rest()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    console.keys.put(None)


def test_control_messages_travel_beside_the_characters(console: Console) -> None:
    console.until_live()
    console.control(type=PING, id=7)
    console.until(lambda: any(each.get("id") == 7 for each in console.controls))


def test_a_viewer_that_half_closes_ends_its_stream_in_good_order(console: Console) -> None:
    console.until_live()
    console.keys.put(None)
    console.rest()
    assert console.call.code() is grpc.StatusCode.OK
    console.until_nobody_looks()


def test_a_viewer_that_says_close_stream_is_told_the_end(console: Console) -> None:
    console.until_live()
    console.keys.put(ConsoleDataChunk(close_stream=True))
    console.rest()
    assert console.call.code() is grpc.StatusCode.OK
    console.until_nobody_looks()


def test_a_viewer_that_cancels_leaves_nothing_behind(console: Console) -> None:
    console.until_live()
    console.call.cancel()
    with pytest.raises(grpc.RpcError) as caught:
        console.rest()
    assert caught.value.code() is grpc.StatusCode.CANCELLED
    console.until_nobody_looks()


def test_closing_the_session_tells_its_viewer_why(
    path: WholePath, manager: Client, gateway: Client, console: Console
) -> None:
    console.until_live()
    request = gateway_pb.CloseSOLSessionRequest(session_id=console.session_id)
    token = server_token(manager, path, "web-02")
    gateway.call("CloseSOLSession", request, gateway_pb.CloseSOLSessionResponse, token=token)
    console.rest()
    assert (console.controls[-1]["type"], console.controls[-1]["reason"]) == (ENDED, "closed")
    assert console.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (ConsoleDataChunk(data=b"x"), grpc.StatusCode.INVALID_ARGUMENT),
        (ConsoleDataChunk(is_handshake=True, session_id="x"), grpc.StatusCode.NOT_FOUND),
        (ConsoleDataChunk(is_handshake=True, session_id="x", server_id="web-01"), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_a_stream_that_does_not_begin_with_its_session_is_refused(
    path: WholePath, manager: Client, gateway: Client, chunk: ConsoleDataChunk, code: grpc.StatusCode
) -> None:
    call = gateway.console([chunk], token=server_token(manager, path, "web-02"))
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() is code


@pytest.mark.parametrize("text", ["no JSON", "{}", '{"type": 1}', '{"type": 999}', "[" * 60_000])
def test_a_control_text_that_makes_no_sense_ends_the_stream_with_words(console: Console, text: str) -> None:
    console.until_live()
    console.keys.put(ConsoleDataChunk(control=text))
    with pytest.raises(grpc.RpcError) as caught:
        console.rest()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_stream_without_a_token_is_refused(gateway: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(gateway.console([ConsoleDataChunk(is_handshake=True)], token=""))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
