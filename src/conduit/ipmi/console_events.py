"""What a serial console tells besides characters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ConsoleEventKind(Enum):
    """What a :class:`ConsoleEvent` tells."""

    BREAK = "break"
    "The machine sent a break."
    UNAVAILABLE = "unavailable"
    "The BMC cannot pass characters on for now: power off, or the serial port is somebody else's."
    AVAILABLE = "available"
    "It can again."
    OVERRUN = "overrun"
    "The BMC has dropped output of the machine: bytes are missing."
    GAP = "gap"
    "The session or the payload was lost: bytes may be missing from here on, until the console is active again."
    REACTIVATED = "reactivated"
    "The console works again after a gap."
    DEACTIVATED = "deactivated"
    "The console has ended and does not come back; the reason says why."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleEvent:
    """Something that happened besides characters."""

    kind: ConsoleEventKind
    reason: str = ""
    "In words, one line; empty where the kind says it all."
    unconfirmed: bytes = b""
    "With a gap: what was sent and may or may not have arrived. It is not sent again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleStatus:
    """How the console is, as far as is known."""

    active: bool
    "Whether the payload is active now."
    available: bool
    "Whether the BMC passes characters on."
    paused: bool
    "Whether the machine was told to pause (CTS dropped)."
    carrier: bool
    "Whether the machine sees DCD and DSR."
    activations: int
    "1, and one more for each re-activation."
    instance: int
    "1 to 15."
    packet_size: int
    "Characters that one packet to the BMC carries at most, 1 to 255."
