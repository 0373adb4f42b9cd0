"""The reference of the settings says what the classes say."""

from __future__ import annotations

import dataclasses

from tools.describe_settings import PAGE, SECTIONS, field_docs, load, page


def test_the_committed_page_is_of_today() -> None:
    assert PAGE.read_text() == page(), "run python -m tools.describe_settings"


def test_every_setting_that_its_name_does_not_explain_has_words() -> None:
    silent = {
        f"{name}.{field.name}"
        for name in (section[1] for section in SECTIONS)
        for field in dataclasses.fields(load(name))
        if not field_docs(load(name)).get(field.name)
    }
    plain = {"address", "user", "display_name", "tags", "metadata", "servers"}
    assert {name.rpartition(".")[2] for name in silent} <= plain
