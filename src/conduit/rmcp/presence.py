"""Presence ping as a machine (section 13.2.4)."""

from __future__ import annotations

from conduit.rmcp.inquiry import Question
from conduit.rmcp.packets import PresencePing, PresencePong
from conduit.rmcp.retry import RetryPolicy


class PresenceProbe(Question[PresencePong]):
    """Does anybody speak RMCP there?

    :param tag: what the pong must repeat, 0 to 254.
    """

    def __init__(self, retry: RetryPolicy, *, tag: int) -> None:
        super().__init__(PresencePing(tag=tag).encode(), retry, silence="no presence pong")
        self._tag = tag

    def _read(self, data: bytes) -> PresencePong | None:
        pong = PresencePong.decode(data)
        return pong if pong.tag == self._tag else None
