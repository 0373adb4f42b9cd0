"""Input on its way to the BMC: a short queue, emptied when it could be typed into something else than was meant."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

MAX_WAITING: Final = 16 << 10  # characters that wait for the BMC: two seconds at 115200 baud
MAX_ITEMS: Final = 512  # of them


@dataclass(slots=True, eq=False)
class Keys:
    """What one viewer typed at once."""

    viewer: int
    sequence: int
    data: bytes = field(repr=False)
    is_break: bool = False
    is_on_its_way: bool = False
    "Whether the BMC may have some of it."


class Keyboard:
    """The queue; its first item may be on its way."""

    __slots__ = ("_items", "_size", "_started", "delay_ms")

    def __init__(self) -> None:
        self._items: deque[Keys] = deque()
        self._size = 0
        self._started = 0.0
        self.delay_ms: int | None = None
        "How long the BMC took for the last item."

    def has_room_for(self, keys: Keys) -> bool:
        """Whether *keys* may be pressed. Alone in the queue, any may."""
        if not self._items:
            return True
        return self._size + len(keys.data) <= MAX_WAITING and len(self._items) < MAX_ITEMS

    def press(self, keys: Keys) -> None:
        """Queue them."""
        self._items.append(keys)
        self._size += len(keys.data)

    def begin(self, now: float) -> Keys | None:
        """The next to send, which is then on its way."""
        if not self._items or self._items[0].is_on_its_way:
            return None
        self._items[0].is_on_its_way = True
        self._started = now
        return self._items[0]

    def end(self, keys: Keys, now: float) -> bool:
        """The BMC has them; whether they were still ours to send."""
        if not self._items or self._items[0] is not keys:
            return False
        self._items.popleft()
        self._size -= len(keys.data)
        self.delay_ms = round((now - self._started) * 1000)
        return True

    def clear(self, viewer: int | None = None) -> list[Keys]:
        """Forget all, or what one viewer typed and is not on its way; returns it."""
        gone = [keys for keys in self._items if viewer is None or (keys.viewer == viewer and not keys.is_on_its_way)]
        self._items = deque(keys for keys in self._items if keys not in gone)
        self._size = sum(len(keys.data) for keys in self._items)
        return gone
