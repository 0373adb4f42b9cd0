"""What `nox -s interop -- rfb` runs is what the documentation says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
ABOUT_DISPLAYS: Final = ("conduit.rfb", "interop.displays", "interop.rfb_", "fake_display")


def test_every_test_of_displays_with_a_real_peer_is_marked() -> None:
    found = [*TESTS.glob("interop/test_*.py"), *TESTS.glob("browser/test_*.py")]
    about = [path for path in found if any(word in path.read_text() for word in ABOUT_DISPLAYS)]
    assert len(about) >= 12
    forgotten = [path.name for path in about if "pytest.mark.rfb" not in path.read_text()]
    assert not forgotten
