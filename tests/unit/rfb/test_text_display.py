"""A machine in text mode as viewers see it."""

from __future__ import annotations

from conduit.rfb.messages import Area
from conduit.rfb.text_display import TextDisplay


def test_it_has_the_size_of_its_characters() -> None:
    picture = TextDisplay("node1").picture
    assert (picture.width, picture.height) == (640, 400)


def test_it_is_drawn_when_somebody_looks_and_then_only_where_it_changed() -> None:
    display = TextDisplay()
    assert not any(display.picture.pixels)
    assert len(display.refresh()) == 25
    assert any(display.picture.pixels)  # the cursor
    assert display.refresh() == []
    display.receive(b"\x1b[3;1Hx")
    assert display.refresh() == [Area(0, 0, 640, 16), Area(0, 32, 640, 16)]


def test_without_power_it_is_dark_and_hears_nothing() -> None:
    display = TextDisplay()
    display.receive(b"hello")
    display.refresh()
    display.switch(on=False)
    display.receive(b"ghost")
    assert not display.is_on
    assert display.refresh() == [Area(0, 0, 640, 400)]
    assert not any(display.picture.pixels)
    assert display.refresh() == []
    assert display.terminal.text().strip() == ""


def test_with_power_it_begins_empty() -> None:
    display = TextDisplay(is_on=False)
    display.refresh()
    display.switch(on=True)
    display.receive(b"POST")
    assert len(display.refresh()) == 25
    assert display.terminal.text().strip() == "POST"


def test_a_picture_that_nobody_looks_at_is_forgotten_and_drawn_again() -> None:
    display = TextDisplay()
    display.receive(b"hello")
    display.refresh()
    before = display.picture.snapshot()
    display.forget_picture()
    display.refresh()
    assert display.picture == before
