from __future__ import annotations

from tools.terminal_picture import CUT, draw, excerpt

BOOT = "\n".join(f"line {number}" for number in range(40))
TRANSCRIPT = f"""Starting 3 virtual BMCs ...

$ conduit ipmi -H h -E ping
Speaks IPMI : yes

$ conduit ipmi -H h -E power on
Chassis power control: on

$ conduit ipmi -H h -E sol activate --until 'login: '
{BOOT}
"""


def test_excerpt_has_the_commands_that_are_kept_and_marks_what_it_cuts() -> None:
    shown = excerpt(TRANSCRIPT).splitlines()
    assert shown[:4] == [
        "Starting 3 virtual BMCs ...",
        "",
        "$ conduit ipmi -H h -E power on",
        "Chassis power control: on",
    ]
    assert "ping" not in "".join(shown)
    assert shown[shown.index(CUT) - 1] == "line 5"
    assert shown[shown.index(CUT) + 1] == "line 32"


def test_picture_shows_text_and_loads_nothing() -> None:
    svg = draw("$ conduit\n[\x1b[32mOK\x1b[0m] Mounted", "make demo")
    assert svg.startswith("<svg")
    assert "Mounted" in svg
    assert "\x1b" not in svg
    assert "@font-face" not in svg
