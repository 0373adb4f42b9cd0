"""Table 15-2, byte by byte."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError
from conduit.ipmi.sol_packets import Operation, SolPacket, Status


def test_layout_is_that_of_table_15_2() -> None:
    packet = SolPacket(5, 3, 17, Operation.BREAK | Operation.PAUSE, b"ls\r")
    assert packet.encode() == bytes.fromhex("05 03 11 18 6c 73 0d")
    assert SolPacket.decode(packet.encode()) == packet


def test_bits_of_both_directions_are_those_of_the_specification() -> None:
    assert [flag.value for flag in Operation] == [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40]
    assert [flag.value for flag in Status] == [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40]


def test_reserved_halves_of_the_numbers_are_ignored() -> None:
    assert SolPacket.decode(b"\xf2\xe1\x00\x00") == SolPacket(2, 1)


@pytest.mark.parametrize("payload", [b"", b"\1\0\0", bytes(4 + 256)])
def test_too_few_and_too_many_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        SolPacket.decode(payload)
