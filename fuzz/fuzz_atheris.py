"""Fuzz one target at leisure, guided by coverage: `python fuzz/fuzz_atheris.py TARGET [libFuzzer options]`.

Needs `pip install atheris`, which is not part of the project's environment. What it finds belongs, minimised, into
`fuzz/corpus/TARGET/`, where every test run replays it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    sys.path.insert(0, str(ROOT))
    import atheris

    with atheris.instrument_imports():
        from fuzz.targets import TARGETS

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} TARGET [libFuzzer options]\ntargets: {' '.join(sorted(TARGETS))}")
    target = sys.argv.pop(1)
    corpus = ROOT / "fuzz" / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup([*sys.argv, str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
