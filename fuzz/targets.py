"""What is fuzzed: one oracle per decoder.

An oracle takes any bytes and returns None. It lets exactly one exception of the decoder pass unnoticed, `DecodeError`;
whatever else comes out is a bug, as is a decoded value that does not survive being encoded again.

The same oracles run from the corpus in `tests/property/test_fuzz_targets.py` and under atheris in `fuzz_atheris.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit._wire import Reader
from conduit.errors import DecodeError

Oracle = Callable[[bytes], None]


def wire_reader(data: bytes) -> None:
    """Reading never goes past the end, and what was read plus what is left is what there was."""
    reader = Reader(data)
    with suppress(DecodeError):
        read = reader.take(reader.u8())
        assert bytes([len(read)]) + read + reader.rest() == data
        reader.end()


TARGETS: Final[Mapping[str, Oracle]] = {
    "wire_reader": wire_reader,
}
