"""What ``conduit rfb HOST relay`` lets a viewer do, as the command line has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import asyncclick as click

from conduit.rfb.client_messages import CLIPBOARD
from conduit.rfb.names import COMPRESSIONS, FINE_QUALITIES, QUALITIES, SUBSAMPLINGS, Encoding
from conduit.rfb.viewer_filter import ViewerRules

PIXEL_WORDS: Final[Mapping[str, frozenset[int]]] = {
    "copyrect": frozenset({Encoding.COPY_RECT}),
    "rre": frozenset({Encoding.RRE}),
    "hextile": frozenset({Encoding.HEXTILE}),
    "zlib": frozenset({Encoding.ZLIB}),
    "zrle": frozenset({Encoding.ZRLE}),
    "tight": frozenset({Encoding.TIGHT}),
}
ENCODING_WORDS: Final[Mapping[str, frozenset[int]]] = {
    **PIXEL_WORDS,
    "jpeg": frozenset(QUALITIES) | frozenset(FINE_QUALITIES),  # it comes to who wishes a quality
    "cursor": frozenset({Encoding.CURSOR}),
    "resize": frozenset({Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE}),
    "continuous": frozenset({Encoding.CONTINUOUS_UPDATES}),
    "clipboard": frozenset({Encoding.EXTENDED_CLIPBOARD}),
}
_NO_PIXELS: Final = frozenset().union(
    (each for each in Encoding if each < 0 and each is not Encoding.TIGHT_PNG),
    COMPRESSIONS, QUALITIES, FINE_QUALITIES, SUBSAMPLINGS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which viewers are taken."""

    origin: tuple[str, ...]
    viewers: int
    view_only: bool
    no_clipboard: bool
    clipboard_up: int | None
    clipboard_down: int | None
    no_power: bool
    encodings: tuple[str, ...]
    hide: tuple[str, ...]

    @property
    def origins(self) -> Collection[str] | None:
        """Of the pages whose viewers are taken; None is all."""
        return None if "*" in self.origin else self.origin

    @property
    def rules(self) -> ViewerRules:
        """What a viewer may do.

        :raises click.UsageError: the words are no encodings.
        """
        up, down = (0, 0) if self.no_clipboard else (self.clipboard_up, self.clipboard_down)
        return ViewerRules(
            view_only=self.view_only,
            power=not self.no_power,
            clipboard=CLIPBOARD if up is None else up,
            clipboard_down=down,
            hidden=_named(self.hide, ENCODING_WORDS),
            only=_NO_PIXELS | {Encoding.RAW} | _named(self.encodings, PIXEL_WORDS) if self.encodings else None,
        )


def _named(words: Collection[str], known: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """Numbers of encodings, by words or as they are."""
    found = set[int]()
    for word in words:
        try:
            found |= known.get(word.strip().lower()) or {int(word)}
        except ValueError:
            raise click.UsageError(f"{word!r} is no encoding here; there are {', '.join(known)}, and numbers") from None
    return frozenset(found)
