"""Where the time goes: cProfile over the warm or the full path.

    python -m bench.profile warm --sessions 500

cProfile makes calls dearer than the work in them, so read the order and not the seconds. The opening of the sessions
is in the profile of "warm" too; a longer --seconds dilutes it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
from pathlib import Path

import trio

from bench import conduit_client
from bench.servers import compile_responder, responder
from bench.sessions import add_options, measure, plan_from


def main() -> int:
    """Profile one measurement against the C responder and print its dearest functions."""
    parser = argparse.ArgumentParser(description="profile Conduit's IPMI client")
    parser.add_argument("what", choices=["full", "warm"])
    parser.add_argument("--top", type=int, default=30)
    parser.add_argument("--sort", default="tottime", choices=["tottime", "cumtime", "ncalls"])
    parser.add_argument("--dump", help="also write the statistics here, for another viewer")
    add_options(parser)
    parser.set_defaults(sessions=500, seconds=5.0)
    options = parser.parse_args()
    try:
        conduit_client.check()
    except conduit_client.NotImportableError as error:
        sys.stderr.write(f"CONDUIT NOT IMPORTABLE: {error}\n")
        return 1
    profiler = cProfile.Profile()
    with (
        tempfile.TemporaryDirectory(prefix="conduit-bench-") as directory,
        responder(compile_responder(Path(directory))) as options.port,
    ):
        result = profiler.runcall(trio.run, measure, options.what, plan_from(options))
    statistics = pstats.Stats(profiler, stream=sys.stdout).strip_dirs().sort_stats(options.sort)
    sys.stdout.write(f"{result.operations} operations in {result.seconds:.1f} s, under the profiler\n")
    statistics.print_stats(options.top)
    if options.dump:
        statistics.dump_stats(options.dump)
    return 0


if __name__ == "__main__":
    sys.exit(main())
