"""The web pages: static files that `make web` has built, with headers that let them do what they need and no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from quart import Response, redirect, send_from_directory
from quart_trio import QuartTrio
from werkzeug.wrappers import Response as BareResponse

FOLDER: Final = Path(__file__).with_name("static")
_FOREVER: Final = 365 * 24 * 3600  # seconds: the names of assets have their content's hash
_DRAWING: Final = frozenset({"display.html"})  # noVNC decodes JPEG, and makes the pointer, from data: URLs
_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


Elsewhere = Callable[[], Awaitable[Sequence[str]]]
"Origins besides their own that the pages talk to, such as the Gateways; asked each time, for they may change."


def policy(connect: Sequence[str], *, drawing: bool = False) -> str:
    """The content security policy of the pages.

    :param drawing: whether the page makes images itself.
    """
    images = "'self' data:" if drawing else "'self'"
    reached = " ".join(["'self'", *connect, *("ws" + origin.removeprefix("http") for origin in connect)])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {images}; font-src 'self'; connect-src {reached}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


async def nowhere() -> Sequence[str]:
    """They talk to us alone."""
    return ()


def add_pages(app: QuartTrio, pages: Mapping[str, str], *, elsewhere: Elsewhere = nowhere, start: str = "") -> None:
    """Serve some of the pages, where they are built.

    :param pages: files by path, such as ``/console/<server_id>``: ``console.html``.
    :param start: where ``/`` leads.
    """

    async def page(name: str) -> Response:
        answer = await send_from_directory(FOLDER, name, cache_timeout=0)
        csp = policy(await elsewhere(), drawing=name in _DRAWING)
        answer.headers.update({**_HEADERS, "Content-Security-Policy": csp, "Cache-Control": "no-cache"})
        return answer

    def shown(name: str) -> object:
        async def show(**_: str) -> Response:
            return await page(name)

        return show

    for path, name in pages.items():
        app.add_url_rule(path, f"page {path}", shown(name), methods=["GET"])  # type: ignore[arg-type]

    @app.get("/assets/<path:name>")
    async def asset(name: str) -> Response:
        answer = await send_from_directory(FOLDER / "assets", name, cache_timeout=_FOREVER)
        answer.headers.update({**_HEADERS, "Cache-Control": f"public, max-age={_FOREVER}, immutable"})
        return answer

    if start:

        @app.get("/")
        async def first() -> BareResponse:
            return redirect(start)
