"""Things that go wrong on purpose, so that clients can be tested: loss, and answers as bad BMCs give them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Final

from conduit.ipmi.bmc.config import Faults
from conduit.rmcp.auth_codes import AUTH_CODES, pad_password
from conduit.rmcp.lan_message import MIN_FRAME
from conduit.rmcp.misbehaviour import Misbehaviour
from conduit.rmcp.packets import AuthType, decode_lan_packet, encode_lan_packet

_SPACE: Final = 1 << 64


class Loss:
    """Decides which datagrams are lost. The same seed loses the same ones again."""

    def __init__(self, faults: Faults) -> None:
        self._threshold = int(faults.drop_rate * _SPACE)
        self._seed = faults.seed.to_bytes(8, "little", signed=True)
        self._count = 0

    def loses(self) -> bool:
        """Whether the next datagram is lost."""
        if not self._threshold:
            return False
        self._count += 1
        digest = hashlib.blake2b(self._count.to_bytes(8, "little"), key=self._seed, digest_size=8).digest()
        return int.from_bytes(digest, "little") < self._threshold


def spoil_frame(frame: bytes, misbehaviours: Collection[Misbehaviour]) -> bytes:
    """An IPMI message as a misbehaving BMC makes it."""
    if Misbehaviour.BAD_CHECKSUMS in misbehaviours and len(frame) >= MIN_FRAME:
        return frame[:-1] + bytes((frame[-1] ^ 0x5A,))
    return frame


def spoil_plus(datagram: bytes, misbehaviours: Collection[Misbehaviour]) -> bytes:
    """An RMCP+ packet of a session as a misbehaving BMC makes it."""
    if Misbehaviour.WRONG_PACKET_CODES in misbehaviours:
        return datagram[:-1] + bytes((datagram[-1] ^ 0xFF,))
    return datagram


def spoil_lan(datagram: bytes, password: bytes, misbehaviours: Collection[Misbehaviour]) -> bytes:
    """An IPMI 1.5 packet of a session as a misbehaving BMC makes it; its AuthCode covers what it then says."""
    if not any(misbehaviour in misbehaviours for misbehaviour in _LAN_FAULTS):
        return datagram
    packet = decode_lan_packet(datagram)
    for misbehaviour, change in _LAN_FAULTS.items():
        if misbehaviour in misbehaviours:
            session_id, sequence = change(packet.session_id, packet.sequence)
            packet = packet._replace(session_id=session_id, sequence=sequence)
    code = AUTH_CODES[packet.auth_type](pad_password(password), packet.session_id, packet.sequence, packet.payload)
    if Misbehaviour.WRONG_PACKET_CODES in misbehaviours and packet.auth_type != AuthType.NONE:
        code = bytes(len(code))
    return encode_lan_packet(
        packet.payload,
        auth_type=packet.auth_type,
        sequence=packet.sequence,
        session_id=packet.session_id,
        auth_code=code,
    )


def _swapped(session_id: int, sequence: int) -> tuple[int, int]:
    return session_id, int.from_bytes(sequence.to_bytes(4, "little"), "big")


# session ID and sequence number -> what the packet says instead
_LAN_FAULTS: Final[dict[Misbehaviour, Callable[[int, int], tuple[int, int]]]] = {
    Misbehaviour.ZERO_SESSION_ID: lambda session_id, sequence: (0, sequence),
    Misbehaviour.SWAPPED_SEQUENCES: _swapped,
    Misbehaviour.WRONG_PACKET_CODES: lambda session_id, sequence: (session_id, sequence),
}
