"""The presence sweep on a UDP socket: who drives it is who listens, so a slow listener slows the pings down."""

from __future__ import annotations

import ipaddress
import logging
import socket  # noqa: TID251  # trio.socket takes three system calls where this takes one
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator

import trio

from conduit.errors import LocalProtocolError, TransportError
from conduit.rmcp.entropy import entropy
from conduit.rmcp.packets import MAX_DATAGRAM, PORT
from conduit.rmcp.port import RECEIVE_BUFFER
from conduit.rmcp.sweep import PATIENCE, RATE, TRIES, Address, Alive, PresenceSweep

logger = logging.getLogger(__name__)


async def ping_sweep(
    addresses: Iterable[str | tuple[str, int]],
    *,
    port: int = PORT,
    rate: float = RATE,
    tries: int = TRIES,
    patience: float = PATIENCE,
) -> AsyncGenerator[Alive, None]:
    """Ping up to 65,536 addresses and yield those that speak RMCP, as they answer; IPv4 first, then IPv6.

    Leave it early inside ``contextlib.aclosing``, which closes the socket.

    :param addresses: IPv4 and IPv6 addresses, or pairs of one and a UDP port.
    :param port: of addresses that come without one.
    :param rate: pings a second; more is faster, and harder on switches.
    :param tries: pings to an address that does not answer.
    :param patience: seconds that the last pong may take.
    :raises LocalProtocolError: an argument is out of range, or no IP address.
    :raises TransportError: there is no such network here.
    """
    for family, members in _by_family(addresses, port):
        tag = entropy(1)[0] & 0x7F
        machine = PresenceSweep(members, rate=rate, tries=tries, patience=patience, tag=tag)
        with _open_socket(family) as sock:
            backlog: deque[tuple[bytes, Address]] = deque()
            machine.start(trio.current_time())
            while (deadline := machine.next_deadline()) is not None:
                backlog.extend(machine.datagrams_to_send())
                _send(sock, backlog)
                with trio.move_on_at(deadline):
                    await trio.lowlevel.wait_readable(sock)
                for alive in _receive(sock, machine):
                    yield alive
                if not backlog:  # else the system takes no more for now
                    machine.handle_deadline(trio.current_time())


def _by_family(addresses: Iterable[str | tuple[str, int]], port: int) -> Iterator[tuple[int, list[Address]]]:
    found: dict[int, dict[Address, None]] = {socket.AF_INET: {}, socket.AF_INET6: {}}
    for entry in addresses:
        host, number = (entry, port) if isinstance(entry, str) else entry
        if number not in range(1, 65_536):
            raise LocalProtocolError(f"there is no port {number}")
        if ":" in host:
            found[socket.AF_INET6][(_canonical6(host), number)] = None
        else:
            found[socket.AF_INET][(_checked4(host), number)] = None
    return ((family, list(members)) for family, members in found.items() if members)


def _checked4(host: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET, host)  # a tenth of the time of ipaddress
    except (OSError, ValueError):
        raise LocalProtocolError(f"a sweep takes IP addresses; {host!r} is none") from None
    return host


def _canonical6(host: str) -> str:
    """As the system writes it in the sender's address of a pong."""
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise LocalProtocolError(f"a sweep takes IP addresses; {host!r} is none") from None


def _open_socket(family: int) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise TransportError(f"cannot open a socket for a sweep: {error.strerror or error}") from error
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    return sock


def _send(sock: socket.socket, backlog: deque[tuple[bytes, Address]]) -> None:
    """Send what the system takes."""
    while backlog:
        try:
            sock.sendto(*backlog[0])
        except BlockingIOError:
            return
        except OSError as error:  # no route to it, say: it will not answer
            logger.debug("ping to %s: %s", backlog[0][1][0], error)
        backlog.popleft()


def _receive(sock: socket.socket, machine: PresenceSweep) -> list[Alive]:
    """Who has answered."""
    found: list[Alive] = []
    now = trio.current_time()
    for _ in range(512):  # then the pings have their turn
        try:
            data, address = sock.recvfrom(MAX_DATAGRAM)
        except BlockingIOError:
            break
        except OSError as error:  # an ICMP error that belongs to an earlier ping
            logger.debug("sweep: %s", error)
            continue
        alive = machine.receive_datagram(data, address, now)
        if alive is not None:
            found.append(alive)
    return found
