"""REST from the RPC services: a table says which verb and path call which method, so the two cannot disagree.

A request's JSON body, its query and the places in its path are fields of the method's request message; the answer is
the method's answer in protobuf's JSON, with the names of the .proto files. Failures are RFC 9457's problem documents.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import Headers, RequestContext
from protobuf import DescField, DescMethod, DescService, Message
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from conduit.errors import CallError
from conduit.services.web.errors import problem, problem_body
from conduit.tunnel.call_frames import Code

MAX_BODY: Final = 1 << 20  # bytes
PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
After = Callable[[Message[Any], Response], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation."""

    verb: str
    "GET, POST, PATCH, DELETE."
    path: str
    "With the fields that are in it: ``/api/v1/servers/{server_id}``."
    method: str
    "Of the service; what it does where no word chooses."
    summary: str
    choices: Mapping[str, str] = field(default_factory=dict)
    "Methods by the word that the body has under ``action``."
    public: bool = False
    "Whether it needs no bearer token."

    @property
    def rule(self) -> str:
        """The path as Quart writes it."""
        return self.path.replace("{", "<").replace("}", ">")


@dataclass(frozen=True, slots=True)
class RestService:
    """A service's object and its routes."""

    service: Any
    "With the methods, as connectrpc calls them."
    desc: DescService
    routes: Sequence[Route]

    def method(self, name: str) -> DescMethod:
        """By its name in the .proto file."""
        return next(method for method in self.desc.methods if method.name == name)


def add_routes(app: QuartTrio, service: RestService) -> None:
    """Serve the service's routes."""
    for route in service.routes:
        endpoint = f"{service.desc.name}.{route.verb}.{route.path}"
        app.add_url_rule(route.rule, endpoint, _handler(service, route), methods=[route.verb])


def answer_failures(app: QuartTrio) -> None:
    """What goes wrong outside of the methods is a problem document too."""

    async def failed(error: Exception) -> Response:
        if isinstance(error, HTTPException):
            status = error.code or 500
            return Response(problem_body(status, error.description or ""), status, content_type=PROBLEM)
        return _problem(error)

    app.register_error_handler(Exception, failed)


def _handler(service: RestService, route: Route) -> Callable[..., Awaitable[Response]]:
    async def handle(**places: str) -> Response:
        try:
            values = {**await _values(), **places}
            method = service.method(_chosen(route, values))
            answer = await perform(service, method, values)
        except Exception as error:  # noqa: BLE001  # each becomes an answer; the unexpected ones are logged
            return _problem(error)
        return json_response(answer)

    return handle


async def perform(service: RestService, method: DescMethod, values: Mapping[str, Any]) -> Message[Any]:
    """Call a method with the fields of its request.

    :raises CallError: INVALID_ARGUMENT: they do not fit; else the method's own.
    """
    message = _request_message(method, values)
    context = RequestContext[Any, Any](
        method=MethodInfo(
            name=method.name,
            service_name=service.desc.type_name,
            input=method.input.type,
            output=method.output.type,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=StreamType.UNARY,
        ),
        http_method=request.method,
        request_headers=Headers(dict(request.headers)),
        client_address=request.remote_addr,
    )
    answer: Message[Any] = await getattr(service.service, python_name(method.name))(message, context)
    return answer


def json_response(answer: Message[Any], status: int = 200) -> Response:
    """A message as protobuf's JSON, its unset fields included."""
    body = answer.to_json(use_proto_field_name=True, always_emit_implicit=True)
    return Response(body, status, content_type=JSON, headers={"Cache-Control": "no-store"})


async def _values() -> dict[str, Any]:
    """The fields in query and body."""
    values: dict[str, Any] = {name: request.args.getlist(name) for name in request.args}
    body = await request.get_data()
    if not body:
        return values
    if request.mimetype != JSON:
        raise CallError(Code.INVALID_ARGUMENT, f"the body must be {JSON}")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CallError(Code.INVALID_ARGUMENT, "the body is no JSON") from error
    if not isinstance(parsed, dict):
        raise CallError(Code.INVALID_ARGUMENT, "the body must be a JSON object")
    return {**values, **parsed}


def _chosen(route: Route, values: dict[str, Any]) -> str:
    if not route.choices:
        return route.method
    action = values.pop("action", None)
    method = route.choices.get(action) if isinstance(action, str) else None
    if method is None:
        raise CallError(Code.INVALID_ARGUMENT, f"action is one of: {', '.join(route.choices)}")
    return method


def _request_message(method: DescMethod, values: Mapping[str, Any]) -> Message[Any]:
    fields = {each.name: each for each in method.input.fields}
    unknown = sorted(values.keys() - fields.keys())
    if unknown:
        raise CallError(Code.INVALID_ARGUMENT, f"there is no {', '.join(unknown)} here")
    plain = {name: _one_or_many(fields[name], value) for name, value in values.items()}
    try:
        return method.input.type.from_json(json.dumps(plain))
    except (ValueError, TypeError, OverflowError) as error:
        raise CallError(Code.INVALID_ARGUMENT, str(error).partition(" from JSON: ")[2] or str(error)) from error


def _one_or_many(described: DescField, value: Any) -> Any:
    """A query has texts, and lists of them where one is meant; JSON's own kinds are what protobuf expects."""
    if type(described.value).__name__ != "DescFieldValueList" and isinstance(value, list) and len(value) == 1:
        value = value[0]
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) and _is_flag(described) else value


def _is_flag(described: DescField) -> bool:
    scalar = getattr(described.value, "scalar", None)
    return scalar is not None and scalar.name == "BOOL"


def _problem(error: Exception) -> Response:
    status, body = problem(error, where=f"{request.method} {request.path}")
    return Response(body, status, content_type=PROBLEM, headers={"Cache-Control": "no-store"})


def python_name(method: str) -> str:
    """``GetBMCInfo`` as connectrpc spells it: ``get_bmc_info``."""
    letters = []
    for index, letter in enumerate(method):
        before, after = method[index - 1 : index], method[index + 1 : index + 2]
        if letter.isupper() and index and (before.islower() or after.islower()):
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
