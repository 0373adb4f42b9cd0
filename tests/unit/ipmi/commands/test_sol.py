"""SOL's configuration, byte by byte (table 26-5)."""

from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.commands import (
    BitRate,
    GetSolConfiguration,
    SetSolConfiguration,
    SolAccumulation,
    SolAuthentication,
    SolBitRate,
    SolEnable,
    SolParameter,
    SolPayloadChannel,
    SolPayloadPort,
    SolRetry,
    SolSelector,
    SolSetInProgress,
    SolVolatileBitRate,
)
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.commands.sol import SOL_PARAMETERS, bit_rate
from conduit.ipmi.messages import PrivilegeLimit

VECTORS: tuple[tuple[SolParameter, str], ...] = (
    (SolSetInProgress(state=SetProgress.IN_PROGRESS), "01"),
    (SolEnable(enabled=True), "01"),
    (SolAuthentication(force_encryption=True, privilege=PrivilegeLimit.OPERATOR), "83"),
    (SolAccumulation(interval=12, threshold=96), "0c 60"),
    (SolRetry(count=7, interval=50), "07 32"),
    (SolBitRate(rate=BitRate.BPS_115200), "0a"),
    (SolVolatileBitRate(rate=BitRate.BPS_9600), "06"),
    (SolPayloadChannel(channel=1), "01"),
    (SolPayloadPort(port=623), "6f 02"),
)


@pytest.mark.parametrize(("parameter", "wire"), VECTORS)
def test_parameters_are_those_of_table_26_5(parameter: SolParameter, wire: str) -> None:
    assert parameter.encode() == bytes.fromhex(wire)
    assert SOL_PARAMETERS[parameter.SELECTOR].decode(bytes.fromhex(wire)) == parameter


def test_every_parameter_has_a_class() -> None:
    assert [parameter.SELECTOR for parameter, _ in VECTORS] == list(SolSelector) == list(SOL_PARAMETERS)


def test_requests_name_channel_and_parameter() -> None:
    assert SetSolConfiguration.of(SolEnable(), channel=1).encode() == bytes.fromhex("01 01 01")
    assert GetSolConfiguration(channel=1, selector=5, revision_only=True).encode() == bytes.fromhex("81 05 00 00")


def test_units_are_seconds_and_bits_a_second_to_the_outside() -> None:
    assert SolAccumulation(interval=12).seconds == pytest.approx(0.06)
    assert SolRetry(interval=50).seconds == pytest.approx(0.5)
    assert SolBitRate(rate=BitRate.BPS_19200).bits_per_second == 19_200
    assert SolBitRate(rate=BitRate.SERIAL_PORT).bits_per_second is None
    assert bit_rate(38_400) is BitRate.BPS_38400
    with pytest.raises(LocalProtocolError, match="115200"):
        bit_rate(300)
