"""A UDP port's resident reader: what it asks of the socket, and in which order it answers."""

from __future__ import annotations

import socket  # noqa: TID251 - what a port reads

import pytest
import trio

from conduit.errors import ConduitError
from conduit.rmcp.port import Address, Port

LOCALHOST = "127.0.0.1"


class Recorder:
    """A socket that notes what was done with it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.log: list[str] = []

    def fileno(self) -> int:
        return self._sock.fileno()

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        try:
            datagram: tuple[bytes, Address] = self._sock.recvfrom(size)
        except BlockingIOError:
            self.log.append("nothing")
            raise
        self.log.append("receive")
        return datagram

    def sendto(self, datagram: bytes, address: Address) -> int:
        self.log.append("send")
        return self._sock.sendto(datagram, address)

    def close(self) -> None:
        self._sock.close()


def fail(error: ConduitError) -> None:
    pytest.fail(str(error))


async def test_the_only_party_is_answered_at_once_and_nothing_is_read_in_vain() -> None:
    def acknowledge(_: bytes, address: Address, __: float) -> None:
        port.send(b"acknowledge", address, fail)

    port = Port(socket.AF_INET, acknowledge)
    port._sock.bind((LOCALHOST, 0))
    where = port._sock.getsockname()
    recorder = Recorder(port._sock)
    port._sock = recorder  # type: ignore[assignment]  # as much of a socket as a port needs
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.read_when_needed)
        with trio.socket.socket(type=socket.SOCK_DGRAM) as peer:
            port.subscribe()
            for _ in range(2):
                await peer.sendto(b"characters", where)
                assert await peer.recv(100) == b"acknowledge"
            alone, recorder.log = recorder.log, []
            port.subscribe()
            await peer.sendto(b"characters", where)
            assert await peer.recv(100) == b"acknowledge"
        nursery.cancel_scope.cancel()
    port.close()
    assert alone == ["receive", "send", "receive", "send"]
    assert recorder.log == ["receive", "nothing", "send"]  # of several parties, perhaps more has come
