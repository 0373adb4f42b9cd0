r"""The serial console of a machine, over its BMC (SOL): a Trio stream that survives lost sessions.

Made by :meth:`conduit.ipmi.client.Bmc.console`::

    async with bmc.console() as console:
        await console.send_all(b"\\r")
        print(await console.receive_some())
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import trio


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


class Console(trio.abc.Stream):
    """An active console. One task may receive and another send at the same time."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send characters to the machine; returns when the BMC has taken the last of them.

        A gap does not raise: the event tells what is unconfirmed, and what was not sent yet is sent afterwards.

        :raises trio.BrokenResourceError: the console has ended; its cause says why.
        :raises trio.ClosedResourceError: it was closed.
        """
        raise NotImplementedError

    async def wait_send_all_might_not_block(self) -> None:
        """Return when the BMC has taken everything that was sent before."""
        raise NotImplementedError

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Output of the machine, at least one byte; ``b""`` when the console has ended.

        What is not received is not acknowledged, once a buffer of 64 KiB is full: the BMC then waits.

        :raises trio.ClosedResourceError: it was closed.
        """
        raise NotImplementedError

    async def send_break(self) -> None:
        """Send a break, after everything sent before; returns when the BMC has taken it.

        :raises: as :meth:`send_all`.
        """
        raise NotImplementedError

    async def flush(self, *, to_machine: bool = False, from_machine: bool = False) -> None:
        """Have the BMC throw away what waits in its buffers, in one or both directions.

        :raises: as :meth:`send_all`.
        """
        raise NotImplementedError

    async def set_lines(self, *, pause: bool = False, carrier: bool = True) -> None:
        """Set what the machine sees: CTS dropped (*pause*), DCD and DSR there (*carrier*).

        :raises: as :meth:`send_all`.
        """
        raise NotImplementedError

    @property
    def status(self) -> ConsoleStatus:
        """How the console is."""
        raise NotImplementedError

    def events(self) -> trio.MemoryReceiveChannel[ConsoleEvent]:
        """Events from the start of the console; iterate over it, it ends with the console.

        At most 64 wait; when nobody takes them, new ones are dropped and counted. Each call returns a clone: an event
        goes to one of them.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Deactivate the payload; takes 1 s at most, also under cancellation. Leaving the block does it too."""
        raise NotImplementedError
