from __future__ import annotations

import re

from tools.describe_api import PAGE, TABLES, page


def test_the_page_says_what_the_code_has() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run python -m tools.describe_api"


def test_every_table_is_on_the_page_once() -> None:
    assert sorted(re.findall(r"<!-- table: ([a-z-]+) -->", PAGE.read_text())) == sorted(TABLES)


def test_what_stands_between_the_marks_is_replaced_and_nothing_else() -> None:
    lines = page("before\n<!-- table: codes -->\nold\n<!-- end -->\nafter\n").splitlines()
    assert lines[:3] == ["before", "<!-- table: codes -->", "| code | status |"]
    assert lines[-2:] == ["<!-- end -->", "after"]
    assert "| `not_found` | 404 Not Found |" in lines
    assert "old" not in lines
