"""``python -m bench``: the IPMI client's table; ``python -m bench tunnel`` or ``path``: the tunnel's or the path's."""

import sys

from bench import path, run, tunnel

TABLES = {"tunnel": tunnel.main, "path": path.main}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    named = TABLES.get(arguments[0]) if arguments else None
    sys.exit(named(arguments[1:]) if named else run.main(arguments))
