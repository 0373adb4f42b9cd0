"""JSON objects with known keys as frozen dataclasses: what is there has the right kind, what is unknown is ignored."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final, Self

from conduit.errors import DecodeError

MAX_NUMBER: Final = (1 << 53) - 1  # what every JSON reader keeps exactly


def key(
    default: Any, name: str = "", *, kind: type | None = None
) -> Any:  # Any: a dataclass field stands for its value
    """A field of a JSON message.

    :param name: on the wire, where that is no name in Python.
    :param kind: of the value, where the default does not tell.
    """
    return field(default=default, metadata={"name": name, "kind": kind or type(default)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A JSON object: all fields have defaults, and those at None are left out."""

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        found = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None:
                found[one.metadata["name"] or one.name] = _plain(value)
        return found

    @classmethod
    def from_json(cls, values: object) -> Self:
        """:raises DecodeError: it is no object, or a value is not of its key's kind."""
        if not isinstance(values, dict):
            raise DecodeError("a console message without an object")
        known = {}
        for one in fields(cls):
            name = one.metadata["name"] or one.name
            value = values.get(name)
            if value is not None:
                known[one.name] = _read(name, value, one.metadata["kind"], one.default)
        return cls(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Body):
        return value.to_json()
    return [each.to_json() for each in value] if isinstance(value, tuple) else value


def _read(name: str, value: object, kind: type, default: object) -> object:
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise DecodeError(f"{name} is no list")
        return tuple(_read(name, each, kind, None) for each in value)
    if issubclass(kind, Body):
        return kind.from_json(value)
    if issubclass(kind, Enum):
        if not isinstance(value, str):
            raise DecodeError(f"{name} is no word")
        return next((member for member in kind if member.value == value), default)
    if type(value) is not kind:  # True is no number
        raise DecodeError(f"{name} is no {kind.__name__}")
    if isinstance(value, int) and not 0 <= value <= MAX_NUMBER:
        raise DecodeError(f"{name} is out of range")
    if isinstance(value, str) and not _is_text(value):
        raise DecodeError(f"{name} is no text")
    return value


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def parse(body: bytes) -> object:
    """:raises DecodeError: it is no JSON."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of thousands of digits
        raise DecodeError("a console message that is no JSON") from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)
