"""What commands report, and how it looks: text for people, JSON, YAML and CSV with stable keys for programs.

Commands build a :class:`Report`; nothing here knows a command, and no command knows a format.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Value = str | int | float | bool | None | Sequence["Value"] | dict[str, "Value"]
"What JSON has."

GAP: Final = 3  # columns between those of a table
FOLDED: Final = 20  # columns to which one of a table may be folded
PIPE_WIDTH: Final = 1000  # columns where there is no terminal: nothing is wrapped or cut for programs


class Format(Enum):
    """The values of ``--output``."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


class Field(NamedTuple):
    """One fact."""

    key: str
    "Its name in JSON, YAML and CSV: snake_case, and stable."
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
    folds: bool = False
    "A text of several words may be folded where the terminal is narrow; in the last column it always may."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Many things of one kind."""

    key: str
    "Name of the list in JSON and YAML."
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    styles: Sequence[str] = ()
    "Colours of the rows, for terminals; an empty one is none."

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
    table: Rows | None = None
    "What people see in place of the rows."
    lines: Sequence[str] | None = None
    "What people see in place of fields and rows."
    brief: bool = False
    "To people the summary says it all."

    @property
    def data(self) -> dict[str, Value]:
        """What JSON and YAML show."""
        fields: dict[str, Value] = {field.key: field.value for field in self.fields}
        return fields if self.rows is None else {**fields, self.rows.key: self.rows.data}

    @property
    def header(self) -> list[str]:
        """First line of the CSV: the columns or, without rows, the fields."""
        keyed: Sequence[Column] | Sequence[Field] = self.fields if self.rows is None else self.rows.columns
        return [one.key for one in keyed]

    @property
    def records(self) -> list[list[str]]:
        """The other lines: the rows, to which a spreadsheet has no place for fields, or one line of fields."""
        values = [[field.value for field in self.fields]] if self.rows is None else self.rows.rows
        return [[in_cell(value) for value in row] for row in values]


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
        case Format.CSV:
            console.out(to_csv([report.header, *report.records]), end="", highlight=False)
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


def to_csv(records: Iterable[Sequence[str]]) -> str:
    """Comma-separated values (RFC 4180), but that lines end as lines do here."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(records)
    return out.getvalue()


def in_cell(value: Value) -> str:
    """A value in CSV: nothing for what is not there, a list as words, anything deeper as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return to_json(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(in_cell(item) for item in value)
    return printable(str(value))


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
    rows = report.table or report.rows
    if rows is None:
        return
    if not rows.rows:
        console.print("none", soft_wrap=True)
        return
    console.width = max(console.width, _least_width(rows))
    with console.capture() as captured:
        console.print(make_table(rows))
    for row in captured.get().splitlines():
        console.out(row.rstrip(), highlight=False)


def field_lines(fields: Iterable[Field]) -> list[Text]:
    """``label : value``, the colons below each other."""
    from rich.text import Text

    listed = list(fields)
    width = max((len(field.label) for field in listed), default=0)
    return [Text.assemble((f"{field.label:<{width}}", "bold"), " : ", field.words) for field in listed]


def _least_width(rows: Rows) -> int:
    """Columns that the table needs: a narrower terminal wraps its lines, as it does those of any program.

    Folded is what may be, and not to less than FOLDED.
    """
    from rich.cells import cell_len

    lines = [[column.label for column in rows.columns], *([in_words(value) for value in row] for row in rows.rows)]
    widths = [max(cell_len(printable(cell)) for cell in cells) for cells in zip(*lines, strict=True)]
    least = [min(width, FOLDED) if folds else width for width, folds in zip(widths, _folding(rows), strict=True)]
    return sum(least) + GAP * (len(least) - 1)


def _folding(rows: Rows) -> list[bool]:
    """For each column, whether it may be folded."""
    return [column.folds or column is rows.columns[-1] for column in rows.columns]


def make_table(rows: Rows) -> Table:
    """A table for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column, folds in zip(rows.columns, _folding(rows), strict=True):
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(Text(column.label), justify=justify, overflow="fold", no_wrap=not folds)
    for row, style in zip_longest(rows.rows, rows.styles, fillvalue=""):
        table.add_row(*(Text(printable(in_words(value))) for value in row), style=style or None)
    return table
