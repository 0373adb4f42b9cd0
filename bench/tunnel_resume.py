"""A large transfer over a resumable stream whose connection is cut and restored: ``python -m bench.tunnel_resume``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import trio

from tests.fakes.resumed_transfer import digest, transfer

MEGABYTE = 1_000_000


async def run(size: int, cuts: int) -> None:
    """Move *size* bytes down and a tenth of that up, and say how it went."""
    up = size // 10
    with tempfile.TemporaryDirectory() as folder:
        outcome = await transfer(Path(folder), down=size, up=up, cuts=cuts)
    whole = outcome.digests == {"down": digest(size, 1), "up": digest(up, 2)}
    rate = (size + up) / outcome.seconds / MEGABYTE
    print(
        f"{size / MEGABYTE:,.0f} MB down, {up / MEGABYTE:,.0f} MB up, {outcome.cuts} cuts, "
        f"{outcome.attachments} attachments: {'bit for bit' if whole else 'DAMAGED'} "
        f"in {outcome.seconds:.1f} s ({rate:.0f} MB/s)"
    )
    if not whole:
        raise SystemExit(1)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=10)
    arguments = parser.parse_args()
    trio.run(run, arguments.megabytes * MEGABYTE, arguments.cuts)


if __name__ == "__main__":
    main()
