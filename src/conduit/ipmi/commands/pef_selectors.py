"""Numbers of PEF configuration parameters (table 30-6)."""

from __future__ import annotations

from enum import IntEnum


class PefParameter(IntEnum):
    """Parameter selectors; 60h to 7Fh are OEM."""

    SET_IN_PROGRESS = 0
    CONTROL = 1
    ACTION_GLOBAL_CONTROL = 2
    STARTUP_DELAY = 3
    ALERT_STARTUP_DELAY = 4
    FILTER_COUNT = 5
    FILTER = 6
    FILTER_DATA_1 = 7
    POLICY_COUNT = 8
    POLICY = 9
    SYSTEM_GUID = 10
    STRING_COUNT = 11
    STRING_KEY = 12
    STRING = 13


__all__ = [
    "PefParameter",
]
