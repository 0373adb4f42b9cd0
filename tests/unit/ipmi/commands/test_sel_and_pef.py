"""SEL and PEF commands: bytes that ipmitool sends and our BMC answers, and what is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands import (
    AlertImmediate,
    AlertPolicy,
    ClearSel,
    DataMatch,
    EventFilter,
    PefAction,
    PefCapabilities,
    PefConfiguration,
    PefControl,
    PefParameter,
    PefSystemGuid,
    PlatformEvent,
    PolicyRule,
    SelInfo,
    SelTime,
    SelTimeUtcOffset,
    SetPefConfiguration,
    Severity,
)
from conduit.ipmi.commands.pef_filters import action_names
from conduit.ipmi.records.events import Event, Generator


def test_sel_info() -> None:
    info = SelInfo.decode(bytes.fromhex("51 0900 701f f60d076b f50d076b 8f"))
    assert (info.version_text, info.entries, info.free_bytes, info.overflow) == ("1.5", 9, 8048, True)
    assert info.can_delete
    assert info.can_reserve


def test_clearing_needs_its_key() -> None:
    assert ClearSel(reservation=1, initiate=True).encode() == b"\x01\x00CLR\xaa"
    assert ClearSel.decode(b"\x01\x00CLR\x00") == ClearSel(reservation=1)
    with pytest.raises(DecodeError):
        ClearSel.decode(b"\x01\x00CLX\xaa")


def test_the_clock_is_utc() -> None:
    assert SelTime(timestamp=0x6B070DF6).time == datetime(2026, 11, 25, 16, 33, 58, tzinfo=UTC)


def test_the_offset_to_utc_has_a_sign_and_may_be_unspecified() -> None:
    assert SelTimeUtcOffset(minutes=-60).encode() == b"\xc4\xff"
    assert SelTimeUtcOffset.decode(b"\xff\x07").minutes is None
    with pytest.raises(DecodeError):
        SelTimeUtcOffset.decode(b"\x00\x08")
    with pytest.raises(LocalProtocolError):
        SelTimeUtcOffset(minutes=1441)


def test_an_event_may_name_its_generator() -> None:
    plain = bytes.fromhex("0401300109ffff")  # ipmitool event 1
    assert PlatformEvent.decode(plain).generator is None
    assert PlatformEvent.decode(b"\x41" + plain) == PlatformEvent(event=Event.decode(plain), generator=0x41)


def test_an_alert_may_carry_an_event() -> None:
    event = Event.decode(bytes.fromhex("0401300109ffff"))
    alert = AlertImmediate(channel=1, destination=2, event=event)
    assert alert.encode() == bytes.fromhex("010200 20 0401300109ffff")
    assert AlertImmediate.decode(alert.encode()) == alert


def test_capabilities_and_parameters_in_words() -> None:
    able = PefCapabilities.decode(b"\x51\x2f\x10")
    assert able.version_text == "1.5"
    assert action_names(able.supported_actions) == [
        "alert", "power off", "reset", "power cycle", "diagnostic interrupt",
    ]  # fmt: skip
    assert PefConfiguration(data=b"\x03").setting(PefParameter.CONTROL) == PefControl(enabled=True, log_actions=True)
    assert PefConfiguration(data=b"\x10").setting(PefParameter.FILTER_COUNT) == b"\x10"
    assert SetPefConfiguration.of(PefControl(enabled=True)).encode() == b"\x01\x01"
    guid = PefSystemGuid(used=True, raw=bytes(range(16)))
    assert guid.uuid == UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")


# A filter as table 17-2 has it: fans, lower critical and non-recoverable, alert and power off by policy 1.
FILTER = bytes.fromhex("03 c0 03 01 10 ff ff 04 ff 01 1400 000000 000000 000000")


def test_an_event_filter() -> None:
    entry = EventFilter.decode(FILTER)
    assert (entry.number, entry.enabled, entry.preconfigured, entry.policy_number) == (3, True, True, 1)
    assert entry.actions == PefAction.ALERT | PefAction.POWER_OFF
    assert entry.severity is Severity.CRITICAL
    assert entry.encode() == FILTER


@pytest.mark.parametrize(
    ("raw", "matches"),
    [
        ("04043001 520305", True),
        ("04043001 540305", True),
        ("04043001 500305", False),
        ("04043081 520305", False),
        ("04013001 520305", False),
    ],
    ids=["offset 2", "offset 4", "offset 0", "deasserted", "a temperature"],
)
def test_a_filter_matches_by_type_trigger_and_offset(raw: str, matches: bool) -> None:
    assert EventFilter.decode(FILTER).matches(Event.decode(bytes.fromhex(raw)), Generator()) is matches


@pytest.mark.parametrize(
    ("test", "byte", "matches"),
    [
        (DataMatch(), 0x55, True),
        (DataMatch(mask=0xFF, exact=0xFF, value=0x55), 0x55, True),
        (DataMatch(mask=0xFF, exact=0xFF, value=0x55), 0x54, False),
        (DataMatch(mask=0x0F, exact=0xFF, value=0x05), 0x55, True),
        (DataMatch(mask=0x03, exact=0x00, value=0x03), 0x01, True),
        (DataMatch(mask=0x03, exact=0x00, value=0x03), 0x00, False),
    ],
)
def test_a_data_byte_is_compared_exactly_or_loosely(test: DataMatch, byte: int, matches: bool) -> None:
    assert test.matches(byte) is matches


def test_an_alert_policy() -> None:
    policy = AlertPolicy.decode(b"\x01\x1a\x12\x83")
    assert (policy.number, policy.policy_number, policy.enabled, policy.rule) == (1, 1, True, PolicyRule.STOP_IF_SENT)
    assert (policy.channel, policy.destination, policy.string_by_event, policy.string) == (1, 2, True, 3)
