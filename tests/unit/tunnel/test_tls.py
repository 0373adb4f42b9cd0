"""Two ends of TLS over a wire in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conduit.errors import TransportError
from conduit.tunnel.tls import RECEIVE, RECORD, TlsPipe
from tests.fakes.certificates import Authority
from tests.fakes.tunnel_pair import Wire, WireEnd

HEADER = 5  # bytes before each record's ciphertext
OVERHEAD = 22  # and what encryption adds, the header included
SIZES = st.integers(0, 5) | st.integers(RECORD - 3, RECORD + 3) | st.integers(0, 3 * RECORD)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


class Pair:
    """Both ends, with TLS agreed on."""

    def __init__(self, authority: Authority) -> None:
        self.wire = Wire()
        agent, gateway = authority.issue("conduit://agent/a"), authority.issue("conduit://gateway/g")
        ends = [WireEnd(self.wire, *self.wire.directions), WireEnd(self.wire, *reversed(self.wire.directions))]
        self.client = TlsPipe(ends[0], agent.client_context(), server_side=False, host="localhost")
        self.server = TlsPipe(ends[1], gateway.server_context(), server_side=True, host=None)

    async def agree(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.client.do_handshake)
            nursery.start_soon(self.server.do_handshake)

    def receive(self) -> bytes | None:
        """What the server gets at once."""
        data = self.server.receive_nowait()
        return None if data is None else bytes(data)

    def receive_all(self) -> bytes:
        """What the client has to say, as the server gets it."""
        got = b""
        while data := self.server.receive_nowait():
            got += data
        return got


@pytest.fixture
async def pair(authority: Authority) -> Pair:
    pair = Pair(authority)
    await pair.agree()
    return pair


@given(sizes=st.lists(SIZES, max_size=12), joined=st.booleans())
@example(sizes=[0, RECORD], joined=False)
@settings(max_examples=40)
def test_buffers_of_any_sizes_arrive_as_one_stream_in_full_records(
    authority: Authority, sizes: list[int], joined: bool
) -> None:
    async def main() -> None:
        pair = Pair(authority)
        await pair.agree()
        pair.receive_all()
        content = bytes(range(251)) * (sum(sizes) // 251 + 1)
        buffers, at = [], 0
        for size in sizes:
            buffers.append(memoryview(content)[at : at + size] if joined else content[at : at + size])
            at += size
        direction = pair.wire.directions[1]
        before = direction.carried
        pair.client.write(buffers)
        assert pair.client.flush()
        assert pair.receive_all() == content[:at]
        records = -(-at // RECORD)
        assert direction.carried - before == at + OVERHEAD * records

    trio.run(main)


async def test_nothing_is_sent_for_nothing(pair: Pair) -> None:
    before = pair.wire.directions[1].carried
    pair.client.write([])
    assert pair.client.flush()
    assert pair.wire.directions[1].carried == before
    await trio.lowlevel.checkpoint()


async def test_more_than_fits_at_once_is_received_in_parts(pair: Pair) -> None:
    pair.receive_all()
    data = bytes(RECEIVE + 3 * RECORD)
    pair.client.write([data])
    assert pair.client.flush()
    first = pair.server.receive_nowait()
    assert first
    count = len(first)
    assert count < len(data)
    assert pair.server.may_have_more
    assert count + len(pair.receive_all()) == len(data)
    assert pair.server.receive_nowait() is None
    await trio.lowlevel.checkpoint()


async def test_a_record_in_pieces_is_no_data_until_it_is_whole(pair: Pair) -> None:
    pair.receive_all()
    pair.client.write([b"x" * 1000])
    assert pair.client.flush()
    waiting = pair.wire.directions[1].waiting
    rest = bytes(waiting[500:])
    del waiting[500:]
    assert pair.server.receive_nowait() is None
    assert pair.server.receive_nowait() is None
    waiting += rest
    assert pair.receive() == b"x" * 1000
    assert not pair.server.may_have_more
    await trio.lowlevel.checkpoint()


async def test_data_before_the_end_comes_first_and_the_end_is_an_end(pair: Pair) -> None:
    pair.receive_all()
    pair.client.write([b"last words"])
    pair.client.end()
    assert pair.receive() == b"last words"
    assert pair.receive() == b""
    await trio.lowlevel.checkpoint()


async def test_what_was_tampered_with_breaks_the_connection(pair: Pair) -> None:
    pair.receive_all()
    pair.client.write([b"x" * 100])
    assert pair.client.flush()
    pair.wire.directions[1].waiting[HEADER + 10] ^= 1
    with pytest.raises(TransportError, match="broke"):
        pair.server.receive_nowait()
    await trio.lowlevel.checkpoint()


async def test_ciphertext_that_the_carrier_refuses_waits(pair: Pair) -> None:
    pair.receive_all()
    data = bytes(3 << 20)  # the wire holds 1 MiB
    pair.client.write([data])
    assert not pair.client.flush()
    got = 0
    while not pair.client.flush():
        got += len(pair.receive_all())
    assert got + len(pair.receive_all()) == len(data)
    await trio.lowlevel.checkpoint()


async def test_an_end_within_the_handshake_is_said_so(authority: Authority) -> None:
    pair = Pair(authority)
    pair.client.carrier.close()
    with pytest.raises(TransportError, match="during the TLS handshake"):
        await pair.server.do_handshake()


async def test_a_stranger_is_told_why(authority: Authority, tmp_path: Path) -> None:
    pair = Pair(authority)
    stranger = Authority(tmp_path, "stranger").issue("conduit://agent/x")
    end = WireEnd(pair.wire, *pair.wire.directions)
    client = TlsPipe(end, stranger.client_context(), server_side=False, host="localhost")
    failures = []

    async def agree(pipe: TlsPipe) -> None:
        try:
            await pipe.do_handshake()
        except TransportError as error:
            failures.append(str(error))
            pipe.carrier.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(agree, client)
        nursery.start_soon(agree, pair.server)
    assert any("certificate verify failed" in one for one in failures)
    assert any("unknown ca" in one for one in failures)
