"""The OpenAPI 3.1 document of a service's REST routes, made from the same tables and descriptors that answer them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from protobuf import DescEnum, DescField, DescMessage

from conduit import __version__
from conduit.services.web.rest import RestService, Route

FAILURES: Final[Mapping[int, str]] = {
    400: "The request makes no sense; the detail says what of it.",
    401: "There is no token, or it is worth nothing (any more).",
    403: "The token does not allow this.",
    404: "There is no such thing, or it is not yours.",
    408: "The caller did not wait.",
    409: "The thing is not in the state for this.",
    413: "The body is too long.",
    429: "Too much at once, or too many.",
    500: "Something went wrong here; the detail has the number of the incident.",
    501: "This is not offered.",
    503: "What this needs does not answer now; try again.",
    504: "It took too long.",
}
_PLACE: Final = re.compile(r"\{(\w+)\}")
_NUMBERS: Final = frozenset({"INT32", "UINT32", "SINT32", "FIXED32", "SFIXED32"})
_LONG: Final = frozenset({"INT64", "UINT64", "SINT64", "FIXED64", "SFIXED64"})
_LEAST: Final = {"INT32": -(1 << 31), "SINT32": -(1 << 31), "SFIXED32": -(1 << 31)}
_MOST: Final = {"UINT32": (1 << 32) - 1, "FIXED32": (1 << 32) - 1}


def document(title: str, services: Iterable[RestService], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All of it.

    :param extra: paths besides the tables'.
    """
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {path: dict(item) for path, item in (extra or {}).items()}
    for service in services:
        for route in service.routes:
            paths.setdefault(route.path, {})[route.verb.lower()] = _operation(service, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "What the RPC would say."},
    },
}


def failures() -> dict[str, Any]:
    """Every answer but the good one."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": words, "content": content} for status, words in FAILURES.items()}


def _operation(service: RestService, route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    method = service.method(route.method)
    places = _PLACE.findall(route.path)
    inner = [each for each in method.input.fields if each.name not in places]
    operation: dict[str, Any] = {
        "operationId": f"{route.method}_{route.verb.lower()}" if route.choices else route.method,
        "summary": route.summary,
        "tags": [service.desc.name],
        "parameters": [_place(name) for name in places],
        "responses": {"200": _good(method.output, schemas), **failures()},
        "security": [] if route.public else [{"bearer": []}],
    }
    if route.verb in ("GET", "DELETE"):
        operation["parameters"] += [_query(each, schemas) for each in inner]
    elif inner or route.choices:
        operation["requestBody"] = _body(inner, list(route.choices), schemas)
    return operation


def _good(message: DescMessage, schemas: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Done.", "content": {"application/json": {"schema": _reference(message, schemas)}}}


def _place(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(described: DescField, schemas: dict[str, Any]) -> dict[str, Any]:
    return {"name": described.name, "in": "query", "schema": _field(described, schemas)}


def _body(fields: Sequence[DescField], actions: list[str], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _object(fields, schemas)
    if actions:
        schema["properties"]["action"] = {"type": "string", "enum": actions}
        schema["required"] = ["action"]
    return {"required": bool(actions), "content": {"application/json": {"schema": schema}}}


def _reference(message: DescMessage, schemas: dict[str, Any]) -> dict[str, Any]:
    if message.type_name == "google.protobuf.Timestamp":
        return {"type": "string", "format": "date-time"}
    name = message.type_name.replace(".", "_")
    if name not in schemas:
        schemas[name] = {}  # messages may hold themselves
        schemas[name] = _object(message.fields, schemas)
    return {"$ref": f"#/components/schemas/{name}"}


def _object(fields: Sequence[DescField], schemas: dict[str, Any]) -> dict[str, Any]:
    properties = {each.name: _field(each, schemas) for each in fields}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _field(described: DescField, schemas: dict[str, Any]) -> dict[str, Any]:
    value = described.value
    match type(value).__name__:
        case "DescFieldValueList":
            return {"type": "array", "items": _element(value.element, schemas)}  # type: ignore[union-attr]
        case "DescFieldValueMap":
            return {"type": "object", "additionalProperties": _element(value.value, schemas)}  # type: ignore[union-attr]
    inner = getattr(value, "message", None) or getattr(value, "enum", None) or getattr(value, "scalar", None)
    return _element(inner, schemas)


def _element(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:  # Any: a descriptor or a scalar type
    if isinstance(kind, DescMessage):
        return _reference(kind, schemas)
    if isinstance(kind, DescEnum):
        return {"type": "string", "enum": [each.name for each in kind.values]}
    name: str = kind.name
    if name in _NUMBERS:
        return {"type": "integer", "minimum": _LEAST.get(name, 0), "maximum": _MOST.get(name, (1 << 31) - 1)}
    if name in _LONG:
        return {"type": "string", "pattern": r"^-?[0-9]{1,19}$"}
    words = {"BOOL": "boolean", "STRING": "string", "BYTES": "string"}
    return {"type": words.get(name, "number")}
