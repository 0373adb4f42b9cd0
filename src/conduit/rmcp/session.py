"""A live RMCP+ session (section 13.6): seals payloads into packets and opens the peer's.

Both sides use it; only the IDs are swapped. This is the hot path: ints, bytes and bound functions.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from conduit.errors import DecodeError
from conduit.rmcp.ciphers import CONFIDENTIALITY, INTEGRITY, CipherSuite, Entropy, Mac, PayloadCipher, SessionKeys
from conduit.rmcp.packets import (
    AUTHENTICATED,
    ENCRYPTED,
    IPMI_PREFIX,
    PAYLOAD_TYPE_MASK,
    PLUS_HEADER,
    RMCP_HEADER_LENGTH,
    AuthType,
)
from conduit.rmcp.window import PLUS_WINDOW, SequenceWindow, next_sequence

_FLAGS: Final = ENCRYPTED | AUTHENTICATED
_RMCP_PLUS: Final = int(AuthType.RMCP_PLUS)
_NEXT_HEADER: Final = 0x07
_START: Final = PLUS_HEADER.size  # of the payload
# Integrity pad, its length and the next header, by packet length modulo 4 (table 13-8): the MAC covers whole words.
_TRAILERS: Final = tuple(b"\xff" * pad + bytes([pad, _NEXT_HEADER]) for pad in (2, 1, 0, 3))
# The same without counting the last two bytes, which the workaround ``icts`` sends.
_ICTS_TRAILERS: Final = tuple(b"\xff" * pad + bytes([pad, _NEXT_HEADER]) for pad in (0, 3, 2, 1))


class PlusSession:
    """Keys, sequence numbers and replay window of one RMCP+ session.

    A packet that is malformed, forged, replayed or less protected than agreed is counted and dropped.

    :param password: needed by the integrity algorithm MD5-128 only.
    :param icts: pad what we send as the workaround of that name wants.
    """

    __slots__ = (
        "_cipher",
        "_flags",
        "_mac",
        "_mac_length",
        "_sequence",
        "_trailers",
        "_window",
        "bad_datagrams",
        "local_id",
        "remote_id",
        "replays",
        "wrong_macs",
    )

    is_plus: Final = True

    def __init__(
        self,
        suite: CipherSuite,
        keys: SessionKeys,
        *,
        password: bytes,
        local_id: int,
        remote_id: int,
        entropy: Entropy,
        icts: bool = False,
    ) -> None:
        self.local_id = local_id
        self.remote_id = remote_id
        self._mac: Mac | None = None
        self._mac_length = 0
        if suite.integrity:
            method = INTEGRITY[suite.integrity]
            self._mac, self._mac_length = method.make(keys, password), method.length
        self._cipher: PayloadCipher | None = None
        if suite.confidentiality:
            self._cipher = CONFIDENTIALITY[suite.confidentiality](keys, entropy)
        self._flags = (ENCRYPTED if suite.confidentiality else 0) | (AUTHENTICATED if suite.integrity else 0)
        self._trailers = _ICTS_TRAILERS if icts else _TRAILERS
        self._sequence = 0
        self._window = SequenceWindow() if suite.integrity else SequenceWindow(ahead=PLUS_WINDOW)
        self.bad_datagrams = 0
        self.wrong_macs = 0
        self.replays = 0

    @property
    def protection(self) -> tuple[bool, bool]:
        """Whether packets are encrypted, and whether they are authenticated."""
        return self._cipher is not None, self._mac is not None

    def seal(self, payload_type: int, payload: bytes) -> bytes:
        """The datagram that carries *payload*, under the next sequence number."""
        self._sequence = sequence = next_sequence(self._sequence)
        if self._cipher is not None:
            payload = self._cipher.encrypt(payload)
        kind = self._flags | payload_type
        packet = PLUS_HEADER.pack(IPMI_PREFIX, _RMCP_PLUS, kind, self.remote_id, sequence, len(payload)) + payload
        if self._mac is None:
            return packet
        packet += self._trailers[len(packet) & 3]
        return packet + self._mac.code(packet[RMCP_HEADER_LENGTH:])

    def open(self, datagram: bytes) -> tuple[int, bytes] | None:
        """Payload type and payload of a packet of this session, or None for one that was dropped."""
        if len(datagram) < _START:
            self.bad_datagrams += 1
            return None
        _, auth_type, kind, session_id, sequence, length = PLUS_HEADER.unpack_from(datagram)
        # Less protection than agreed is as bad as a wrong MAC.
        if auth_type != _RMCP_PLUS or session_id != self.local_id or kind & _FLAGS != self._flags:
            self.bad_datagrams += 1
            return None
        end = _START + length
        if not self._is_authentic(datagram, end):
            return None
        if not self._window.accept(sequence):
            self.replays += 1
            return None
        payload = datagram[_START:end]
        if self._cipher is not None:
            try:
                payload = self._cipher.decrypt(payload)
            except DecodeError:
                self.bad_datagrams += 1
                return None
        return kind & PAYLOAD_TYPE_MASK, payload

    def _is_authentic(self, datagram: bytes, end: int) -> bool:
        """Whether a packet whose payload ends at *end* has the shape and the MAC that it must have."""
        if self._mac is None:
            if len(datagram) < end:
                self.bad_datagrams += 1
            return len(datagram) >= end
        signed = len(datagram) - self._mac_length
        # Pads of any length are read: what they must not do is reach into the payload or the MAC.
        if signed < end + 2 or datagram[signed - 2] != signed - 2 - end or datagram[signed - 1] != _NEXT_HEADER:
            self.bad_datagrams += 1
            return False
        if not compare_digest(self._mac.code(datagram[RMCP_HEADER_LENGTH:signed]), datagram[signed:]):
            self.wrong_macs += 1
            return False
        return True
