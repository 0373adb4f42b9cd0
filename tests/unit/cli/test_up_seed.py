from __future__ import annotations

from pathlib import Path

import pytest

from conduit.cli.up.fleet import Fleet
from conduit.cli.up.seed import Ports, plant
from conduit.errors import LocalProtocolError


async def test_a_folder_that_was_used_before_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "manager").mkdir()
    with pytest.raises(LocalProtocolError, match="was used before: give a folder that is empty"):
        await plant(tmp_path, Ports(1, 2, 3), Fleet({}, {}))
