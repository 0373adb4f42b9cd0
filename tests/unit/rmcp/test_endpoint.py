"""The UDP endpoint on loopback: who gets a datagram, what a full or broken socket does, what is left at the end."""

from __future__ import annotations

import errno
import socket  # noqa: TID251 - one end of a pair that fakes a socket with a full buffer
from collections.abc import Iterable, Sequence

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from conduit.errors import (
    AuthenticationError,
    ConduitError,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    TransportError,
)
from conduit.rmcp import endpoint as endpoint_module
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.endpoint import Attachment, Endpoint, open_endpoint
from conduit.rmcp.entropy import EntropyPool
from conduit.rmcp.packets import PresencePing, PresencePong
from conduit.rmcp.port import MAX_BACKLOG, Address
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.workarounds import Workaround
from tests.fakes.cancelling import cancel_at_step
from tests.fakes.scripted_bmc import Script, handshake
from tests.fakes.udp_bmc import LOCALHOST, UdpBmc, open_udp_bmc

ADMIN = Credentials(username=b"admin", password=b"secret")
ONCE = RetryPolicy(timeout=1.0, retries=0)
PATIENT = RetryPolicy(timeout=30.0)  # a busy machine takes seconds to get round to five hundred


class Listener:
    """A machine that only records."""

    def __init__(self, *datagrams: bytes, deadline: float | None = None) -> None:
        self.outbox = list(datagrams)
        self.deadline = deadline
        self.received: list[bytes] = []
        self.deadlines: list[float] = []
        self.failures: list[ConduitError] = []

    def receive_datagram(self, data: bytes, now: float) -> Sequence[object]:
        self.received.append(data)
        return ()

    def datagrams_to_send(self) -> Iterable[bytes]:
        outbox, self.outbox = self.outbox, []
        return outbox

    def next_deadline(self) -> float | None:
        return self.deadline

    def handle_deadline(self, now: float) -> Sequence[object]:
        self.deadlines.append(now)
        self.deadline = None
        return ()

    def attach(self, endpoint: Endpoint, address: Address, local_id: int = 0) -> Attachment:
        port = endpoint._port(address)
        attachment = Attachment(port, address, self, lambda events: None, self.failures.append, local_id)
        endpoint._attach(attachment)
        port.summon_reader()
        return attachment


def assert_nothing_attached(endpoint: Endpoint) -> None:
    assert endpoint._plus == {}
    assert endpoint._lan == {}


def here(peer: UdpBmc) -> Address:
    return (LOCALHOST, peer.port)


def dropped(endpoint: Endpoint) -> int:
    return sum(port.dropped_sends for port in endpoint._ports.values())


class BrokenSocket:
    """A socket that the kernel refuses to send on."""

    def __init__(self, sock: socket.socket, error: OSError) -> None:
        self._sock = sock
        self.error: OSError | None = error
        self.sent: list[bytes] = []

    def sendto(self, datagram: bytes, address: Address) -> int:
        if self.error is not None:
            raise self.error
        self.sent.append(datagram)
        return len(datagram)

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        return self._sock.recvfrom(size)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


def break_socket(endpoint: Endpoint, error: OSError) -> BrokenSocket:
    port = endpoint._port((LOCALHOST, 1))
    broken = BrokenSocket(port._sock, error)
    port._sock = broken  # type: ignore[assignment]  # as much of a socket as sending needs
    return broken


async def test_two_bmcs_share_one_socket() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as one, open_udp_bmc(Script(plus=False)) as two:
        first, _ = await endpoint.log_in(here(one), ADMIN)
        second, _ = await endpoint.log_in(here(two), ADMIN)
        assert (first.info.interface, second.info.interface) == (Interface.LANPLUS, Interface.LAN)
        assert len(endpoint._ports) == 1
        assert {*one.peers} == {*two.peers}


async def test_ipv6_bmc_is_reached_over_a_socket_of_its_own() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(host="::1") as peer:
        (address,) = await endpoint.resolve("::1", peer.port)
        logged_in, _ = await endpoint.log_in(address, ADMIN)
        assert logged_in.info.session_id == peer.bmc.bmc_id


async def test_reply_from_another_address_is_dropped(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(silent={"capabilities"})) as peer:
        async with trio.open_nursery() as nursery, open_udp_bmc() as stranger:

            async def forge() -> None:
                await peer.until_seen("capabilities")
                await stranger.sock.sendto(bytes.fromhex("0600ff07" + "00" * 30), peer.peers[0])

            nursery.start_soon(forge)
            with pytest.raises(PeerTimeoutError, match=r"^the BMC does not answer$"):
                await endpoint.log_in(here(peer), ADMIN)
        assert endpoint.strays == 1


async def test_session_packet_from_another_address_is_dropped() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer, open_udp_bmc() as stranger:
        _, attachment = await endpoint.log_in(here(peer), ADMIN)
        listener = Listener()
        endpoint.become(attachment, listener, lambda events: None, listener.failures.append)
        packet = peer.bmc._seal_plus(bytes(7))
        attachment.port.summon_reader()
        await stranger.sock.sendto(packet, peer.peers[0])
        await trio.testing.wait_all_tasks_blocked()
        assert (listener.received, endpoint.strays) == ([], 1)
        attachment.port.summon_reader()
        await peer.sock.sendto(packet, peer.peers[0])
        await trio.testing.wait_all_tasks_blocked()
        assert listener.received == [packet]


@pytest.mark.parametrize("length", range(8))
async def test_datagram_too_short_to_belong_to_anybody_is_a_stray(length: int) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        listener = Listener(b"thump")  # what binds the socket and is not answered
        listener.attach(endpoint, here(peer))
        await peer.sock.sendto(b"\x06" * length, me(endpoint))
        await trio.testing.wait_all_tasks_blocked()
        assert (listener.received, endpoint.strays) == ([], 1)


def me(endpoint: Endpoint) -> tuple[str, int]:
    """Where the endpoint listens, once it has sent something."""
    return LOCALHOST, endpoint._ports[socket.AF_INET]._sock.getsockname()[1]


async def test_one_byte_datagrams_do_not_stop_a_log_in(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        peer.bmc.script.mangle["open"] = lambda answer: answer[:1]
        with pytest.raises(PeerTimeoutError):
            await endpoint.log_in(here(peer), ADMIN)
        del peer.bmc.script.mangle["open"]
        await endpoint.log_in(here(peer), ADMIN)
        assert endpoint.strays > 0


async def test_open_session_error_without_our_session_id_reaches_the_log_in() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(suites=(3,))) as peer:
        peer.bmc.script.refuse["open"] = 0x01
        peer.bmc.script.mangle["open"] = lambda answer: handshake(0x11, answer[16:18])
        with pytest.raises(ConduitError, match="insufficient resources"):
            await endpoint.log_in(here(peer), ADMIN)


async def test_pong_answers_a_ping() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        pongs = {"tag": -1}

        def pong(datagram: bytes) -> list[bytes]:
            pongs["tag"] = PresencePing.decode(datagram).tag
            return [PresencePong(tag=pongs["tag"]).encode()]

        peer.bmc.receive = pong  # type: ignore[method-assign]  # a BMC of which only the pong matters
        answer = await endpoint.ping(here(peer))
        assert answer == PresencePong(tag=pongs["tag"])
        assert_nothing_attached(endpoint)


async def test_silent_peer_times_out_a_ping_after_the_retry_total(autojump_clock: MockClock) -> None:
    retry = RetryPolicy(timeout=0.5, retries=2, backoff=2)
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        peer.lose = 3
        started = trio.current_time()
        with pytest.raises(PeerTimeoutError, match="no presence pong"):
            await endpoint.ping(here(peer), retry)
        assert trio.current_time() - started == pytest.approx(retry.total)
        assert_nothing_attached(endpoint)


async def test_thirty_percent_loss_still_opens_a_session(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        answer = peer.bmc.receive
        count = 0

        def lossy(datagram: bytes) -> list[bytes]:
            nonlocal count
            count += 1
            return answer(datagram) if count % 3 else []

        peer.bmc.receive = lossy  # type: ignore[method-assign]  # every third request is lost
        logged_in, _ = await endpoint.log_in(here(peer), ADMIN)
        assert logged_in.info.cipher_suite == 17


async def test_failed_log_in_leaves_nothing_attached() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(password=b"other")) as peer:
        with pytest.raises(AuthenticationError):
            await endpoint.log_in(here(peer), ADMIN)
        await trio.testing.wait_all_tasks_blocked()
        assert_nothing_attached(endpoint)
        assert peer.bmc.farewells == [0x0F]


async def test_log_in_whose_privilege_is_refused_closes_its_session() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(refuse={"privilege": 0x81})) as peer:
        with pytest.raises(ConduitError, match="exceeds the limit"):
            await endpoint.log_in(here(peer), ADMIN)
        await trio.testing.wait_all_tasks_blocked()
        assert peer.bmc.closed == 1
        assert_nothing_attached(endpoint)


@pytest.mark.parametrize("plus", [True, False])
async def test_log_in_cancelled_at_any_step_leaves_no_session_on_either_side(plus: bool) -> None:
    step, unfinished = 0, True
    async with open_endpoint() as endpoint:
        while unfinished:
            step += 1
            async with open_udp_bmc(Script(plus=plus)) as peer:

                async def log_in_and_out(peer: UdpBmc = peer) -> None:
                    _, attachment = await endpoint.log_in(here(peer), ADMIN)
                    endpoint.detach(attachment)

                unfinished = await cancel_at_step(step, log_in_and_out)
                await trio.testing.wait_all_tasks_blocked()
                assert_nothing_attached(endpoint)
                if unfinished and "privilege" in peer.bmc.seen:
                    assert peer.bmc.closed == 1
    assert step > 1


@pytest.mark.parametrize("silent", ["capabilities", "suites", "open", "rakp1", "rakp3", "privilege"])
async def test_log_in_cancelled_in_any_phase_frees_the_bmc(silent: str) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(silent={silent})) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(endpoint.log_in, here(peer), ADMIN)
            await peer.until_seen(silent)
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert len(peer.bmc.farewells) == (silent in {"rakp1", "rakp3"})
        assert peer.bmc.closed == (silent == "privilege")
        assert_nothing_attached(endpoint)


async def test_cancelled_ping_leaves_nothing_attached(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        peer.lose = 99
        with trio.move_on_after(0.1):
            await endpoint.ping(here(peer))
        assert_nothing_attached(endpoint)


async def test_refusal_to_send_is_a_transport_error_with_its_cause() -> None:
    async with open_endpoint() as endpoint:
        error = OSError(errno.ENETUNREACH, "Network is unreachable")
        break_socket(endpoint, error)
        with pytest.raises(TransportError, match=r"cannot send to 127\.0\.0\.1: Network is unreachable") as caught:
            await endpoint.log_in((LOCALHOST, 9), ADMIN)
        assert caught.value.__cause__ is error
        assert_nothing_attached(endpoint)


async def test_refusal_to_send_a_repeat_is_a_transport_error(autojump_clock: MockClock) -> None:
    silent = Script(silent={"capabilities"})
    async with open_endpoint() as endpoint, open_udp_bmc(silent) as peer, trio.open_nursery() as nursery:

        async def pull_the_cable() -> None:
            await peer.until_seen("capabilities")
            break_socket(endpoint, OSError(errno.ENETDOWN, "Network is down"))

        nursery.start_soon(pull_the_cable)
        with pytest.raises(TransportError, match="Network is down"):
            await endpoint.log_in(here(peer), ADMIN)


async def test_refusal_to_send_while_another_task_reads_is_not_slept_through() -> None:
    silent = Script(silent={"capabilities"})
    async with open_endpoint() as endpoint, open_udp_bmc(silent) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(endpoint.log_in, here(peer), ADMIN)
        await peer.until_seen("capabilities")
        break_socket(endpoint, OSError(errno.ENETDOWN, "Network is down"))
        with pytest.raises(TransportError, match="Network is down"):
            await endpoint.log_in(here(peer), ADMIN)
        nursery.cancel_scope.cancel()


async def test_socket_that_cannot_be_opened_is_a_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_family(family: int, route: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(endpoint_module, "Port", no_such_family)
    async with open_endpoint() as endpoint:
        with pytest.raises(TransportError, match="cannot open a socket for ::1: Address family not supported"):
            await endpoint.log_in(("::1", 623, 0, 0), ADMIN)
        assert_nothing_attached(endpoint)


async def test_full_send_buffer_queues_in_order_until_the_socket_is_writable() -> None:
    async with open_endpoint() as endpoint:
        full = break_socket(endpoint, BlockingIOError(errno.EAGAIN, "full"))
        datagrams = [b"%d" % number for number in range(5)]
        listener = Listener(*datagrams)
        listener.attach(endpoint, (LOCALHOST, 9))
        assert (full.sent, listener.failures) == ([], [])
        full.error = None
        await trio.testing.wait_all_tasks_blocked()
        assert full.sent == datagrams
        assert dropped(endpoint) == 0


async def test_queued_datagram_that_cannot_be_sent_is_counted_and_the_rest_go_out() -> None:
    async with open_endpoint() as endpoint:
        full = break_socket(endpoint, BlockingIOError(errno.EAGAIN, "full"))
        Listener(b"lost").attach(endpoint, (LOCALHOST, 9))
        full.error = OSError(errno.EPERM, "no")
        await trio.testing.wait_all_tasks_blocked()
        assert (full.sent, dropped(endpoint)) == ([], 1)


async def test_backlog_has_a_cap() -> None:
    async with open_endpoint() as endpoint:
        full = break_socket(endpoint, BlockingIOError(errno.EAGAIN, "full"))
        Listener(*[b"x"] * (MAX_BACKLOG + 3)).attach(endpoint, (LOCALHOST, 9))
        assert dropped(endpoint) == 3
        full.error = None
        await trio.testing.wait_all_tasks_blocked()
        assert len(full.sent) == MAX_BACKLOG


async def test_earlier_deadline_of_a_second_machine_is_kept(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        started = trio.current_time()
        late, soon = Listener(deadline=started + 9.0), Listener(deadline=started + 2.0)
        late.attach(endpoint, here(peer))
        soon.attach(endpoint, here(peer))
        await trio.sleep(20)
        assert (late.deadlines, soon.deadlines) == ([started + 9.0], [started + 2.0])
        assert endpoint._timers == []


async def test_deadline_that_moved_on_is_kept_at_its_new_time(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        started = trio.current_time()
        machine = Listener(deadline=started + 1.0)
        machine.attach(endpoint, here(peer))
        machine.deadline = started + 3.0
        await trio.sleep(10)
        assert machine.deadlines == [started + 3.0]


async def test_detached_machine_hears_nothing_more(autojump_clock: MockClock) -> None:
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        machine = Listener(b"thump", deadline=trio.current_time() + 1)
        attachment = machine.attach(endpoint, here(peer), local_id=7)
        endpoint.detach(attachment)
        endpoint.detach(attachment)
        endpoint.flush(attachment)
        await peer.sock.sendto(bytes(20), me(endpoint))
        await trio.sleep(5)
        assert (machine.received, machine.deadlines, endpoint.strays) == ([], [], 1)
        assert_nothing_attached(endpoint)


@pytest.mark.parametrize("host", ["a" * 64, "..", "no..such"])
async def test_impossible_host_name_is_a_transport_error(host: str) -> None:
    async with open_endpoint() as endpoint:
        with pytest.raises(TransportError, match="cannot be a host name"):
            await endpoint.resolve(host, 623)


async def test_dotted_quad_needs_no_look_up() -> None:
    async with open_endpoint() as endpoint:
        assert await endpoint.resolve("192.0.2.7", 624) == (("192.0.2.7", 624),)


async def test_unknown_host_name_is_a_transport_error() -> None:
    class NoNames(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *_: object) -> list[object]:  # type: ignore[override]  # it never returns
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def getnameinfo(self, *_: object) -> tuple[str, str]:
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(NoNames())
    async with open_endpoint() as endpoint:
        with pytest.raises(TransportError, match=r"cannot find host 'bmc\.invalid': Name or service not known"):
            await endpoint.resolve("bmc.invalid", 623)


async def test_sockets_are_closed_only_when_their_tasks_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[int] = []
    close = Endpoint.close

    def recording_close(self: Endpoint) -> None:
        tasks.append(len(self._nursery.child_tasks))
        close(self)

    monkeypatch.setattr(Endpoint, "close", recording_close)
    async with open_endpoint() as endpoint:
        Listener(b"x").attach(endpoint, (LOCALHOST, 9))
        sock = endpoint._ports[socket.AF_INET]._sock
    assert tasks == [0]
    assert sock.fileno() == -1


async def test_endpoint_serves_sessions_while_its_opener_is_being_cancelled() -> None:
    async with open_udp_bmc() as peer:
        with trio.CancelScope() as scope:
            async with open_endpoint() as endpoint:
                scope.cancel()
                with trio.CancelScope(shield=True):
                    logged_in, _ = await endpoint.log_in(here(peer), ADMIN)
        assert logged_in.info.cipher_suite == 17


async def test_closed_endpoint_takes_no_more_sessions_and_fails_those_it_had() -> None:
    listener = Listener()
    async with open_endpoint() as endpoint:
        listener.attach(endpoint, (LOCALHOST, 9))
    assert [str(error) for error in listener.failures] == ["the endpoint is closed"]
    with pytest.raises(LocalProtocolError, match="the endpoint is closed"):
        await endpoint.log_in((LOCALHOST, 9), ADMIN)


async def test_log_in_under_intelwv2_nudges_after_every_datagram() -> None:
    nudged = Credentials(username=b"admin", password=b"secret", workarounds=frozenset({Workaround.INTELWV2}))
    async with open_endpoint() as endpoint, open_udp_bmc(Script(plus=False)) as peer:
        await endpoint.log_in(here(peer), nudged)
        await trio.testing.wait_all_tasks_blocked()
        steps = peer.bmc.seen[::2]
        assert steps == ["capabilities", "challenge", "activate", "privilege"]
        assert peer.bmc.seen[1::2] == ["nudge"] * 4


async def test_interface_lan_is_never_left_for_rmcp_plus() -> None:
    only_lan = Credentials(
        username=b"admin",
        password=b"secret",
        interface=Interface.LAN,
        workarounds=frozenset({Workaround.I82571SPT}),
        privilege=Privilege.USER,
    )
    async with open_endpoint() as endpoint, open_udp_bmc() as peer:
        logged_in, _ = await endpoint.log_in(here(peer), only_lan)
        assert logged_in.info.interface is Interface.LAN


async def test_weak_suites_alone_are_no_way_in() -> None:
    async with open_endpoint() as endpoint, open_udp_bmc(Script(suites=(0, 1))) as peer:
        with pytest.raises(NegotiationError, match=r"only cipher suites \[0, 1\]"):
            await endpoint.log_in(here(peer), ADMIN)


async def test_five_hundred_bmcs_at_once_over_one_socket() -> None:
    count = 500
    user = Credentials(
        username=b"admin", password=b"secret", cipher_suite=3, interface=Interface.LANPLUS, retry=PATIENT
    )
    async with open_endpoint() as endpoint, trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[UdpBmc]) -> None:
            async with open_udp_bmc() as peer:
                task_status.started(peer)
                await trio.sleep_forever()

        peers: list[UdpBmc] = [await nursery.start(serve) for _ in range(count)]
        ids: list[int] = []
        all_in = trio.Event()

        async def log_in(peer: UdpBmc) -> None:
            logged_in, attachment = await endpoint.log_in(here(peer), user)
            ids.append(logged_in.session.local_id)
            if len(ids) == count:
                all_in.set()
            await all_in.wait()
            endpoint.detach(attachment)

        async with trio.open_nursery() as clients:
            for peer in peers:
                clients.start_soon(log_in, peer)
        assert len(set(ids)) == count
        assert_nothing_attached(endpoint)
        nursery.cancel_scope.cancel()


def test_entropy_pool_never_hands_out_the_same_bytes_twice() -> None:
    pool = EntropyPool()
    drawn = [pool(16) for _ in range(600)]
    assert len(set(drawn)) == 600
    assert {len(part) for part in drawn} == {16}
    assert len(pool(10_000)) == 10_000


def test_entropy_pool_forgets_at_a_fork() -> None:
    pool = EntropyPool()
    pool(1)
    left = pool._pool[1:17]
    pool.forget()
    assert pool(16) != left
