"""Lists in pages: a page token names the last thing of the page before."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 1000
_Thing = TypeVar("_Thing")


def page_of(size: int, token: str) -> tuple[int, str]:
    """How many things, after which one.

    :raises CallError: INVALID_ARGUMENT: no page begins so.
    """
    if size < 0:
        raise CallError(Code.INVALID_ARGUMENT, f"a page has 1 to {MAX_PAGE} entries")
    try:
        after = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CallError(Code.INVALID_ARGUMENT, "that is no page token of this list") from error
    return min(size or DEFAULT_PAGE, MAX_PAGE), after


def token_after(last: str) -> str:
    """For the page that begins after *last*."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def in_pages(
    everything: Sequence[_Thing], key: Callable[[_Thing], str], size: int, token: str
) -> tuple[Sequence[_Thing], str]:
    """A page of a list that is short enough to be read as a whole, and where the next one begins.

    :param everything: by *key*.
    :raises CallError: INVALID_ARGUMENT: no page begins so.
    """
    size, after = page_of(size, token)
    rest = [each for each in everything if key(each) > after]
    return rest[:size], token_after(key(rest[size - 1])) if len(rest) > size else ""
