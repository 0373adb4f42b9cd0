"""The state diagrams in the documentation are those of the code."""

from __future__ import annotations

from enum import Enum
from xml.etree import ElementTree as ET

import pytest

from tools.draw_states import IMAGES, draw, pictures


class Light(Enum):
    RED = "stop"
    GREEN = "go & watch"
    OFF = "dark"


@pytest.mark.parametrize("name", sorted(pictures()))
def test_committed_diagram_is_what_the_tables_give(name: str) -> None:
    assert (IMAGES / name).read_text() == pictures()[name], "run python -m tools.draw_states"


def test_every_diagram_is_on_the_page() -> None:
    page = (IMAGES.parent / "state-diagrams.md").read_text()
    assert [name for name in pictures() if f"images/{name}" not in page] == []


def test_diagram_shows_states_and_moves_and_nothing_unreachable() -> None:
    svg = draw({(Light.RED, "wait"): Light.GREEN, (Light.GREEN, "hurry <on>"): Light.RED}, "A light")
    texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours
    assert texts == ["RED", "stop", "GREEN", "go & watch", "wait", "hurry <on>"]


def test_moves_between_the_same_states_share_an_arrow() -> None:
    svg = draw({(Light.RED, "one"): Light.GREEN, (Light.RED, "two"): Light.GREEN}, "A light")
    assert "one or two" in svg
