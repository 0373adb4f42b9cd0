"""TLS over anything that carries bytes: encrypts and decrypts in memory, many records at a time.

``trio.SSLStream`` takes one record, 16 KiB, per call; this takes what is there, for half the CPU.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol

from conduit.errors import TransportError
from conduit.tunnel.scheduler import Buffer

RECEIVE: Final = 512 << 10  # bytes taken from the carrier at once
RECORD: Final = 16 << 10  # bytes of a TLS record, at most (RFC 8446, section 5.1)
PLAIN: Final = RECEIVE + (16 << 10)  # bytes decrypted at once; never less than one record

KEPT: Final = 16 << 20
"""Bytes allocated and freed when the first connection starts, and never touched.

After that the C library of most Linux systems keeps freed memory of this order in place of handing it back to the
kernel. Without it every received chunk of 512 KiB costs 128 page faults, a tenth of all the CPU of a bulk transfer.
"""


class Carrier(Protocol):
    """What carries ciphertext. Nothing here waits but the two coroutines."""

    def receive_nowait(self, buffer: memoryview) -> int | None:
        """Bytes put into *buffer*; 0 at the end, None when there are none yet.

        Fewer than fit say nothing about the next: :meth:`wait_readable` returns at once where there are more.

        :raises TransportError: the connection broke.
        """
        ...

    def send_nowait(self, data: memoryview) -> int:
        """Bytes of *data* that were taken, perhaps 0; what was not MUST come again, before anything else.

        A carrier that changes the bytes on their way may have begun with some of those that it has not taken.

        :raises TransportError: the connection broke.
        """
        ...

    async def wait_readable(self) -> None:
        """Return when :meth:`receive_nowait` may have something."""
        ...

    async def wait_writable(self) -> None:
        """Return when :meth:`send_nowait` may take something."""
        ...

    def interrupt(self) -> None:
        """Have whoever waits return, for nothing."""
        ...

    def close(self) -> None:
        """Close it, at once."""
        ...

    @property
    def peer(self) -> str:
        """Who is at the other end, for people."""
        ...


class _Scratch(threading.local):
    """Buffers that all connections of a thread share: what they hold is used before the next task runs."""

    def __init__(self) -> None:
        self.cipher = memoryview(bytearray(RECEIVE))
        self.plain = memoryview(bytearray(PLAIN))
        bytes(KEPT)


_SCRATCH: Final = _Scratch()


class TlsPipe:
    """One TLS connection."""

    def __init__(self, carrier: Carrier, context: ssl.SSLContext, *, server_side: bool, host: str | None) -> None:
        self.carrier = carrier
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side, server_hostname=host)
        self._cipher, self._plain = _SCRATCH.cipher, _SCRATCH.plain
        self._unsent = memoryview(b"")
        self.sent = 0
        "Bytes that the carrier has taken."
        self._ended = False  # by the peer
        self._drained = False  # the carrier had less than we would have taken

    @property
    def tls(self) -> ssl.SSLObject:
        """For the peer's certificate and what was agreed."""
        return self._tls

    async def do_handshake(self) -> None:
        """Agree on keys.

        :raises TransportError: they cannot be agreed on, or the connection broke.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send_all()
                await self._receive_ciphertext()
            except ssl.SSLError as error:
                await self._say_goodbye()
                raise TransportError(f"no TLS connection with {self.carrier.peer}: {_reason(error)}") from error
            else:
                await self._send_all()
                return

    async def _send_all(self) -> None:
        while not self.flush():
            await self.carrier.wait_writable()

    async def _say_goodbye(self) -> None:
        """Let the alert out, so that the peer knows why."""
        try:
            await self._send_all()
        except TransportError:
            return

    async def _receive_ciphertext(self) -> None:
        while (count := self.carrier.receive_nowait(self._cipher)) is None:
            await self.carrier.wait_readable()
        if not count:
            raise TransportError(f"{self.carrier.peer} closed the connection during the TLS handshake")
        self._incoming.write(self._cipher[:count])

    def receive_nowait(self) -> memoryview | None:
        """Decrypted bytes, lent until another task runs; empty at the end, None when there are none yet.

        :raises TransportError: the connection broke, or the bytes are not what the peer encrypted.
        """
        incoming = self._incoming
        count = self._decrypt() if incoming.pending else 0
        while not count:
            if self._ended:
                return self._plain[:0]
            received = self.carrier.receive_nowait(self._cipher)
            if received is None:
                self._drained = True
                return None
            if not received:
                return self._plain[:0]
            incoming.write(self._cipher[:received])
            self._drained = received < RECEIVE
            count = self._decrypt()
        return self._plain[:count]

    @property
    def may_have_more(self) -> bool:
        """Whether another :meth:`receive_nowait` is worth a try before waiting."""
        return self._ended or not self._drained or self._incoming.pending > 0

    def _decrypt(self) -> int:
        """Bytes decrypted, 0 for want of ciphertext or at the end."""
        read, plain, incoming = self._tls.read, self._plain, self._incoming
        count = 0
        try:
            while count <= RECEIVE:
                got: int = read(PLAIN, plain[count:] if count else plain)  # type: ignore[assignment]  # a count, when it has a buffer
                if not got:
                    self._ended = True
                    break
                count += got
                if not incoming.pending:  # one try less, and it would raise
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise TransportError(f"the TLS connection with {self.carrier.peer} broke: {_reason(error)}") from error
        return count

    def write(self, buffers: Iterable[Buffer]) -> None:
        """Encrypt; :meth:`flush` sends. Every write is at least one record, so small buffers are joined.

        :raises TransportError: the peer has ended the connection.
        """
        write = self._tls.write
        small: list[Buffer] = []
        size = 0
        try:
            for buffer in buffers:
                room = RECORD - size
                if len(buffer) < room:
                    small.append(buffer)
                    size += len(buffer)
                    continue
                small.append(buffer[:room])
                write(b"".join(small) if len(small) > 1 else small[0])
                rest = (len(buffer) - room) % RECORD
                end = len(buffer) - rest
                if end > room:
                    write(buffer[room:end])
                small = [buffer[end:]] if rest else []
                size = rest
            if small:
                write(b"".join(small) if len(small) > 1 else small[0])
        except ssl.SSLError as error:
            raise TransportError(f"the TLS connection with {self.carrier.peer} broke: {_reason(error)}") from error

    def write_small(self, data: bytes) -> None:
        """Encrypt what fits into one record, as :meth:`write` does.

        :raises TransportError: the peer has ended the connection.
        """
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise TransportError(f"the TLS connection with {self.carrier.peer} broke: {_reason(error)}") from error

    def flush(self) -> bool:
        """Send what is encrypted; whether the carrier took all of it.

        :raises TransportError: the connection broke.
        """
        while self._unsent or self._outgoing.pending:
            unsent = self._unsent or memoryview(self._outgoing.read())
            taken = self.carrier.send_nowait(unsent)
            self.sent += taken
            self._unsent = unsent[taken:]
            if not taken:
                return False
        return True

    def end(self) -> None:
        """Tell the peer that nothing follows, if it can be told without waiting."""
        with suppress(ssl.SSLError, TransportError):
            self._tls.unwrap()
        with suppress(TransportError):
            self.flush()


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
