"""``python -m bench``: the table of the IPMI client; ``python -m bench tunnel``: that of the tunnel."""

import sys

from bench import run, tunnel

if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(tunnel.main(arguments[1:]) if arguments[:1] == ["tunnel"] else run.main(arguments))
