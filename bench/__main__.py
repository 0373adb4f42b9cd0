"""``python -m bench``: the table of the IPMI client; with ``tunnel`` or ``path``, theirs."""

import sys

from bench import path, run, tunnel

TABLES = {"tunnel": tunnel.main, "path": path.main}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    named = TABLES.get(arguments[0]) if arguments else None
    sys.exit(named(arguments[1:]) if named else run.main(arguments))
