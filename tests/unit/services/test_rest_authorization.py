"""Who may do what over REST and WebSockets: every route, every kind of caller. A route without a row is a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import trio

from conduit.services.gateway.app import create_app
from conduit.services.gateway.gateway import Gateway
from conduit.services.gateway.rest import ROUTES
from conduit.services.gateway.sessions import Face
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.app import _create_rest
from conduit.services.manager.browser import COOKIE
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.permissions import Permission
from conduit.services.web.asgi import Application
from conduit.services.web.fronting import WebSettings
from tests.fakes.manager import PASSWORD, TestManager, open_test_manager
from tests.unit.services.test_authorization import (
    ACCOUNTS,
    CALLERS,
    EVERYBODY,
    GATEWAY,
    OWNERS,
    STAFF,
    gateway,
    tokens,
)

HOST: Final = "https://conduit.example"
V1: Final = "/api/v1"

# Who gets past the door. For what names a server, the others are told that there is none.
MANAGER_ROUTES: Final[Mapping[str, set[str]]] = {
    f"GET {V1}/servers": ACCOUNTS,
    f"GET {V1}/servers/<server_id>": OWNERS,
    f"PATCH {V1}/servers/<server_id>": OWNERS,
    f"POST {V1}/servers/<server_id>/token": OWNERS,
    f"GET {V1}/servers/<server_id>/location": OWNERS,
    f"GET {V1}/gateways": ACCOUNTS,
    f"GET {V1}/status": STAFF,
    f"GET {V1}/admin/metrics": STAFF,
    f"GET {V1}/admin/servers": STAFF,
    f"PUT {V1}/admin/servers/<server_id>/owner": STAFF,
    f"GET {V1}/admin/customers": STAFF,
    f"POST {V1}/admin/customers": STAFF,
    f"PUT {V1}/admin/customers/<customer_id>/password": STAFF,
    f"GET {V1}/admin/gateways": STAFF,
    f"GET {V1}/admin/regions": STAFF,
    f"GET {V1}/admin/machines": STAFF,
    f"POST {V1}/admin/join-tokens": STAFF,
    f"POST {V1}/admin/revocations": STAFF,
    "GET /.well-known/jwks.json": EVERYBODY,
    "GET /openapi.json": EVERYBODY,
}
# A bearer changes nothing; the tests below have what does.
BY_CONTENT: Final = {
    f"POST {V1}/auth/{what}" for what in ("token", "token/refresh", "token/revoke", "login", "refresh", "logout")
}
# Files that are the same for everybody; what they show, they fetch by the routes above.
PAGES: Final = {
    "GET /",
    "GET /login",
    "GET /servers",
    "GET /console/<server_id>",
    "GET /display/<server_id>",
    "GET /assets/<path:name>",
}


@pytest.fixture
async def test_manager(tmp_path: Path) -> AsyncIterator[TestManager]:
    async with open_test_manager(tmp_path) as manager:
        yield manager


def manager_app(test_manager: TestManager) -> Any:
    manager = test_manager.manager
    return _create_rest(manager, CustomerRpc(manager), AdminRpc(manager))


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


# --- the Manager ---


async def test_every_route_of_the_manager_has_a_row(test_manager: TestManager) -> None:
    served = {
        f"{verb} {rule.rule}"
        for rule in manager_app(test_manager).url_map.iter_rules()
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == set(MANAGER_ROUTES) | BY_CONTENT | PAGES


async def test_the_manager_lets_in_whom_the_table_says_and_nobody_else(test_manager: TestManager) -> None:
    of = await tokens(test_manager)
    wrong = []
    async with client_of(manager_app(test_manager)) as client:
        for row, allowed in MANAGER_ROUTES.items():
            verb, _, rule = row.partition(" ")
            path = rule.replace("<server_id>", "db-01").replace("<customer_id>", "nobody")
            body: dict[str, str] | None = {} if verb != "GET" else None
            for caller in sorted(CALLERS, key=lambda caller: caller == "staff"):  # who may change most comes last
                answer = await client.request(verb, path, headers=bearer(of[caller]), json=body)
                hidden = answer.status_code == 404 and caller == "other customer"
                let_in = answer.status_code not in (401, 403, 405) and not hidden
                if let_in != (caller in allowed) or answer.status_code >= 500:
                    wrong.append(f"{row} for {caller}: {answer.status_code}")
            if rule.endswith("/owner"):
                account = await test_manager.manager.accounts.list(10, "")
                owner = next(each for each in account[0] if each.email == "alice@acme.example")
                await test_manager.manager.registry.assign("db-01", owner.id)
    assert wrong == []


async def test_a_program_logs_in_and_its_refresh_token_is_good_once(test_manager: TestManager) -> None:
    await test_manager.account()
    who = {"email": "alice@acme.example", "password": PASSWORD.reveal()}
    async with client_of(manager_app(test_manager)) as client:
        assert (await client.post(f"{V1}/auth/token", json={**who, "password": "wrong"})).status_code == 401
        first = (await client.post(f"{V1}/auth/token", json=who)).json()["refresh_token"]
        again = await client.post(f"{V1}/auth/token/refresh", json={"refresh_token": first})
        assert again.status_code == 200
        await client.post(f"{V1}/auth/token/revoke", json={"refresh_token": again.json()["refresh_token"]})
        for used in (first, again.json()["refresh_token"], ""):
            answer = await client.post(f"{V1}/auth/token/refresh", json={"refresh_token": used})
            assert answer.status_code == 401


async def test_a_page_logs_in_refreshes_and_logs_out_by_a_cookie_that_no_script_reads(
    test_manager: TestManager,
) -> None:
    await test_manager.account()
    who = {"email": "alice@acme.example", "password": PASSWORD.reveal()}
    async with client_of(manager_app(test_manager)) as client:
        answer = await client.post(f"{V1}/auth/login", json=who, headers={"Sec-Fetch-Site": "same-origin"})
        words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= words
        assert not any(word.startswith("domain") for word in words)
        assert "refresh" not in answer.json()
        first = client.cookies[COOKIE]
        assert (await client.post(f"{V1}/auth/refresh", json={})).status_code == 200
        second = client.cookies[COOKIE]
        assert second != first
        assert (await client.post(f"{V1}/auth/logout", json={})).status_code == 200
        for used in (first, second):
            client.cookies.clear()
            client.cookies.set(COOKIE, used)
            assert (await client.post(f"{V1}/auth/refresh", json={})).status_code == 401


@pytest.mark.parametrize("what", ["login", "refresh", "logout"])
async def test_pages_of_others_can_neither_log_in_nor_out_nor_refresh(test_manager: TestManager, what: str) -> None:
    await test_manager.account()
    who = {"email": "alice@acme.example", "password": PASSWORD.reveal()}
    async with client_of(manager_app(test_manager)) as client:
        await client.post(f"{V1}/auth/login", json=who)
        for site in ("cross-site", "same-site"):
            answer = await client.post(f"{V1}/auth/{what}", json=who, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        for body in ({"data": who}, {"content": "{}", "headers": {"Content-Type": "text/plain"}}):  # no preflight
            answer = await client.post(f"{V1}/auth/{what}", **body)
            assert answer.status_code == 400
        assert (await client.post(f"{V1}/auth/refresh", json={})).status_code == 200  # still logged in


# --- the Gateway ---


async def gateway_app(test_manager: TestManager) -> tuple[Application, Gateway, Any]:
    rpc, mint = await gateway(test_manager)
    made = rpc._gateway
    made.origins = frozenset({"https://manager.example"})
    return create_app(made, trio.Event(), WebSettings()), made, mint


ACTIONS: Final = [
    (route.verb, route.path, method, action)
    for route in ROUTES
    for action, method in (route.choices or {"": route.method}).items()
]


def test_every_route_of_the_gateway_has_a_row() -> None:
    assert {method for _, _, method, _ in ACTIONS} <= set(GATEWAY)


@pytest.mark.parametrize(("verb", "path", "method", "action"), ACTIONS, ids=[action[2] for action in ACTIONS])
async def test_a_gateway_wants_a_token_for_this_server_with_this_permission(
    test_manager: TestManager, verb: str, path: str, method: str, action: str
) -> None:
    app, _, mint = await gateway_app(test_manager)
    needed, everything = GATEWAY[method], frozenset(Permission)
    cases = {
        "no token": ("", "db-01", 401),
        "an access token": (test_manager.bearer(await test_manager.account()), "db-01", 401),
        "no permission": (mint(frozenset()), "db-01", 403),
        "every other permission": (mint(everything - {needed}), "db-01", 403),
        "another server": (mint(everything), "db-02", 403),
    }
    if "{session_id}" in path:  # another's does not exist
        cases = {name: case for name, case in cases.items() if case[2] == 401} | {"": (mint(everything), "db-01", 404)}
    async with client_of(app) as client:
        for name, (token, server_id, expected) in cases.items():
            body = {"server_id": server_id} if "{server_id}" not in path and verb == "POST" else {}
            body |= {"action": action} if action else {}
            place = path.format(server_id=server_id, session_id="x")
            sent = body if verb in ("POST", "PUT") else None
            answer = await client.request(verb, place, headers=bearer(token), json=sent)
            assert answer.status_code == expected, name


@pytest.mark.parametrize("path", ["/openapi.json", "/health"])
async def test_what_everybody_may_know(test_manager: TestManager, path: str) -> None:
    app, _, _ = await gateway_app(test_manager)
    async with client_of(app) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("face", Face)
async def test_a_console_or_display_opens_once_with_its_ticket_and_from_our_own_pages_alone(
    test_manager: TestManager, face: Face
) -> None:
    app, made, mint = await gateway_app(test_manager)
    all_of_it = made.access.grant(mint(frozenset(Permission)))
    session, ticket = made.sessions.create(all_of_it, "db-01", read_only=False, face=face)
    other, _ = made.sessions.create(all_of_it, "db-01", read_only=False, face=face)
    elsewhere = next(each for each in Face if each is not face)

    async def knock(word: str, session_id: str = session.id, origin: str = "https://manager.example") -> bool:
        return await opens(app, f"{V1}/{face}s/{session_id}/stream", word, origin)

    assert not await knock("")
    assert not await knock("AAAA")
    assert not await knock(ticket.reveal(), origin="https://evil.example")
    assert not await knock(ticket.reveal(), origin="null")
    assert await knock(ticket.reveal())
    assert not await knock(ticket.reveal())
    again = made.sessions.ticket(session)
    assert not await knock(again.reveal(), session_id=other.id)
    assert not await knock(again.reveal())  # what was tried elsewhere is used up
    wrong_door = made.sessions.ticket(session).reveal()
    assert not await opens(app, f"{V1}/{elsewhere}s/{session.id}/stream", wrong_door, "https://manager.example")
    late = made.sessions.ticket(session)
    test_manager.clock.now += 31
    assert not await knock(late.reveal())
    closed = made.sessions.ticket(session)
    made.sessions.close(session.grant, session.id, face)
    assert not await knock(closed.reveal())


async def opens(app: Application, path: str, ticket: str, origin: str) -> bool:
    """Whether a WebSocket is accepted."""
    sent: list[str] = []
    asked = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        for message in asked:
            return message
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"gw1.example"), (b"origin", origin.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": ["conduit.console.1", *([f"ticket.{ticket}"] if ticket else [])],
        "extensions": {"websocket.http.response": {}},
    }
    with trio.fail_after(5):
        await app(scope, receive, send)
    assert sent
    return sent[0] == "websocket.accept"
