"""Which function answers which command. Adding a command to the BMC is one function under ``@handles``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.rmcp.command import Body, Command, CommandKey, group_of
from conduit.rmcp.lan_message import LanMessage

RequestT = TypeVar("RequestT", bound=Command[Any])  # Any: each command has its own response

Handler = Callable[[BmcState, RequestT, BmcSession, float], Body]
"BMC, request, session that asks, clock -> response."
OutsideHandler = Callable[[BmcState, RequestT, "BmcSession | None", float], Body]
"The same for a command that needs no session."


class Refused(Exception):
    """The command is answered with this completion code. The BMC's normal way to say no.

    :param data: what few commands have behind a code that is no failure.
    """

    def __init__(self, code: int, data: bytes = b"") -> None:
        super().__init__(f"completion code {code:#04x}")
        self.code = int(code)
        self.data = data


class Entry(NamedTuple):
    """A command and the function that answers it."""

    request: type[Command[Any]]
    handler: Callable[[BmcState, Any, Any, float], Body]
    "Any: what the function takes was checked where it was registered."
    outside: bool
    "Whether it may be asked before there is a session."


HANDLERS: Final[dict[CommandKey, Entry]] = {}
"By network function, command number and group. Ours are there once :mod:`conduit.ipmi.bmc.handlers` is imported."


def entry_of(message: LanMessage) -> Entry | None:
    """Who answers *message*, if anybody does."""
    netfn = message.netfn
    return HANDLERS.get((netfn, message.command, group_of(netfn, message.data)))


def handles(request: type[RequestT]) -> Callable[[Handler[RequestT]], Handler[RequestT]]:
    """Make the decorated function answer *request* within a session of sufficient privilege."""

    def register(handler: Handler[RequestT]) -> Handler[RequestT]:
        HANDLERS[request.key()] = Entry(request, handler, outside=False)
        return handler

    return register


def handles_outside(request: type[RequestT]) -> Callable[[OutsideHandler[RequestT]], OutsideHandler[RequestT]]:
    """Make the decorated function answer *request* with or without a session."""

    def register(handler: OutsideHandler[RequestT]) -> OutsideHandler[RequestT]:
        HANDLERS[request.key()] = Entry(request, handler, outside=True)
        return handler

    return register
