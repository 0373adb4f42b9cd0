"""The Agent's own HTTP side, for who watches it: ``/health``, ``/ready``, ``/metrics``; gRPC's health service too."""

from __future__ import annotations

from typing import Final

import trio
from prometheus_client import CollectorRegistry
from quart_trio import QuartTrio

from conduit.errors import TransportError
from conduit.services.agent.config import AgentConfig
from conduit.services.agent.standing import Standing
from conduit.services.web.asgi import Application
from conduit.services.web.bindings import Binding, Bound
from conduit.services.web.fronting import WebSettings, front
from conduit.services.web.health import Checks
from conduit.services.web.limits import Limits
from conduit.services.web.metrics import WebMetrics
from conduit.services.web.rest import answer_failures
from conduit.services.web.serving import serve

LIMITS: Final = Limits(connections=256, connections_per_client=32, body=64 * 1024, grace=1.0)


def create_app(
    registry: CollectorRegistry, standing: Standing, leaving: trio.Event, settings: WebSettings
) -> Application:
    """The ASGI application.

    :param registry: whatever is in it is shown.
    :param leaving: set when the Agent is about to end.
    """
    rest = QuartTrio(__name__, static_folder=None)
    answer_failures(rest)
    checks = Checks(standing.checks, leaving=leaving)
    return front(WebMetrics("agent", [], registry), rest, [], [], checks=checks, settings=settings)


async def serve_health(
    config: AgentConfig,
    registry: CollectorRegistry,
    standing: Standing,
    leaving: trio.Event,
    *,
    task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED,
) -> None:
    """At the address that the configuration says, until cancelled.

    :raises TransportError: it cannot be had.
    """
    host, port = config.health_address
    settings = WebSettings(metrics_readers=tuple(config.metrics_readers), limits=LIMITS)
    app = create_app(registry, standing, leaving, settings)
    try:
        await serve(app, Binding(hosts=(host,), port=port), limits=LIMITS, task_status=task_status)
    except TransportError as error:
        raise TransportError(f"{error}; give another address as health, or an empty one") from error
