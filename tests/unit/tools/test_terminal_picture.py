from __future__ import annotations

from tools.terminal_picture import CUT, draw, excerpt

BOOT = "\n".join(f"line {number}" for number in range(40))
TRANSCRIPT = f"""ready after 3.1 s

$ conduit auth status
none

$ conduit server power on web-01
web-01: on, after 0.5 s; power is on

$ conduit server console web-01 --until 'login: '
{BOOT}
"""


def test_excerpt_has_the_commands_that_are_kept_and_marks_what_it_cuts() -> None:
    shown = excerpt(TRANSCRIPT).splitlines()
    assert shown[:4] == [
        "ready after 3.1 s",
        "",
        "$ conduit server power on web-01",
        "web-01: on, after 0.5 s; power is on",
    ]
    assert "none" not in "".join(shown)
    assert shown[shown.index(CUT) - 1] == "line 3"
    assert shown[shown.index(CUT) + 1] == "line 34"


def test_picture_shows_text_and_loads_nothing() -> None:
    svg = draw("$ conduit\n[\x1b[32mOK\x1b[0m] Mounted", "conduit")
    assert svg.startswith("<svg")
    assert "Mounted" in svg
    assert "\x1b" not in svg
    assert "@font-face" not in svg
