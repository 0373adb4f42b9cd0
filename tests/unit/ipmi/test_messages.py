from __future__ import annotations

from conduit.ipmi.messages import NetFn, RawData


def test_every_network_function_of_a_request_is_even() -> None:
    assert all(netfn % 2 == 0 and netfn < 64 for netfn in NetFn)


def test_raw_data_passes_through() -> None:
    assert RawData.decode(b"\x01\x02").data == b"\x01\x02"
    assert RawData(data=b"\x01\x02").encode() == b"\x01\x02"
