"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol, TypeVar

PAGE: Final = 200
MAX_PAGES: Final = 10_000  # a Manager that never ends is ended


class Paged(Protocol):
    """An answer, of which there may be more."""

    next_page_token: str


_Page = TypeVar("_Page", bound=Paged)


async def pages(ask: Callable[[str], Awaitable[_Page]]) -> AsyncGenerator[_Page, None]:
    """One after the other.

    :param ask: for the page that begins with this token.
    """
    token = ""
    for _ in range(MAX_PAGES):
        page = await ask(token)
        yield page
        token = page.next_page_token
        if not token:
            return
