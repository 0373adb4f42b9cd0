from __future__ import annotations

import pytest

from conduit.ipmi.manufacturers import manufacturer_name


@pytest.mark.parametrize(
    ("number", "name"), [(674, "Dell"), (11, "HP"), (47196, "HPE"), (10876, "Supermicro"), (343, "Intel")]
)
def test_a_common_manufacturer_has_a_name(number: int, name: str) -> None:
    assert manufacturer_name(number) == name


def test_other_manufacturers_have_none() -> None:
    assert manufacturer_name(0) is None
