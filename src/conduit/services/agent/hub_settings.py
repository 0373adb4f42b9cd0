"""How a console's hub behaves; may be replaced while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from conduit._lease import COUNTDOWN
from conduit.console.ring import CAPACITY
from conduit.services.agent.console_log import LogSettings

LINGER: Final = 60.0  # seconds
RETRY_DELAYS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds; the last goes on
BUSY_DELAY: Final = 15.0  # seconds
MAX_VIEWERS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """All have defaults."""

    linger: float = LINGER
    "Seconds that the BMC's slot is kept when nobody looks any more; without end where there is a log."
    countdown: float = COUNTDOWN
    "Seconds that a writer has to say no."
    scrollback: int = CAPACITY
    "Bytes kept in memory."
    retry_delays: Sequence[float] = RETRY_DELAYS
    "Seconds between attempts to open the console."
    busy_delay: float = BUSY_DELAY
    "Seconds between them while another system has it."
    max_viewers: int = MAX_VIEWERS
    log: LogSettings | None = None
