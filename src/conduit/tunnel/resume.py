"""One end of a stream that outlives its tunnel: nothing is lost or doubled when it goes on in another (sans-IO).

Both ends count the bytes that they have received. When they meet again, each says how far it is, and the other sends
from there, out of a buffer of what is not acknowledged. Where that buffer has overflowed, a gap takes the place of the
bytes. The end of a direction counts as one byte more, as in TCP, so that it is acknowledged too.

On the wire there are capsules, the same in both directions, ``START`` first:

======== ====== ===============================================================================================
type     name   value
======== ====== ===============================================================================================
``0x40`` START  received, limit, capacity: bytes received so far; up to which byte the other may send; size of the
                sender's buffer, of which a quarter at most may stay unacknowledged
``0x41`` BYTES  the next bytes
``0x42`` POS    received, limit: as in START
``0x43`` GAP    number of bytes that are lost here
``0x44`` END    nothing: the direction ends here
======== ====== ===============================================================================================
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from conduit.errors import LocalProtocolError, RemoteProtocolError
from conduit.tunnel.capsules import Capsule, CapsuleReader, decode_varints, encode_capsule, encode_head, encode_varint

START: Final = 0x40
BYTES: Final = 0x41
POSITION: Final = 0x42
GAP: Final = 0x43
END: Final = 0x44
CAPACITY: Final = 256 << 10  # bytes kept for a peer that is away
WINDOW: Final = 256 << 10  # bytes that may wait for our reader
CHUNK: Final = 32 << 10  # bytes of a BYTES capsule; a quarter of the shorter of capacity and window is acknowledged
MAX_CHUNK: Final = 64 << 10  # bytes of one that we take
MAX_OFFSET: Final = 1 << 61  # a stream has no more bytes


class Gap(NamedTuple):
    """So many bytes are lost."""

    bytes_lost: int


class ResumableEnd:
    """One end, through any number of attachments.

    :param capacity: bytes that are kept until the peer has them.
    :param window: bytes that may wait for our reader.
    :param overwrites: whether a missing peer makes the oldest bytes go, in place of making the writer wait.
    """

    def __init__(self, *, capacity: int = CAPACITY, window: int = WINDOW, overwrites: bool = False) -> None:
        if capacity < 1 or window < 1:
            raise LocalProtocolError("a resumable stream needs room for a byte at least")
        self._capacity = capacity
        self._window = window
        self._overwrites = overwrites
        # what we send
        self._kept = bytearray()  # from _first on
        self._first = 0
        self._sent = 0
        self._acknowledged = 0
        self._may_send = 0  # up to which byte
        self._ended = False
        self._end_sent = False
        self.overwritten = 0
        "Bytes that went before the peer was known to have them."
        # what we receive
        self._inbox: deque[bytearray | Gap] = deque()  # no two neighbours of a kind
        self._waiting = 0  # bytes in it
        self._received = 0
        self._told = 0  # of _received
        self._told_limit = 0
        self.peer_ended = False
        "Whether all that the peer sends is here."
        # the attachment
        self.is_attached = False
        self.is_greeted = False
        "Whether the peer has said how far it is."
        self.was_greeted = False
        "Whether it ever has: then it knows of us."
        self._threshold = 1
        self._reader = CapsuleReader(())
        self._control = bytearray()

    # --- writing ---

    @property
    def has_ended(self) -> bool:
        """Whether :meth:`end` was called."""
        return self._ended

    @property
    def is_delivered(self) -> bool:
        """Whether the peer has all, and knows that it is all."""
        return self._ended and self._acknowledged > self._written

    @property
    def is_finished(self) -> bool:
        """Whether both directions have ended, and the peer knows that ours has."""
        return self.peer_ended and self.is_delivered

    @property
    def unacknowledged(self) -> int:
        """Bytes that are kept."""
        return len(self._kept)

    @property
    def _written(self) -> int:
        return self._first + len(self._kept)

    def write(self, data: memoryview) -> int:
        """Take bytes to send; how many, perhaps none while the peer is slow.

        :raises LocalProtocolError: after :meth:`end`.
        """
        if self._ended:
            raise LocalProtocolError("the stream was ended")
        if self._overwrites and not self.is_attached:
            self._overwrite(data)
            return len(data)
        taken = min(self._capacity - len(self._kept), len(data))
        self._kept += data[:taken]
        return taken

    def _overwrite(self, data: memoryview) -> None:
        self._kept += data[max(len(data) - self._capacity, 0) :]
        self._first += max(len(data) - self._capacity, 0)
        surplus = max(len(self._kept) - self._capacity, 0)
        del self._kept[:surplus]
        self._first += surplus
        self.overwritten += surplus + max(len(data) - self._capacity, 0)

    def end(self) -> None:
        """Nothing more will be written."""
        self._ended = True

    # --- reading ---

    def read(self, most: int) -> bytes | Gap | None:
        """The next bytes, *most* at most, or a gap; ``b""`` at the end, None when there is nothing yet."""
        if not self._inbox:
            return b"" if self.peer_ended else None
        item = self._inbox[0]
        if isinstance(item, Gap):
            self._inbox.popleft()
            return item
        if len(item) <= most:
            self._inbox.popleft()
            data = bytes(item)
        else:
            data = bytes(item[:most])
            del item[:most]
        self._waiting -= len(data)
        self._tell(self._threshold)
        return data

    # --- attachments ---

    def attach(self) -> None:
        """There is a new connection with the peer."""
        self.detach()
        self.is_attached = True
        self._reader = CapsuleReader((START, BYTES, POSITION, GAP, END), MAX_CHUNK)
        self._told, self._told_limit = self._received, self._limit
        self._control += _numbers(START, self._told, self._told_limit, self._capacity)

    def detach(self) -> None:
        """It is gone; what of our bytes the peer got is unknown until it says so."""
        self.is_attached = self.is_greeted = False
        self._control.clear()

    @property
    def _limit(self) -> int:
        """Up to which byte the peer may send."""
        return self._received + self._window - self._waiting

    def _tell(self, threshold: int) -> None:
        """Tell the peer how far we are, if that is *threshold* bytes further than it knows."""
        limit = self._limit
        if self.is_attached and max(self._received - self._told, limit - self._told_limit) >= threshold:
            self._told, self._told_limit = self._received, limit
            self._control += _numbers(POSITION, self._received, limit)

    @property
    def has_data_to_send(self) -> bool:
        """Whether :meth:`data_to_send` would return anything."""
        if not self.is_greeted:
            return bool(self._control)
        if self._control or min(self._written, self._may_send) > self._sent:
            return True
        return self._ended and not self._end_sent and self._sent == self._written

    def data_to_send(self, most: int) -> bytearray:
        """Bytes for the connection: about *most*, which is at least one chunk."""
        out, self._control = self._control, bytearray()
        if not self.is_greeted:
            return out
        with memoryview(self._kept) as kept:
            while len(out) < most:
                count = min(CHUNK, min(self._written, self._may_send) - self._sent)
                if count <= 0:
                    break
                at = self._sent - self._first
                out += encode_head(BYTES, count)
                out += kept[at : at + count]
                self._sent += count
        if self._ended and not self._end_sent and self._sent == self._written:
            self._end_sent = True
            out += encode_head(END, 0)
        return out

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the connection.

        :raises RemoteProtocolError: the peer broke the rules.
        """
        for kind, value in self._reader.receive(data):
            if (kind == START) is self.is_greeted:
                raise RemoteProtocolError("a resumable stream starts twice, or not at all")
            if kind == BYTES:
                self._receive_bytes(value)
            else:
                self._receive_control(Capsule(kind, value))

    def _receive_bytes(self, data: bytes) -> None:
        self._check_open()
        if self._received + len(data) > self._told_limit:
            raise RemoteProtocolError("more bytes on a resumable stream than may be sent")
        if not data:
            return
        last = self._inbox[-1] if self._inbox else None
        if isinstance(last, bytearray):
            last += data
        else:
            self._inbox.append(bytearray(data))
        self._waiting += len(data)
        self._received += len(data)
        self._tell(self._threshold)

    def _receive_control(self, capsule: Capsule) -> None:
        if capsule.kind == START:
            self._receive_start(*decode_varints(capsule.value, 3))
        elif capsule.kind == POSITION:
            self._receive_position(*decode_varints(capsule.value, 2))
        elif capsule.kind == GAP:
            self._receive_gap(*decode_varints(capsule.value, 1))
        else:
            self._check_open()
            self.peer_ended = True
            self._received += 1
            self._tell(1)

    def _check_open(self) -> None:
        if self.peer_ended:
            raise RemoteProtocolError("more on a resumable stream after its end")

    def _receive_start(self, received: int, limit: int, capacity: int) -> None:
        if not self._acknowledged <= received <= self._written + self._ended:
            raise RemoteProtocolError("the peer has another number of bytes than it was sent")
        self.is_greeted = self.was_greeted = True
        self._threshold = max(min(self._window, capacity) // 4, 1)
        self._acknowledged = received
        self._may_send = limit
        self._end_sent = received > self._written
        lost = self._first - received
        if lost > 0:
            self._control += _numbers(GAP, lost)
        self._sent = min(max(received, self._first), self._written)
        self._trim()

    def _receive_position(self, received: int, limit: int) -> None:
        if not self._acknowledged <= received <= self._sent + self._end_sent:
            raise RemoteProtocolError("the peer has another number of bytes than it was sent")
        self._acknowledged = received
        self._may_send = max(limit, self._may_send)
        self._trim()

    def _trim(self) -> None:
        """The peer has bytes that we keep for it."""
        count = min(self._acknowledged, self._written) - self._first
        if count > 0:
            del self._kept[:count]
            self._first += count

    def _receive_gap(self, lost: int) -> None:
        self._check_open()
        if self._received + lost > MAX_OFFSET:
            raise RemoteProtocolError("a gap that no stream can have")
        if not lost:
            return
        self._received += lost
        last = self._inbox[-1] if self._inbox else None
        if isinstance(last, Gap):
            self._inbox[-1] = Gap(last.bytes_lost + lost)
        else:
            self._inbox.append(Gap(lost))
        self._tell(1)


def _numbers(kind: int, *numbers: int) -> bytes:
    return encode_capsule(kind, b"".join(map(encode_varint, numbers)))
