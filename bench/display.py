"""The table of displays: our relay beside websockify in the same run, in turn; the path; pictures.

python -m bench display [--quick] [--reps 5] [--only ROW] [--list] [--gate]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.display_relays import NAMES, websockify_version
from bench.report import machine_lines
from bench.run import save
from bench.tunnel import Ratio, Row, as_data, compare, markdown, measure, measured

REPETITIONS: Final = 5
WHAT: Final = {
    "down": "1 GB from the display",
    "up": "328 MB to the display, in clipboards of 64 KiB",
    "small": "movements of the pointer, 6 bytes each: 4,000 with pauses of 0.5 ms, 200,000 as fast as they are taken",
    "trip": "a key of 8 bytes there and back",
    "idle": "idle viewers, 30 s",
}


def of(relay: str, what: str) -> Row:
    """One relay's."""
    return Row(f"{what}-{relay}", f"{relay}: {WHAT[what]}", "bench.display_viewers", (relay, what))


def pictures(source: str, title: str) -> Row:
    """Decoded and encoded."""
    return Row(f"pictures-{source}", f"boot screen of 1024x768, {title}", "bench.display_pictures", (source,))


ROWS: Final = (
    *(of(relay, what) for what in WHAT for relay in NAMES),
    Row("path", "key to picture, directly and through Gateway, tunnel and Agent", "bench.display_path", ()),
    pictures("xvnc", "from Xvnc's bytes"),
    pictures("ours", "from our own encoders' bytes"),
)

RATIOS: Final = (
    Ratio(title="down, MB/s vs websockify", row="down-conduit", over="down-websockify", figure="MB/s", goal=1.0),
    Ratio(title="down, CPU vs websockify", row="down-conduit", over="down-websockify", figure="cpu s/GB", goal=1.5),
    Ratio(title="up, MB/s vs websockify", row="up-conduit", over="up-websockify", figure="MB/s"),
    Ratio(title="up, CPU vs websockify", row="up-conduit", over="up-websockify", figure="cpu s/GB"),
    Ratio(title="a small message, CPU", row="small-conduit", figure="cpu us", goal=26, unit=" us"),
    Ratio(title="the same, vs websockify", row="small-conduit", over="small-websockify", figure="cpu us"),
    Ratio(title="with pauses, CPU", row="small-conduit", figure="cpu us with pauses", unit=" us"),
    Ratio(title="the same, vs websockify", row="small-conduit", over="small-websockify", figure="cpu us with pauses"),
    Ratio(title="added round trip, p50", row="trip-conduit", figure="added p50 us", goal=500, unit=" us"),
    Ratio(title="the same, vs websockify", row="trip-conduit", over="trip-websockify", figure="added p50 us"),
    Ratio(title="1,000 idle viewers", row="idle-conduit", figure="MB", goal=50, unit=" MB"),
    Ratio(title="their CPU", row="idle-conduit", figure="cpu %", unit=" %"),
    Ratio(title="memory of a viewer vs websockify", row="idle-conduit", over="idle-websockify", figure="KiB a viewer"),
    Ratio(title="added by the path, p50", row="path", figure="added p50 ms", goal=2.0, unit=" ms"),
    Ratio(title="slowest pair, Xvnc's bytes", row="pictures-xvnc", figure="updates/s", goal=30, unit="/s"),
    Ratio(title="slowest pair, our bytes", row="pictures-ours", figure="updates/s", goal=30, unit="/s"),
)  # fmt: skip


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench display", description="measure displays")
    parser.add_argument("--quick", action="store_true", help="one repetition")
    parser.add_argument("--reps", type=int, help=f"repetitions ({REPETITIONS})")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="rows whose key starts with this")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    parser.add_argument("--gate", action="store_true", help="fail where a goal is missed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    options = parse(arguments)
    rows = [row for row in ROWS if not options.only or any(row.key.startswith(one) for one in options.only)]
    if options.list:
        sys.stdout.writelines(f"{row.key:22} {row.title}\n" for row in rows)
        return 0

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    machine = {name: value for name, value in machine_lines(sys.executable).items() if name != "peers"}
    machine["websockify"] = websockify_version()
    with tempfile.TemporaryDirectory(prefix="conduit-bench-") as name:
        repetitions = options.reps or (1 if options.quick else REPETITIONS)
        outcomes = measure(rows, Path(name), repetitions, None, say)
    text = markdown(machine, outcomes, ROWS, RATIOS)
    save(text, as_data(machine, outcomes, RATIOS), name="display-")
    sys.stdout.write(text)
    missed = any(ratio.verdict(value) == "MISSED" for ratio, value, _ in compare(outcomes, RATIOS))
    return int(any(not measured(row) for row in outcomes.values()) or (options.gate and missed))


if __name__ == "__main__":
    sys.exit(main())
