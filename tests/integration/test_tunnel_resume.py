"""A resumable stream over real connections that break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.resumed_transfer import digest, transfer

SIZE = 64 << 20  # bytes


@pytest.mark.slow
async def test_64_mib_are_whole_after_ten_cuts(tmp_path: Path) -> None:
    outcome = await transfer(tmp_path, down=SIZE, up=8 << 20, cuts=10)
    assert outcome.cuts == 10
    assert outcome.attachments == 11
    assert outcome.digests == {"down": digest(SIZE, 1), "up": digest(8 << 20, 2)}
