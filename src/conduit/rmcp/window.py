"""The sliding window over session sequence numbers (section 6.12.12): each number once, in any near order."""

from __future__ import annotations

from typing import Final

SEQUENCE_SPACE: Final = 1 << 32
HALF_SPACE: Final = 1 << 31
PLUS_WINDOW: Final = 16  # numbers below the highest that RMCP+ still accepts
LAN_WINDOW: Final = 8  # the same for IPMI 1.5
# How far an authenticated IPMI 1.5 packet may jump. Both directions share one key and one session ID, so that our own
# packets, reflected, are authentic too; their numbers, which start at random elsewhere, are what tells them apart.
LAN_AHEAD: Final = 1024


def next_sequence(sequence: int) -> int:
    """The number after *sequence*: it wraps past 2**32 - 1 to 1, for 0 means "outside a session"."""
    return sequence + 1 & SEQUENCE_SPACE - 1 or 1


class SequenceWindow:
    """Remembers which of the latest numbers were seen.

    A number ahead of the highest is accepted up to *ahead*, one behind it up to *behind* when it is new.

    :param highest: the highest number taken as seen.
    :param behind: how far behind the highest a late packet may be.
    :param ahead: how far ahead a packet may jump. Where packets carry a MAC any jump is honest, and a bound would
        kill a session over a burst of lost packets; where they carry none it limits what one forged packet can do.
    """

    __slots__ = ("_ahead", "_behind", "_mask", "_seen", "highest")

    def __init__(self, *, highest: int = 0, behind: int = PLUS_WINDOW, ahead: int = HALF_SPACE - 1) -> None:
        self.highest = highest
        self._behind = behind
        self._ahead = ahead
        self._mask = (1 << behind + 1) - 1
        self._seen = self._mask  # bit n: highest - n was seen; all of the past was, as far as we care

    def accept(self, sequence: int) -> bool:
        """Whether *sequence* is new and near; then it counts as seen."""
        distance = sequence - self.highest & SEQUENCE_SPACE - 1
        if distance == 1 and sequence:  # as nearly always
            self._seen = (self._seen << 1 | 1) & self._mask
            self.highest = sequence
            return True
        if 0 < distance < HALF_SPACE:
            if distance > self._ahead or not sequence:
                return False
            self._seen = (self._seen << min(distance, self._behind + 1) | 1) & self._mask
            self.highest = sequence
            return True
        behind = self.highest - sequence & SEQUENCE_SPACE - 1
        if behind > self._behind or not sequence or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True
