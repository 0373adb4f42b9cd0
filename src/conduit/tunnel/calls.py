"""Calls over a tunnel: a request and an answer, or messages both ways, so that no service needs a protocol of its own.

A stream of kind ``call`` carries one call; its metadata name the method. What travels is in
:mod:`conduit.tunnel.call_frames`. A call that was reset has gRPC's code for that, as gRPC maps the codes of HTTP/2.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

import trio

from conduit.errors import CallError, DecodeError, LocalProtocolError, StreamResetError, TransportError
from conduit.tunnel.call_frames import SUCCESS, AnswerReader, Code, RequestReader, Status
from conduit.tunnel.frames import ErrorCode
from conduit.tunnel.framing import MAX_MESSAGE, MessageTooLongError, encode_message
from conduit.tunnel.opening import encode_request
from conduit.tunnel.serving import StreamHandler, serve_streams
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel

logger = logging.getLogger(__name__)

KIND: Final = "call"
METHOD: Final = "method"  # metadata
MAX_CALLS: Final = 1024  # that are served at the same time, by default
_CODES: Final[Mapping[int, Code]] = {
    ErrorCode.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCode.CANCEL: Code.CANCELLED,
    ErrorCode.CONNECT_ERROR: Code.UNIMPLEMENTED,  # nobody serves calls there
    ErrorCode.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}


class _Messages:
    """Messages on a stream. One task may send and another receive at the same time."""

    def __init__(self, stream: TunnelStream, reader: RequestReader | AnswerReader, most: int) -> None:
        self._stream = stream
        self._reader = reader
        self._most = most
        self._ready: list[bytes] = []  # the next one last
        self._at_end = False

    def _frame(self, message: bytes) -> bytes:
        if len(message) > self._most:
            raise LocalProtocolError(f"a message of {len(message)} bytes, where {self._most} are allowed")
        return encode_message(message)

    async def _next(self) -> bytes | None:
        """The next message, None at the end.

        :raises DecodeError: the peer broke the rules.
        :raises trio.BrokenResourceError: the stream was reset.
        """
        while not self._ready:
            if self._at_end:
                return None
            data = await self._stream.receive_some()
            self._at_end = not data
            if data:
                self._ready = self._reader.receive(data)[::-1]
                self._at_end = isinstance(self._reader, AnswerReader) and self._reader.status is not None
            else:
                self._reader.finish()
        return self._ready.pop()


# --- the caller -------------------------------------------------------------------------------------------------------


class Call(_Messages):
    """A call as its caller sees it; made by :func:`open_call`. Iterate over it for the messages of the answer."""

    def __init__(self, stream: TunnelStream, most: int) -> None:
        self._answer = AnswerReader(most)
        super().__init__(stream, self._answer, most)

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the peer does not take it.

        :raises CallError: the call is over; where the handler ended it, iterating tells how.
        :raises LocalProtocolError: *message* is too long.
        """
        frame = self._frame(message)
        try:
            await self._stream.send_all(frame)
        except trio.BrokenResourceError as error:
            raise self._failure(error) from error

    async def end(self) -> None:
        """Say that no more messages follow."""
        try:
            await self._stream.send_eof()
        except trio.BrokenResourceError as error:
            raise self._failure(error) from error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next message of the answer.

        :raises CallError: the call failed.
        """
        message = await self._receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def _receive(self) -> bytes | None:
        try:
            message = await self._next()
        except trio.BrokenResourceError as error:
            raise self._failure(error) from error
        except DecodeError as error:
            self._stream.reset(ErrorCode.PROTOCOL_ERROR)
            code = Code.RESOURCE_EXHAUSTED if isinstance(error, MessageTooLongError) else Code.INTERNAL
            raise CallError(code, f"the answer makes no sense: {error.what}") from error
        status = self._answer.status
        if message is None and status is not None and status.code != Code.OK:
            raise CallError(*status)
        return message

    async def send_only(self, message: bytes) -> None:
        """Send the only message of a request."""
        frame = self._frame(message)
        try:
            await self._stream.send_last(frame)
        except trio.BrokenResourceError as error:
            if self._stream.reset_code != ErrorCode.NO_ERROR:  # else the answer is here already
                raise self._failure(error) from error

    async def receive_only(self) -> bytes:
        """The only message of an answer.

        :raises CallError: the call failed, or there is another number of messages.
        """
        message = await self._receive()
        if message is None or await self._receive() is not None:
            raise CallError(Code.INTERNAL, "the answer has not exactly one message")
        return message

    def finish(self) -> None:
        """Leave nothing open; a handler that is not done is cancelled."""
        if not self._stream.is_closed:
            over = self._answer.status is not None
            self._stream.reset(ErrorCode.NO_ERROR if over else ErrorCode.CANCEL)

    def _failure(self, error: trio.BrokenResourceError) -> CallError:
        cause = error.__cause__
        if not isinstance(cause, StreamResetError):
            return CallError(Code.UNAVAILABLE, "the tunnel is gone")
        if cause.deadline_passed:
            return CallError(Code.DEADLINE_EXCEEDED, "it took too long")
        code = Code.UNAVAILABLE if cause.tunnel_lost else _CODES.get(cause.code, Code.INTERNAL)
        return CallError(code, str(cause), safe_to_retry=cause.safe_to_retry)


@asynccontextmanager
async def open_call(
    tunnel: Tunnel,
    method: str,
    *,
    metadata: Mapping[str, str] | None = None,
    deadline: float | None = None,
    max_message: int = MAX_MESSAGE,
) -> AsyncIterator[Call]:
    """A call with messages both ways; leaving the block before its end cancels it.

    :param method: name in the table of ``serve_calls``.
    :param metadata: what the handler should know besides; not ``method``.
    :param deadline: seconds that the call may take: then it fails with DEADLINE_EXCEEDED and its handler is cancelled.
    :param max_message: bytes that a message may have, both ways.
    :raises CallError: the call failed.
    """
    call = Call(_start(tunnel, {**(metadata or {}), METHOD: method}, deadline), max_message)
    try:
        tunnel.flush()
        await trio.lowlevel.checkpoint()
        yield call
    finally:
        call.finish()


def _start(tunnel: Tunnel, metadata: Mapping[str, str], deadline: float | None) -> TunnelStream:
    try:
        return tunnel.start_stream(KIND, metadata, deadline=deadline)
    except (TransportError, LocalProtocolError) as error:
        encode_request(KIND, metadata)  # raises where the caller is to blame
        raise CallError(Code.UNAVAILABLE, str(error), safe_to_retry=True) from error


async def call(
    tunnel: Tunnel,
    method: str,
    request: bytes,
    *,
    metadata: Mapping[str, str] | None = None,
    deadline: float | None = None,
    max_message: int = MAX_MESSAGE,
) -> bytes:
    """Send *request*, return the answer; parameters as in :func:`open_call`.

    :raises CallError: the call failed; where it is ``safe_to_retry``, nothing was done.
    """
    one = Call(_start(tunnel, {**(metadata or {}), METHOD: method}, deadline), max_message)
    try:
        await one.send_only(request)
        return await one.receive_only()
    finally:
        one.finish()


# --- the handlers -----------------------------------------------------------------------------------------------------


class ServedCall(_Messages):
    """A call as its handler sees it. Iterate over it for the messages of the request."""

    def __init__(self, stream: TunnelStream, most: int) -> None:
        super().__init__(stream, RequestReader(most), most)
        self.metadata = stream.metadata
        "What the caller said, ``method`` included."
        self.deadline = stream.deadline
        "When the handler is cancelled, on Trio's clock."

    async def send(self, message: bytes) -> None:
        """Send a message of the answer; waits while the caller does not take it.

        :raises LocalProtocolError: *message* is too long.
        """
        await self._stream.send_all(self._frame(message))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next message of the request."""
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def receive(self) -> bytes | None:
        """The next message, None at the end.

        :raises CallError: what was sent is no request; to be passed on.
        """
        try:
            return await self._next()
        except DecodeError as error:
            code = Code.RESOURCE_EXHAUSTED if isinstance(error, MessageTooLongError) else Code.INVALID_ARGUMENT
            raise CallError(code, f"the request makes no sense: {error.what}") from error

    async def receive_only(self) -> bytes:
        """The only message of a request.

        :raises CallError: there is another number of them.
        """
        message = await self.receive()
        if message is None or await self.receive() is not None:
            raise CallError(Code.INVALID_ARGUMENT, "the request has not exactly one message")
        return message

    async def finish(self, status: bytes, *, answer: bytes | None = None) -> None:
        """Send the last words."""
        await self._stream.send_last(status if answer is None else self._frame(answer) + status)


@dataclass(frozen=True, slots=True)
class Unary:
    """A method that answers one message with one.

    :param handler: raises :class:`~conduit.errors.CallError` to fail; what else it raises is logged and told as
        INTERNAL without its text. It is cancelled when the caller goes away, and at the call's deadline.
    """

    handler: Callable[[bytes], Awaitable[bytes]]

    async def serve(self, call: ServedCall) -> bytes | None:
        """The answer's only message."""
        return await self.handler(await call.receive_only())


@dataclass(frozen=True, slots=True)
class Bidirectional:
    """A method with any number of messages both ways; otherwise like :class:`Unary`.

    :param handler: the answer ends when it returns; what it returns, if anything, is the last message, and leaves
        together with the end.
    """

    handler: Callable[[ServedCall], Awaitable[bytes | None]]

    async def serve(self, call: ServedCall) -> bytes | None:
        """What the handler did not send itself."""
        return await self.handler(call)


Method = Unary | Bidirectional


def serving_calls(methods: Mapping[str, Method], *, max_message: int = MAX_MESSAGE) -> StreamHandler:
    """What ``serve_streams`` is to do with streams of kind ``call``.

    :param methods: by name.
    :param max_message: bytes that a message may have, both ways.
    """

    async def serve(stream: TunnelStream) -> None:
        stream.accepts_on_receive = False  # callers wait for an answer, not for an acceptance
        with stream.cancelled_by_reset():
            await _serve(ServedCall(stream, max_message), stream, methods)

    return serve


async def _serve(call: ServedCall, stream: TunnelStream, methods: Mapping[str, Method]) -> None:
    name = stream.metadata.get(METHOD, "")
    method = methods.get(name)
    if method is None:
        await call.finish(Status(Code.UNIMPLEMENTED, f"there is no method {name!r}").encode())
        return
    try:
        answer = await method.serve(call)
        await call.finish(SUCCESS, answer=answer)
    except Exception as error:  # noqa: BLE001  # a handler's failure is its call's alone; logged
        if stream.reset_code is None:
            await call.finish(_status_of(error, name).encode())


def _status_of(error: BaseException, name: str) -> Status:
    """What a caller learns about the failure of a handler, which may come out of nurseries of its own."""
    lone = error
    while isinstance(lone, BaseExceptionGroup) and len(lone.exceptions) == 1:
        lone = lone.exceptions[0]
    if isinstance(lone, CallError) and lone.code != Code.OK:
        return Status(lone.code, lone.message, lone.details)
    logger.error("the handler of %s failed", name, exc_info=error)
    return Status(Code.INTERNAL, "the handler failed")


async def serve_calls(
    tunnel: Tunnel,
    methods: Mapping[str, Method],
    *,
    max_calls: int = MAX_CALLS,
    max_message: int = MAX_MESSAGE,
) -> None:
    """Serve calls, and nothing else, until the tunnel ends.

    :param max_calls: at the same time; further ones are refused, which callers see as safe to try again.
    """
    await serve_streams(tunnel, {KIND: serving_calls(methods, max_message=max_message)}, max_handlers=max_calls)
