"""Times as people and programs read them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protobuf.wkt.google.protobuf.timestamp_pb import Timestamp


def moment(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, to the second; None stays None. :param seconds: since 1970."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(message: Timestamp | None) -> str | None:
    """The same of a message."""
    return None if message is None else moment(message.seconds)


def ago(seconds: float) -> str:
    """An age in words, such as ``3 min``."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
