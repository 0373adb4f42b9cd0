"""How reports look."""

from __future__ import annotations

import json
from io import StringIO

import pytest
import yaml
from rich.console import Console

from conduit.cli.render import Column, Field, Format, Report, Rows, Value, in_words, printable, show

REPORT = Report(
    summary="two users",
    fields=[
        Field("max_users", "Places", 16),
        Field("guid", "System GUID", None),
        Field("faults", "Faults", ["fan", "psu"]),
    ],
    rows=Rows(
        key="users",
        columns=[Column("id", "ID", right=True), Column("name", "Name"), Column("enabled", "Enabled")],
        rows=[[2, "admin", True], [10, "operator", None]],
    ),
)

TABLE = """\
Places      : 16
System GUID : -
Faults      : fan, psu
ID   Name       Enabled
───────────────────────
 2   admin      yes
10   operator   -
"""

DATA = {
    "max_users": 16,
    "guid": None,
    "faults": ["fan", "psu"],
    "users": [{"id": 2, "name": "admin", "enabled": True}, {"id": 10, "name": "operator", "enabled": None}],
}


def rendered(report: Report, output: Format, *, terminal: bool = False) -> str:
    file = StringIO()
    console = Console(file=file, force_terminal=terminal, width=60, highlight=False, markup=False, emoji=False)
    show(report, output, console)
    return file.getvalue()


def test_people_get_aligned_fields_and_a_table() -> None:
    assert rendered(REPORT, Format.TABLE) == TABLE


def test_programs_get_the_same_in_json_and_yaml() -> None:
    assert json.loads(rendered(REPORT, Format.JSON)) == DATA
    assert yaml.safe_load(rendered(REPORT, Format.YAML)) == DATA


def test_brief_report_is_its_summary_for_people_alone() -> None:
    report = Report(summary="Chassis power is on", fields=[Field("power", "Power", "on")], brief=True)
    assert rendered(report, Format.TABLE) == "Chassis power is on\n"
    assert json.loads(rendered(report, Format.JSON)) == {"power": "on"}


def test_empty_table_says_none() -> None:
    report = Report(summary="", rows=Rows(key="users", columns=[Column("id", "ID")], rows=[]))
    assert rendered(report, Format.TABLE) == "none\n"
    assert json.loads(rendered(report, Format.JSON)) == {"users": []}


def test_long_values_are_neither_wrapped_nor_cut() -> None:
    value = "x" * 200
    assert rendered(Report(summary="", fields=[Field("a", "A", value)]), Format.TABLE) == f"A : {value}\n"
    assert rendered(Report(summary=value, brief=True), Format.TABLE) == f"{value}\n"


def test_table_wider_than_the_terminal_keeps_its_columns_and_folds_the_last_one() -> None:
    rows = Rows(
        key="events",
        columns=[Column("id", "ID", right=True), Column("where", "Where"), Column("what", "What happened")],
        rows=[[1, "a place with a name of forty characters.", "one two three four five six seven"]],
    )
    lines = rendered(Report(summary="", rows=rows), Format.TABLE).splitlines()
    assert lines[0] == "ID   Where                                      What happened"
    assert lines[2].startswith(" 1   a place with a name of forty characters.   one two three")
    assert lines[3].split() == ["five", "six", "seven"]


def test_texts_fold_where_the_terminal_is_narrow_and_short_columns_stay_whole() -> None:
    labels = ("Status", "Datacenter", "Control", "Console", "Display", "Tags")
    rows = Rows(
        key="servers",
        columns=[Column("name", "Name", folds=True), *(Column(label.lower(), label) for label in labels)],
        rows=[["a name of several words that takes its room", "online", "dc1", "ipmi", "ipmi", "vnc", "database"]],
    )
    lines = rendered(Report(summary="", rows=rows), Format.TABLE).splitlines()
    assert lines[0] == "Name                   Status   Datacenter   Control   Console   Display   Tags"
    assert lines[2] == "a name of several      online   dc1          ipmi      ipmi      vnc       database"
    assert [line.strip() for line in lines[3:]] == ["words that takes its", "room"]


def test_colour_is_for_terminals() -> None:
    assert "\x1b[" not in rendered(REPORT, Format.TABLE)
    assert "\x1b[1m" in rendered(REPORT, Format.TABLE, terminal=True)
    assert "\x1b[" not in rendered(REPORT, Format.JSON, terminal=True)


@pytest.mark.parametrize("output", list(Format))
def test_what_a_bmc_says_steers_no_terminal(output: Format) -> None:
    report = Report(
        summary="\x1b]0;owned\x07",
        fields=[Field("name", "Name", "\x1b[2J[bold]\r\n")],
        rows=Rows(key="users", columns=[Column("name", "Name")], rows=[["\x1b[31m\x9b"]]),
    )
    for text in (rendered(report, output), rendered(Report(summary=report.summary, brief=True), output)):
        assert not {char for char in text if not char.isprintable()} - {"\n"}


def test_markup_in_names_is_text() -> None:
    assert "[red]x[/red] :smile:" in rendered(
        Report(summary="", fields=[Field("n", "N", "[red]x[/red] :smile:")]), Format.TABLE
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "yes"), (False, "no"), (None, "-"), ([], "none"), ([1, "a"], "1, a"), (2.5, "2.5"), ("x", "x")],
)
def test_usual_words(value: Value, words: str) -> None:
    assert in_words(value) == words


def test_unprintable_characters_are_escaped() -> None:
    assert printable("naïve\t\x00") == "naïve\\t\\x00"


def test_csv_has_the_rows_and_a_header() -> None:
    assert rendered(REPORT, Format.CSV) == "id,name,enabled\n2,admin,true\n10,operator,\n"


def test_csv_of_fields_is_one_line() -> None:
    report = Report(
        summary="x",
        fields=[
            Field("name", "Name", 'a "b", c'),
            Field("faults", "Faults", ["fan", "psu"]),
            Field("more", "More", {"a": 1}),
            Field("none", "None", None),
            Field("text", "Text", "two\nlines"),
        ],
    )
    expected = 'name,faults,more,none,text\n"a ""b"", c","fan, psu","{""a"": 1}",,two\\nlines\n'
    assert rendered(report, Format.CSV) == expected


def test_people_may_see_another_table_than_programs() -> None:
    table = Rows(key="users", columns=[Column("who", "Who")], rows=[["admin"]], styles=["red"])
    report = Report(summary="x", rows=REPORT.rows, table=table)
    assert rendered(report, Format.TABLE) == "Who\n─────\nadmin\n"
    assert json.loads(rendered(report, Format.JSON)) == {"users": DATA["users"]}
    assert "\x1b[31m" in rendered(report, Format.TABLE, terminal=True)
