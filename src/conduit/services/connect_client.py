"""A client of our own APIs on Trio: the Connect protocol over httpx, with the generated messages.

The generated clients need asyncio. This one speaks what they speak: a unary call is a POST of one message, a server's
stream a POST whose answer is messages with a byte of flags and four of length before each.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from protobuf import Message

from conduit.errors import CallError, LocalProtocolError
from conduit.tunnel.call_frames import Code
from conduit.tunnel.framing import MessageReader, encode_message

UNARY_TIMEOUT: Final = 30.0  # seconds
MAX_MESSAGE: Final = 16 << 20  # bytes of one message in a stream
_MESSAGE: Final = 0  # flag of a message in a stream
_LAST: Final = 2  # flag: this is how it ended, in JSON
_CODES: Final[Mapping[str, Code]] = {code.name.lower(): code for code in Code} | {"canceled": Code.CANCELLED}
_BY_STATUS: Final[Mapping[int, Code]] = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_Answer = TypeVar("_Answer", bound=Message[Any])


class ConnectClient:
    """Calls methods of one server.

    :param http: its connections; its owner closes it.
    :param base_url: such as ``https://manager.example:8080``.
    :param service: such as ``manager.v1.MachineService``.
    """

    def __init__(self, http: httpx.AsyncClient, base_url: str, service: str) -> None:
        self._http = http
        self._base = f"{base_url.rstrip('/')}/{service}"

    async def call(
        self,
        method: str,
        request: Message[Any],
        answer: type[_Answer],
        *,
        bearer: str = "",
        timeout: float = UNARY_TIMEOUT,  # noqa: ASYNC109  # httpx's, and told to the server
    ) -> _Answer:
        """One message for one.

        :raises CallError: it failed there, or could not be reached (UNAVAILABLE).
        """
        headers = {"content-type": "application/proto", "connect-timeout-ms": str(int(timeout * 1000)), **_auth(bearer)}
        try:
            response = await self._http.post(
                f"{self._base}/{method}", content=request.to_binary(), headers=headers, timeout=timeout + 1
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status_code != httpx.codes.OK:
            raise _failure(response.status_code, response.content)
        if not response.headers.get("content-type", "").startswith("application/proto"):
            raise CallError(Code.UNIMPLEMENTED, f"{self._address} answers, but is no Conduit service")
        return answer.from_binary(response.content)

    async def stream(
        self,
        method: str,
        request: Message[Any],
        answer: type[_Answer],
        *,
        bearer: str = "",
        silence: float = UNARY_TIMEOUT,
    ) -> AsyncGenerator[_Answer]:
        """Messages for one, until the server ends them. To be closed by ``aclosing``.

        :param silence: seconds without a byte after which it counts as lost.
        :raises CallError: it failed, or was lost (UNAVAILABLE).
        """
        content = encode_message(request.to_binary())
        headers = {"content-type": "application/connect+proto", **_auth(bearer)}
        timeout = httpx.Timeout(UNARY_TIMEOUT, read=silence)
        try:
            async with self._http.stream(
                "POST", f"{self._base}/{method}", content=content, headers=headers, timeout=timeout
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise _failure(response.status_code, await response.aread())
                async with aclosing(_envelopes(response)) as messages:
                    async for message in messages:
                        yield answer.from_binary(message)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.HTTPError) -> CallError:
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, _NOT_SENT):
            return CallError(Code.DEADLINE_EXCEEDED, f"{self._address} does not answer")
        reason = str(error) or type(error).__name__
        unsent = isinstance(error, _NOT_SENT)
        return CallError(Code.UNAVAILABLE, f"cannot reach {self._address}: {reason}", safe_to_retry=unsent)

    @property
    def _address(self) -> str:
        return self._base.rpartition("/")[0]


def open_http(ca: Path | None) -> httpx.AsyncClient:
    """Connections to the Manager; the environment's proxies are not for this.

    :param ca: PEM file: whom to trust, when not the system's CAs.
    :raises LocalProtocolError: it cannot be read.
    """
    try:
        verify = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise LocalProtocolError(f"cannot use {ca} as a CA: {error}") from error
    return httpx.AsyncClient(verify=verify, trust_env=False)


async def _envelopes(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The messages of a stream, until its last word."""
    reader = MessageReader(MAX_MESSAGE, flags=(_MESSAGE, _LAST))
    last: bytes | None = None
    async for data in response.aiter_bytes():  # to its very end: httpx leaves generators open else
        for flag, message in reader.receive_flagged(data):
            if flag == _LAST:
                last = message
            elif last is None:
                yield message
    if last is None:
        raise CallError(Code.UNAVAILABLE, "the stream broke off")
    _raise_for_end(last)


def _raise_for_end(message: bytes) -> None:
    error = json.loads(message or b"{}").get("error")
    if error:
        raise _as_error(error, Code.UNKNOWN)


def _failure(status: int, body: bytes) -> CallError:
    code = _BY_STATUS.get(status, Code.UNKNOWN)
    try:
        return _as_error(json.loads(body), code)
    except ValueError:
        return CallError(code, f"the server answers with HTTP status {status}")


def _as_error(error: Any, code: Code) -> CallError:  # Any: JSON from the server
    if not isinstance(error, dict):
        return CallError(code, "the server's answer makes no sense")
    return CallError(_CODES.get(str(error.get("code")), code), str(error.get("message", "")))


def _auth(bearer: str) -> dict[str, str]:
    return {"authorization": f"Bearer {bearer}"} if bearer else {}
