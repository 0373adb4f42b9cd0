from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import cattrs
import pytest
import trio
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from conduit.errors import (
    AuthenticationError,
    CallError,
    ConduitError,
    DrainingError,
    LocalProtocolError,
    PeerTimeoutError,
    SessionLostError,
    TunnelRefused,
)
from conduit.services.web.errors import STATUSES, Errors, problem, rpc_error, without_secrets
from conduit.tunnel.call_frames import Code as CallCode


@dataclass
class Wanted:
    count: int


def invalid() -> Exception:
    try:
        cattrs.Converter().structure({"count": "many"}, Wanted)
    except cattrs.BaseValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (CallError(CallCode.NOT_FOUND, "no such server"), Code.NOT_FOUND, 404),
        (CallError(CallCode.CANCELLED, "left"), Code.CANCELED, 408),
        (CallError(99, "from the future"), Code.UNKNOWN, 500),
        (ConnectError(Code.ABORTED, "again"), Code.ABORTED, 409),
        (LocalProtocolError("out of range"), Code.INVALID_ARGUMENT, 400),
        (AuthenticationError("wrong"), Code.FAILED_PRECONDITION, 409),
        (TunnelRefused("revoked"), Code.PERMISSION_DENIED, 403),
        (PeerTimeoutError("silence"), Code.UNAVAILABLE, 503),
        (DrainingError("leaving"), Code.UNAVAILABLE, 503),
        (SessionLostError("lost"), Code.ABORTED, 409),
        (trio.TooSlowError(), Code.DEADLINE_EXCEEDED, 504),
        (TimeoutError(), Code.DEADLINE_EXCEEDED, 504),
        (invalid(), Code.INVALID_ARGUMENT, 400),
        (ExceptionGroup("of a nursery", [PeerTimeoutError("silence")]), Code.UNAVAILABLE, 503),
        (ConduitError("not in the table"), Code.INTERNAL, 500),
        (OSError("disk"), Code.INTERNAL, 500),
        (ZeroDivisionError(), Code.INTERNAL, 500),
    ],
)
def test_rpc_and_rest_say_the_same(error: BaseException, code: Code, status: int) -> None:
    assert rpc_error(error).code is code
    got, body = problem(error)
    assert got == status
    assert json.loads(body)["code"] == code.value


def test_every_code_has_a_status() -> None:
    assert set(STATUSES) == set(Code)


def test_what_is_expected_is_said_and_what_is_not_is_an_incident() -> None:
    assert rpc_error(CallError(CallCode.NOT_FOUND, "no such server")).message == "no such server"
    assert rpc_error(trio.TooSlowError()).message == "it took too long"
    assert "count" in rpc_error(invalid()).message
    assert rpc_error(ValueError("s3cret")).message.startswith("something went wrong here; it is incident ")


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln",
        "password='hunter2'",
        "Authorization: Basic aHVudGVyMg==",
        "Bearer abc.def",
        "postgresql://conduit:hunter2@db/conduit",
        "0123456789abcdef0123456789abcdef01234567",
        "ticket=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_not_logged(secret: str) -> None:
    kept = without_secrets(f"it failed at {secret} in the end")
    assert "..." in kept
    for part in ("hunter2", "aHVudGVyMg", "eyJ", "abc.def", "0123456789abcdef"):
        assert part not in kept
    assert "it failed at" in kept


class Context:
    class method:  # noqa: N801  # as connectrpc has it
        service_name = "test.Service"
        name = "Method"


async def failing(*_: Any) -> Any:
    raise CallError(CallCode.NOT_FOUND, "no such server")


async def failing_stream(*_: Any) -> AsyncIterator[int]:
    yield 1
    raise CallError(CallCode.NOT_FOUND, "no such server")


@pytest.mark.parametrize("kind", ["unary", "client_stream"])
async def test_failures_of_methods_with_one_answer_are_translated(kind: str) -> None:
    intercept: Any = getattr(Errors(), f"intercept_{kind}")
    with pytest.raises(ConnectError, match="no such server"):
        await intercept(failing, None, Context())


@pytest.mark.parametrize("kind", ["server_stream", "bidi_stream"])
async def test_failures_of_methods_with_many_answers_are_translated(kind: str) -> None:
    intercept: Any = getattr(Errors(), f"intercept_{kind}")
    answers = intercept(failing_stream, None, Context())
    assert await anext(answers) == 1
    with pytest.raises(ConnectError, match="no such server"):
        await anext(answers)
