"""The only place where the benchmarks know Conduit's API: when it changes, this file does.

The client is looked up by name, so that the peers and the floor can be measured from a tree that does not have it yet.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from bench.servers import PASSWORD, USERNAME

MODULES: Final = ("conduit.ipmi", "conduit.rmcp.endpoint", "conduit.rmcp.privilege", "conduit.errors")

Endpoint = Any  # conduit.rmcp.endpoint.Endpoint, which may not exist yet
Bmc = Any  # what conduit.ipmi.open_bmc yields


class NotImportableError(Exception):
    """This tree has no Conduit client, or not one this file knows."""


def _find(module: str, name: str) -> Any:  # Any: whatever Conduit has under that name
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NotImportableError(f"{module}.{name}: {error}") from error


def check() -> None:
    """Fail now rather than in the middle of a measurement.

    :raises NotImportableError: saying what is missing.
    """
    _find("conduit.rmcp.endpoint", "open_endpoint")
    _find("conduit.ipmi", "open_bmc")
    _find("conduit.rmcp.privilege", "Privilege")


def expected_errors() -> type[Exception]:
    """What a failed session raises; it is counted, anything else ends the run."""
    errors: type[Exception] = _find("conduit.errors", "ConduitError")
    return errors


@asynccontextmanager
async def open_endpoint() -> AsyncIterator[Endpoint]:
    """One UDP socket for every session."""
    async with _find("conduit.rmcp.endpoint", "open_endpoint")() as endpoint:
        yield endpoint


def session_opener(endpoint: Endpoint, port: int, suite: int) -> Callable[[str], AbstractAsyncContextManager[Bmc]]:
    """What opens a session to a host: RMCP+, administrator, the benchmark servers' user.

    The names are looked up once, here, and not in the loop that is timed.
    """
    open_bmc = _find("conduit.ipmi", "open_bmc")
    privilege = _find("conduit.rmcp.privilege", "Privilege").ADMINISTRATOR

    def open_session(host: str) -> AbstractAsyncContextManager[Bmc]:
        manager: AbstractAsyncContextManager[Bmc] = open_bmc(
            host,
            port=port,
            username=USERNAME,
            password=PASSWORD,
            interface="lanplus",
            cipher_suite=suite,
            privilege=privilege,
            endpoint=endpoint,
        )
        return manager

    return open_session


async def chassis_status(bmc: Bmc) -> None:
    """One Get Chassis Status. (The loops that are timed call ``bmc.chassis_status`` themselves.)"""
    await bmc.chassis_status()


def codec_exchange(suite: int) -> Callable[[], object]:
    """What carries one Get Chassis Status through the codecs and machines, without any input or output.

    Each call seals a request, forges the BMC's sealed answer as cheaply as it can, opens it and matches it.

    :raises NotImportableError: the session machine is not there, or this file does not know it.
    """
    del suite
    raise NotImportableError("bench/conduit_client.py does not drive the session machine yet")


def main() -> None:
    """Say as JSON whether the client is there."""
    try:
        check()
    except NotImportableError as error:
        answer = {"available": False, "reason": str(error)}
    else:
        answer = {"available": True, "reason": ""}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
