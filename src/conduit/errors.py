"""Every exception that Conduit raises on purpose; nothing else lives here.

Codes are attributes, never parsed from text. No message holds a secret.
"""

from __future__ import annotations


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


class StreamResetError(ConduitError):
    """A stream of a tunnel was reset.

    :param code: why, an HTTP/2 error code (RFC 9113, section 7).
    :param by_peer: who did it.
    """

    def __init__(self, code: int, *, by_peer: bool) -> None:
        super().__init__(f"the stream was reset {'by the peer' if by_peer else 'here'} (code {code})")
        self.code = code
        self.by_peer = by_peer
