"""gzip for the answers of connectrpc, without the work where it gains nothing."""

from __future__ import annotations

import zlib
from typing import Final

from connectrpc.compression.gzip import GzipCompression

WORTH_IT: Final = 512  # bytes; less is stored as it is, in gzip's clothes
_STORE: Final = 0  # zlib's level
_SMALLEST_GZIP: Final = 16 + 9  # zlib's window bits: gzip's header, and 512 bytes
_LEAST_MEMORY: Final = 1  # zlib's: to set up what is usual costs fifty times the work


class Gzip(GzipCompression):
    """As connectrpc's, for clients that accept gzip."""

    def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        """A gzip member (RFC 1952)."""
        if len(data) >= WORTH_IT:
            return super().compress(data)
        packer = zlib.compressobj(_STORE, zlib.DEFLATED, _SMALLEST_GZIP, _LEAST_MEMORY)
        return packer.compress(data) + packer.flush()


COMPRESSIONS: Final = (Gzip(),)
