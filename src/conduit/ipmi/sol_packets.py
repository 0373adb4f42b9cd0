"""SOL payloads (IPMI 2.0, section 15.9, table 15-2): four bytes and characters, the same layout both ways.

A packet has a number of its own, 1 to 15, if it wants an acknowledge; 0 if not. Whatever it carries, it may also
acknowledge one packet of the other side.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final, NamedTuple

from conduit.errors import DecodeError

HEADER_SIZE: Final = 4  # bytes: sequence, acknowledged sequence, accepted characters, operation or status
MAX_SEQUENCE: Final = 15
MAX_CHARACTERS: Final = 255  # of one packet: more could not be acknowledged, the count is one byte
NACK: Final = 0x40  # in both directions


class Operation(IntFlag):
    """What the console asks of the BMC."""

    FLUSH_OUTBOUND = 0x01
    "Throw away what waits to go to the console."
    FLUSH_INBOUND = 0x02
    "Throw away what waits to go to the serial port."
    DROP_CARRIER = 0x04
    "Deassert DCD and DSR, as long as the bit is set."
    PAUSE = 0x08
    "Deassert CTS, as long as the bit is set."
    BREAK = 0x10
    "Send a break, after the characters of this packet."
    RING = 0x20
    "Wake the machine by ring (WOR)."
    NACK = NACK
    "The packet named is refused from the accepted characters on."


class Status(IntFlag):
    """What the BMC tells the console."""

    DTR = 0x01
    "The machine asserts DTR; sent in test mode only."
    RTS = 0x02
    "The machine asserts RTS; sent in test mode only."
    BREAK = 0x04
    "The machine sent a break."
    OVERRUN = 0x08
    "Characters of the machine were lost."
    DEACTIVATING = 0x10
    "SOL ends: no packet follows."
    UNAVAILABLE = 0x20
    "Characters cannot be transferred now: the machine is off or asleep, or the port is somebody else's."
    NACK = NACK
    "The packet named is refused from the accepted characters on."


class SolPacket(NamedTuple):
    """One SOL payload. A tuple, as thousands a second come and go."""

    sequence: int
    "1 to 15; 0 for a packet that is not acknowledged."
    acknowledged: int = 0
    "Number of the other side's packet that this one acknowledges, or refuses; 0 for none."
    accepted: int = 0
    "How many of its characters were taken, 0 to 255."
    flags: int = 0
    ":class:`Operation` from the console, :class:`Status` from the BMC."
    data: bytes = b""
    "0 to 255 characters."

    def encode(self) -> bytes:
        """The payload."""
        return bytes(self[:4]) + self.data

    @classmethod
    def decode(cls, payload: bytes) -> SolPacket:
        """Reserved bits are ignored.

        :raises DecodeError: and nothing else, whatever *payload* holds.
        """
        if len(payload) < HEADER_SIZE:
            raise DecodeError("truncated SOL header", offset=len(payload))
        if len(payload) > HEADER_SIZE + MAX_CHARACTERS:
            raise DecodeError("more than 255 characters in a SOL packet", offset=HEADER_SIZE + MAX_CHARACTERS)
        sequence, acknowledged, accepted, flags = payload[:HEADER_SIZE]
        return tuple.__new__(cls, (sequence & 0x0F, acknowledged & 0x0F, accepted, flags, payload[HEADER_SIZE:]))
