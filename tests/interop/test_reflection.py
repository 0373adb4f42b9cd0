"""Clients that ask the server itself what it offers: grpcio's reflection client, and `buf curl`; and gRPC's health."""

from __future__ import annotations

import json
import subprocess

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from conduit.services.api.grpc.health.v1.health_pb import HealthCheckRequest, HealthCheckResponse
from tests.interop.descriptors import BUF
from tests.interop.grpc_client import open_client
from tests.whole_path import ACME, WholePath

pytestmark = pytest.mark.interop
OF_MANAGER = {"manager.v1.BMCManagerService", "manager.v1.AdminService", "grpc.health.v1.Health"}
OF_GATEWAY = {"gateway.v1.GatewayService", "grpc.health.v1.Health"}


def test_grpcios_reflection_client_lists_and_describes_the_services(path: WholePath) -> None:
    for address, expected in ((path.manager_address, OF_MANAGER), (path.gateway_address, OF_GATEWAY)):
        with grpc.insecure_channel(address) as channel:
            assert expected <= set(ProtoReflectionDescriptorDatabase(channel).get_services())


def test_grpcio_calls_with_nothing_but_what_reflection_says(path: WholePath) -> None:
    with grpc.insecure_channel(path.manager_address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("manager.v1.BMCManagerService").FindMethodByName("Authenticate")
        request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = channel.unary_unary(
            "/manager.v1.BMCManagerService/Authenticate",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        assert call(request(email=ACME, password=path.password(ACME)), timeout=20).customer.email == ACME


def curl(*words: str, data: object = None, code: int = 0) -> str:
    command = [str(BUF), "curl", "--http2-prior-knowledge", *words]
    text = json.dumps(data) if data is not None else None
    if text is not None:
        command += ["--data", "@-"]  # there may be secrets in it, and everybody sees a program's words
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert bool(done.returncode) == bool(code), done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("reflection", ["grpc-v1", "grpc-v1alpha"])
def test_buf_curl_lists_the_services(path: WholePath, reflection: str) -> None:
    for url, expected in ((path.manager, OF_MANAGER), (path.gateway, OF_GATEWAY)):
        assert expected <= set(curl("--reflect-protocol", reflection, "--list-services", url).split())


@pytest.mark.parametrize("protocol", ["grpc", "grpcweb", "connect"])
def test_buf_curl_logs_in_and_is_refused_as_everybody(path: WholePath, protocol: str) -> None:
    service = f"{path.manager}/manager.v1.BMCManagerService"
    who = {"email": ACME, "password": path.password(ACME)}
    assert json.loads(curl("--protocol", protocol, f"{service}/Authenticate", data=who))["customer"]["email"] == ACME
    refused = curl("--protocol", protocol, f"{service}/ListServers", data={}, code=1)
    assert json.loads(refused)["code"] == "unauthenticated"


def test_health_is_served_where_grpc_looks_for_it(path: WholePath) -> None:
    for address, services in ((path.manager_address, OF_MANAGER), (path.gateway_address, OF_GATEWAY)):
        with open_client(address, "grpc.health.v1.Health") as client:
            for service in ("", *sorted(services - {"grpc.health.v1.Health"})):
                answer = client.call("Check", HealthCheckRequest(service=service), HealthCheckResponse)
                assert answer.status is HealthCheckResponse.ServingStatus.SERVING
            with pytest.raises(grpc.RpcError) as caught:
                client.call("Check", HealthCheckRequest(service="no.such.Service"), HealthCheckResponse)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
