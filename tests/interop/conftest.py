"""What real clients talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.whole_path import WholePath, open_whole_path


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """Manager, Gateway, Agent and virtual BMCs; tests leave `web-01` switched as they like."""
    with open_whole_path(tmp_path_factory.mktemp("path")) as running:
        yield running
