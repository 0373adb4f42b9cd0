"""Google's gRPC for Python, with our messages: what a client without generated code does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from protobuf import Message

from conduit.services.api.gateway.v1 import gateway_pb
from conduit.services.api.manager.v1 import manager_pb
from tests.whole_path import ACME, WholePath

MANAGER = "manager.v1.BMCManagerService"
GATEWAY = "gateway.v1.GatewayService"
TIMEOUT = 20.0  # seconds
Answer = TypeVar("Answer", bound=Message[Any])
Metadata = list[tuple[str, str]]


def bearer(token: str) -> Metadata:
    return [("authorization", f"Bearer {token}")] if token else []


def to_binary(message: Message[Any]) -> bytes:
    return message.to_binary()


class Client:
    """A channel; methods are called by their name."""

    def __init__(self, channel: grpc.Channel, service: str) -> None:
        self.channel = channel
        self._service = service

    def method(self, name: str, answer: type[Answer]) -> Any:
        return self.channel.unary_unary(
            f"/{self._service}/{name}", request_serializer=to_binary, response_deserializer=answer.from_binary
        )

    def call(
        self, name: str, request: Message[Any], answer: type[Answer], *, token: str = "", timeout: float = TIMEOUT
    ) -> Answer:
        found: Answer = self.method(name, answer)(request, metadata=bearer(token), timeout=timeout)
        return found

    def console(self, chunks: Iterable[gateway_pb.ConsoleDataChunk], *, token: str) -> Any:
        """The call, which is an iterator of chunks."""
        chunk = gateway_pb.ConsoleDataChunk
        stream = self.channel.stream_stream(
            f"/{self._service}/StreamConsoleData",
            request_serializer=to_binary,
            response_deserializer=chunk.from_binary,
        )
        return stream(iter(chunks), metadata=bearer(token), timeout=TIMEOUT)

    def display(self, chunks: Iterable[gateway_pb.VNCDataChunk], *, token: str) -> Any:
        """Likewise."""
        stream = self.channel.stream_stream(
            f"/{self._service}/StreamVNCData",
            request_serializer=to_binary,
            response_deserializer=gateway_pb.VNCDataChunk.from_binary,
        )
        return stream(iter(chunks), metadata=bearer(token), timeout=TIMEOUT)


@contextmanager
def open_client(address: str, service: str) -> Iterator[Client]:
    # a channel of its own: grpcio shares connections between those with the same options
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield Client(channel, service)


def log_in(manager: Client, path: WholePath, email: str = ACME) -> str:
    request = manager_pb.AuthenticateRequest(email=email, password=path.password(email))
    return manager.call("Authenticate", request, manager_pb.AuthenticateResponse).access_token


def server_token(manager: Client, path: WholePath, server_id: str, email: str = ACME) -> str:
    request = manager_pb.GetServerTokenRequest(server_id=server_id)
    answer = manager.call(
        "GetServerToken", request, manager_pb.GetServerTokenResponse, token=log_in(manager, path, email)
    )
    assert answer.gateway_endpoint == path.gateway
    return answer.token
