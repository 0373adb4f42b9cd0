"""Questions outside a session: what is an answer, and when is it too late."""

from __future__ import annotations

import pytest

from conduit.errors import PeerTimeoutError
from conduit.rmcp.inquiry import Inquiry
from conduit.rmcp.lan_message import encode_frame
from conduit.rmcp.packets import encode_lan_packet, encode_plus_packet
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.session_commands import GetChannelCipherSuites

TWICE = RetryPolicy(timeout=1.0, retries=1, backoff=1.0)
APP_RESPONSE = 0x07
COMMAND = GetChannelCipherSuites.command
SEQUENCE = 5


def asked() -> Inquiry:
    inquiry = Inquiry(GetChannelCipherSuites(), TWICE, sequence=SEQUENCE)
    inquiry.start(0.0)
    return inquiry


def answer(
    data: bytes = b"\0\x01",
    *,
    netfn: int = APP_RESPONSE,
    command: int = COMMAND,
    sequence: int = SEQUENCE,
    session: int = 0,
) -> bytes:
    frame = encode_frame(netfn, command, data, sequence=sequence, to_address=0x81, from_address=0x20)
    return encode_lan_packet(frame, session_id=session)


def test_question_goes_out_once_at_the_start() -> None:
    inquiry = asked()
    (datagram,) = inquiry.datagrams_to_send()
    assert datagram == encode_lan_packet(encode_frame(0x06, COMMAND, b"\x0e\0\x80", sequence=SEQUENCE))
    assert inquiry.datagrams_to_send() == []
    assert inquiry.next_deadline() == 1.0


def test_answer_is_the_completion_code_and_what_follows() -> None:
    inquiry = asked()
    assert inquiry.receive_datagram(answer(), 0.5) == (b"\0\x01",)
    assert inquiry.next_deadline() is None


@pytest.mark.parametrize(
    "stale",
    [answer(sequence=6), answer(command=0x38), answer(netfn=0x05), answer(session=9), answer(b"")],
    ids=["sequence", "command", "netfn", "session", "no completion code"],
)
def test_answer_to_something_else_is_stale(stale: bytes) -> None:
    inquiry = asked()
    assert inquiry.receive_datagram(stale, 0.5) == ()
    assert inquiry.stale_replies == 1
    assert inquiry.next_deadline() == 1.0


def test_second_answer_is_stale() -> None:
    inquiry = asked()
    inquiry.receive_datagram(answer(), 0.5)
    assert inquiry.receive_datagram(answer(), 0.6) == ()
    assert inquiry.stale_replies == 1


@pytest.mark.parametrize("data", [b"", b"\x06", encode_plus_packet(0, b""), answer()[:-1], answer()[:-1] + b"\xff"])
def test_datagram_without_a_message_is_counted(data: bytes) -> None:
    inquiry = asked()
    assert inquiry.receive_datagram(data, 0.5) == ()
    assert inquiry.bad_datagrams == 1


def test_silence_repeats_the_question_and_then_ends_it() -> None:
    inquiry = asked()
    first = list(inquiry.datagrams_to_send())
    assert inquiry.handle_deadline(0.9) == ()
    assert inquiry.datagrams_to_send() == []
    assert inquiry.handle_deadline(1.0) == ()
    assert inquiry.datagrams_to_send() == first
    with pytest.raises(PeerTimeoutError):
        inquiry.handle_deadline(2.0)
    assert inquiry.next_deadline() is None
    assert inquiry.handle_deadline(3.0) == ()
