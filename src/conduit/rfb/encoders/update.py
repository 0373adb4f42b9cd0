"""An update that is drawn while it is sent: a viewer that stands still keeps others from neither memory nor time."""

from __future__ import annotations

from collections import deque
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
        self._pieces = deque[bytes | Area]()
        for start in range(0, max(len(rectangles), 1), MOST):
            group = rectangles[start : start + MOST]
            self._pieces += [encode_update(len(group)), *group]

    @property
    def is_over(self) -> bool:
        """Whether all of it has been taken."""
        return not self._pieces

    def take(self) -> bytes:
        """The next part: some bytes, unless it is over."""
        made, left = list[bytes](), PART
        while self._pieces and (not made or _work(self._pieces[0]) <= left):
            piece = self._pieces.popleft()
            left -= _work(piece)
            made.append(self._encode(piece))
        return b"".join(made)

    def _encode(self, piece: bytes | Area) -> bytes:
        return self._encoder.encode(self._picture, piece, self._writer) if isinstance(piece, Area) else piece


def _work(piece: bytes | Area) -> int:
    """Pixels to encode."""
    return piece.size if isinstance(piece, Area) else 0
