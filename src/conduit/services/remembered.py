"""What was found out about a secret text, so that it need not be found out with every request."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Generic, TypeVar

MAX_REMEMBERED: Final = 4096
_What = TypeVar("_What")


class Remembered(Generic[_What]):
    """By the text's hash: the text itself is kept nowhere. The oldest is forgotten first.

    :param most: texts.
    """

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._by_hash: dict[bytes, _What] = {}

    def __contains__(self, text: str) -> bool:
        return _hash(text) in self._by_hash

    def get(self, text: str) -> _What | None:
        """What was found out about *text*."""
        return self._by_hash.get(_hash(text))

    def keep(self, text: str, what: _What) -> None:
        """Note it."""
        name = _hash(text)
        self._by_hash.pop(name, None)
        if len(self._by_hash) >= self._most:
            del self._by_hash[next(iter(self._by_hash))]
        self._by_hash[name] = what

    def clear(self) -> None:
        """It may all be different now."""
        self._by_hash.clear()


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()
