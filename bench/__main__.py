"""``python -m bench``: the IPMI client's table; ``tunnel``, ``path`` or ``display`` behind it: others."""

import sys

from bench import display, path, run, tunnel

TABLES = {"tunnel": tunnel.main, "path": path.main, "display": display.main}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    named = TABLES.get(arguments[0]) if arguments else None
    sys.exit(named(arguments[1:]) if named else run.main(arguments))
