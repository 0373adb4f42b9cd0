"""Draw the state diagrams of the documentation from the transition tables in the code: `python -m tools.draw_states`.

Plain SVG, made by nothing but Python: states in one column in the order of the table, moves as arrows between them.
A test compares the committed files with what this draws.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from html import escape
from pathlib import Path
from typing import Final

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "protocol" / "images"
# File, module, and what the picture is called for those who cannot see it. Both sides of each exchange.
DIAGRAMS: Final = (
    ("login", "conduit.rmcp.login", "A log-in, step by step"),
    ("rakp-client", "conduit.rmcp.rakp_client", "RAKP on the remote console's side"),
    ("challenge-client", "conduit.rmcp.challenge_client", "The IPMI 1.5 log-in on the remote console's side"),
    ("rakp-server", "conduit.rmcp.rakp_server", "RAKP on the BMC's side"),
    ("sol-link", "conduit.ipmi.sol_link", "One end of serial over LAN"),
    ("sol-console", "conduit.ipmi.sol", "The console's machine of serial over LAN"),
    ("tunnel-stream", "conduit.tunnel.streams", "One stream of a tunnel"),
    ("console-hub", "conduit.console.phases", "What a console's hub and its BMC are at"),
    ("console-keyboard", "conduit._lease", "Who may type"),
    ("challenge-server", "conduit.rmcp.challenge_server", "The IPMI 1.5 log-in on the BMC's side"),
)
BOX_WIDTH: Final = 250  # pixels, as all that follow
BOX_HEIGHT: Final = 44
ROW: Final = 96
MARGIN: Final = 20
LANE: Final = 34  # between the arrows beside the boxes
LABEL_WIDTH: Final = 210
STYLE: Final = (
    "text{font:13px sans-serif;fill:#24292f}.note{font-size:11px;fill:#57606a}"
    ".beside{paint-order:stroke;stroke:#fff;stroke-width:4px}"
    "rect{fill:#eef4fb;stroke:#3b6ea5}path{fill:none;stroke:#57606a}.head{fill:#57606a;stroke:none}"
    ".ground{fill:#fff;stroke:none}"
)


@dataclass(frozen=True)
class Move:
    """One arrow: places of its ends in the column, and what makes it happen."""

    source: int
    target: int
    label: str


def column(transitions: Mapping[tuple[Enum, object], Enum]) -> list[Enum]:
    """The states of a table, in the order in which their class names them; those that no move touches are left out."""
    used = {state for state, _ in transitions} | set(transitions.values())
    return [state for state in type(next(iter(used))) if state in used]


def moves(transitions: Mapping[tuple[Enum, object], Enum], states: list[Enum]) -> list[Move]:
    """The arrows of a table, with moves between the same two states drawn as one."""
    labels: dict[tuple[int, int], list[str]] = {}
    for (source, cause), target in transitions.items():
        name = str(cause.value) if isinstance(cause, Enum) else getattr(cause, "__name__", str(cause))
        labels.setdefault((states.index(source), states.index(target)), []).append(name)
    return [Move(*ends, " or ".join(names)) for ends, names in labels.items()]


def draw(transitions: Mapping[tuple[Enum, object], Enum], title: str) -> str:
    """The diagram of one table."""
    states = column(transitions)
    arrows = moves(transitions, states)
    beside = [arrow for arrow in arrows if arrow.target != arrow.source + 1]
    width = 2 * MARGIN + BOX_WIDTH + LANE * (len(beside) + 1) + LABEL_WIDTH
    height = 2 * MARGIN + ROW * (len(states) - 1) + BOX_HEIGHT
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="ground" width="{width}" height="{height}"/>',
        *(_box(place, state) for place, state in enumerate(states)),
        *(_down(arrow) for arrow in arrows if arrow not in beside),
        *(_around(arrow, lane) for lane, arrow in enumerate(beside, start=1)),
        *(_beside(arrow, lane) for lane, arrow in enumerate(beside, start=1)),  # last, so that no line crosses a word
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _top(place: int) -> int:
    return MARGIN + ROW * place


def _box(place: int, state: Enum) -> str:
    y = _top(place)
    return (
        f'<rect x="{MARGIN}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{MARGIN + 10}" y="{y + 18}">{escape(state.name)}</text>'
        f'<text class="note" x="{MARGIN + 10}" y="{y + 35}">{escape(str(state.value))}</text>'
    )


def _down(arrow: Move) -> str:
    """To the next state: straight down."""
    x, start, end = MARGIN + 40, _top(arrow.source) + BOX_HEIGHT, _top(arrow.target)
    return (
        f'<path d="M{x} {start}V{end - 8}"/><path class="head" d="M{x - 4} {end - 8}h8l-4 8z"/>'
        f'<text class="note" x="{x + 10}" y="{(start + end) // 2 + 4}">{escape(arrow.label)}</text>'
    )


def _around(arrow: Move, lane: int) -> str:
    """To any other state: out on the right, along a lane of its own, and in again."""
    edge = MARGIN + BOX_WIDTH
    x = edge + LANE * lane
    start, end = _top(arrow.source) + 14, _top(arrow.target) + 32
    return f'<path d="M{edge} {start}H{x}V{end}H{edge + 8}"/><path class="head" d="M{edge + 8} {end - 4}v8l-8 -4z"/>'


def _beside(arrow: Move, lane: int) -> str:
    """The label of such an arrow."""
    x = MARGIN + BOX_WIDTH + LANE * lane
    middle = (_top(arrow.source) + _top(arrow.target) + 46) // 2
    y = middle + (4 if arrow.source == arrow.target else -8 * lane)
    return f'<text class="note beside" x="{x + 6}" y="{y}">{escape(arrow.label)}</text>'


def pictures() -> dict[str, str]:
    """Name and SVG text of every diagram whose module exists."""
    found = {}
    for name, module, title in DIAGRAMS:
        try:
            table = importlib.import_module(module).TRANSITIONS
        except ModuleNotFoundError:
            continue
        found[f"{name}.svg"] = draw(table, title)
    return found


def main() -> None:
    """Write them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pictures().items():
        (IMAGES / name).write_text(text)


if __name__ == "__main__":
    main()
