"""Whether we are alive, and whether we can do our work: for load balancers, Kubernetes and gRPC clients.

``/health`` says that the process answers. ``/ready`` runs each check, and is 503 when one fails; gRPC's health service
says the same. What the checks found is kept for a moment: anybody may ask, and asking costs the database something.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import trio
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from conduit.errors import CallError, ConduitError
from conduit.services.api.grpc.health.v1.health_connect import Health
from conduit.services.api.grpc.health.v1.health_pb import HealthCheckRequest, HealthCheckResponse
from conduit.services.web.asgi import Receive, Scope, Send, answer
from conduit.services.web.errors import report

TIMEOUT: Final = 2.0  # seconds for each check
FRESH: Final = 1.0  # seconds that a result is good for
WATCHED: Final = 5.0  # seconds between looks for who watches
_JSON: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]

Check = Callable[[], Awaitable[str | None]]
"Raises when what it is for does not work; may say how it works. A ConduitError's text is shown to whoever asks."
_Context = RequestContext[Any, Any]
_Status = HealthCheckResponse.ServingStatus


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found."""

    name: str
    ok: bool
    text: str
    seconds: float


class Checks:
    """What must work so that we do.

    :param checks: by name, such as ``database``.
    :param leaving: set when we are about to end: no longer ready, so that new work goes elsewhere.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        *,
        leaving: trio.Event | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._checks = dict(checks or {})
        self._timeout = timeout
        self._results: list[Result] = []
        self._until = -1.0
        self._turn = trio.Lock()
        self._leaves = trio.Event() if leaving is None else leaving

    @property
    def is_leaving(self) -> bool:
        """Whether we are about to end."""
        return self._leaves.is_set()

    async def run(self) -> list[Result]:
        """What each check found, at the same time and a moment ago at most."""
        async with self._turn:
            if trio.current_time() >= self._until:
                self._results = []
                async with trio.open_nursery() as nursery:
                    for name, check in self._checks.items():
                        nursery.start_soon(self._run, name, check)
                self._results.sort(key=lambda result: result.name)
                self._until = trio.current_time() + FRESH
            leaving = [Result("leaving", ok=False, text="it is about to end", seconds=0.0)]
            return [*self._results, *(leaving if self.is_leaving else ())]

    async def is_ready(self) -> bool:
        """Whether every check is content."""
        return all(result.ok for result in await self.run())

    async def changed(self) -> None:
        """Until it is time to look again."""
        with trio.move_on_after(WATCHED):
            await self._leaves.wait()

    async def _run(self, name: str, check: Check) -> None:
        since, ok, text = trio.current_time(), False, "ok"
        try:
            with trio.fail_after(self._timeout):
                text = await check() or text
            ok = True
        except trio.TooSlowError:
            text = f"no answer in {self._timeout:g} s"
        except ConduitError as error:
            text = error.message if isinstance(error, CallError) else str(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, that is what the check is for
            text = f"it fails; incident {report(error, where=f'check {name}')}"
        self._results.append(Result(name, ok, text, trio.current_time() - since))


class HealthRpc(Health):
    """``grpc.health.v1.Health``.

    :param services: that we have; all are as ready as we are.
    """

    def __init__(self, checks: Checks, services: Collection[str]) -> None:
        self._checks = checks
        self._services = {"", *services}

    async def check(self, request: HealthCheckRequest, ctx: _Context) -> HealthCheckResponse:
        """Now."""
        if request.service not in self._services:
            raise ConnectError(Code.NOT_FOUND, "there is no such service here")
        return HealthCheckResponse(status=await self._status())

    async def watch(self, request: HealthCheckRequest, ctx: _Context) -> AsyncIterator[HealthCheckResponse]:
        """Now, and whenever it changes."""
        if request.service not in self._services:
            yield HealthCheckResponse(status=_Status.SERVICE_UNKNOWN)
            await trio.sleep_forever()
        last = None
        while not self._checks.is_leaving or last != _Status.NOT_SERVING:
            status = await self._status()
            if status != last:
                last = status
                yield HealthCheckResponse(status=status)
            await self._checks.changed()

    async def _status(self) -> HealthCheckResponse.ServingStatus:
        return _Status.SERVING if await self._checks.is_ready() else _Status.NOT_SERVING


async def alive(scope: Scope, receive: Receive, send: Send) -> None:
    """``/health``."""
    await answer(send, 200, b'{"status": "alive"}', _JSON)


def readiness(checks: Checks) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """``/ready``."""

    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        results = await checks.run()
        ok = all(result.ok for result in results)
        found = [
            {"name": each.name, "ok": each.ok, "text": each.text, "seconds": round(each.seconds, 3)} for each in results
        ]
        body = json.dumps({"status": "ready" if ok else "not ready", "checks": found}).encode()
        await answer(send, 200 if ok else 503, body, _JSON)

    return ready
