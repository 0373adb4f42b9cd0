"""What is fuzzed: one oracle per decoder.

An oracle takes any bytes and returns None. It lets exactly one exception of the decoder pass unnoticed, `DecodeError`;
whatever else comes out is a bug, as is a decoded value that does not survive being encoded again.

The same oracles run from the corpus in `tests/property/test_fuzz_targets.py` and under atheris in `fuzz_atheris.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit._wire import Reader
from conduit.errors import DecodeError
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc

Oracle = Callable[[bytes], None]


def wire_reader(data: bytes) -> None:
    """Reading never goes past the end, and what was read plus what is left is what there was."""
    reader = Reader(data)
    with suppress(DecodeError):
        read = reader.take(reader.u8())
        assert bytes([len(read)]) + read + reader.rest() == data
        reader.end()


def virtual_bmc(data: bytes) -> None:
    """A datagram to a BMC is counted as dropped or answered, and never raises."""
    bmc = VirtualBmc(BmcConfig(users=(UserConfig(name=b"admin", password=b"secret"),)), entropy=bytes_from_counter())
    bmc.receive_datagram(data, ("192.0.2.1", 623), 0.0)
    assert sum(bmc.drops.values()) + len(bmc.datagrams_to_send())


def bytes_from_counter() -> Callable[[int], bytes]:
    """Entropy that is the same in every run, and never the same twice in one."""
    numbers = itertools.count(1)
    return lambda count: next(numbers).to_bytes(8, "little").ljust(count, b"\x5a")[:count]


TARGETS: Final[Mapping[str, Oracle]] = {
    "virtual_bmc": virtual_bmc,
    "wire_reader": wire_reader,
}
