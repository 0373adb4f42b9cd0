"""Pictures in the formats that files and some encodings have: PNG and JPEG, by Pillow."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from conduit.errors import DecodeError, LocalProtocolError

if TYPE_CHECKING:
    from types import ModuleType

MAX_SCANS: Final = 16  # of a JPEG; one that comes a bit sharper with each has ten
_SCAN: Final = b"\xff\xda"  # how each begins (T.81, table B.1); what is compressed never holds it
MISSING: Final = "pictures need Pillow: pip install 'conduit-bmc[display]'"


def pillow() -> ModuleType:
    """Pillow's ``Image``, which is loaded when it is first needed.

    :raises LocalProtocolError: it is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise LocalProtocolError(MISSING) from None
    return Image


def _picture(pixels: bytes | bytearray, width: int, height: int) -> Any:  # Any: Pillow is optional
    if not width or not height:
        raise LocalProtocolError("the display has no pixels now")
    return pillow().frombuffer("RGB", (width, height), bytes(pixels), "raw", "BGRX", 0, 1)


def encode_png(
    pixels: bytes | bytearray, width: int, height: int, *, longest: int | None = None, widest: int | None = None
) -> bytes:
    """A PNG.

    :param pixels: blue, green, red, zero.
    :param longest: scale it down until no side is longer, in pixels.
    :param widest: scale it down until it is no wider, in pixels.
    :raises LocalProtocolError: Pillow is not installed, or there are no pixels.
    """
    picture = _picture(pixels, width, height)
    if longest is not None:
        picture.thumbnail((longest, longest))
    if widest is not None:
        picture.thumbnail((widest, height))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=6)
    return file.getvalue()


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its first chunk (ISO 15948, section 11.2.2)."""
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def decode_png(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and our pixels of any PNG of ours."""
    with pillow().open(io.BytesIO(data), formats=("PNG",)) as picture:
        return (*picture.size, _ours(picture))


def encode_jpeg(pixels: bytes | bytearray, width: int, height: int, quality: int) -> bytes:
    """A JPEG.

    :param quality: 1 to 95.
    """
    file = io.BytesIO()
    _picture(pixels, width, height).save(file, "JPEG", quality=quality)
    return file.getvalue()


def decode_jpeg(data: bytes | bytearray, width: int, height: int) -> bytes:
    """Our pixels.

    :raises DecodeError: it is none, or has not that size; that is checked before memory is taken for it. Or it has so
        many scans that it is a bomb: each takes ten bytes and a look at the whole picture.
    """
    if data.count(_SCAN) > MAX_SCANS:
        raise DecodeError(f"a JPEG of more than {MAX_SCANS} scans")
    image = pillow()
    try:
        with _bombs_refused(image), image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if picture.size != (width, height):
                raise DecodeError("a JPEG of {}x{} in a rectangle of {}x{}".format(*picture.size, width, height))
            return _ours(picture)
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise DecodeError(f"a damaged JPEG: {error}") from None


@contextmanager
def _bombs_refused(image: ModuleType) -> Iterator[None]:
    """Where Pillow would only warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", image.DecompressionBombWarning)
        yield


def _ours(picture: Any) -> bytes:  # Any: Pillow is optional
    """Blue, green, red, zero."""
    pixels = bytearray(picture.convert("RGB").tobytes("raw", "BGRX"))
    pixels[3::4] = bytes(len(pixels) // 4)
    return bytes(pixels)
