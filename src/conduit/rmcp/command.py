"""What an IPMI command is to its carrier: two numbers, a typed body each way, who may, and may it be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from conduit.errors import CompletionCodeError, DecodeError
from conduit.rmcp.privilege import Privilege


class Body(Protocol):
    """The data bytes of a response, after the completion code."""

    def encode(self) -> bytes:
        """The data bytes as sent."""
        ...

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """The body of a response that is a completion code and nothing more."""

    def encode(self) -> bytes:
        """No bytes."""
        return b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Any bytes: what a vendor adds is ignored."""
        return cls()


ResponseT = TypeVar("ResponseT", bound=Body)

CommandKey = tuple[int, int, "int | None"]
"What a command is known by: network function of the request, command number, group."

GROUP_EXTENSION: Final = 0x2C  # network function whose requests and responses start with the number of a group


def group_of(netfn: int, data: bytes) -> int | None:
    """The group that a request or response belongs to, or None (table 5-1, network functions 2Ch and 2Dh).

    :param data: what follows the command number or, in a response, the completion code.
    """
    return data[0] if netfn | 1 == GROUP_EXTENSION | 1 and data else None


class Command(Generic[ResponseT]):
    """Base of all requests: a frozen dataclass whose fields are the request's data bytes.

    A subclass sets the class variables and, unless the request has no data, both codec methods.
    """

    __slots__ = ()

    netfn: ClassVar[int]
    "Network function of the request, even, 0 to 62 (table 5-1)."
    command: ClassVar[int]
    "Command number, 0 to 255 (appendix G)."
    group: ClassVar[int | None] = None
    """Whose command it is, where the network function is that of groups: 00h PICMG, DCh DCMI.

    The number travels before the data, both ways; ``encode`` and ``decode`` never see it.
    """
    privilege: ClassVar[Privilege]
    "Least session privilege that may send it (appendix G)."
    safe: ClassVar[bool] = False
    """May it be carried out twice? Decides whether it is repeated in a new session after the old one was lost.

    Within a session every unanswered request is sent again, under the same rqSeq, by which a BMC knows a repeat from
    a new request.
    """
    response: ClassVar[type[Any]]  # the ResponseT of the subclass; ClassVar cannot hold a type variable
    "The class that decodes the response."
    errors: ClassVar[dict[int, str]] = {}
    "Text of completion codes 80h to BEh, which each command defines for itself."

    @classmethod
    def key(cls) -> CommandKey:
        """By which tables of commands find it."""
        return cls.netfn, cls.command, cls.group

    @classmethod
    def prefix(cls) -> bytes:
        """The group's number, where there is one."""
        return b"" if cls.group is None else bytes((cls.group,))

    def request_data(self) -> bytes:
        """All that follows the command number."""
        return self.encode() if self.group is None else self.prefix() + self.encode()

    def encode(self) -> bytes:
        """The request's data bytes."""
        return b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The request in *data*; bytes that a request without data does not want are ignored.

        :raises DecodeError: and nothing else, whatever *data* holds.
        """
        return cls()

    def decode_response(self, data: bytes) -> ResponseT:
        """The response in *data*, which starts after the completion code.

        :raises DecodeError: and nothing else, whatever *data* holds.
        """
        if self.group is not None:
            if not data or data[0] != self.group:
                raise DecodeError(f"not an answer of group {self.group:#04x}")
            data = data[1:]
        decoded: ResponseT = self.response.decode(data)
        return decoded


def require_success(command: Command[Any] | type[Command[Any]], code: int) -> None:
    """Check the completion code of a command that was sent without a session.

    :raises CompletionCodeError: it is not 0.
    """
    if code:
        name = command.__name__ if isinstance(command, type) else type(command).__name__
        text = command.errors.get(code, "the BMC refused")
        raise CompletionCodeError(code, netfn=command.netfn, command=command.command, text=text, name=name)
