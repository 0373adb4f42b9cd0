"""The commands that open and close sessions: known bytes and truncation."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import DecodeError
from conduit.rmcp.session_commands import (
    COMMANDS,
    ActivateSession,
    ChannelAuthenticationCapabilities,
    CipherSuiteRecord,
    CipherSuiteRecords,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
    SessionPrivilege,
    SetSessionPrivilegeLevel,
    decode_cipher_suites,
)

C = bytes(range(16))
# message, its bytes laid out by hand, how many of them it cannot do without
MESSAGES: list[tuple[Any, str, int]] = [
    (GetChannelAuthenticationCapabilities(), "8e 04", 2),
    (GetChannelAuthenticationCapabilities(channel=1, want=2, extended=False), "01 02", 2),
    (
        ChannelAuthenticationCapabilities(channel=1, auth_types=frozenset({0, 1, 2, 4, 5}), named_users=False),
        "01 37 00 00 00000000",
        3,
    ),
    (
        ChannelAuthenticationCapabilities(
            channel=2, extended=True, kg_set=True, user_level_disabled=True, anonymous=True, ipmi_15=False, ipmi_20=True
        ),
        "02 80 2d 02 00000000",
        4,
    ),
    (
        ChannelAuthenticationCapabilities(
            extended=True, per_message_disabled=True, null_users=True, ipmi_20=True, oem=b"\xa2\x02\x00\x7f"
        ),
        "01 80 16 03 a202007f",
        4,
    ),
    (GetChannelCipherSuites(), "0e 00 80", 3),
    (GetChannelCipherSuites(channel=1, payload_type=1, index=2), "01 01 82", 3),
    (CipherSuiteRecords(channel=1, records=b"\xc0\x03"), "01 c003", 1),
    (GetSessionChallenge(auth_type=2, username=b"root"), "02 726f6f74 000000000000000000000000", 17),
    (SessionChallenge(session_id=0x11223344, challenge=C), f"44332211 {C.hex()}", 20),
    (
        ActivateSession(auth_type=2, want=4, challenge=C, outbound_sequence=0x01020304),
        f"02 04 {C.hex()} 04030201",
        22,
    ),
    (SessionActivated(auth_type=2, session_id=1, inbound_sequence=2, limit=4), "02 01000000 02000000 04", 10),
    (SetSessionPrivilegeLevel(level=4), "04", 1),
    (SessionPrivilege(level=3), "03", 1),
    (CloseSession(session_id=0x11223344), "44332211", 4),
    (CloseSession(session_id=0, handle=9), "00000000 09", 4),
]


@pytest.mark.parametrize(("message", "layout", "least"), MESSAGES)
def test_message_has_the_bytes_of_the_specification(message: Any, layout: str, least: int) -> None:
    assert message.encode() == bytes.fromhex(layout)
    assert type(message).decode(bytes.fromhex(layout)) == message


@pytest.mark.parametrize(("message", "layout", "least"), MESSAGES)
def test_message_cut_short_is_a_decode_error(message: Any, layout: str, least: int) -> None:
    for length in range(least):
        with pytest.raises(DecodeError):
            type(message).decode(bytes.fromhex(layout)[:length])
    type(message).decode(bytes.fromhex(layout)[:least])


def test_bmc_older_than_ipmi_20_is_taken_to_serve_ipmi_15() -> None:
    old = ChannelAuthenticationCapabilities.decode(bytes.fromhex("01 04 04 ff"))
    assert (old.extended, old.ipmi_15, old.ipmi_20) == (False, True, False)


def test_challenges_are_not_in_repr() -> None:
    assert "challenge=" not in repr(SessionChallenge(session_id=1, challenge=C))
    assert "challenge=" not in repr(ActivateSession(auth_type=2, want=4, challenge=C, outbound_sequence=1))


def test_command_numbers_are_those_of_appendix_g() -> None:
    assert [(command.netfn, command.command) for command in COMMANDS] == [
        (0x06, number) for number in (0x38, 0x54, 0x39, 0x3A, 0x3B, 0x3C)
    ]


def test_cipher_suites_are_read_in_the_order_of_the_bmc() -> None:
    records = bytes.fromhex("c0 03 01 41 81  c1 80 a20200 01 41  c0 00  c0 11 03 44 81")
    suites = decode_cipher_suites(records)
    assert suites == [
        CipherSuiteRecord(number=3, algorithms=(0x01, 0x41, 0x81)),
        CipherSuiteRecord(number=0x80, oem=674, algorithms=(0x01, 0x41)),
        CipherSuiteRecord(number=0),
        CipherSuiteRecord(number=0x11, algorithms=(0x03, 0x44, 0x81)),
    ]
    assert b"".join(suite.encode() for suite in suites) == records


def test_empty_list_of_cipher_suites_is_a_list() -> None:
    assert decode_cipher_suites(b"") == []


@pytest.mark.parametrize("records", ["00", "0003", "41c003", "c0", "c1", "c180", "c180a202", "c00301c0"])
def test_list_of_cipher_suites_that_makes_no_sense_is_a_decode_error(records: str) -> None:
    with pytest.raises(DecodeError):
        decode_cipher_suites(bytes.fromhex(records))
