"""Every exception that Conduit raises on purpose; nothing else lives here.

Codes are attributes, never parsed from text. No message holds a secret.
"""

from __future__ import annotations

from typing import Final


class ConduitError(Exception):
    """Catch-all for deliberate failures."""


class LocalProtocolError(ConduitError):
    """Our caller broke the rules: an argument out of range, a call in the wrong state."""


class RemoteProtocolError(ConduitError):
    """The peer broke the rules; the session with it is over."""


class DecodeError(RemoteProtocolError):
    """Bytes from the network do not hold what they claim to.

    :param what: what is wrong, in words.
    :param offset: where in the decoded bytes, in bytes from their start.
    """

    def __init__(self, what: str, *, offset: int = 0) -> None:
        super().__init__(f"{what} (at byte {offset})")
        self.what = what
        self.offset = offset


class NegotiationError(RemoteProtocolError):
    """The two ends have nothing in common that we may use, or the peer chose what nobody offered."""


class AuthenticationError(ConduitError):
    """A password, user name or key is wrong, on either side."""


class SessionRefused(ConduitError):
    """The BMC declined to open a session.

    :param status: the RMCP+ status code (table 13-15) or, for IPMI 1.5, the completion code.
    :param name: its name in the specification.
    :param hint: what to try, or an empty string.
    """

    def __init__(self, status: int, name: str, *, hint: str = "") -> None:
        super().__init__(f"BMC refused the session: {name} ({status:#04x})" + (f"; {hint}" if hint else ""))
        self.status = status
        self.name = name
        self.hint = hint


class DisplayRefused(ConduitError):
    """The server of a display wants nobody, or nobody more; what it says of that is in the message."""


class DisplayFull(ConduitError):
    """A display has as many viewers as it may.

    :param most: how many that is.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} watch this display already, and no more may")
        self.most = most


class CompletionCodeError(ConduitError):
    """The BMC answered a command with something else than success.

    :param code: completion code, 1 to 255 (table 5-2 and the command's own).
    :param netfn: network function of the request.
    :param command: command number.
    :param text: what the code means for this command.
    """

    def __init__(self, code: int, *, netfn: int, command: int, text: str, name: str = "") -> None:
        called = name or f"command {netfn:#04x}/{command:#04x}"
        super().__init__(f"{called}: {text} (completion code {code:#04x})")
        self.code = code
        self.netfn = netfn
        self.command = command
        self.text = text


class PeerTimeoutError(ConduitError):
    """The peer did not answer in time, after every retry."""


class SessionLostError(ConduitError):
    """The session died under a command that may or may not have been carried out.

    Raised instead of repeating a command that is not safe to repeat.
    """


class TransportError(ConduitError):
    """The operating system refused to send or receive; the ``OSError`` is the cause."""


class DrainingError(TransportError):
    """A tunnel takes no new streams, because one end is about to leave; nothing was sent, so it is safe elsewhere."""


class TunnelRefused(AuthenticationError):
    """The side that accepts does not want this tunnel; also what decides about that raises to say so.

    :param reason: for people; no secrets. The peer is told.
    :param may_retry: whether the same may be welcome later.
    """

    def __init__(self, reason: str, *, may_retry: bool = False) -> None:
        super().__init__(f"the tunnel is refused: {reason}")
        self.reason = reason
        self.may_retry = may_retry


_RESET_WORDS: Final = {
    0x0: "nothing more is wanted",
    0x1: "protocol error",
    0x2: "internal error",
    0x7: "refused, and safe to try again",
    0x8: "cancelled",
    0xA: "connect failed",
    0xB: "limit exceeded",
    1 << 32 | 0x8: "deadline passed",
    1 << 32 | 0x2: "the tunnel is gone",
}


class StreamResetError(ConduitError):
    """A stream of a tunnel was reset.

    :param code: why, an HTTP/2 error code (RFC 9113, section 7); a bit above them says what only this end knows.
    :param by_peer: who did it.
    """

    def __init__(self, code: int, *, by_peer: bool) -> None:
        what = _RESET_WORDS.get(code, f"code {code & 0xFFFF_FFFF}")
        super().__init__(f"the stream was reset {'by the peer' if by_peer else 'here'}: {what}")
        self.code = code & 0xFFFF_FFFF
        self.by_peer = by_peer
        self._reason = code

    @property
    def cancelled(self) -> bool:
        """Whether somebody did not want it any more; a deadline that passed is not that."""
        return self._reason == 0x8

    @property
    def deadline_passed(self) -> bool:
        """Whether its time was up; on the wire that is a cancellation."""
        return self._reason == 1 << 32 | 0x8

    @property
    def tunnel_lost(self) -> bool:
        """Whether the whole tunnel went, and the stream with it: what the peer did is unknown."""
        return self._reason == 1 << 32 | 0x2

    @property
    def safe_to_retry(self) -> bool:
        """Whether the peer did nothing of what was asked."""
        return self._reason == 0x7

    @property
    def connect_failed(self) -> bool:
        """Whether what the stream was to reach cannot be reached, or is not there."""
        return self._reason == 0xA

    @property
    def limit_exceeded(self) -> bool:
        """Whether it asked for more than it may have."""
        return self._reason == 0xB

    @property
    def protocol_error(self) -> bool:
        """Whether one end broke the rules."""
        return self._reason == 0x1


class ConsoleGap(ConduitError):
    """Bytes of a resumed stream are lost: its producer's buffer overflowed while nobody was connected.

    Raised once, between the bytes before the gap and those after it; the stream goes on.

    :param bytes_lost: how many.
    """

    def __init__(self, bytes_lost: int) -> None:
        super().__init__(f"{bytes_lost} bytes were lost while the stream was not connected")
        self.bytes_lost = bytes_lost


class CallError(ConduitError):
    """A call over a tunnel failed; also what a handler raises to say so.

    :param code: gRPC's status code, 1 to 16 (``conduit.tunnel.call_frames.Code``).
    :param message: for people; no secrets.
    :param details: for programs, such as an encoded ``google.rpc.Status``.
    :param safe_to_retry: whether the peer certainly did nothing of what was asked.
    """

    def __init__(self, code: int, message: str, details: bytes = b"", *, safe_to_retry: bool = False) -> None:
        super().__init__(f"{message} (status {int(code)})")
        self.code = code
        self.message = message
        self.details = details
        self.safe_to_retry = safe_to_retry
