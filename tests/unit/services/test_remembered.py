"""What was found out about secret texts."""

from __future__ import annotations

from conduit.services.remembered import Remembered


def test_so_many_are_remembered_and_the_oldest_is_forgotten() -> None:
    known = Remembered[int](2)
    for number, text in enumerate(["one", "two", "one", "three"]):
        known.keep(text, number)
    assert [known.get(text) for text in ("one", "two", "three")] == [2, None, 3]
    assert "one" in known
    known.clear()
    assert "one" not in known


def test_the_text_itself_is_kept_nowhere() -> None:
    known = Remembered[int]()
    known.keep("a secret \udcff", 1)
    assert "secret" not in repr(vars(known))
    assert known.get("a secret \udcff") == 1
