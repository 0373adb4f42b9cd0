"""An update that is drawn while it is sent: a viewer that stands still keeps others from neither memory nor time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conduit.rfb.encoders.encoder import Encoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.server_heads import UNKNOWN_COUNT, encode_update
from conduit.rfb.translation import PixelWriter

PART: Final = 1 << 17  # pixels, 512 KiB at most and some milliseconds of work, after which others have their turn
MOST: Final = UNKNOWN_COUNT - 1  # rectangles of one FramebufferUpdate


class Update:
    """FramebufferUpdates in parts, each drawn from the picture as it is then.

    :param rectangles: some are encoded, as they are no pixels; others are what *encoder* takes.
    """

    def __init__(
        self, encoder: Encoder, writer: PixelWriter, picture: Framebuffer, rectangles: Sequence[bytes | Area]
    ) -> None:
        self._encoder = encoder
        self._writer = writer
        self._picture = picture.shared()
        self._rectangles = rectangles
        self._done = 0
        self._has_begun = False

    @property
    def is_over(self) -> bool:
        """Whether all of it has been taken."""
        return self._has_begun and self._done == len(self._rectangles)

    def take(self) -> bytes:
        """The next part."""
        made, drawn = [], 0
        while not self.is_over and drawn < PART:
            if self._done % MOST == 0:
                made.append(encode_update(min(len(self._rectangles) - self._done, MOST)))
                self._has_begun = True
            if self._done < len(self._rectangles):
                each = self._rectangles[self._done]
                made.append(self._encode(each))
                drawn += each.size if isinstance(each, Area) else 0
                self._done += 1
        return b"".join(made)

    def _encode(self, each: bytes | Area) -> bytes:
        return self._encoder.encode(self._picture, each, self._writer) if isinstance(each, Area) else each
