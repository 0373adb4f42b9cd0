"""Small answers are not worth the work of compressing them; clients cannot tell."""

from __future__ import annotations

import gzip

import pytest

from conduit.services.web.compression import WORTH_IT, Gzip


@pytest.mark.parametrize("size", [0, 1, WORTH_IT - 1, WORTH_IT, 100_000])
def test_any_reader_of_gzip_reads_it(size: int) -> None:
    data = (b"abc" * size)[:size]
    packed = Gzip().compress(data)
    assert gzip.decompress(packed) == data == Gzip().decompress(packed)


def test_little_is_stored_and_much_is_packed() -> None:
    assert b"only a few words" in Gzip().compress(b"only a few words")
    assert len(Gzip().compress(b"x" * WORTH_IT)) < WORTH_IT / 4
