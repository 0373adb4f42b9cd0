"""What of a picture's file can be told without Pillow."""

from __future__ import annotations

from conduit.rfb.images import encode_png, png_size


def test_the_size_of_a_png_is_in_its_first_chunk() -> None:
    assert png_size(encode_png(bytes(4 * 30 * 20), 30, 20)) == (30, 20)
