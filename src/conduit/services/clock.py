"""Wall-clock time for what other machines must agree on: tokens, certificates, records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from protobuf.wkt.google.protobuf.timestamp_pb import Timestamp

Clock = Callable[[], float]
"Seconds since 1970 (UTC). Whatever needs the time takes one of these, so that tests can turn it."

MAX_SKEW: Final = 90.0  # seconds that two machines' clocks may differ


def system_clock() -> float:
    """This machine's."""
    return dt.datetime.now(dt.UTC).timestamp()


def timestamp(seconds: float) -> Timestamp:
    """As messages carry it, to the microsecond."""
    microseconds = round(seconds * 1_000_000)
    return Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)


def from_timestamp(message: Timestamp | None) -> float | None:
    """Seconds since 1970, None where nothing was said."""
    return None if message is None else message.seconds + message.nanos / 1e9
