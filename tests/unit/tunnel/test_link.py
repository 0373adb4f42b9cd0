"""dial and accept over real sockets: who is let in, who is not, and that nobody else notices."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import check_half_closeable_stream

from conduit.errors import AuthenticationError, ConduitError, TransportError, TunnelRefused
from conduit.services.clock import system_clock
from conduit.tunnel.backoff import Backoff
from conduit.tunnel.control import Hello
from conduit.tunnel.fencing import FENCED
from conduit.tunnel.link import Listener, TlsFiles, accept, dial
from conduit.tunnel.reconnect import Addresses, Retry, dial_all, keep_dialling
from conduit.tunnel.stream import TunnelStream
from conduit.tunnel.tunnel import Tunnel
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def gateway(authority: Authority) -> TlsFiles:
    return authority.issue("conduit://gateway/g")


@pytest.fixture(scope="module")
def agent(authority: Authority) -> TlsFiles:
    return authority.issue("conduit://agent/a")


async def _is_served(listener: Listener, agent: TlsFiles, host: str = "127.0.0.1") -> None:
    """An honest Agent gets its tunnel."""
    async with dial(host, listener.port, tls=agent) as ours:
        theirs = await anext(aiter(listener))
        assert (ours.identity, theirs.identity) == ("conduit://gateway/g", "conduit://agent/a")
        stream = await theirs.open_stream("echo")
        await stream.send_last(b"hello")
        assert await (await ours.first_stream()).receive_some() == b"hello"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_tunnel_over_both_families_of_addresses(host: str, gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept(host, 0, tls=gateway) as listener:
        await _is_served(listener, agent, host)


async def test_one_listener_has_several_addresses_and_one_port(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept(["127.0.0.1", "::1"], 0, tls=gateway) as listener:
        await _is_served(listener, agent, "127.0.0.1")
        await _is_served(listener, agent, "::1")


async def test_an_address_that_is_taken_leaves_no_socket_behind(gateway: TlsFiles) -> None:
    async with accept("127.0.0.2", 0, tls=gateway) as listener:
        with pytest.raises(TransportError, match=r"cannot listen on 127\.0\.0\.2"):
            async with accept(["127.0.0.1", "127.0.0.2"], listener.port, tls=gateway):
                pytest.fail("it listens")
        async with accept("127.0.0.1", listener.port, tls=gateway):
            pass


async def test_who_is_not_trusted_is_told_so_and_may_come_again(
    gateway: TlsFiles, agent: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    known: set[str] = set()
    async with accept("127.0.0.1", 0, tls=gateway, trust=known.__contains__) as listener:
        with caplog.at_level(logging.INFO, logger="conduit"):
            with pytest.raises(TunnelRefused, match="conduit://agent/a is not trusted here") as refusal:
                async with dial("127.0.0.1", listener.port, tls=agent):
                    pytest.fail("it was let in")
            with trio.fail_after(2):
                while not caplog.records:  # noqa: ASYNC110  # a log has no event
                    await trio.sleep(0.001)
        assert refusal.value.may_retry
        assert [record.levelno for record in caplog.records] == [logging.INFO]
        assert "conduit://agent/a is not trusted here" in caplog.text
        known.add("conduit://agent/a")
        await _is_served(listener, agent)


async def test_a_gateway_that_is_not_trusted_is_not_greeted(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept("127.0.0.1", 0, tls=gateway) as listener:
        with pytest.raises(AuthenticationError, match="conduit://gateway/g, who is not trusted here"):
            async with dial("127.0.0.1", listener.port, tls=agent, trust=lambda identity: identity == "x"):
                pytest.fail("it was greeted")
        await _is_served(listener, agent)


def test_nobody_comes_back_on_a_ticket_instead_of_a_certificate(gateway: TlsFiles) -> None:
    assert gateway.server_context().num_tickets == 0


async def _plain_text(port: int, _: ssl.SSLContext) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: conduit\r\n\r\n")
        await _read_to_end(stream)


async def _hang_up(port: int, _: ssl.SSLContext) -> None:
    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()


async def _speak_tls(port: int, context: ssl.SSLContext) -> None:
    stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=context, https_compatible=True)
    try:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: conduit\r\n\r\n")
        await _read_to_end(stream)
    finally:
        await trio.aclose_forcefully(stream)


async def _read_to_end(stream: trio.abc.ReceiveStream) -> None:
    with trio.fail_after(5):
        while await stream.receive_some(1000):
            pass


def _context(ca: Path, files: TlsFiles | None, *, alpn: str = "conduit-tunnel/1", old: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    if old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


@pytest.mark.parametrize(
    ("behave", "case", "said"),
    [
        (_plain_text, "", "http request"),
        (_hang_up, "", "closed the connection during the TLS handshake"),
        (_speak_tls, "no certificate", "peer did not return a certificate"),
        (_speak_tls, "wrong CA", "certificate verify failed"),
        (_speak_tls, "TLS 1.2", "unsupported protocol"),
        (_speak_tls, "HTTP/1.1", "does not speak conduit-tunnel/1"),
        (_speak_tls, "no HTTP/2", "broke the rules of HTTP/2"),
    ],
)
async def test_a_stranger_is_one_line_in_the_log_and_nobody_else_notices(
    behave: Callable[[int, ssl.SSLContext], Awaitable[None]],
    case: str,
    said: str,
    gateway: TlsFiles,
    agent: TlsFiles,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = Authority(tmp_path, "other").issue("conduit://agent/a") if case == "wrong CA" else agent
    alpn = "" if case == "HTTP/1.1" else "conduit-tunnel/1"
    context = _context(gateway.ca, None if case == "no certificate" else own, alpn=alpn, old=case == "TLS 1.2")
    async with accept("127.0.0.1", 0, tls=gateway) as listener:
        with caplog.at_level(logging.INFO, logger="conduit"):
            with suppress(OSError, trio.BrokenResourceError):
                await behave(listener.port, context)
            with trio.fail_after(2):
                while not caplog.records:  # noqa: ASYNC110  # a log has no event
                    await trio.sleep(0.001)
        assert [record.levelno for record in caplog.records] == [logging.INFO]
        assert said in caplog.text
        await _is_served(listener, agent)


async def test_silent_connections_are_dropped_after_the_deadline(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept("127.0.0.1", 0, tls=gateway, deadline=0.05) as listener:
        silent = await trio.open_tcp_stream("127.0.0.1", listener.port)
        async with silent:
            await _read_to_end(silent)
    async with accept("127.0.0.1", 0, tls=gateway) as listener:
        await _is_served(listener, agent)


async def test_the_oldest_silent_connection_makes_room_for_an_agent(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept("127.0.0.1", 0, tls=gateway, max_strangers=3) as listener:
        silent = [await trio.open_tcp_stream("127.0.0.1", listener.port) for _ in range(4)]
        await _read_to_end(silent[0])
        await _is_served(listener, agent)
        assert listener.dropped_strangers == 2
        for stream in silent:
            await stream.aclose()


async def test_a_refusal_reaches_the_agent_and_the_listener_goes_on(gateway: TlsFiles, agent: TlsFiles) -> None:
    reasons = ["full", ""]

    async def admit(identity: str, hello: Hello) -> bytes:
        if reason := reasons.pop(0):
            raise TunnelRefused(reason, may_retry=True)
        return b"welcome, " + hello.registration

    async with accept("127.0.0.1", 0, tls=gateway, admit=admit) as listener:
        with pytest.raises(AuthenticationError, match="full"):
            async with dial("127.0.0.1", listener.port, tls=agent):
                pytest.fail("it was let in")
        async with dial("127.0.0.1", listener.port, tls=agent, registration=b"rack 7") as ours:
            assert ours.answer == b"welcome, rack 7"


async def test_a_newer_session_ends_the_older_and_a_lower_one_is_refused(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept("127.0.0.1", 0, tls=gateway) as listener:
        tunnels = aiter(listener)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_be_fenced, listener.port, agent)
            first = await anext(tunnels)
            async with dial("127.0.0.1", listener.port, tls=agent, generation=6):
                second = await anext(tunnels)
                assert first.is_closed
                assert first.closed_because == FENCED
                with pytest.raises(TunnelRefused, match="newer session"):
                    async with dial("127.0.0.1", listener.port, tls=agent, generation=4):
                        pytest.fail("it was let in")
                assert not second.is_closed


async def test_whose_certificate_is_revoked_takes_nobodys_seat(gateway: TlsFiles, agent: TlsFiles) -> None:
    asked: list[tuple[str, float]] = []

    def revoked(identity: str, certified_at: float) -> bool:
        asked.append((identity, certified_at))
        return len(asked) > 1

    async with (
        accept("127.0.0.1", 0, tls=gateway, revoked=revoked) as listener,
        dial("127.0.0.1", listener.port, tls=agent, generation=1),
    ):
        honest = await anext(aiter(listener))
        with pytest.raises(TunnelRefused, match="certificate is revoked"):
            async with dial("127.0.0.1", listener.port, tls=agent, generation=2):
                pytest.fail("it was let in")
        assert not honest.is_closed
        assert asked[0] == ("conduit://agent/a", honest.certified_at)
        assert 0 < system_clock() - honest.certified_at < 4000


async def test_a_renewed_certificate_is_shown_to_who_comes_next(authority: Authority, agent: TlsFiles) -> None:
    files = authority.issue("conduit://gateway/renewed")
    async with accept("127.0.0.1", 0, tls=files) as listener:
        async with dial("127.0.0.1", listener.port, tls=agent) as tunnel:
            before = _serial(tunnel)
        assert authority.issue("conduit://gateway/renewed") == files
        async with dial("127.0.0.1", listener.port, tls=agent) as tunnel:
            assert _serial(tunnel) != before


async def test_a_certificate_that_cannot_be_read_leaves_the_old_one(
    authority: Authority, agent: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files = authority.issue("conduit://gateway/broken")
    async with accept("127.0.0.1", 0, tls=files) as listener:
        files.certificate.write_text("half of one")
        async with dial("127.0.0.1", listener.port, tls=agent):
            assert "the certificate stays as it was" in caplog.text
        files.certificate.unlink()
        async with dial("127.0.0.1", listener.port, tls=agent, generation=1):
            pass


def _serial(tunnel: Tunnel) -> object:
    return (tunnel._pipe.tls.getpeercert() or {})["serialNumber"]  # what TLS has seen


async def _be_fenced(port: int, agent: TlsFiles) -> None:
    with pytest.raises(TransportError, match=FENCED):
        async with dial("127.0.0.1", port, tls=agent, generation=5):
            await trio.sleep(5)


@asynccontextmanager
async def _tunnels(gateway: TlsFiles, agent: TlsFiles) -> AsyncIterator[tuple[Tunnel, Tunnel]]:
    async with accept("127.0.0.1", 0, tls=gateway) as listener, dial("127.0.0.1", listener.port, tls=agent) as ours:
        yield await anext(aiter(listener)), ours


@pytest.mark.parametrize("turned", [False, True])
async def test_streams_are_half_closeable_streams(turned: bool, gateway: TlsFiles, agent: TlsFiles) -> None:
    async with _tunnels(gateway, agent) as (theirs, ours):

        async def make() -> tuple[TunnelStream, TunnelStream]:
            one = await theirs.open_stream("any")
            other = await ours.first_stream()
            return (other, one) if turned else (one, other)

        await check_half_closeable_stream(make, None)


async def test_dialling_may_be_cancelled_at_every_step(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with accept("127.0.0.1", 0, tls=gateway) as listener:

        async def attempt() -> None:
            async with dial("127.0.0.1", listener.port, tls=agent):
                pass

        for step in range(1, 100):
            if not await cancel_at_step(step, attempt):
                break
        else:
            pytest.fail("it has more steps")
        assert step > 5
        async for tunnel in listener:
            if not tunnel.is_closed:
                tunnel.stop()
            break


async def test_opening_may_be_cancelled_at_every_step(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with _tunnels(gateway, agent) as (theirs, _):
        for step in range(1, 9):
            await cancel_at_step(step, lambda: theirs.open_stream("sol"))
        assert len(theirs.mux.streams) <= 1 + 8
        await theirs.ping()


# --- again and again ---


async def test_a_lost_tunnel_is_dialled_again_until_we_leave(gateway: TlsFiles, agent: TlsFiles) -> None:
    leave, retries = trio.Event(), list[Retry]()
    async with accept("127.0.0.1", 0, tls=gateway) as listener, trio.open_nursery() as nursery:
        served, serving = trio.open_memory_channel[None](3)

        async def serve(tunnel: Tunnel) -> None:
            await served.send(None)
            await tunnel.wait_closed()

        async def keep() -> None:
            await keep_dialling(
                partial(dial, tls=agent), ("127.0.0.1", listener.port), serve, leave=leave, report=retries.append
            )

        nursery.start_soon(keep)
        tunnels = aiter(listener)
        (await anext(tunnels)).end("we restart")
        (await anext(tunnels)).stop()
        last = await anext(tunnels)
        for _ in range(3):  # the other end has it too, and does not give up what it is about to have
            await serving.receive()
        leave.set()
        await last.wait_closed()
    assert len(retries) == 2
    assert "we restart" in retries[0].reason
    assert last.peers_drain is not None


async def test_nobody_there_is_tried_for_ever_and_leaving_needs_no_tunnel(agent: TlsFiles) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    await listener.aclose()
    leave, retries = trio.Event(), list[Retry]()

    def report(retry: Retry) -> None:
        retries.append(retry)
        if len(retries) == 3:
            leave.set()

    with trio.fail_after(5):
        await keep_dialling(partial(dial, tls=agent), address, Tunnel.wait_closed, leave=leave, report=report)
    assert "cannot connect" in retries[0].reason


async def test_a_tunnel_to_each_address_of_a_list_that_changes(gateway: TlsFiles, agent: TlsFiles) -> None:
    async with (
        accept("127.0.0.1", 0, tls=gateway) as one,
        accept("127.0.0.1", 0, tls=gateway) as other,
        trio.open_nursery() as nursery,
    ):
        addresses = Addresses([("127.0.0.1", one.port)])
        nursery.start_soon(dial_all, addresses, partial(dial, tls=agent), Tunnel.wait_closed)
        first = await anext(aiter(one))
        addresses.set([("127.0.0.1", one.port), ("127.0.0.1", other.port)])
        second = await anext(aiter(other))
        assert not first.is_closed
        addresses.set([("127.0.0.1", other.port)])
        await first.wait_closed()
        assert first.peers_drain is not None
        addresses.set([("127.0.0.1", one.port), ("127.0.0.1", other.port)])
        again = await anext(aiter(one))
        assert not again.is_closed
        assert not second.is_closed
        nursery.cancel_scope.cancel()


async def test_who_begins_anew_has_another_tunnel_at_once_however_long_the_pause_was(
    gateway: TlsFiles, agent: TlsFiles
) -> None:
    refused, retries = trio.Event(), list[Retry]()

    def report(retry: Retry) -> None:
        retries.append(retry)
        refused.set()

    def very_patient() -> Backoff:
        return Backoff(lambda: 1.0, first=1000.0, longest=1000.0)

    async def serve_all(addresses: Addresses) -> None:
        dialler = partial(dial, tls=agent)
        await dial_all(addresses, dialler, Tunnel.wait_closed, make_backoff=very_patient, report=report)

    async with accept("127.0.0.1", 0, tls=gateway) as listener, trio.open_nursery() as nursery:
        addresses = Addresses([("127.0.0.1", listener.port)])
        nursery.start_soon(serve_all, addresses)
        tunnels = aiter(listener)
        (await anext(tunnels)).end("you are revoked")
        await refused.wait()
        addresses.begin_anew()
        with trio.fail_after(5):
            second = await anext(tunnels)
            addresses.begin_anew()
            third = await anext(tunnels)
            await second.wait_closed()
        assert not third.is_closed
        assert [retry.pause for retry in retries] == [1000.0]
        nursery.cancel_scope.cancel()


async def test_a_bug_of_whoever_serves_is_not_hidden(gateway: TlsFiles, agent: TlsFiles) -> None:
    async def fail(tunnel: Tunnel) -> None:
        raise ZeroDivisionError

    async with accept("127.0.0.1", 0, tls=gateway) as listener:
        with pytest.raises((ZeroDivisionError, ExceptionGroup)):
            await keep_dialling(partial(dial, tls=agent), ("127.0.0.1", listener.port), fail)


def test_a_refusal_is_an_error_of_ours() -> None:
    assert issubclass(TunnelRefused, ConduitError)
