"""Slows down whoever guesses passwords: after some failures each further attempt has to wait, longer and longer.

Failures count for the account and for the address that they come from. Nobody is locked out: the wait is a minute at
most, and where somebody has logged in from before, only the failures from there count, so that guessing at a password
from elsewhere does not keep its owner away.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from conduit.errors import CallError
from conduit.tunnel.call_frames import Code

FREE: Final = 5  # failures of an account without a wait
FREE_OF_ADDRESS: Final = 20  # likewise of an address, behind which there may be an office
LONGEST: Final = 60.0  # seconds
FORGET: Final = 900.0  # seconds after the last failure
MAX_KEPT: Final = 10_000  # accounts and addresses, and accounts at home; the oldest are forgotten


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class Throttle:
    """Counts failures."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], _Failures] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()  # who has logged in from where

    def check(self, email: str, address: str, now: float) -> None:
        """:raises CallError: RESOURCE_EXHAUSTED: it is too soon to try again."""
        of_account, of_address = self._keys(email, address)
        wait = max(self._wait(of_account, FREE, now), self._wait(of_address, FREE_OF_ADDRESS, now))
        if wait > 0:
            message = f"too many wrong passwords: wait {math.ceil(wait)} s and try again"
            raise CallError(Code.RESOURCE_EXHAUSTED, message)

    def failed(self, email: str, address: str, now: float) -> None:
        """The password was wrong."""
        for key in self._keys(email, address):
            failures = self._kept.pop(key, None)
            if failures is None or failures.last < now - FORGET:
                failures = _Failures()
            failures.count, failures.last = failures.count + 1, now
            self._kept[key] = failures
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def succeeded(self, email: str, address: str) -> None:
        """The password was right: the account starts afresh, the address does not."""
        of_account, _ = self._keys(email, address)
        self._kept.pop(of_account, None)
        if address:
            self._homes[email, address] = None
            self._homes.move_to_end((email, address))
        while len(self._homes) > MAX_KEPT:
            self._homes.popitem(last=False)

    def _keys(self, email: str, address: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What counts failures of the account, and of the address."""
        of_account = ("home", email, address) if (email, address) in self._homes else ("email", email)
        return of_account, ("address", address)

    def _wait(self, key: tuple[str, ...], free: int, now: float) -> float:
        failures = self._kept.get(key)
        if not key[1] or failures is None or failures.count < free or failures.last < now - FORGET:
            return 0.0
        pause = min(LONGEST, 2.0 ** (failures.count - free))
        return failures.last + pause - now
