"""Write the reference of the services' settings from their classes: `python -m tools.describe_settings`.

A test compares the committed page with what this writes.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"
# Heading, class, where it is written.
SECTIONS: Final = (
    ("Manager", "conduit.services.manager.run:ManagerSettings", "manager", ""),
    ("Gateway", "conduit.services.gateway.run:GatewaySettings", "gateway", ""),
    ("Agent", "conduit.services.agent.config:AgentConfig", "", ""),
    ("Agent: `[servers.ID]`", "conduit.services.agent.config:ServerConfig", "", "servers"),
    ("Agent: `[[servers.ID.control]]`", "conduit.services.agent.config:Control", "", "control"),
    ("Agent: `[servers.ID.console]`", "conduit.services.agent.config:Console", "", "console"),
    ("Agent: `[servers.ID.display]`", "conduit.services.agent.config:Display", "", "display"),
)
INTRODUCTION: Final = """\
# Settings of the services

Each service reads a TOML file (`--config`). A setting without a default must be given. Unknown names are refused, so
that a slip of the pen is found at the start. This page is made from the classes by `python -m tools.describe_settings`.
"""


def load(name: str) -> type[Any]:
    """The class that ``module:Class`` names."""
    module, _, attribute = name.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found


def field_docs(kind: type[Any]) -> Mapping[str, str]:
    """What the text after each field says, its base classes' included."""
    docs: dict[str, str] = {}
    for each in reversed([base for base in kind.__mro__ if dataclasses.is_dataclass(base)]):
        docs |= _own_field_docs(each)
    return docs


def _own_field_docs(kind: type[Any]) -> Mapping[str, str]:
    (tree,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101  # the source of a class
    docs: dict[str, str] = {}
    before = ""
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and before:
            docs[before] = str(node.value.value)
        is_field = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        before = node.target.id if is_field else ""  # type: ignore[attr-defined]  # just looked
    return docs


def rows(kind: type[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Name, kind, default and words of each setting."""
    hints, docs = typing.get_type_hints(kind), field_docs(kind)
    for field in dataclasses.fields(kind):
        yield field.name, in_words(hints[field.name]), default_of(field), docs.get(field.name, "")


def in_words(hint: Any) -> str:
    """A type for people who do not know Python."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin in (Sequence, tuple, list):
        return f"list of {in_words(arguments[0])}"
    if origin in (Mapping, dict):
        return f"table of {in_words(arguments[1])}"
    if arguments:  # an optional one
        return in_words(next(each for each in arguments if each is not type(None)))
    words = {str: "text", int: "number", bool: "`true` or `false`", Path: "path"}
    return words.get(hint, "table")


def default_of(field: dataclasses.Field[Any]) -> str:
    """What counts when nothing is said."""
    if field.default is dataclasses.MISSING:
        return "none" if field.default_factory is not dataclasses.MISSING else "**must be given**"
    if field.default is None or field.default in ("", ()):
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def page() -> str:
    """All of it."""
    parts = [INTRODUCTION]
    for heading, name, section, _ in SECTIONS:
        kind = load(name)
        parts.append(f"\n## {heading}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
        if section:
            parts.append(f"In the environment: `CONDUIT_{section.upper()}_` and the name in capitals.\n")
        parts.append("\n| setting | kind | default | |\n|---|---|---|---|\n")
        parts += [f"| `{name}` | {kind} | {default} | {words} |\n" for name, kind, default, words in rows(kind)]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
