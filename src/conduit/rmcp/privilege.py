"""Session privilege levels (section 6.8, table 22-24)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Privilege(IntEnum):
    """How much a session may do; each level includes those below it, OEM apart."""

    CALLBACK = 1
    USER = 2
    OPERATOR = 3
    ADMINISTRATOR = 4
    OEM = 5


START_PRIVILEGE: Final = Privilege.USER  # what a session has before it is raised (section 6.8)
