"""``python -m conduit``."""

from __future__ import annotations

from conduit.cli import main

main()
