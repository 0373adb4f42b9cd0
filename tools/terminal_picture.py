"""A picture of a terminal, as SVG: `make demo | tee demo.txt`, then `python -m tools.terminal_picture demo.txt o.svg`.

The picture shows what was captured and nothing else; prompts are emphasised. It loads nothing from anywhere: rich's
template names a web font, which is left out.
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

COLUMNS: Final = 100
TEMPLATE: Final = re.sub(r"@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace"
)


def draw(transcript: str, title: str) -> str:
    """The SVG of a captured *transcript*."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", legacy_windows=False)
    for line in transcript.rstrip().splitlines():
        text = Text(line)
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
    parser.add_argument("--title", default="make demo")
    options = parser.parse_args()
    options.picture.write_text(draw(options.transcript.read_text(), options.title))


if __name__ == "__main__":
    main()
