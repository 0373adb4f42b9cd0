"""``python -m bench``: the whole table."""

import sys

from bench.run import main

if __name__ == "__main__":
    sys.exit(main())
