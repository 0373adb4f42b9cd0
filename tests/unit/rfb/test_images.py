"""Pictures in files: their size, and what a damaged or hostile one costs."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any, Final

import pytest
from PIL import Image

from conduit.errors import DecodeError
from conduit.rfb.images import MAX_SCANS, decode_jpeg, encode_jpeg, encode_png, png_size

WIDTH, HEIGHT = 1024, 768
SCAN: Final = bytes.fromhex("ffda 0008 01 01 00 00 3f 00")  # of one component, without anything in it (T.81, B.2.3)
END: Final = b"\xff\xd9"
GROWN: Final = """
import sys
from pathlib import Path
from conduit.rfb.images import decode_jpeg, pillow

def status(name):
    return int(dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())[name].split()[0])

pillow().preinit()
data = sys.stdin.buffer.read()
before = status("VmRSS")
decode_jpeg(data, WIDTH, HEIGHT)
print(status("VmHWM") - before)
""".replace("WIDTH", str(WIDTH)).replace("HEIGHT", str(HEIGHT))


def jpeg(**how: Any) -> bytes:
    """As others make it."""
    file = io.BytesIO()
    Image.effect_noise((WIDTH, HEIGHT), 90).convert("RGB").save(file, "JPEG", **how)
    return file.getvalue()


def test_the_size_of_a_png_is_in_its_first_chunk() -> None:
    assert png_size(encode_png(bytes(4 * 30 * 20), 30, 20)) == (30, 20)


def test_a_jpeg_that_sharpens_is_taken() -> None:
    assert len(decode_jpeg(jpeg(progressive=True), WIDTH, HEIGHT)) == 4 * WIDTH * HEIGHT


@pytest.mark.parametrize("scans", [MAX_SCANS, 400_000])
def test_a_jpeg_that_sharpens_without_end_is_refused(scans: int) -> None:
    plain = encode_jpeg(bytes(4 * WIDTH * HEIGHT), WIDTH, HEIGHT, 50)
    with pytest.raises(DecodeError, match="scans"):
        decode_jpeg(plain.removesuffix(END) + SCAN * scans + END, WIDTH, HEIGHT)


def test_a_jpeg_of_another_size_is_refused() -> None:
    with pytest.raises(DecodeError, match="1024x768 in a rectangle of 64x64"):
        decode_jpeg(jpeg(), 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"progressive": True, "subsampling": 0}], ids=["plain", "sharpens"])
def test_a_jpeg_takes_so_much_for_each_pixel(how: dict[str, Any]) -> None:
    done = subprocess.run([sys.executable, "-c", GROWN], input=jpeg(**how), capture_output=True, check=True)
    assert int(done.stdout) << 10 < (1 << 20) + 20 * WIDTH * HEIGHT
