"""Times as the SEL and the SDR repository keep them: seconds, unsigned, in four bytes (section 37)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

UNSPECIFIED: Final = 0xFFFF_FFFF
PRE_INIT_END: Final = 0x2000_0000
"Below this a time counts from when the clock started, because nobody had set it yet."


def time_of(timestamp: int) -> datetime | None:
    """The time in UTC, or None if it is unspecified or counts from the start of a clock that nobody had set."""
    if timestamp == UNSPECIFIED or timestamp < PRE_INIT_END:
        return None
    return datetime.fromtimestamp(timestamp, UTC)


def timestamp_of(time: datetime) -> int:
    """The timestamp of an aware *time*, in whole seconds."""
    return int(time.timestamp())


def timestamp_text(timestamp: int) -> str:
    """``2026-11-25 15:20:00``, ``pre-init 0:01:23`` or ``unspecified``; in UTC."""
    if timestamp == UNSPECIFIED:
        return "unspecified"
    time = time_of(timestamp)
    return f"pre-init {timedelta(seconds=timestamp)}" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"
