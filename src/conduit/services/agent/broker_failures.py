"""What went wrong at a BMC, for who asked: gRPC's code and one sentence, without addresses and secrets.

The details are the Agent's log's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit.errors import (
    AuthenticationError,
    CallError,
    CompletionCodeError,
    ConduitError,
    DecodeError,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    SessionLostError,
    SessionRefused,
    TransportError,
)
from conduit.ipmi import CompletionCode
from conduit.services.agent.broker_queue import QueueFullError
from conduit.tunnel.call_frames import Code

UNREACHED: Final = (PeerTimeoutError, TransportError, SessionLostError)
"The BMC, or the session, is gone; what may be repeated may be tried elsewhere."


class FateUnknownError(CallError):
    """A command was sent and never acknowledged: nobody may repeat it without looking first."""

    def __init__(self) -> None:
        super().__init__(
            Code.ABORTED,
            "the BMC stopped answering; the command may or may not have been carried out: look at the power state",
        )


class PausedError(CallError):
    """An endpoint is left alone for a while, because it failed.

    :param failure: the last one.
    :param seconds: until the next trial.
    :param grave: it was one that must not be worked around, such as a refused password.
    """

    def __init__(self, failure: CallError, seconds: float, *, grave: bool = False) -> None:
        again = f"the Agent tries again in {max(1, round(seconds))} s"
        super().__init__(failure.code, f"{failure.message}; {again}", safe_to_retry=True)
        self.grave = grave


_SENTENCES: Final[tuple[tuple[type[ConduitError], Code, str], ...]] = (
    (
        AuthenticationError,
        Code.FAILED_PRECONDITION,
        "the BMC refuses the Agent's user name or password; whoever runs the Agent must correct it",
    ),
    (PeerTimeoutError, Code.UNAVAILABLE, "the BMC does not answer"),
    (SessionLostError, Code.UNAVAILABLE, "the BMC dropped the session"),
    (TransportError, Code.UNAVAILABLE, "the BMC cannot be reached from the Agent"),
    (
        NegotiationError,
        Code.FAILED_PRECONDITION,
        "the BMC and the Agent's settings have no protocol and cipher in common",
    ),
    (DecodeError, Code.INTERNAL, "the BMC's answer makes no sense"),
    (QueueFullError, Code.RESOURCE_EXHAUSTED, ""),
    (
        LocalProtocolError,
        Code.FAILED_PRECONDITION,
        "the Agent's settings for this BMC are wrong; its log says what",
    ),
)
_CODES: Final[Mapping[int, Code]] = {
    CompletionCode.NODE_BUSY: Code.UNAVAILABLE,
    CompletionCode.TIMEOUT: Code.UNAVAILABLE,
    CompletionCode.INITIALIZING: Code.UNAVAILABLE,
    CompletionCode.FIRMWARE_UPDATE_MODE: Code.UNAVAILABLE,
    CompletionCode.SDR_UPDATE_MODE: Code.UNAVAILABLE,
    CompletionCode.DESTINATION_UNAVAILABLE: Code.UNAVAILABLE,
    CompletionCode.OUT_OF_SPACE: Code.RESOURCE_EXHAUSTED,
    CompletionCode.INVALID_COMMAND: Code.UNIMPLEMENTED,
    CompletionCode.INVALID_FOR_LUN: Code.UNIMPLEMENTED,
    CompletionCode.SUBFUNCTION_DISABLED: Code.UNIMPLEMENTED,
}


def call_error(error: ConduitError) -> CallError:
    """The failure as its caller learns of it."""
    if isinstance(error, CallError):
        return error
    if isinstance(error, CompletionCodeError):
        return _refusal(error)
    if isinstance(error, SessionRefused):
        return CallError(Code.UNAVAILABLE, f"the BMC declines a session: {error.name}", safe_to_retry=True)
    for kind, code, sentence in _SENTENCES:
        if isinstance(error, kind):
            return CallError(code, sentence or str(error), safe_to_retry=kind is QueueFullError)
    return CallError(Code.INTERNAL, "the Agent could not do this; its log says why")


def _refusal(error: CompletionCodeError) -> CallError:
    """A completion code, in words."""
    if error.code == CompletionCode.INSUFFICIENT_PRIVILEGE:
        return CallError(Code.FAILED_PRECONDITION, "the Agent's user at this BMC has too little privilege for that")
    code = _CODES.get(error.code, Code.FAILED_PRECONDITION)
    return CallError(code, f"the BMC refuses: {error.text}")
