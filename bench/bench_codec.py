"""What one command costs before anything is sent: seal the request, open the answer, match it.

    python -m bench.bench_codec

This is Conduit's share of the processor time of a warm command; the ping-pong's is the rest (see pingpong.py).
"""

from __future__ import annotations

import argparse
import sys
import time

from bench import conduit_client


def microseconds(suite: int, *, count: int, repetitions: int) -> float:
    """The best of *repetitions*, per command."""
    best = float("inf")
    for _ in range(repetitions):
        run = conduit_client.codec_run(suite, count)
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def main() -> int:
    """Print one line per cipher suite."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    try:
        for suite in (3, 17):
            cost = microseconds(suite, count=options.count, repetitions=options.repetitions)
            sys.stdout.write(f"suite {suite}: seal + open + match {cost:.2f} us\n")
    except conduit_client.NotImportableError as error:
        sys.stderr.write(f"CONDUIT NOT IMPORTABLE: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
