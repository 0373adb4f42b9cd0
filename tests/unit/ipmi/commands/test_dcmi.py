"""DCMI messages byte by byte, as the tables of DCMI 1.5 have them."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands import (
    ActivatePowerLimit,
    DcmiEventLog,
    DcmiPowerStatistics,
    DcmiSensors,
    DcmiTemperatures,
    GetAssetTag,
    GetPowerLimit,
    GetPowerReading,
    PowerException,
    PowerLimit,
    PowerReading,
    SetAssetTag,
    SetPowerLimit,
    TextPart,
    ThermalLimit,
)
from conduit.ipmi.completion_codes import text


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (GetPowerReading(), "01 00 00"),
        (GetPowerLimit(), "00 00"),
        (ActivatePowerLimit(), "01 00 00"),
        (GetAssetTag(offset=16, size=10), "10 0a"),
        (SetAssetTag(text=b"rack"), "00 04 72 61 63 6b"),
        (TextPart(total=4, text=b"rack"), "04 72 61 63 6b"),
        (DcmiSensors(instances=2, record_ids=(1, 0x102)), "02 02 01 00 02 01"),
        (DcmiTemperatures(instances=2, readings=((1, 25), (2, -5))), "02 02 19 01 85 02"),
        (ThermalLimit(power_off=True, log=True, celsius=45, seconds=60), "60 2d 3c 00"),
        (DcmiEventLog(entries=512, rollover=True, interval=5), "00 82 00 00 05"),
        (DcmiPowerStatistics(periods=bytes((0x05, 0x41, 0x82, 0xC1))), "04 05 41 82 c1"),
        (
            PowerLimit(action=PowerException.POWER_OFF, watts=200, correction_ms=1000, sampling=5),
            "00 00 01 c8 00 e8 03 00 00 00 00 05 00",
        ),
        (
            PowerReading(current=130, minimum=5, maximum=210, average=120, timestamp=9, period=60_000),
            "82 00 05 00 d2 00 78 00 09 00 00 00 60 ea 00 00 40",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bytes_are_the_tables(message: Any, wire: str) -> None:
    assert message.encode() == bytes.fromhex(wire)
    assert type(message).decode(bytes.fromhex(wire)) == message


def test_a_limit_to_set_has_three_reserved_bytes() -> None:
    request = SetPowerLimit(limit=PowerLimit(watts=200))
    assert request.request_data() == bytes.fromhex("dc 00 00 00 00 c8 00 e8 03 00 00 00 00 01 00")


def test_periods_are_in_seconds() -> None:
    assert DcmiPowerStatistics(periods=bytes((0x05, 0x41, 0x82, 0xC1))).seconds == (5, 60, 7200, 86_400)


@pytest.mark.parametrize(
    "limit", [PowerLimit(watts=65_536), PowerLimit(watts=1, correction_ms=-1), PowerLimit(watts=1, sampling=65_536)]
)
def test_a_limit_that_does_not_fit_is_our_callers_fault(limit: PowerLimit) -> None:
    with pytest.raises(LocalProtocolError):
        SetPowerLimit(limit=limit).encode()


def test_an_answer_of_another_group_is_refused() -> None:
    with pytest.raises(DecodeError, match="0xdc"):
        GetAssetTag().decode_response(b"\x00\x04rack")


def test_completion_codes_are_the_groups_own() -> None:
    assert text(0x80, 0x2C, 0x03, 0xDC) == "no power limit is active"
    assert text(0x80, 0x2C, 0x06, 0xDC) == "the asset tag is binary"
    assert text(0x80, 0x2C, 0x03, 0x00) == "unknown, a code of this command's own"
