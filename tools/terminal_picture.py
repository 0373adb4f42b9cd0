"""A picture of a terminal, as SVG: a transcript with a `$ ` before each command, then
`python -m tools.terminal_picture transcript.txt o.svg`.

The picture shows what was captured and nothing else, `[...]` where something is cut; prompts are emphasised. It loads
nothing from anywhere: rich's template names a web font, which is left out.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS: Final = 116
CUT: Final = "[...]"

# What the picture has room for: the first and last lines of each command's output, by the end of the command.
KEPT: Final = {
    "server list": (7, 0),
    "server power on web-01": (1, 0),
    "server sensors web-01": (7, 3),
    "server console web-01 --until 'login: '": (4, 6),
}
TEMPLATE: Final = re.sub(r"@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace"
)


def excerpt(transcript: str) -> str:
    """The commands of KEPT and what is kept of their output, below what comes before the first command."""
    start, *sections = re.split(r"^(?=\$ )", transcript, flags=re.MULTILINE)
    lines = start.splitlines()
    for section in sections:
        command, *output = section.rstrip().splitlines()
        for end, (first, last) in KEPT.items():
            if command.endswith(end):
                lines += [command, *cut(output, first, last), ""]
    return "\n".join(lines)


def cut(lines: list[str], first: int, last: int) -> list[str]:
    """The *first* and *last* ones, and a mark where some are missing."""
    if len(lines) <= first + last + 1:
        return lines
    return [*lines[:first], CUT, *lines[len(lines) - last :]]


def draw(transcript: str, title: str) -> str:
    """The SVG of a captured *transcript*."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", legacy_windows=False)
    for line in transcript.rstrip().splitlines():
        text = Text.from_ansi(line)
        if line.startswith("$ "):
            text.stylize("bold green", 0, 1)
            text.stylize("bold", 2)
        console.print(text)
    svg = console.export_svg(title=title, theme=MONOKAI, code_format=TEMPLATE, unique_id="terminal")
    return re.sub(r"\s*\n", "\n", svg)


def main() -> None:
    """Read a transcript, write a picture."""
    parser = argparse.ArgumentParser(description="A picture of a terminal.")
    parser.add_argument("transcript", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--title", default="conduit")
    options = parser.parse_args()
    options.picture.write_text(draw(excerpt(options.transcript.read_text()), options.title))


if __name__ == "__main__":
    main()
