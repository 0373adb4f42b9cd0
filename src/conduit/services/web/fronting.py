"""What stands before a service's own methods: limits, who the client is, metrics, log, health, reflection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connectrpc.interceptor import Interceptor
from protobuf import DescService
from quart_trio import QuartTrio

from conduit.services.api.grpc.health.v1.health_connect import Health, HealthASGIApplication
from conduit.services.web.access_log import log_requests
from conduit.services.web.asgi import Application
from conduit.services.web.clients import LOOPBACK, Networks, believe_proxies
from conduit.services.web.composing import Service, compose
from conduit.services.web.compression import COMPRESSIONS
from conduit.services.web.errors import Errors
from conduit.services.web.guard import guard
from conduit.services.web.health import Checks, HealthRpc, alive, readiness
from conduit.services.web.limits import Limits
from conduit.services.web.metrics import WebMetrics, exposition, label_routes
from conduit.services.web.origins import check_origins
from conduit.services.web.page_headers import add_headers
from conduit.services.web.reflection import reflection


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What an operator decides of the HTTP side."""

    trusted_proxies: tuple[str, ...] = ()
    "Networks whose X-Forwarded-For and -Proto are believed."
    metrics_readers: tuple[str, ...] = LOOPBACK
    "Networks that may read ``/metrics``."
    limits: Limits = Limits()  # noqa: RUF009  # frozen


DEFAULTS: Final = WebSettings()


def nobody() -> Collection[str]:
    """No other site's pages."""
    return ()


def interceptors(metrics: WebMetrics) -> list[Interceptor]:
    """For every ASGI application of connectrpc."""
    return [metrics, Errors()]


def front(
    metrics: WebMetrics,
    rest: QuartTrio,
    services: Sequence[Service],
    described: Sequence[DescService],
    *,
    checks: Checks,
    origins: Callable[[], Collection[str]] = nobody,
    settings: WebSettings = DEFAULTS,
    mounts: Mapping[str, Application] | None = None,
) -> Application:
    """The whole ASGI application of a service.

    :param services: connectrpc's ASGI applications; with our :func:`interceptors`.
    :param described: what reflection shows and health knows.
    :param origins: of other sites whose pages may talk to us; asked each time.
    """
    label_routes(rest)
    shown = [*described, Health.desc()]
    health = HealthASGIApplication(
        HealthRpc(checks, [each.type_name for each in described]),
        interceptors=interceptors(metrics),
        compressions=COMPRESSIONS,
    )
    app = compose(
        rest,
        [*services, health, *reflection(shown)],
        mounts={
            "/health": alive,
            "/ready": readiness(checks),
            "/metrics": exposition(metrics.registry, Networks(settings.metrics_readers), metrics.refresh),
            **(mounts or {}),
        },
    )
    app = guard(check_origins(app, origins), settings.limits)
    app = add_headers(log_requests(metrics.count(app)))
    return believe_proxies(app, Networks(settings.trusted_proxies))
