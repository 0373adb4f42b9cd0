"""What a call looks like on its stream: gRPC's messages, and at the end gRPC-Web's trailers as one more message.

A request is any number of messages and the end of the stream's direction. An answer is any number of messages and a
status: a message whose flag is ``0x80`` and whose text is ``grpc-status:<number>``, perhaps ``grpc-message:<text>``
(percent-encoded) and ``grpc-status-details-bin:<base64>``, each with CR LF behind it. Without a status it is no answer.
"""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.framing import MAX_MESSAGE, MessageReader, MessageTooLongError, encode_message

MESSAGE: Final = 0x00  # flag
STATUS: Final = 0x80  # flag; what gRPC-Web has for trailers
MAX_TEXT: Final = 1024  # characters of a status's message; the rest is cut off
MAX_DETAILS: Final = 8 << 10  # bytes
MAX_STATUS: Final = 32 << 10  # bytes of a whole status
_PLAIN: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


class Code(IntEnum):
    """How a call ended (``google.rpc.Code``)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Status(NamedTuple):
    """The end of an answer."""

    code: int = Code.OK
    message: str = ""
    details: bytes = b""

    def encode(self) -> bytes:
        """The whole message, prefix and all.

        :raises LocalProtocolError: too many details.
        """
        if len(self.details) > MAX_DETAILS:
            raise LocalProtocolError(f"{len(self.details)} bytes of details, {MAX_DETAILS} at most can travel")
        text = f"grpc-status:{int(self.code)}\r\n"
        if self.message:
            text += f"grpc-message:{quote(self.message[:MAX_TEXT], safe=_PLAIN, errors='replace')}\r\n"
        if self.details:
            text += f"grpc-status-details-bin:{base64.b64encode(self.details).decode()}\r\n"
        return encode_message(text.encode(), STATUS)

    @classmethod
    def decode(cls, data: bytes) -> Status:
        """From the text. A code that we do not know is UNKNOWN.

        :raises DecodeError: and nothing else, whatever *data* holds.
        """
        fields = _decode_fields(data)
        number = fields.get("grpc-status", "")
        if not (number.isascii() and number.isdigit() and len(number) <= 3):
            raise DecodeError("a status without a number")
        code = int(number)
        message = unquote(fields.get("grpc-message", ""), errors="replace")
        try:
            details = base64.b64decode(fields.get("grpc-status-details-bin", "") + "==")  # padding is optional
        except (binascii.Error, ValueError) as error:
            raise DecodeError("details of a status that are no base64") from error
        return cls(Code(code) if code in _CODES else Code.UNKNOWN, message, details)


_CODES: Final = frozenset(Code)
SUCCESS: Final = Status().encode()


def _decode_fields(data: bytes) -> dict[str, str]:
    try:
        lines = data.decode("ascii").split("\r\n")
    except UnicodeDecodeError as error:
        raise DecodeError("a status that is no ASCII") from error
    fields: dict[str, str] = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon:
            raise DecodeError("a line of a status without a colon")
        fields[name.strip().lower()] = value.strip()
    return fields


class RequestReader:
    """Finds the messages of a request in bytes that come in pieces of any size.

    :param most: bytes that a message may have.
    """

    __slots__ = ("_reader",)

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        self._reader = MessageReader(most)

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that *data* completes.

        :raises DecodeError: it is no request.
        """
        return self._reader.receive(data)

    def finish(self) -> None:
        """The peer's direction has ended.

        :raises DecodeError: in the middle of a message.
        """
        if not self._reader.is_between_messages:
            raise DecodeError("a request that ends in the middle of a message")


class AnswerReader:
    """Finds the messages of an answer, and its status.

    :param most: bytes that a message may have.
    """

    __slots__ = ("_most", "_reader", "status")

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        self._most = most
        self._reader = MessageReader(max(most, MAX_STATUS), flags=(MESSAGE, STATUS))
        self.status: Status | None = None
        "How the call ended; None while it has not."

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that *data* completes.

        :raises DecodeError: it is no answer.
        """
        messages: list[bytes] = []
        for flag, message in self._reader.receive_flagged(data):
            if self.status is not None:
                raise DecodeError("a message after the status")
            if flag == STATUS:
                self.status = Status.decode(message)
            elif len(message) > self._most:
                raise MessageTooLongError(f"a message of {len(message)} bytes, where {self._most} are allowed")
            else:
                messages.append(message)
        if self.status is not None and not self._reader.is_between_messages:
            raise DecodeError("more after the status")
        return messages

    def finish(self) -> None:
        """The peer's direction has ended.

        :raises DecodeError: before the status.
        """
        if self.status is None:
            raise DecodeError("an answer that ends without a status")
