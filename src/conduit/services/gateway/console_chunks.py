"""Console messages as the chunks of ``StreamConsoleData``: output and input as bytes, all else as JSON.

A control text is the message's JSON object with its type's number under ``type`` (docs/protocol/console.md).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from conduit.console.messages import (
    FROM_VIEWER,
    Attach,
    Detach,
    Input,
    Message,
    Output,
    decode_from_hub,
)
from conduit.console.words import Mode
from conduit.errors import DecodeError
from conduit.services.api.gateway.v1.gateway_pb import ConsoleDataChunk

_TYPE: Final = "type"


def to_chunk(data: bytes) -> ConsoleDataChunk | None:
    """A hub's message as a chunk, None for one that we do not know."""
    message = decode_from_hub(data)
    match message:
        case None:
            return None
        case Output():
            return ConsoleDataChunk(data=message.data, offset=message.offset)
        case _:
            text = json.dumps({_TYPE: message.type_number, **message.to_json()}, separators=(",", ":"))
            return ConsoleDataChunk(control=text)


def to_messages(chunk: ConsoleDataChunk, sequence: int) -> list[bytes]:
    """A viewer's chunk as messages.

    :param sequence: of the input in it.
    :raises DecodeError: its control text makes no sense.
    """
    messages = [_control(chunk.control)] if chunk.control else []
    if chunk.data:
        messages.append(Input(sequence, chunk.data))
    if chunk.close_stream:
        messages.append(Detach())
    return [message.encode() for message in messages]


def to_attach(chunk: ConsoleDataChunk, *, read_only: bool) -> bytes:
    """The handshake as the first message. Its control text may be ATTACH, with the epoch of ``from_offset``.

    :raises DecodeError: its control text makes no sense.
    """
    wish = _control(chunk.control) if chunk.control else Attach()
    if not isinstance(wish, Attach):
        raise DecodeError("a handshake whose control text is not ATTACH")
    start = chunk.from_offset if chunk.has_field("from_offset") else wish.start
    return replace(wish, start=start, mode=Mode.READ if read_only else Mode.WRITE).encode()


def _control(text: str) -> Message:
    try:
        values = json.loads(text)
        kind = FROM_VIEWER[values[_TYPE]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DecodeError("a control text that is no console message") from error
    if kind is Input:
        raise DecodeError("input belongs in data")
    return kind.from_json(values)
