"""Bytes for a client that may wait for those that follow them at once, so that a small response is one packet."""

from __future__ import annotations

from typing import Final

from hypercorn.events import RawData

MAX_HELD: Final = 16 * 1024  # bytes; with more, the application waits until they have left


class HeldData(RawData):
    """They leave with the next :class:`RawData`, or when the application has to wait."""
