"""What Prometheus learns of the HTTP side. Labels are routes, never paths: our own tables bound their number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import trio
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from protobuf import DescService
from quart import request, websocket
from quart_trio import QuartTrio

from conduit.services.web.asgi import Application, Message, Receive, Scope, Send, answer
from conduit.services.web.clients import Networks

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
ROUTE: Final = "conduit.route"  # in the scope: the rule that Quart has chosen
OTHER: Final = "other"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"})
_Context = RequestContext[Any, Any]


class Tasks(Collector):
    """How many tasks live in this process: what grows for ever leaks."""

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        living = trio.lowlevel.current_statistics().tasks_living
        yield GaugeMetricFamily("conduit_tasks", "Trio tasks that live.", living)


class WebMetrics:
    """Counts requests and calls; the registry is the application's own.

    :param name: of the service, which the metrics' names begin with: ``manager``.
    :param described: the RPC services.
    """

    def __init__(self, name: str, described: Iterable[DescService], registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.registry.register(Tasks())
        ProcessCollector(registry=self.registry)
        self.refresh: Callable[[], Awaitable[None]] = nothing
        "Called before the figures are read."
        self._rpcs = frozenset(f"/{each.type_name}/{method.name}" for each in described for method in each.methods)
        metric: Any = {"namespace": name, "registry": self.registry}
        routes = ("method", "endpoint")
        self._requests = Counter("http_requests", "HTTP requests.", (*routes, "status_code"), **metric)
        self._seconds = Histogram("http_request_duration_seconds", "", routes, buckets=BUCKETS, **metric)
        self._open = Gauge("http_requests_open", "HTTP requests in progress.", **metric)
        self._websockets = Gauge("websocket_connections", "WebSockets that are open.", ("endpoint",), **metric)
        self._calls = Counter("rpc_calls", "RPC calls.", ("service", "method", "status"), **metric)
        self._call_seconds = Histogram(
            "rpc_call_duration_seconds", "", ("service", "method"), buckets=BUCKETS, **metric
        )

    def route_of(self, scope: Scope) -> str:
        """The label of a request."""
        chosen = scope.get(ROUTE)
        if isinstance(chosen, str):
            return chosen
        return scope["path"] if scope["path"] in self._rpcs else OTHER

    def count(self, app: Application) -> Application:
        """*app*, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._count(app, scope, receive, send)
            elif scope["type"] == "websocket":
                await self._count_websocket(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return counted

    async def _count(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        since, status = trio.current_time(), "none"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        self._open.inc()
        try:
            await app(scope, receive, noting)
        finally:
            self._open.dec()
            labels = scope["method"] if scope["method"] in _METHODS else OTHER, self.route_of(scope)
            self._requests.labels(*labels, status).inc()
            self._seconds.labels(*labels).observe(trio.current_time() - since)

    async def _count_websocket(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        counted: Gauge | None = None

        async def noting(message: Message) -> None:
            nonlocal counted
            if message["type"] == "websocket.accept" and counted is None:
                counted = self._websockets.labels(self.route_of(scope))
                counted.inc()
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            if counted is not None:
                counted.dec()

    # --- an interceptor of connectrpc ---------------------------------------------------------------------------------

    async def on_start(self, ctx: _Context) -> float:
        """A call begins."""
        return trio.current_time()

    async def on_end(self, since: float, ctx: _Context, error: Exception | None) -> None:
        """A call has ended."""
        labels = ctx.method.service_name, ctx.method.name
        self._calls.labels(*labels, _status_of(error)).inc()
        self._call_seconds.labels(*labels).observe(trio.current_time() - since)


def _status_of(error: Exception | None) -> str:
    if error is None:
        return "ok"
    return (error.code if isinstance(error, ConnectError) else Code.UNKNOWN).value


def label_routes(app: QuartTrio) -> None:
    """Let the metrics know which rule a request met."""

    @app.before_request
    async def note_request() -> None:
        if request.url_rule is not None and request.scope is not None:
            _note(request.scope, request.url_rule.rule)

    @app.before_websocket
    async def note_websocket() -> None:
        if websocket.url_rule is not None and websocket.scope is not None:
            _note(websocket.scope, websocket.url_rule.rule)


def _note(scope: Any, rule: str) -> None:
    scope[ROUTE] = rule


async def nothing() -> None:
    """Figures that are there anyway need no work before they are read."""


def exposition(
    registry: CollectorRegistry, readers: Networks, refresh: Callable[[], Awaitable[None]] = nothing
) -> Application:
    """``/metrics``, for *readers* alone: how much there is, is nobody else's business.

    :param refresh: called before the figures are read.
    """

    async def expose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["client"] is None or scope["client"][0] not in readers:
            await answer(send, 403, b"", [])
            return
        await refresh()
        await answer(send, 200, generate_latest(registry), [(b"content-type", CONTENT_TYPE_LATEST.encode())])

    return expose
