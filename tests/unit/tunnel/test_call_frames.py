from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError, LocalProtocolError
from conduit.tunnel.call_frames import (
    MAX_DETAILS,
    MAX_TEXT,
    SUCCESS,
    AnswerReader,
    Code,
    RequestReader,
    Status,
)
from conduit.tunnel.framing import encode_message

statuses = st.builds(
    Status,
    st.sampled_from(Code),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.binary(max_size=50),
)


def decoded(text: bytes) -> Status:
    return Status.decode(text)


def test_success_looks_like_a_trailer_of_grpc_web() -> None:
    assert SUCCESS == b"\x80\x00\x00\x00\x0fgrpc-status:0\r\n"


def test_a_failure_has_percent_encoded_text_and_base64_details() -> None:
    status = Status(Code.NOT_FOUND, "100 % weg: Ä\n", b"\x00\xff")
    expected = b"grpc-status:5\r\ngrpc-message:100 %25 weg: %C3%84%0A\r\ngrpc-status-details-bin:AP8=\r\n"
    assert status.encode()[5:] == expected


@given(statuses)
def test_a_status_round_trips(status: Status) -> None:
    reader = AnswerReader()
    assert reader.receive(status.encode()) == []
    found = reader.status
    assert found is not None
    assert found._replace(message="") == status._replace(message="")
    assert found.message == status.message.strip(" ")  # white space around a header's value is not its own


def test_a_status_of_somebody_else_is_read_too() -> None:
    found = decoded(b"Grpc-Status: 16 \r\nX-Other: 1\r\ngrpc-status-details-bin: AP8\r\n\r\n")
    assert found == Status(Code.UNAUTHENTICATED, "", b"\x00\xff")


@pytest.mark.parametrize("number", [b"17", b"999"])
def test_a_code_that_we_do_not_know_is_unknown(number: bytes) -> None:
    assert decoded(b"grpc-status:" + number).code is Code.UNKNOWN


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "without a number"),
        (b"grpc-status:\r\n", "without a number"),
        (b"grpc-status:-1\r\n", "without a number"),
        (b"grpc-status:1000\r\n", "without a number"),
        (b"grpc-status", "without a colon"),
        (b"grpc-status:0\xff", "no ASCII"),
        (b"grpc-status:1\r\ngrpc-status-details-bin:A", "no base64"),
    ],
)
def test_a_status_that_makes_no_sense_is_a_decode_error(text: bytes, what: str) -> None:
    with pytest.raises(DecodeError, match=what):
        decoded(text)


@given(st.binary(max_size=100) | st.binary(max_size=50).map(lambda tail: b"grpc-status:1\r\n" + tail))
def test_any_text_is_a_status_or_a_decode_error(text: bytes) -> None:
    with suppress(DecodeError):
        decoded(text)


def test_long_texts_are_cut_and_long_details_refused() -> None:
    status = decoded(Status(Code.ABORTED, "x" * (MAX_TEXT + 1)).encode()[5:])
    assert status.message == "x" * MAX_TEXT
    with pytest.raises(LocalProtocolError, match="details"):
        Status(Code.ABORTED, "", bytes(MAX_DETAILS + 1)).encode()


@given(
    messages=st.lists(st.binary(max_size=40), max_size=8),
    status=statuses,
    cuts=st.lists(st.integers(0, 600), max_size=12),
)
def test_any_split_of_an_answer_gives_the_same_answer(messages: list[bytes], status: Status, cuts: list[int]) -> None:
    data = b"".join(map(encode_message, messages)) + status.encode()
    ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader = AnswerReader()
    found = [one for start, end in zip([0, *ends], ends, strict=False) for one in reader.receive(data[start:end])]
    assert found == messages
    reader.finish()
    assert reader.status is not None
    assert reader.status.code is status.code


@given(messages=st.lists(st.binary(max_size=20), min_size=1, max_size=4), data=st.data())
def test_an_answer_that_is_cut_off_is_never_an_answer(messages: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(encode_message, messages)) + SUCCESS
    reader = AnswerReader()
    reader.receive(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DecodeError, match="without a status"):
        reader.finish()


@pytest.mark.parametrize("more", [b"\x00", encode_message(b""), SUCCESS])
def test_nothing_follows_a_status(more: bytes) -> None:
    with pytest.raises(DecodeError, match="after the status"):
        AnswerReader().receive(SUCCESS + more)


def test_a_status_may_be_longer_than_messages_may() -> None:
    reader = AnswerReader(3)
    assert reader.receive(encode_message(b"abc") + SUCCESS) == [b"abc"]
    with pytest.raises(DecodeError, match="4 bytes, where 3"):
        AnswerReader(3).receive(encode_message(b"abcd"))


def test_a_request_ends_between_messages_and_has_no_status() -> None:
    reader = RequestReader()
    assert reader.receive(encode_message(b"a")) == [b"a"]
    reader.finish()
    reader.receive(b"\x00")
    with pytest.raises(DecodeError, match="middle"):
        reader.finish()
    with pytest.raises(DecodeError):
        RequestReader().receive(SUCCESS)
