"""What `python -m bench display` says of pictures is of pictures that arrive."""

from __future__ import annotations

from bench.display_pictures import boot, by_us, relay
from conduit.rfb.names import Encoding


def test_the_boot_screen_of_the_bench_arrives() -> None:
    pictures = boot()[:3]
    taken = relay(by_us(pictures, Encoding.HEXTILE), pictures, Encoding.ZRLE)
    assert len(taken) == len(pictures) - 1
