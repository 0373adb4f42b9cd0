from __future__ import annotations

import pytest

from conduit import rfb


@pytest.mark.parametrize("name", rfb.__all__)
def test_every_name_of_the_package_is_there(name: str) -> None:
    assert getattr(rfb, name).__name__ == name


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = rfb.nothing


def test_what_is_exported_has_a_home() -> None:
    assert sorted(rfb._HOMES) == sorted(rfb.__all__)
