"""The words of the console protocol."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """How the console is, at the hub."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    SERVER_OFF = "server-off"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    ENDED = "ended"


class Mode(Enum):
    """What a viewer is there for."""

    READ = "read"
    WRITE = "write"


class Cause(Enum):
    """Why output is missing."""

    BMC = "bmc"
    "The hub and the BMC had no session, or the BMC dropped characters; nobody knows how many."
    HISTORY = "history"
    "It is older than what the hub keeps."
    SLOW = "slow"
    "The viewer did not read for so long that the hub no longer has it."
    RESTART = "restart"
    "The hub was not running."


class Refusal(Enum):
    """Why input was not taken."""

    NOT_LIVE = "not-live"
    READ_ONLY = "read-only"
    NOT_WRITER = "not-writer"
    TOO_FAST = "too-fast"
    DENIED = "denied"
    "No input: something that this viewer may not do."


class End(Enum):
    """Why a viewer's session ended."""

    CLOSED = "closed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DRAIN = "drain"
    REPLACED = "replaced"
    DENIED = "denied"
    LOST = "lost"
    "The way to the hub is lost; the Gateway says so, the hub never does."
    ERROR = "error"
