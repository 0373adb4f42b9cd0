"""What commands report, and how it looks: text for people, JSON and YAML with stable keys for programs.

Commands build a :class:`Report`; nothing here knows a command, and no command knows a format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Value = str | int | float | bool | None | Sequence["Value"] | dict[str, "Value"]
"What JSON has."

PIPE_WIDTH: Final = 1000  # columns where there is no terminal: nothing is wrapped or cut for programs


class Format(Enum):
    """The values of ``--output``."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class Field(NamedTuple):
    """One fact."""

    key: str
    "Its name in JSON and YAML: snake_case, and stable."
    label: str
    "Its name for people."
    value: Value
    text: str | None = None
    "The value for people; None takes the value in its usual words."

    @property
    def words(self) -> str:
        """The value for people."""
        return printable(in_words(self.value) if self.text is None else self.text)


class Column(NamedTuple):
    """A column of a table."""

    key: str
    label: str
    right: bool = False
    "Numbers stand on the right."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Many things of one kind."""

    key: str
    "Name of the list in JSON and YAML."
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]

    @property
    def data(self) -> list[Value]:
        """The rows as objects."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a command found out or did."""

    summary: str
    "It in one line, which is all that is shown with many hosts."
    fields: Sequence[Field] = ()
    rows: Rows | None = None
    lines: Sequence[str] | None = None
    "What people see in place of fields and rows."
    brief: bool = False
    "To people the summary says it all."

    @property
    def data(self) -> dict[str, Value]:
        """What JSON and YAML show."""
        fields: dict[str, Value] = {field.key: field.value for field in self.fields}
        return fields if self.rows is None else {**fields, self.rows.key: self.rows.data}


def make_console(*, stderr: bool = False) -> Console:
    """A console without surprises: it changes no text, and colours only on a terminal."""
    from rich.console import Console  # here and below: a help text needs none of it, and shall not wait for it

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=PIPE_WIDTH)
    return console


def show(report: Report, output: Format, console: Console) -> None:
    """Print the report of a single host."""
    match output:
        case Format.JSON:
            console.out(to_json(report.data, indent=2))
        case Format.YAML:
            console.out(to_yaml(report.data), end="")
        case Format.TABLE:
            _show_text(report, console)


def to_json(data: Value, *, indent: int | None = None) -> str:
    """JSON that any terminal and any parser takes."""
    return json.dumps(data, indent=indent, ensure_ascii=True)


def to_yaml(data: Value) -> str:
    """YAML in the order in which we say things."""
    import yaml  # a thirtieth of a second that only --output yaml shall cost

    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=False, default_flow_style=False)
    return text


def in_words(value: Value) -> str:
    """The usual words for a value."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(in_words(item) for item in value) or "none"
    return str(value)


def printable(text: str) -> str:
    """*text* with whatever could steer a terminal escaped: names come from BMCs, and anybody may have set them."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _show_text(report: Report, console: Console) -> None:
    if report.brief or not (report.fields or report.rows):
        console.print(printable(report.summary), soft_wrap=True)
        return
    if report.lines is not None:
        console.out("\n".join(report.lines), highlight=False)
        return
    for line in field_lines(report.fields):
        console.print(line, soft_wrap=True)
    if report.rows is None:
        return
    if not report.rows.rows:
        console.print("none", soft_wrap=True)
        return
    with console.capture() as captured:
        console.print(make_table(report.rows))
    for row in captured.get().splitlines():
        console.out(row.rstrip(), highlight=False)


def field_lines(fields: Iterable[Field]) -> list[Text]:
    """``label : value``, the colons below each other."""
    from rich.text import Text

    listed = list(fields)
    width = max((len(field.label) for field in listed), default=0)
    return [Text.assemble((f"{field.label:<{width}}", "bold"), " : ", field.words) for field in listed]


def make_table(rows: Rows) -> Table:
    """A table for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in rows.columns:
        table.add_column(Text(column.label), justify="right" if column.right else "left", overflow="fold")
    for row in rows.rows:
        table.add_row(*(Text(printable(in_words(value))) for value in row))
    return table
