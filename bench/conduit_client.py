"""The only place where the benchmarks know Conduit's API: when it changes, this file does.

The client is looked up by name, so that the peers and the floor can be measured from a tree that does not have it yet.
"""

from __future__ import annotations

import importlib
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from bench.servers import PASSWORD, USERNAME

MODULES: Final = ("conduit.ipmi", "conduit.rmcp.endpoint", "conduit.rmcp.privilege", "conduit.errors")

Endpoint = Any  # conduit.rmcp.endpoint.Endpoint, which may not exist yet
Bmc = Any  # what conduit.ipmi.open_bmc yields


AUTO: Final = -1  # in place of a cipher suite: let the client ask the BMC what it can do and choose


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
            interface="auto" if suite == AUTO else "lanplus",
            cipher_suite=None if suite == AUTO else suite,
            privilege=privilege,
            endpoint=endpoint,
        )
        return manager

    return open_session


def codec_run(suite: int, count: int) -> Callable[[], None]:
    """What seals *count* Get Chassis Status requests, and opens and matches their answers, with no input or output.

    The answers are sealed here, beforehand, by a second session in the BMC's role: only the console's work is timed.

    :raises NotImportableError: the session machine is not there.
    """
    suites = _find("conduit.rmcp.ciphers", "SUITES")
    keys = _find("conduit.rmcp.ciphers", "SessionKeys")(k1=secrets.token_bytes(32), k2=secrets.token_bytes(32))
    new_session = _find("conduit.rmcp.session", "PlusSession")
    encode_frame = _find("conduit.rmcp.lan_message", "encode_frame")
    decode_frame = _find("conduit.rmcp.lan_message", "decode_frame")
    encode_response = _find("conduit.rmcp.lan_message", "encode_response")
    retry = _find("conduit.rmcp.retry", "RetryPolicy")()
    # The entropy that the driver is to hand in, without the system call that it saves.
    entropy = bytes
    console = new_session(suites[suite], keys, password=b"", local_id=1, remote_id=2, entropy=entropy)
    bmc = new_session(suites[suite], keys, password=b"", local_id=2, remote_id=1, entropy=entropy)
    requests = (decode_frame(encode_frame(0, 1, b"", sequence=number + 1 & 63)) for number in range(count))
    answers = [bmc.seal(0, encode_response(request, 0, b"\x01\x00\x00")) for request in requests]

    connection = _find("conduit.ipmi.connection", "Connection")
    exchange = _find("conduit.ipmi.exchange", "Exchange")
    decode_status = _find("conduit.ipmi.commands", "ChassisStatus").decode

    def run() -> None:
        client = connection(console, exchange(retry), 0.0)
        for number, answer in enumerate(answers):
            client.submit(number, 0, 1, b"", 0.0)
            client.datagrams_to_send()
            client.next_deadline()
            (event,) = client.receive_datagram(answer, 0.0)
            if event.token != number or event.code:
                raise AssertionError("the exchange does not match")
            decode_status(event.data)

    return run


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
