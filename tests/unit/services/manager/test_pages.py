"""Lists in pages."""

from __future__ import annotations

import pytest

from conduit.errors import CallError
from conduit.services.manager.pages import DEFAULT_PAGE, in_pages
from conduit.tunnel.call_frames import Code

NAMES = [f"gw{number:03}" for number in range(120)]


@pytest.mark.parametrize("size", [1, 7, 40, 120, 1000, 0])
def test_everything_is_in_one_page_once(size: int) -> None:
    found: list[str] = []
    token = ""
    while True:
        page, token = in_pages(NAMES, str, size, token)
        assert len(page) <= (size or DEFAULT_PAGE)
        found += page
        if not token:
            break
    assert found == NAMES


def test_what_has_gone_meanwhile_leaves_the_others_where_they_are() -> None:
    page, token = in_pages(NAMES, str, 10, "")
    assert in_pages(NAMES[10:], str, 10, token)[0] == NAMES[10:20]
    assert page == NAMES[:10]


@pytest.mark.parametrize(("size", "token"), [(-1, ""), (10, "!")])
def test_a_made_up_page_is_refused(size: int, token: str) -> None:
    with pytest.raises(CallError) as refused:
        in_pages(NAMES, str, size, token)
    assert refused.value.code == Code.INVALID_ARGUMENT
