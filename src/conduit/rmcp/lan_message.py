"""The IPMI message as it travels over LAN and IPMB (section 13.8, figure 13-4).

A request and a response have the same frame::

    request:  rsAddr | netFn/rsLUN | checksum 1 | rqAddr | rqSeq/rqLUN | cmd | data ...           | checksum 2
    response: rqAddr | netFn/rqLUN | checksum 1 | rsAddr | rqSeq/rsLUN | cmd | completion code, data | checksum 2

Checksums are the two's complement of the sum of the bytes before them, since the start or since checksum 1.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from conduit.errors import DecodeError

BMC_ADDRESS: Final = 0x20  # slave address of the BMC, in IPMB's eight-bit form
REMOTE_CONSOLE: Final = 0x81  # software ID of remote console software number 1 (table 5-4)
MIN_FRAME: Final = 7  # bytes: six of header and checksum 2
MAX_SEQUENCE: Final = 0x40  # rqSeq has six bits
_new: Final = tuple.__new__  # half the time of calling a NamedTuple


class LanMessage(NamedTuple):
    """One frame, addresses and sequence apart. The hot path of both sides: a tuple, not a dataclass."""

    to_address: int
    "Slave address or software ID of the receiver, 0 to 255."
    netfn: int
    "Network function, even in a request and odd in its response, 0 to 63."
    to_lun: int
    "The receiver's logical unit, 0 to 3."
    from_address: int
    "Slave address or software ID of the sender, 0 to 255."
    sequence: int
    "rqSeq, 0 to 63: the requester's number, repeated in the response."
    from_lun: int
    "The sender's logical unit, 0 to 3."
    command: int
    "Command number, 0 to 255."
    data: bytes
    "Data bytes; those of a response start with the completion code."

    @property
    def is_response(self) -> bool:
        """Whether the network function is odd."""
        return bool(self.netfn & 1)


def checksum(data: bytes) -> int:
    """The byte that makes the sum of *data* and itself 0 modulo 256."""
    return -sum(data) & 0xFF


def encode_frame(
    netfn: int,
    command: int,
    data: bytes,
    *,
    sequence: int,
    to_address: int = BMC_ADDRESS,
    from_address: int = REMOTE_CONSOLE,
    to_lun: int = 0,
    from_lun: int = 0,
) -> bytes:
    """The frame of a request or a response, both checksums included."""
    netfn_lun = (netfn << 2 | to_lun) & 0xFF
    sequence_lun = (sequence << 2 | from_lun) & 0xFF
    head = -(to_address + netfn_lun) & 0xFF
    tail = -(from_address + sequence_lun + command + sum(data)) & 0xFF
    return b"%c%c%c%c%c%c%b%c" % (to_address, netfn_lun, head, from_address, sequence_lun, command, data, tail)


def decode_frame(frame: bytes, *, verify: bool = True) -> LanMessage:
    """The message in *frame*.

    :param verify: check both checksums; ``False`` is the workaround ``nochecksumcheck``.
    :raises DecodeError: and nothing else, whatever *frame* holds.
    """
    if len(frame) < MIN_FRAME:
        raise DecodeError("truncated IPMI message", offset=len(frame))
    if verify:
        if (frame[0] + frame[1] + frame[2]) & 0xFF:
            raise DecodeError("wrong header checksum", offset=2)
        if sum(frame[3:]) & 0xFF:
            raise DecodeError("wrong data checksum", offset=len(frame) - 1)
    to_address, netfn_lun, _, from_address, sequence_lun, command = frame[:6]
    fields = (
        to_address,
        netfn_lun >> 2,
        netfn_lun & 3,
        from_address,
        sequence_lun >> 2,
        sequence_lun & 3,
        command,
        frame[6:-1],
    )
    return _new(LanMessage, fields)


def encode_response(request: LanMessage, code: int, data: bytes = b"") -> bytes:
    """The frame that answers *request* with a completion code and *data*."""
    return encode_frame(
        request.netfn | 1,
        request.command,
        b"%c%b" % (code, data),
        sequence=request.sequence,
        to_address=request.from_address,
        from_address=request.to_address,
        to_lun=request.from_lun,
        from_lun=request.to_lun,
    )
