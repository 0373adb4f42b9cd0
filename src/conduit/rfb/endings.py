"""How a relay ends, for the viewer and for whoever writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class End(Enum):
    """Why."""

    VIEWER_LEFT = "viewer-left"
    VIEWER_FAULT = "viewer-fault"
    "It does not keep to the protocol, or to its rules."
    VIEWER_SILENT = "viewer-silent"
    "It did not say in time who it is."
    SERVER_CLOSED = "server-closed"
    SERVER_REFUSED = "server-refused"
    "It did not let us in."
    REVOKED = "revoked"
    "Whoever let the viewer in does so no more."


_CODES: Final = {End.VIEWER_FAULT: 1002, End.VIEWER_LEFT: 1000, End.REVOKED: 1008}


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended."""

    end: End
    text: str
    "For people; no secrets."

    @property
    def close_code(self) -> int:
        """What a WebSocket is closed with (RFC 6455, section 7.4.1)."""
        return _CODES.get(self.end, 1011)
