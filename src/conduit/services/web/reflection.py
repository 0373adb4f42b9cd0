"""gRPC's server reflection, so that tools such as ``buf curl`` and ``grpcurl`` need no .proto files."""

from __future__ import annotations

from collections.abc import Iterable

from connectrpc_grpcreflect import (
    ServerReflectionAlphaASGIApplication,
    ServerReflectionAlphaService,
    ServerReflectionASGIApplication,
    ServerReflectionService,
)
from protobuf import DescService

from conduit.services.web.composing import Service
from conduit.services.web.errors import Errors


def reflection(described: Iterable[DescService]) -> list[Service]:
    """The two versions of the reflection service; they show these and nothing else."""
    shown = list(described)
    return [
        ServerReflectionASGIApplication(ServerReflectionService(*shown), interceptors=[Errors()]),
        ServerReflectionAlphaASGIApplication(ServerReflectionAlphaService(*shown), interceptors=[Errors()]),
    ]
