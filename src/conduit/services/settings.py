"""Settings of the services: frozen classes, filled from TOML and the environment, once, at the start."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin, get_type_hints

import cattrs

from conduit.errors import LocalProtocolError
from conduit.services.secret import Secret

_Settings = TypeVar("_Settings")
PREFIX: Final = "CONDUIT_"


def load(kind: type[_Settings], path: Path | None, section: str, environment: Mapping[str, str]) -> _Settings:
    """Settings from a file and the environment; the environment wins. A list is written there with commas.

    :param section: of the environment's names: ``CONDUIT_<SECTION>_<SETTING>``.
    :raises LocalProtocolError: with the name of what is wrong.
    """
    values = {} if path is None else read_toml(path)
    prefix = f"{PREFIX}{section.upper()}_"
    names = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    lists = {name for name, hint in get_type_hints(kind).items() if get_origin(hint) in (tuple, Sequence)}
    split = {name: value.split(",") if name in lists else value for name, value in names.items()}
    return structure({**values, **split}, kind, where=str(path or "the environment"))


def read_toml(path: Path) -> dict[str, Any]:
    """:raises LocalProtocolError: it cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise LocalProtocolError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise LocalProtocolError(f"{path} is no TOML: {error}") from error


def structure(values: Mapping[str, Any], kind: type[_Settings], *, where: str) -> _Settings:
    """*values* as a class; unknown names are refused.

    :raises LocalProtocolError: with the name of what is wrong.
    """
    try:
        return _CONVERTER.structure(values, kind)
    except (cattrs.BaseValidationError, cattrs.ForbiddenExtraKeysError, LocalProtocolError, ValueError) as error:
        faults = cattrs.transform_error(error, path="", format_exception=_in_words)
        raise LocalProtocolError(f"{where}: {'; '.join(map(_with_place, faults))}") from error


def read_secret(*, file: Path | None = None, environment: str | None = None, what: str) -> Secret:
    """A secret that settings point to.

    :param what: it is for; said when it is missing.
    :raises LocalProtocolError: it is missing, or others can read it.
    """
    if environment is not None:
        value = os.environ.get(environment)
        if value is None:
            raise LocalProtocolError(f"{what}: the environment has no {environment}")
        return Secret(value)
    if file is None:
        raise LocalProtocolError(f"{what}: name a file or an environment variable that has it")
    try:
        if file.stat().st_mode & 0o077:
            raise LocalProtocolError(f"{what}: {file} can be read by others: chmod 600 {file}")
        return Secret(file.read_text().rstrip("\n"))
    except OSError as error:
        raise LocalProtocolError(f"{what}: cannot read {file}: {error.strerror}") from error


def _with_place(fault: str) -> str:
    """Where, then what: ``port: invalid value``; what is missing or unknown says its name itself."""
    words, _, place = fault.partition(" @ ")
    return words if not place or words.startswith(("missing: ", "unknown: ")) else f"{place.lstrip('.')}: {words}"


def _in_words(error: BaseException, kind: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown: {', '.join(sorted(error.extra_fields))}"
    if isinstance(error, KeyError):
        return f"missing: {error.args[0]}"
    return str(error) or type(error).__name__


def _to_path(value: Any, _: type) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("not the name of a file")
    return Path(value)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Path, _to_path)
    converter.register_structure_hook(Secret, lambda value, _: Secret(str(value)))
    return converter


_CONVERTER: Final = _make_converter()
