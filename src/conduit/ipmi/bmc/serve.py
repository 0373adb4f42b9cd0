"""Virtual BMCs on UDP sockets: one socket each, any number in one process."""

from __future__ import annotations

import logging
import math
import secrets
import socket  # noqa: TID251 - raw non-blocking sockets cost half of trio.socket per datagram
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.ipmi.bmc.bmc import VirtualBmc
from conduit.ipmi.bmc.config import BmcConfig
from conduit.ipmi.bmc.sessions import Address
from conduit.rmcp.packets import MAX_DATAGRAM

logger = logging.getLogger(__name__)

MAX_BURST: Final = 64  # datagrams taken before others get their turn
MAX_BACKLOG: Final = 256  # datagrams that wait for room in the kernel's buffer; more are dropped, as by any network
SPARE_FILES: Final = 64  # descriptors beside the BMCs' own


class ServedBmc:
    """A virtual BMC and the socket that it answers on."""

    def __init__(self, bmc: VirtualBmc, sock: socket.socket) -> None:
        self.bmc = bmc
        self._sock = sock
        self._address: Address = sock.getsockname()
        self._backlog: deque[tuple[bytes, Address]] = deque()
        self._scope = trio.CancelScope()
        self.dropped_sends = 0
        self.faults = 0  # datagrams that a handler failed on
        bmc.state.sol.serve_on(self._address[1])
        bmc.state.sol.port.wake_sol = self.wake

    @property
    def host(self) -> str:
        """IP address."""
        return self._address[0]

    @property
    def port(self) -> int:
        """UDP port."""
        return self._address[1]

    def wake(self) -> None:
        """Look at the deadlines again: call it after changing the machine from outside."""
        self._scope.cancel()

    async def run(self) -> None:
        """Answer until cancelled."""
        bmc, sock = self.bmc, self._sock
        while True:
            deadline = bmc.next_deadline()
            with trio.CancelScope(deadline=math.inf if deadline is None else deadline) as self._scope:
                await trio.lowlevel.wait_readable(sock)
            now = trio.current_time()
            if self._scope.cancelled_caught:
                bmc.handle_deadline(now)
                self._send_out()
            else:
                self._receive(now)
            while self._backlog:
                await trio.lowlevel.wait_writable(sock)
                self._flush()

    def _receive(self, now: float) -> None:
        receive = self._sock.recvfrom
        for _ in range(MAX_BURST):
            try:
                data, address = receive(MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error of an earlier send: the peer is gone, and nothing is to be done
                continue
            self._feed(data, address, now)
            self._send_out()

    def _send_out(self) -> None:
        for datagram in self.bmc.datagrams_to_send():
            if len(self._backlog) < MAX_BACKLOG:
                self._backlog.append(datagram)
            else:
                self.dropped_sends += 1
        self._flush()

    def _feed(self, data: bytes, address: Address, now: float) -> None:
        """One datagram to the BMC; a fault in a handler costs that datagram and not the BMCs that share the process."""
        try:
            self.bmc.receive_datagram(data, address, now)
        except Exception:
            self.faults += 1
            logger.exception("the virtual BMC on port %d failed on a datagram", self.port)

    def _flush(self) -> None:
        while self._backlog:
            try:
                self._sock.sendto(*self._backlog[0])
            except BlockingIOError:
                return
            except OSError:
                self.dropped_sends += 1
            self._backlog.popleft()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def bind(host: str, port: int) -> socket.socket:
    """A UDP socket at this IP address; port 0 is any that is free.

    :raises TransportError: the address is no IP address, not ours, or in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or error
        raise TransportError(f"cannot listen on {host} port {port}: {reason}") from error
    return sock


async def serve(
    bmc: VirtualBmc,
    host: str,
    port: int,
    *,
    task_status: trio.TaskStatus[ServedBmc] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve one BMC until cancelled; ``nursery.start`` returns the :class:`ServedBmc`.

    :raises TransportError: the address cannot be had.
    """
    served = ServedBmc(bmc, bind(host, port))
    try:
        task_status.started(served)
        await served.run()
    finally:
        served.close()


async def serve_many(
    bmcs: Iterable[tuple[VirtualBmc, str, int]],
    *,
    task_status: trio.TaskStatus[list[ServedBmc]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve BMCs, each at its own host and port, until cancelled; ``nursery.start`` returns them in order.

    :raises TransportError: an address cannot be had; then none is served.
    """
    wanted = list(bmcs)
    allow_files(len(wanted) + SPARE_FILES)
    async with open_background_nursery() as nursery:
        served: list[ServedBmc] = []
        try:
            for bmc, host, port in wanted:
                served.append(ServedBmc(bmc, bind(host, port)))
            for one in served:
                nursery.start_soon(one.run)
            task_status.started(served)
            await trio.sleep_forever()
        finally:
            nursery.cancel_scope.cancel()
            for one in served:
                one.close()


def allow_files(count: int) -> None:
    """Raise the soft limit of open files to *count*, as far as the hard one lets us."""
    try:
        import resource
    except ImportError:  # pragma: no cover
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@asynccontextmanager
async def open_virtual_bmc(
    config: BmcConfig | None = None, *, host: str = "127.0.0.1", port: int = 0, **changes: Any
) -> AsyncIterator[ServedBmc]:
    """A virtual BMC on a loopback port of its own, for as long as the block runs.

    :param changes: fields of :class:`BmcConfig`, where no *config* is given. Any, as its fields have many types.
    :raises TransportError: the address cannot be had.
    """
    bmc = VirtualBmc(config or BmcConfig(**changes), entropy=secrets.token_bytes)
    async with open_background_nursery() as nursery:
        served: ServedBmc = await nursery.start(serve, bmc, host, port)
        yield served
