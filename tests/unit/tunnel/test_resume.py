from __future__ import annotations

import pytest

from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.tunnel.capsules import MAX_VARINT, CapsuleReader, encode_capsule, encode_varint
from conduit.tunnel.resume import BYTES, CHUNK, END, GAP, MAX_CHUNK, MAX_OFFSET, POSITION, START, Gap, ResumableEnd

ALL = (START, BYTES, POSITION, GAP, END)


def numbers(kind: int, *values: int) -> bytes:
    return encode_capsule(kind, b"".join(map(encode_varint, values)))


def attached(*, received: int = 0, limit: int = 100, capacity: int = 100, **options: int) -> ResumableEnd:
    """An end whose peer has greeted it."""
    end = ResumableEnd(**options)  # type: ignore[arg-type]  # capacity and window
    end.attach()
    end.receive_data(numbers(START, received, limit, capacity))
    end.data_to_send(1)
    return end


def sent(end: ResumableEnd) -> list[tuple[int, bytes]]:
    return [(one.kind, one.value) for one in CapsuleReader(ALL, 1 << 20).receive(end.data_to_send(1 << 20))]


def test_an_end_starts_with_what_it_has_and_what_it_takes() -> None:
    end = ResumableEnd(capacity=7, window=9)
    end.attach()
    assert end.data_to_send(1000) == bytes.fromhex("40 40 03 00 09 07")
    assert not end.has_data_to_send


def test_nothing_but_the_start_is_sent_before_the_peer_has_said_how_far_it_is() -> None:
    end = ResumableEnd()
    end.write(memoryview(b"hello"))
    end.attach()
    assert [kind for kind, _ in sent(end)] == [START]
    end.receive_data(numbers(START, 0, 100, 100))
    assert end.is_greeted
    assert end.was_greeted
    assert sent(end) == [(BYTES, b"hello")]


def test_an_end_sends_no_more_than_it_may() -> None:
    end = attached(limit=3)
    end.write(memoryview(b"hello"))
    assert sent(end) == [(BYTES, b"hel")]
    assert not end.has_data_to_send
    end.receive_data(numbers(POSITION, 3, 4))
    assert sent(end) == [(BYTES, b"l")]


def test_what_is_acknowledged_is_not_kept() -> None:
    end = attached()
    end.write(memoryview(b"hello"))
    sent(end)
    end.receive_data(numbers(POSITION, 4, 100))
    assert end.unacknowledged == 1


def test_an_end_that_is_connected_takes_no_more_than_its_buffer_holds() -> None:
    end = ResumableEnd(capacity=4, overwrites=True)
    end.attach()
    assert end.write(memoryview(b"hello")) == 4
    end.detach()
    assert end.write(memoryview(b"o")) == 1
    assert end.overwritten == 1


def test_a_long_write_overwrites_itself() -> None:
    end = ResumableEnd(capacity=4, overwrites=True)
    end.write(memoryview(b"ab"))
    assert end.write(memoryview(b"0123456789")) == 10
    assert end.overwritten == 8
    end.attach()
    end.receive_data(numbers(START, 0, 100, 100))
    assert sent(end)[1:] == [(GAP, b"\x08"), (BYTES, b"6789")]


def test_a_chunk_at_a_time_leaves_when_little_is_wanted() -> None:
    end = attached(limit=1 << 20, capacity=1 << 20)
    end.write(memoryview(bytes(3 * CHUNK)))
    assert CHUNK < len(end.data_to_send(1)) < CHUNK + 10
    assert end.has_data_to_send


def test_an_end_knows_that_both_have_ended() -> None:
    end = attached()
    end.end()
    end.receive_data(encode_capsule(END, b""))
    sent(end)
    before = end.is_finished
    end.receive_data(numbers(POSITION, 1, 100))
    assert end.has_ended
    assert (before, end.is_finished) == (False, True)


def test_the_end_is_sent_again_until_it_is_acknowledged() -> None:
    end = attached()
    end.end()
    assert sent(end) == [(END, b"")]
    assert not end.has_data_to_send
    end.attach()
    end.receive_data(numbers(START, 0, 100, 100))
    assert sent(end)[1:] == [(END, b"")]
    end.receive_data(numbers(POSITION, 1, 100))
    assert end.is_delivered
    end.attach()
    end.receive_data(numbers(START, 1, 100, 100))
    assert [kind for kind, _ in sent(end)] == [START]


def test_progress_is_told_a_quarter_at_a_time() -> None:
    end = attached(window=8, capacity=100)
    end.receive_data(encode_capsule(BYTES, b"a"))
    assert not end.has_data_to_send
    end.receive_data(encode_capsule(BYTES, b"b"))
    assert sent(end) == [(POSITION, b"\x02\x08")]
    assert end.read(100) == b"ab"
    assert sent(end) == [(POSITION, b"\x02\x0a")]
    assert end.read(100) is None


def test_a_reader_takes_what_it_wants() -> None:
    end = attached()
    end.receive_data(encode_capsule(BYTES, b"abc") + encode_capsule(BYTES, b"") + encode_capsule(BYTES, b"def"))
    assert end.read(4) == b"abcd"
    assert end.read(4) == b"ef"


def test_gaps_stand_where_the_bytes_are_missing() -> None:
    end = attached()
    end.receive_data(encode_capsule(BYTES, b"a") + numbers(GAP, 2) + numbers(GAP, 3) + numbers(GAP, 0))
    end.receive_data(encode_capsule(BYTES, b"b") + encode_capsule(END, b""))
    assert [end.read(9) for _ in range(4)] == [b"a", Gap(5), b"b", b""]
    assert end.peer_ended


def test_nothing_can_be_written_after_the_end() -> None:
    end = ResumableEnd()
    end.end()
    with pytest.raises(LocalProtocolError, match="ended"):
        end.write(memoryview(b"a"))


@pytest.mark.parametrize("options", [{"capacity": 0}, {"window": 0}])
def test_an_end_has_room(options: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError, match="room"):
        ResumableEnd(**options)  # type: ignore[arg-type]  # capacity and window


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (numbers(START, 0, 100, 100), "starts twice"),
        (numbers(POSITION, 6, 100), "another number of bytes"),
        (numbers(POSITION, 1, 100), "another number of bytes"),
        (numbers(POSITION, 2), "truncated number"),
        (encode_capsule(BYTES, b"12345"), "more bytes"),
        (encode_capsule(END, b"") * 2, "after its end"),
        (encode_capsule(END, b"") + encode_capsule(BYTES, b""), "after its end"),
        (encode_capsule(END, b"") + numbers(GAP, 1), "after its end"),
        (numbers(GAP, MAX_OFFSET + 1), "no stream can have"),
        (numbers(GAP, MAX_VARINT), "no stream can have"),
        (encode_varint(BYTES) + encode_varint(MAX_CHUNK + 1), "are allowed"),
    ],
)
def test_a_peer_that_breaks_the_rules_is_told_so(wrong: bytes, what: str) -> None:
    end = ResumableEnd(window=4)
    end.write(memoryview(b"12345"))
    end.attach()
    end.receive_data(numbers(START, 2, 100, 100))
    end.data_to_send(1000)
    with pytest.raises(RemoteProtocolError, match=what):
        end.receive_data(wrong)


@pytest.mark.parametrize("first", [encode_capsule(BYTES, b"a"), numbers(POSITION, 0, 0), encode_capsule(END, b"")])
def test_a_peer_says_first_how_far_it_is(first: bytes) -> None:
    end = ResumableEnd()
    end.attach()
    with pytest.raises(RemoteProtocolError, match="not at all"):
        end.receive_data(first)


@pytest.mark.parametrize("received", [1, 7])
def test_a_peer_that_comes_back_has_what_it_was_sent(received: int) -> None:
    end = attached()
    end.write(memoryview(b"12345"))
    sent(end)
    end.receive_data(numbers(POSITION, 2, 100))
    end.attach()
    with pytest.raises(RemoteProtocolError, match="another number of bytes"):
        end.receive_data(numbers(START, received, 100, 100))


def test_a_truncated_start_is_an_error() -> None:
    end = ResumableEnd()
    end.attach()
    with pytest.raises(DecodeError, match="truncated number"):
        end.receive_data(numbers(START, 0, 100))
