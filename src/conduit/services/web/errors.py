"""What a client learns of a failure, in one table: gRPC's and Connect's code, and REST's status (RFC 9457).

Only failures that we raise on purpose speak for themselves. Of all others a client learns the number of an incident,
and our log has the rest.
"""

from __future__ import annotations

import json
import re
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import cattrs
import structlog
import trio
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from conduit.errors import (
    AuthenticationError,
    CallError,
    CompletionCodeError,
    DecodeError,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    SessionLostError,
    SessionRefused,
    TransportError,
    TunnelRefused,
)
from conduit.tunnel.call_frames import Code as CallCode

logger = structlog.get_logger(__name__)

MAX_MESSAGE: Final = 1000  # characters of an unexpected exception's text in the log

# By exception; the nearest base counts. AuthenticationError is a BMC's or a tunnel's; clients' tokens raise CallError.
CODES: Final[Mapping[type[BaseException], Code]] = {
    AuthenticationError: Code.FAILED_PRECONDITION,
    CompletionCodeError: Code.FAILED_PRECONDITION,
    DecodeError: Code.INTERNAL,
    LocalProtocolError: Code.INVALID_ARGUMENT,
    NegotiationError: Code.FAILED_PRECONDITION,
    PeerTimeoutError: Code.UNAVAILABLE,
    SessionLostError: Code.ABORTED,
    SessionRefused: Code.UNAVAILABLE,
    TransportError: Code.UNAVAILABLE,
    TunnelRefused: Code.PERMISSION_DENIED,
    TimeoutError: Code.DEADLINE_EXCEEDED,
    trio.TooSlowError: Code.DEADLINE_EXCEEDED,
    cattrs.BaseValidationError: Code.INVALID_ARGUMENT,
}

STATUSES: Final[Mapping[Code, HTTPStatus]] = {
    Code.CANCELED: HTTPStatus.REQUEST_TIMEOUT,
    Code.UNKNOWN: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    Code.ABORTED: HTTPStatus.CONFLICT,
    Code.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DATA_LOSS: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
}

_GROUPS: Final = frozenset({ExceptionGroup, BaseExceptionGroup})
_TOO_LATE: Final = frozenset({TimeoutError, trio.TooSlowError})
_SECRETS: Final = re.compile(
    r"eyJ[\w-]+(?:\.[\w-]*)*"  # a JWT
    r"|(?i:(?:authorization[:=\s]+)?(?:bearer|basic))\s+\S+"
    r"|(?i:password|passwd|secret|token|ticket|authorization|cookie)['\"]?\s*[=:]\s*\S+"
    r"|://[^/\s@]+@"  # a user in a URL
    r"|[\w+/=-]{32,}"
)


def rpc_error(error: BaseException, *, where: str = "") -> ConnectError:
    """The failure as a client of the RPCs learns of it; an unexpected one is logged.

    :param where: what was called, for the log.
    """
    error = _lone(error)
    if isinstance(error, ConnectError):
        return error
    if isinstance(error, CallError):
        return ConnectError(_code_of(error), error.message)
    for kind in type(error).__mro__:
        if kind in CODES:
            message = "it took too long" if kind in _TOO_LATE else _in_words(error)
            return ConnectError(CODES[kind], message)
    return ConnectError(Code.INTERNAL, f"something went wrong here; it is incident {report(error, where=where)}")


def problem(error: BaseException, *, where: str = "") -> tuple[int, bytes]:
    """The status and the body, application/problem+json, for a client of the REST API; an unexpected one is logged."""
    failure = rpc_error(error, where=where)
    status = STATUSES[failure.code]
    return status, problem_body(status, failure.message, code=failure.code.value)


def problem_body(status: int, detail: str, *, code: str = "") -> bytes:
    """RFC 9457. ``code`` says the same as the RPC does."""
    members = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    return json.dumps({**members, "code": code} if code else members).encode()


def report(error: BaseException, *, where: str) -> str:
    """Log an unexpected exception, without what may be a secret in it.

    :returns: the incident's number, for the client.
    """
    error = _lone(error)
    incident = secrets.token_hex(6)
    logger.error(
        "unexpected failure",
        incident=incident,
        where=where,
        kind=type(error).__qualname__,
        text=without_secrets(str(error)[:MAX_MESSAGE]),
        frames=[f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(error.__traceback__)],
    )
    return incident


def _lone(error: BaseException) -> BaseException:
    """What a nursery's group holds, when it is one; cattrs' groups say more than what they hold."""
    while type(error) in _GROUPS and isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def without_secrets(text: str) -> str:
    """*text* without what looks like a token, a password, or a long random string."""
    return _SECRETS.sub("...", text)


def _in_words(error: BaseException) -> str:
    if isinstance(error, cattrs.BaseValidationError):
        return "; ".join(cattrs.transform_error(error, path="request")).replace("$.", "")
    return str(error)


def _code_of(error: CallError) -> Code:
    try:
        name = CallCode(error.code).name
    except ValueError:
        return Code.UNKNOWN
    return Code.CANCELED if name == "CANCELLED" else Code[name]


_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Context = RequestContext[Any, Any]


class Errors:
    """Interceptor of connectrpc: no exception of a method gets past it untranslated."""

    async def intercept_unary(
        self, call_next: Callable[[_Request, _Context], Awaitable[_Response]], request: _Request, ctx: _Context
    ) -> _Response:
        """One request, one response."""
        try:
            return await call_next(request, ctx)
        except Exception as error:
            raise _translated(error, ctx) from error

    async def intercept_client_stream(
        self,
        call_next: Callable[[AsyncIterator[_Request], _Context], Awaitable[_Response]],
        request: AsyncIterator[_Request],
        ctx: _Context,
    ) -> _Response:
        """Requests, one response."""
        try:
            return await call_next(request, ctx)
        except Exception as error:
            raise _translated(error, ctx) from error

    def intercept_server_stream(
        self, call_next: Callable[[_Request, _Context], AsyncIterator[_Response]], request: _Request, ctx: _Context
    ) -> AsyncIterator[_Response]:
        """One request, responses."""
        return _translating(call_next(request, ctx), ctx)

    def intercept_bidi_stream(
        self,
        call_next: Callable[[AsyncIterator[_Request], _Context], AsyncIterator[_Response]],
        request: AsyncIterator[_Request],
        ctx: _Context,
    ) -> AsyncIterator[_Response]:
        """Requests, responses."""
        return _translating(call_next(request, ctx), ctx)


async def _translating(responses: AsyncIterator[_Response], ctx: _Context) -> AsyncIterator[_Response]:
    try:
        async for each in responses:
            yield each
    except Exception as error:
        raise _translated(error, ctx) from error
    finally:
        close = getattr(responses, "aclose", None)
        if close is not None:
            await close()


def _translated(error: Exception, ctx: _Context) -> ConnectError:
    return rpc_error(error, where=f"{ctx.method.service_name}/{ctx.method.name}")
