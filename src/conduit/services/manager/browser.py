"""Logging in from a browser: the refresh token is a cookie that no script reads, and only our own pages send it.

``__Host-`` makes the browser keep it to this origin, and ``SameSite=Strict`` to our own pages. The access token is for
the page's memory alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from quart import Response, request
from quart_trio import QuartTrio

from conduit.errors import CallError
from conduit.services.manager.accounts import Account
from conduit.services.manager.manager import Manager
from conduit.services.manager.messages import customer_message
from conduit.services.manager.refreshing import REFRESH_LIFE, Refresh
from conduit.services.secret import Secret
from conduit.services.web.errors import problem
from conduit.services.web.openapi import failures
from conduit.services.web.rest import JSON, PROBLEM
from conduit.tunnel.call_frames import Code

COOKIE: Final = "__Host-conduit"
_OWN_SITE: Final = frozenset({"same-origin", "none"})


def add_browser_log_in(app: QuartTrio, manager: Manager) -> None:
    """Serve log-in, refresh and log-out for pages."""

    @app.post("/api/v1/auth/login")
    async def log_in() -> Response:
        try:
            values = await _body()
            account, refresh = await manager.accounts.log_in(
                str(values.get("email", "")),
                Secret(str(values.get("password", ""))),
                address=request.remote_addr or "",
            )
        except CallError as error:
            return _failed(error)
        return _logged_in(manager, account, refresh)

    @app.post("/api/v1/auth/refresh")
    async def refresh() -> Response:
        try:
            await _body()
            account, following = await manager.accounts.refresh(Secret(request.cookies.get(COOKIE, "")))
        except CallError as error:
            return _failed(error)
        return _logged_in(manager, account, following)

    @app.post("/api/v1/auth/logout")
    async def log_out() -> Response:
        try:
            await _body()
            await manager.accounts.log_out(Secret(request.cookies.get(COOKIE, "")))
        except CallError as error:
            return _failed(error)
        answer = Response("{}", content_type=JSON)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return answer


def browser_log_in_described() -> dict[str, Any]:
    """The three for the OpenAPI document; the cookie is in no parameter, as browsers alone hold it."""
    words = {"type": "string"}
    number = {"type": "number", "description": "Seconds since 1970."}
    session = {
        "access_token": words,
        "expires_at": number,
        "refresh_expires_at": number,
        "customer": {"$ref": "#/components/schemas/manager_v1_Customer"},
    }
    log_in = {"email": words, "password": {"type": "string", "format": "password"}}
    return {
        "/api/v1/auth/login": _described("LogInPage", "Log a page in: a token, a cookie for more.", log_in, session),
        "/api/v1/auth/refresh": _described("RefreshPage", "Another token, for the cookie.", {}, session),
        "/api/v1/auth/logout": _described("LogOutPage", "End what the cookie is for.", {}, {}),
    }


def _described(name: str, summary: str, asked: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    body = {"type": "object", "properties": asked}
    answer = {"type": "object", "properties": told, "required": list(told), "additionalProperties": False}
    good = {"description": "Done.", "content": {JSON: {"schema": answer}}}
    operation = {
        "operationId": name,
        "summary": summary,
        "tags": ["pages"],
        "requestBody": {"required": bool(asked), "content": {JSON: {"schema": body}}},
        "responses": {"200": good, **failures()},
        "security": [],
    }
    return {"post": operation}


async def _body() -> Mapping[str, Any]:
    """What a page sent, and no page of anybody else's: those cannot send JSON here unasked, and the browser names them.

    :raises CallError: PERMISSION_DENIED, INVALID_ARGUMENT.
    """
    body = await request.get_data()
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
        raise CallError(Code.PERMISSION_DENIED, "this is for our own pages")
    if request.mimetype != JSON:
        raise CallError(Code.INVALID_ARGUMENT, f"the body must be {JSON}")
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise CallError(Code.INVALID_ARGUMENT, "the body is no JSON") from error
    if not isinstance(values, dict):
        raise CallError(Code.INVALID_ARGUMENT, "the body must be a JSON object")
    return values


def _logged_in(manager: Manager, account: Account, refresh: Refresh) -> Response:
    token, expires_at = manager.access_token(account)
    customer = json.loads(customer_message(account).to_json(use_proto_field_name=True))
    body = {
        "access_token": token,
        "expires_at": expires_at,
        "refresh_expires_at": refresh.expires_at,
        "customer": customer,
    }
    answer = Response(json.dumps(body), content_type=JSON, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE,
        refresh.token.reveal(),
        max_age=int(REFRESH_LIFE),
        path="/",
        secure=True,
        httponly=True,
        samesite="Strict",
    )
    return answer


def _failed(error: CallError) -> Response:
    status, body = problem(error, where=request.path)
    return Response(body, status, content_type=PROBLEM, headers={"Cache-Control": "no-store"})
