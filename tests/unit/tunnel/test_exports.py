from __future__ import annotations

import pytest

from conduit import tunnel


@pytest.mark.parametrize("name", tunnel.__all__)
def test_every_name_of_the_package_is_there(name: str) -> None:
    assert getattr(tunnel, name).__name__ == name


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = tunnel.nothing


def test_what_is_exported_has_a_home() -> None:
    assert sorted(tunnel._HOMES) == sorted(tunnel.__all__)
