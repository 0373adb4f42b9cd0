"""A BMC without a socket that does what a test tells it to: keep silent, refuse, lie, or speak a dialect.

Its cryptography is `tests.fakes.reference`, so that an error in ours cannot cancel itself out.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from conduit.rmcp.md2 import md2
from tests.fakes import reference
from tests.fakes.reference import Keys, keyed, u32

Mangle = Callable[[bytes], bytes]
GUID = bytes(range(0xA0, 0xB0))
SUITE_ALGORITHMS = {  # table 22-20
    0: (0, 0, 0),
    1: (1, 0, 0),
    2: (1, 1, 0),
    3: (1, 1, 1),
    4: (1, 1, 2),
    5: (1, 1, 3),
    6: (2, 0, 0),
    7: (2, 2, 0),
    8: (2, 2, 1),
    9: (2, 2, 2),
    10: (2, 2, 3),
    11: (2, 3, 0),
    12: (2, 3, 1),
    13: (2, 3, 2),
    14: (2, 3, 3),
    15: (3, 0, 0),
    16: (3, 4, 0),
    17: (3, 4, 1),
    18: (3, 4, 2),
    19: (3, 4, 3),
}
AUTH_BITS = {0: 0x01, 1: 0x02, 2: 0x04, 4: 0x10, 5: 0x20}
COMMANDS = {
    0x38: "capabilities",
    0x54: "suites",
    0x39: "challenge",
    0x3A: "activate",
    0x3B: "privilege",
    0x3C: "close",
}


@dataclass(kw_only=True)
class Script:
    """Who the BMC is and what is wrong with it."""

    username: bytes = b"admin"
    password: bytes = b"secret"
    kg: bytes = b""
    plus: bool = True
    "Whether it has IPMI 2.0."
    suites: tuple[int, ...] = (3, 17)
    auth_types: tuple[int, ...] = (2,)
    per_message_disabled: bool = False
    user_level_disabled: bool = False
    limit: int = 4
    "Privilege in Open Session Response and in the activation."
    algorithms: tuple[int, int, int] | None = None
    "What it chooses, whatever was proposed."
    silent: set[str] = field(default_factory=set)
    "Steps that it does not answer."
    refuse: dict[str, int] = field(default_factory=dict)
    "Status or completion code with which it refuses a step."
    mangle: dict[str, Mangle] = field(default_factory=dict)
    "What happens to the whole datagram of an answer."
    granted: int | None = None
    "Privilege that Set Session Privilege Level gives, when not the one asked for."
    data: bytes | None = None
    "What it answers to commands, when not an echo."
    suite_bytes: bytes | None = None
    "The list of cipher suites, when not that of `suites`."
    # dialects of RAKP
    padded_name: bool = False
    short_password: bool = False
    bare_role: bool = False
    bare_role_in_rakp3: bool = False
    check_by_integrity: bool = False
    surplus_byte: bool = False
    needless_check: bool = False
    # dialects of IPMI 1.5
    zero_id: bool = False
    blank_auth_codes: bool = False
    swapped_sequence: bool = False
    supermicro: bool = False
    wrong_checksums: bool = False


class ScriptedBmc:
    """One BMC, any number of sessions one after the other, the last one live.

    `seen` lists the steps in the order of their requests: capabilities, suites, open, rakp1, rakp3, challenge,
    activate, privilege, close, and command for whatever else.
    """

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.seen: list[str] = []
        self.requests: list[tuple[int, int, bytes]] = []  # netFn, command, data of what came in the session
        self.farewells: list[int] = []  # statuses of RAKP 3 messages that gave up
        self.rakp1: bytes = b""
        self.console_id = 0
        self.bmc_id = 0x0B0C0000
        self.keys: Keys | None = None  # of the live RMCP+ session
        self.closed = 0
        self._sequence = 0
        self._role = 0
        self._console_random = b""
        self._bmc_random = bytes(range(0x50, 0x60))
        self._algorithms = (0, 0, 0)
        self._sik = b""
        self._lan_id = 0
        self._lan_auth = 0
        self._lan_password = b""
        self._challenge = b""

    # --- dispatch ---

    def receive(self, datagram: bytes) -> list[bytes]:
        """The answer to one datagram: none or one."""
        if datagram.startswith(b"thump"):
            self.seen.append("nudge")
            return []
        assert datagram[:4] == bytes([6, 0, 0xFF, 7])
        if datagram[4] == 6:
            return self._receive_plus(datagram)
        return self._receive_lan(datagram)

    def _answer(self, step: str, make: Callable[[], bytes]) -> list[bytes]:
        self.seen.append(step)
        if step in self.script.silent:
            return []
        return [self.script.mangle.get(step, bytes)(make())]

    def _receive_plus(self, datagram: bytes) -> list[bytes]:
        kind, session_id = datagram[5] & 0x3F, int.from_bytes(datagram[6:10], "little")
        if session_id:
            assert self.keys is not None
            if session_id != self.bmc_id:  # a session that this BMC has forgotten
                self.seen.append("forgotten")
                return []
            return self._in_session(reference.unseal(self.keys, datagram).payload, self._seal_plus)
        body = datagram[16:]
        steps = {0x10: ("open", self._open), 0x12: ("rakp1", self._rakp1), 0x14: ("rakp3", self._rakp3)}
        step, handler = steps[kind]
        if step == "rakp3" and body[1]:
            self.farewells.append(body[1])
            return []
        return self._answer(step, lambda: handshake(kind + 1, handler(body)))

    # --- RMCP+ ---

    def forget_session(self) -> None:
        """Drop the live session without a word, as a BMC does after its idle timeout."""
        self.bmc_id += 1
        self._lan_id = 0

    def _open(self, body: bytes) -> bytes:
        tag, console_id = body[0], body[4:8]
        if "open" in self.script.refuse:
            return bytes([tag, self.script.refuse["open"], 0, 0]) + console_id
        proposed = (body[12], body[20], body[28])
        chosen = self.script.algorithms or proposed
        if chosen not in [SUITE_ALGORITHMS[number] for number in self.script.suites] and not self.script.algorithms:
            return bytes([tag, 0x11, 0, 0]) + console_id
        self._algorithms = chosen
        self.console_id = int.from_bytes(console_id, "little")
        self.bmc_id += 0x100
        head = bytes([tag, 0, self.script.limit, 0]) + console_id + u32(self.bmc_id)
        return head + b"".join(bytes([place, 0, 0, 8, number, 0, 0, 0]) for place, number in enumerate(chosen))

    def _rakp1(self, body: bytes) -> bytes:
        self.rakp1 = body
        assert int.from_bytes(body[4:8], "little") == self.bmc_id
        self._console_random, self._role = body[8:24], body[24]
        if "rakp1" in self.script.refuse:
            return bytes([body[0], self.script.refuse["rakp1"], 0, 0]) + u32(self.console_id)
        name = self._name()
        if body[28 : 28 + body[27]] != name:
            return bytes([body[0], 0x0D, 0, 0]) + u32(self.console_id)
        ids = u32(self.console_id) + u32(self.bmc_id)
        randoms = self._console_random + self._bmc_random
        code = keyed(self._algorithms[0], self._password(), ids, randoms, GUID, self._who(bare=self.script.bare_role))
        surplus = b"\0" if self.script.surplus_byte else b""
        return bytes([body[0], 0, 0, 0]) + u32(self.console_id) + self._bmc_random + GUID + code + surplus

    def _rakp3(self, body: bytes) -> bytes:
        script = self.script
        head = u32(self.console_id)
        if "rakp3" in script.refuse:
            return bytes([body[0], script.refuse["rakp3"], 0, 0]) + head
        algorithm, integrity, confidentiality = self._algorithms
        # In RAKP 3 the name is never padded, whatever it was before.
        bare = script.bare_role or script.bare_role_in_rakp3
        role = self._role & 0x0F if bare else self._role
        who = bytes([role, len(script.username)]) + script.username
        password = self._password()
        if body[8:] != keyed(algorithm, password, self._bmc_random, u32(self.console_id), who):
            return bytes([body[0], 0x0F, 0, 0]) + head
        key = script.kg or password
        mine = self._who(bare=script.bare_role)
        sik = self._sik = keyed(algorithm, key, self._console_random, self._bmc_random, mine)
        k1, k2 = keyed(algorithm, sik, b"\x01" * 20), keyed(algorithm, sik, b"\x02" * 20)
        self.keys = Keys(integrity, confidentiality, k1, k2, script.password)
        self._sequence = 0
        return bytes([body[0], 0, 0, 0]) + head + self._rakp4_check()

    def _rakp4_check(self) -> bytes:
        algorithm, integrity, _ = self._algorithms
        data = self._console_random + u32(self.bmc_id) + GUID
        if self.script.needless_check:
            return bytes(12)
        if self.script.check_by_integrity:
            name, length = reference.INTEGRITY_DIGESTS[integrity]
            return hmac.new(self._sik, data, name).digest()[:length]
        return keyed(algorithm, self._sik, data)[: reference.RAKP4_LENGTHS[algorithm]]

    def _name(self) -> bytes:
        return self.script.username.ljust(16, b"\0") if self.script.padded_name else self.script.username

    def _who(self, *, bare: bool) -> bytes:
        name = self._name()
        return bytes([self._role & 0x0F if bare else self._role, len(name)]) + name

    def _password(self) -> bytes:
        cut = self.script.short_password and self._algorithms[0] == 2
        return self.script.password[:16] if cut else self.script.password

    def _seal_plus(self, frame: bytes) -> bytes:
        assert self.keys is not None
        self._sequence += 1
        vector = hashlib.sha256(u32(self._sequence)).digest()[:16]
        return reference.seal(self.keys, self.console_id, self._sequence, frame, vector=vector)

    # --- IPMI messages ---

    def frame_of_answer(self, request: bytes, code: int, data: bytes = b"") -> bytes:
        """The response frame to a request frame."""
        head = bytes([request[3], request[1] | 4])
        tail = bytes([request[0], request[4], request[5], code]) + data
        wrong = 1 if self.script.wrong_checksums else 0
        return head + bytes([-sum(head) & 0xFF ^ wrong]) + tail + bytes([-sum(tail) & 0xFF ^ wrong])

    def _granted(self, asked: bytes) -> bytes:
        return asked[:1] if self.script.granted is None else bytes([self.script.granted])

    def _in_session(self, frame: bytes, seal: Callable[[bytes], bytes]) -> list[bytes]:
        netfn, command, data = frame[1] >> 2, frame[5], frame[6:-1]
        step = COMMANDS.get(command, "command") if netfn == 6 else "command"
        self.requests.append((netfn, command, data))
        if step == "close":
            self.closed += 1
        code = self.script.refuse.get(step, 0)
        answer = self._granted(data) if step == "privilege" and not code else b""
        if step == "command" and not code:
            answer = bytes([netfn, command]) + data if self.script.data is None else self.script.data
        return self._answer(step, lambda: seal(self.frame_of_answer(frame, code, answer)))

    # --- IPMI 1.5 ---

    def _receive_lan(self, datagram: bytes) -> list[bytes]:
        auth_type = datagram[4]
        sequence, session_id = struct.unpack_from("<II", datagram, 5)
        start = 13 + (16 if auth_type else 0)
        frame = datagram[start + 1 : start + 1 + datagram[start]]
        step = COMMANDS.get(frame[5], "command")
        if step == "activate" or session_id:
            code = datagram[13:start]
            if code != self.auth_code(auth_type, session_id, sequence, frame):
                self.seen.append("forged")
                return []
        if step == "activate":
            return self._answer(step, lambda: self._activate(frame, auth_type, session_id))
        if session_id or (self.script.zero_id and sequence):
            if session_id != self._lan_id and not self.script.zero_id:
                self.seen.append("forgotten")
                return []
            return self._in_session(frame, self._seal_lan)
        outside = {"capabilities": self._capabilities, "suites": self._suites, "challenge": self._get_challenge}
        return self._answer(step, lambda: lan_packet(outside[step](frame)))

    def auth_code(self, auth_type: int, session_id: int, sequence: int, frame: bytes) -> bytes:
        padded = self._lan_password or self.script.password.ljust(16, b"\0")
        if auth_type in (0, 4, 5):
            return padded if auth_type else b""
        data = padded + u32(session_id) + frame + u32(sequence) + padded
        return md2(data) if auth_type == 1 else hashlib.md5(data).digest()  # noqa: S324 - the protocol's

    def _capabilities(self, frame: bytes) -> bytes:
        script = self.script
        extended = bool(frame[6] & 0x80)
        if "capabilities" in script.refuse and (extended or script.plus):
            return self.frame_of_answer(frame, script.refuse["capabilities"])
        types = sum(AUTH_BITS[kind] for kind in script.auth_types)
        status = 0x04 | script.per_message_disabled << 4 | script.user_level_disabled << 3
        has_plus = extended and script.plus
        data = bytes([1, types | 0x80 * extended, status, 0x03 if has_plus else 0x01 * extended]) + bytes(4)
        return self.frame_of_answer(frame, 0, data)

    def _suites(self, frame: bytes) -> bytes:
        if "suites" in self.script.refuse:
            return self.frame_of_answer(frame, self.script.refuse["suites"])
        records = self.script.suite_bytes
        if records is None:
            records = b"".join(
                bytes([0xC0, number, *(place << 6 | kind for place, kind in enumerate(SUITE_ALGORITHMS[number]))])
                for number in self.script.suites
            )
        index = frame[8] & 0x3F
        return self.frame_of_answer(frame, 0, b"\x01" + records[16 * index : 16 * index + 16])

    def _get_challenge(self, frame: bytes) -> bytes:
        if "challenge" in self.script.refuse:
            return self.frame_of_answer(frame, self.script.refuse["challenge"])
        self._challenge = bytes(range(0x30, 0x40))
        self._lan_id = 0x1A2B3C00 + len(self.seen)
        self._lan_password = b""
        if self.script.supermicro:
            hashed = hashlib.md5(self.script.password).digest()  # noqa: S324 - the protocol's
            mixed = bytes(a ^ b for a, b in zip(hashed, self._challenge, strict=True))
            self._lan_password = hashlib.md5(mixed).digest()  # noqa: S324 - the protocol's
        return self.frame_of_answer(frame, 0, u32(self._lan_id) + self._challenge)

    def _activate(self, frame: bytes, auth_type: int, session_id: int) -> bytes:
        script = self.script
        data = frame[6:-1]
        if "activate" in script.refuse:
            return lan_packet(self.frame_of_answer(frame, script.refuse["activate"]))
        assert data[2:18] == (bytes(16) if script.supermicro else self._challenge)
        outbound = int.from_bytes(data[18:22], "little")
        self._lan_auth = 0 if script.per_message_disabled else auth_type
        self._sequence = outbound - 1
        body = (
            bytes([self._lan_auth]) + u32(0 if script.zero_id else self._lan_id) + u32(0x1000) + bytes([script.limit])
        )
        answer = self.frame_of_answer(frame, 0, body)
        code = bytes(16) if script.blank_auth_codes else self.auth_code(auth_type, session_id, 0, answer)
        return lan_packet(answer, auth_type=auth_type, session_id=session_id, code=code)

    def _seal_lan(self, frame: bytes) -> bytes:
        script = self.script
        self._sequence += 1
        sequence = self._sequence
        if script.swapped_sequence:
            sequence = int.from_bytes(sequence.to_bytes(4, "little"), "big")
        session_id = 0 if script.zero_id else self._lan_id
        code = self.auth_code(self._lan_auth, session_id, sequence, frame)
        if script.blank_auth_codes:
            code = bytes(len(code))
        return lan_packet(frame, auth_type=self._lan_auth, session_id=session_id, sequence=sequence, code=code)


def lan_packet(frame: bytes, *, auth_type: int = 0, session_id: int = 0, sequence: int = 0, code: bytes = b"") -> bytes:
    """An IPMI 1.5 packet."""
    return bytes([6, 0, 0xFF, 7, auth_type]) + u32(sequence) + u32(session_id) + code + bytes([len(frame)]) + frame


def handshake(kind: int, body: bytes) -> bytes:
    """An RMCP+ packet outside a session."""
    return bytes([6, 0, 0xFF, 7, 6, kind]) + bytes(8) + struct.pack("<H", len(body)) + body
