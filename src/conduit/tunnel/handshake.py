"""The first words on the control stream: Hello, then Welcome or a refusal."""

from __future__ import annotations

from conduit.errors import AuthenticationError, NegotiationError, RemoteProtocolError
from conduit.tunnel.control import (
    MAJOR,
    MAX_CONTROL_MESSAGE,
    MINOR,
    Hello,
    Message,
    Refusal,
    Welcome,
    decode_message,
)
from conduit.tunnel.framing import MessageReader, encode_message
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel

KIND = "control"


class ControlStream:
    """Messages on the control stream."""

    def __init__(self, stream: TunnelStream) -> None:
        self._stream = stream
        self._reader = MessageReader(MAX_CONTROL_MESSAGE)
        self._ready: list[Message] = []

    async def send(self, message: Message) -> None:
        """Send one."""
        await self._stream.send_all(encode_message(message.encode()))

    async def receive(self) -> Message | None:
        """The next one that we know; None at the end."""
        while not self._ready:
            data = await self._stream.receive_some()
            if not data:
                return None
            for raw in self._reader.receive(data):
                message = decode_message(raw)
                if message is not None:
                    self._ready.append(message)
        return self._ready.pop(0)


async def greet(tunnel: Tunnel, *, registration: bytes, generation: int) -> ControlStream:
    """The dialling side's part.

    :raises AuthenticationError: we are not welcome, and why.
    """
    stream = await tunnel.first_stream()
    if stream.kind != KIND:
        raise RemoteProtocolError(f"the first stream is {stream.kind!r}, not the control stream")
    control = ControlStream(stream)
    hello = Hello(major=MAJOR, minor=MINOR, generation=generation, registration=registration)
    await control.send(hello)
    message = await control.receive()
    if isinstance(message, Refusal):
        raise AuthenticationError(f"{tunnel.peer} refuses the tunnel: {message.reason}")
    if not isinstance(message, Welcome):
        raise RemoteProtocolError("no welcome")
    return control


async def welcome(tunnel: Tunnel) -> ControlStream:
    """The accepting side's part.

    :raises NegotiationError: the peer speaks another major version.
    """
    control = ControlStream(await tunnel.open_stream(KIND))
    hello = await control.receive()
    if not isinstance(hello, Hello):
        raise RemoteProtocolError("no hello")
    if hello.major != MAJOR:
        reason = f"version {hello.major} of the tunnel's protocol, version {MAJOR} is spoken here"
        await control.send(Refusal(reason=reason))
        raise NegotiationError(f"{tunnel.peer} speaks {reason}")
    await control.send(Welcome(minor=MINOR))
    tunnel.hello = hello
    return control
