"""Oracles for what travels on a tunnel's streams: capsules, calls, resumption, the headers that open one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from conduit.errors import DecodeError, RemoteProtocolError
from conduit.tunnel.call_frames import AnswerReader, Code, RequestReader, Status
from conduit.tunnel.capsules import CapsuleReader, decode_varint, encode_capsule, encode_varint
from conduit.tunnel.opening import TIMEOUT, decode_response, decode_timeout
from conduit.tunnel.resume import Gap, ResumableEnd

Oracle = Callable[[bytes], None]
SMALL: Final = 64  # bytes that may be kept or stored
STREAM_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "varint": [bytes.fromhex(one) for one in ("c2197c5eff14e88c", "9d7f3e7d", "7bbd", "25", "4025")],
    "capsules": [encode_capsule(0, b"hello") + encode_capsule(0x1234, b"skipped") + encode_capsule(0x40, b"")],
    "status": [
        Status().encode()[5:],
        Status(Code.NOT_FOUND, "100 %\n", b"\x00\xff").encode()[5:],
    ],
    "answer": [b"\0\0\0\0\x05hello" + Status(Code.ABORTED, "no").encode(), Status().encode()],
    "request": [b"\0\0\0\0\x05hello\0\0\0\0\0"],
    "resumable_end": [
        bytes.fromhex("4003000a0a4103616263420205104301074400"),
        bytes.fromhex("4003050a0a42020a1044004400"),
    ],
    "stream_answer": [b"200", b"1000", b"99999999"],
}


def varint(data: bytes) -> None:
    """A number takes one to eight bytes, and its shortest form is no longer than the one that came."""
    found = decode_varint(data, 0)
    if found is not None:
        value, end = found
        assert end in (1, 2, 4, 8)
        shortest = encode_varint(value)
        assert len(shortest) <= end
        assert decode_varint(shortest, 0) == (value, len(shortest))


def halves(data: bytes) -> Iterator[bytes]:
    """Two pieces, so that everything is cut somewhere."""
    middle = data[0] % len(data) if data else 0
    yield from (data[:middle], data[middle:])


def capsules(data: bytes) -> None:
    """However the bytes are cut, the same capsules come, and none is longer than allowed."""

    def read(*pieces: bytes) -> list[tuple[int, bytes]] | None:
        reader = CapsuleReader((0, 0x40), SMALL)
        try:
            return [one for piece in pieces for one in reader.receive(piece)]
        except DecodeError:
            return None

    whole = read(data)
    assert read(*halves(data)) == whole
    assert all(len(value) <= SMALL for _, value in whole or ())


def status(data: bytes) -> None:
    """A status survives being encoded again, white space at its ends apart."""
    with suppress(DecodeError):
        found = Status.decode(data)
        if len(found.details) <= SMALL and len(found.message) <= SMALL:
            again = Status.decode(found.encode()[5:])
            assert again == found._replace(message=again.message)


def answer(data: bytes) -> None:
    """An answer is complete only with a status behind it."""
    reader = AnswerReader(SMALL)
    with suppress(DecodeError):
        messages = [one for piece in halves(data) for one in reader.receive(piece)]
        assert all(len(message) <= SMALL for message in messages)
        reader.finish()
        assert reader.status is not None
        assert b"grpc-status" in data.lower()


def request(data: bytes) -> None:
    """The messages of a request and their prefixes are all that there is."""
    reader = RequestReader(SMALL)
    with suppress(DecodeError):
        messages = [one for piece in halves(data) for one in reader.receive(piece)]
        reader.finish()
        assert sum(5 + len(message) for message in messages) == len(data)


def resumable_end(data: bytes) -> None:
    """Whatever a peer says, no more is stored than there is room for, and what it has is what was sent."""
    end = ResumableEnd(capacity=SMALL, window=SMALL)
    end.write(memoryview(b"0123456789"))
    end.attach()
    with suppress(RemoteProtocolError):
        for piece in halves(data):
            end.receive_data(piece)
            assert len(end.data_to_send(1 << 20)) <= 200 + len(data)
    waiting = 0
    while item := end.read(1 << 20):
        waiting += 0 if isinstance(item, Gap) else len(item)
    assert waiting <= SMALL
    assert end.unacknowledged <= 10


def stream_answer(data: bytes) -> None:
    """Headers give a dictionary or a deadline of less than 28 hours, or a decode error."""
    with suppress(DecodeError):
        decode_response([(b":status", b"200"), (b"conduit-meta-a", data), (b"conduit-meta-" + data, b"")])
    with suppress(DecodeError):
        assert decode_timeout([(TIMEOUT, data)]) < 100_000


STREAM_TARGETS: Final[Mapping[str, Oracle]] = {
    "varint": varint,
    "capsules": capsules,
    "status": status,
    "answer": answer,
    "request": request,
    "resumable_end": resumable_end,
    "stream_answer": stream_answer,
}
