"""Clocks of processes, turned by libfaketime: for all that asks the system, OpenSSL's look at certificates included."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conduit.services.clock import system_clock


class TurnedTime:
    """What to put into the environment of a process.

    :param faketime: the command, which knows where its library is.
    """

    def __init__(self, faketime: Path) -> None:
        shown = subprocess.run(
            [faketime, "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
        )
        self._library = shown.stdout.strip().replace("libfaketime.so", "libfaketimeMT.so")  # for threads
        self._begun = system_clock()

    def shifted(self, by: float) -> dict[str, str]:
        """The wall clock is wrong.

        :param by: seconds; negative: it is slow.
        """
        return {"LD_PRELOAD": self._library, "FAKETIME": f"{by:+.0f}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def faster(self, times: int) -> dict[str, str]:
        """Time goes faster, and sleeps are shorter; processes that start one after the other agree on the time."""
        ahead = (system_clock() - self._begun) * (times - 1)
        return {"LD_PRELOAD": self._library, "FAKETIME": f"{ahead:+.1f}s x{times}"}
