"""Open Session and RAKP messages: known bytes, truncation, refusals with and without the rest of the message."""

from __future__ import annotations

import pytest

from conduit.errors import DecodeError
from conduit.rmcp.rakp_messages import (
    REPLIES,
    REQUESTS,
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
    Reply,
    Request,
    Status,
    status_name,
)

R, G = bytes(range(16)), bytes(range(16, 32))
SUITE_17 = Algorithms(authentication=3, integrity=4, confidentiality=1)
ALGORITHMS = "0000000803000000 0100000804000000 0200000801000000"
# Laid out by hand from tables 13-9 to 13-14.
MESSAGES: list[tuple[Request | Reply, str]] = [
    (
        OpenSessionRequest(tag=1, privilege=4, console_id=0xA1A2A3A4, algorithms=SUITE_17),
        f"01040000 a4a3a2a1 {ALGORITHMS}",
    ),
    (
        OpenSessionResponse(tag=1, privilege=4, console_id=0xA1A2A3A4, bmc_id=0xB1B2B3B4, algorithms=SUITE_17),
        f"01000400 a4a3a2a1 b4b3b2b1 {ALGORITHMS}",
    ),
    (
        Rakp1(tag=2, bmc_id=0xB1B2B3B4, console_random=R, role=0x14, username=b"root"),
        f"02000000 b4b3b2b1 {R.hex()} 14000004 726f6f74",
    ),
    (
        Rakp2(tag=2, console_id=0xA1A2A3A4, bmc_random=R, guid=G, code=b"\xc0" * 20),
        f"02000000 a4a3a2a1 {R.hex()} {G.hex()} {'c0' * 20}",
    ),
    (Rakp3(tag=3, bmc_id=0xB1B2B3B4, code=b"\xc3" * 20), f"03000000 b4b3b2b1 {'c3' * 20}"),
    (Rakp4(tag=3, console_id=0xA1A2A3A4, check=b"\xc4" * 12), f"03000000 a4a3a2a1 {'c4' * 12}"),
]
KINDS = [type(message).__name__ for message, _ in MESSAGES]
FIXED = {"OpenSessionRequest": 32, "OpenSessionResponse": 36, "Rakp1": 32, "Rakp2": 40, "Rakp3": 8, "Rakp4": 8}


@pytest.mark.parametrize(("message", "layout"), MESSAGES, ids=KINDS)
def test_message_has_the_bytes_of_the_specification(message: Request | Reply, layout: str) -> None:
    assert message.encode() == bytes.fromhex(layout)
    assert type(message).decode(bytes.fromhex(layout)) == message


@pytest.mark.parametrize(("message", "layout"), MESSAGES, ids=KINDS)
def test_message_cut_short_is_a_decode_error(message: Request | Reply, layout: str) -> None:
    for length in range(FIXED[type(message).__name__]):
        with pytest.raises(DecodeError):
            type(message).decode(bytes.fromhex(layout)[:length])


@pytest.mark.parametrize(
    "refusal",
    [
        OpenSessionResponse(tag=1, status=Status.NO_CIPHER_SUITE_MATCH, privilege=3, console_id=7),
        Rakp2(tag=2, status=Status.UNAUTHORIZED_NAME, console_id=7),
        Rakp3(tag=3, status=Status.INVALID_INTEGRITY_CHECK_VALUE, bmc_id=7),
        Rakp4(tag=4, status=Status.INVALID_INTEGRITY_CHECK_VALUE, console_id=7),
    ],
)
def test_refusal_ends_after_eight_bytes(refusal: Reply | Rakp3) -> None:
    assert len(refusal.encode()) == 8
    assert type(refusal).decode(refusal.encode()) == refusal


def test_what_follows_a_refusal_is_ignored() -> None:
    refusal = OpenSessionResponse(tag=1, status=Status.INVALID_ROLE, console_id=7)
    assert OpenSessionResponse.decode(refusal.encode() + bytes(28)) == refusal
    assert Rakp2.decode(Rakp2(tag=1, status=1, console_id=7).encode() + bytes(40)).bmc_random == b""


@pytest.mark.parametrize("length", range(2, 8))
def test_open_session_refusal_may_leave_the_session_id_out(length: int) -> None:
    refusal = OpenSessionResponse.decode(bytes([9, Status.INSUFFICIENT_RESOURCES, 0, 0, 7, 7, 7])[:length])
    assert refusal == OpenSessionResponse(tag=9, status=Status.INSUFFICIENT_RESOURCES, console_id=None)


def test_rakp1_may_have_room_for_a_longer_name() -> None:
    message = Rakp1(tag=2, bmc_id=1, console_random=R, role=4, username=b"ab", padding=14)
    assert len(message.encode()) == 44
    assert Rakp1.decode(message.encode()).username == b"ab"


def test_name_longer_than_sixteen_bytes_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="user name of 17 bytes"):
        Rakp1.decode(bytes(27) + b"\x11" + bytes(17))


@pytest.mark.parametrize(("place", "byte"), [(0, 1), (8, 0), (16, 3), (3, 7), (11, 9), (19, 255)])
def test_algorithm_payload_of_another_type_or_length_is_a_decode_error(place: int, byte: int) -> None:
    broken = bytearray(SUITE_17.encode())
    broken[place] = byte
    with pytest.raises(DecodeError, match="algorithm payloads of types"):
        Algorithms.decode(bytes(broken))


def test_algorithm_payload_of_no_length_leaves_the_choice_open() -> None:
    assert Algorithms.decode(bytes.fromhex("0000000000000000 0100000000000000 0200000000000000")) == Algorithms(
        authentication=0, integrity=0, confidentiality=0
    )


def test_codes_are_not_in_repr() -> None:
    assert "code" not in repr(Rakp2(tag=1, console_id=1, code=b"secret"))
    assert "code" not in repr(Rakp3(tag=1, bmc_id=1, code=b"secret"))


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_name_in_words(status: Status) -> None:
    name = status_name(status)
    assert name == status.name.lower().replace("_", " ")


def test_status_that_is_in_no_table_says_so() -> None:
    assert status_name(0x77) == "unknown status"


def test_messages_are_found_by_payload_type() -> None:
    assert {int(kind): cls for kind, cls in REQUESTS.items()} == {0x10: OpenSessionRequest, 0x12: Rakp1, 0x14: Rakp3}
    assert {int(kind): cls for kind, cls in REPLIES.items()} == {0x11: OpenSessionResponse, 0x13: Rakp2, 0x15: Rakp4}
