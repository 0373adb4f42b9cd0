"""The control stream after the handshake: notices, unknown messages, its end; admission and refusal."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from conduit.errors import (
    ConduitError,
    LocalProtocolError,
    NegotiationError,
    RemoteProtocolError,
    TransportError,
    TunnelRefused,
)
from conduit.tunnel import control_stream
from conduit.tunnel.control import MAJOR, MAX_CONTROL_MESSAGE, Hello, Notice, Welcome
from conduit.tunnel.control_stream import ControlStream, legible
from conduit.tunnel.fencing import Seats
from conduit.tunnel.framing import encode_message
from conduit.tunnel.handshake import admit_all, greet, welcome
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.greeted_tunnels import greeted_tunnels
from tests.fakes.tunnel_pair import connected_tunnels


async def test_registration_and_answer_travel_in_the_handshake() -> None:
    async def admit(identity: str, hello: Hello) -> bytes:
        return f"{identity} {hello.generation} ".encode() + hello.registration

    async with greeted_tunnels(admit=admit, registration=b"two machines", generation=7) as (gateway, agent):
        assert agent.answer == b"conduit://peer 7 two machines"
        assert gateway.hello.registration == b"two machines"
        assert gateway.hello.max_streams == 4096


async def test_notices_travel_both_ways_in_order() -> None:
    async with greeted_tunnels() as (gateway, agent):
        for one, other in ((gateway, agent), (agent, gateway)):
            for number in range(3):
                await one.notify("count", b"%d" % number)
            notices = other.notices()
            assert [await anext(notices) for _ in range(3)] == [
                Notice(name="count", body=b"%d" % number) for number in range(3)
            ]


async def test_notices_end_with_the_tunnel() -> None:
    async with greeted_tunnels() as (gateway, agent):
        await gateway.notify("last")
        await agent.ping()
        await wait_all_tasks_blocked()
        gateway.end("enough")
        assert [notice.name async for notice in agent.notices()] == ["last"]
        with pytest.raises(TransportError, match="enough"):
            await gateway.notify("too late")


async def test_notices_that_nobody_takes_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_stream, "MAX_NOTICES", 2)
    async with greeted_tunnels() as (gateway, agent):
        for number in range(5):
            await gateway.notify(f"n{number}")
        await wait_all_tasks_blocked()
        control = agent._control
        assert control is not None
        assert control.dropped_notices == 3
        notices = agent.notices()
        assert [(await anext(notices)).name for _ in range(2)] == ["n0", "n1"]
        await gateway.notify("there is room again")
        assert (await anext(notices)).name == "there is room again"


async def test_a_notice_that_is_too_long_does_not_leave() -> None:
    async with greeted_tunnels() as (gateway, _):
        with pytest.raises(LocalProtocolError, match="are allowed"):
            await gateway.notify("large", bytes(MAX_CONTROL_MESSAGE))
        assert not gateway.is_closed


async def _opened(gateway: Tunnel, agent: Tunnel) -> TunnelStream:
    """The Agent greets; the Gateway's control stream is ours, to say what we like."""
    stream = await gateway.open_stream("control")
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            assert isinstance(await ControlStream(stream).receive(), Hello)
            await stream.send_all(encode_message(Welcome().encode()))

        nursery.start_soon(answer)
        await greet(agent, registration=b"", generation=0)
    return stream


async def test_messages_of_unknown_types_are_skipped() -> None:
    async with connected_tunnels() as (gateway, agent):
        stream = await _opened(gateway, agent)
        await stream.send_all(encode_message(b"\xff\xff\x00\x01\x00\x00\x00\x01x"))
        await stream.send_all(encode_message(Notice(name="known").encode()))
        assert (await anext(agent.notices())).name == "known"


async def test_the_end_of_the_control_stream_is_the_tunnels() -> None:
    async with connected_tunnels() as (gateway, agent):
        await (await _opened(gateway, agent)).send_eof()
        await agent.wait_closed()
        assert agent.closed_because.endswith("ended the control stream")


async def test_nonsense_on_the_control_stream_ends_the_tunnel() -> None:
    async with connected_tunnels() as (gateway, agent):
        await (await _opened(gateway, agent)).send_all(encode_message(b"\x00"))
        await agent.wait_closed()
        assert "truncated control message" in agent.closed_because


# --- who is not welcome ---


async def _shake_hands(
    gateway: Tunnel, agent: Tunnel, hello: Hello | None = None, **options: object
) -> tuple[ConduitError | None, ConduitError | None]:
    """What the Gateway and the Agent say when it fails."""
    found: dict[str, ConduitError | None] = {"gateway": None, "agent": None}

    async def accepting() -> None:
        try:
            await welcome(gateway, **{"admit": admit_all, "seats": Seats(), **options})  # type: ignore[arg-type]
        except ConduitError as error:
            found["gateway"] = error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accepting)
        try:
            await greet(agent, registration=b"", generation=0)
        except ConduitError as error:
            found["agent"] = error
            agent.stop()
    return found["gateway"], found["agent"]


@pytest.mark.parametrize("may_retry", [False, True])
async def test_a_refusal_says_why_on_both_sides(may_retry: bool) -> None:
    async def admit(identity: str, hello: Hello) -> bytes:
        raise TunnelRefused("not on\na Tuesday", may_retry=may_retry)

    async with connected_tunnels() as pair:
        here, there = await _shake_hands(*pair, admit=admit)
    assert isinstance(here, TunnelRefused)
    assert isinstance(there, TunnelRefused)
    assert "not on?a Tuesday" in str(there)
    assert there.may_retry is may_retry


async def test_admission_that_fails_is_logged_and_refuses(caplog: pytest.LogCaptureFixture) -> None:
    async def admit(identity: str, hello: Hello) -> bytes:
        raise ZeroDivisionError("a secret")

    with caplog.at_level(logging.ERROR):
        async with connected_tunnels() as pair:
            _, there = await _shake_hands(*pair, admit=admit)
    assert isinstance(there, TunnelRefused)
    assert there.may_retry
    assert "secret" not in str(there)
    assert "cannot decide about" in caplog.text


async def test_another_major_version_is_refused_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit.tunnel.handshake.MAJOR", MAJOR)
    async with connected_tunnels() as (gateway, agent):

        async def accepting() -> None:
            with pytest.raises(NegotiationError, match="version 9"):
                await welcome(gateway, admit=admit_all, seats=Seats())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accepting)
            control = ControlStream(await agent.first_stream())
            await control.send(Hello(major=9))
            refusal = await control.receive()
            assert "version 9" in str(refusal)
            assert "version 1 is spoken" in str(refusal)
            agent.stop()


async def test_an_agent_that_never_closes_after_its_refusal_is_left(autojump_clock: MockClock) -> None:
    async with connected_tunnels() as (gateway, agent):
        async with trio.open_nursery() as nursery:

            async def accepting() -> None:
                with pytest.raises(NegotiationError):
                    await welcome(gateway, admit=admit_all, seats=Seats())

            nursery.start_soon(accepting)
            await ControlStream(await agent.first_stream()).send(Hello(major=9))
        assert trio.current_time() < 10


async def test_the_first_words_must_be_hello_and_welcome() -> None:
    async with connected_tunnels() as (gateway, agent):
        stream = await gateway.open_stream("sol")
        with pytest.raises(RemoteProtocolError, match="not the control stream"):
            await greet(agent, registration=b"", generation=0)
        stream.reset()
    async with connected_tunnels() as (gateway, agent):
        stream = await gateway.open_stream("control")
        await stream.send_all(encode_message(Notice().encode()))
        with pytest.raises(RemoteProtocolError, match="welcome"):
            await greet(agent, registration=b"", generation=0)


def test_what_a_peer_says_is_one_short_line() -> None:
    assert legible(b"a\x1b[2J\n\xff") == "a?[2J?\ufffd"
    assert len(legible("x" * 10_000)) == control_stream.LEGIBLE
