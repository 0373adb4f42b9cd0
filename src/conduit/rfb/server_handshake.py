"""How a server lets a client in (sans-IO): the counterpart of :mod:`conduit.rfb.client_handshake`.

The driver says what is offered once the version is known, starts TLS when it is told to, judges what the client shows,
and says what the screen is. Until then it may refuse, and the client learns why.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.rfb.des import CHALLENGE, answer_challenge
from conduit.rfb.messages import ClientInit
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.security import METHODS, Cover, Method, Proof, method_name, to_bytes
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.steps import Steps
from conduit.rfb.versions import LINE, Version, decode_version

MAX_CREDENTIAL: Final = 1023  # bytes of a user name or a password
_VENCRYPT: Final = b"\x00\x02"  # version 0.2
_REFUSED: Final = (1).to_bytes(4)


@dataclass(frozen=True, slots=True)
class VersionAgreed:
    """The driver calls :meth:`ServerHandshake.offer` or :meth:`ServerHandshake.refuse`."""

    version: Version


@dataclass(frozen=True, slots=True)
class TlsWanted:
    """The driver starts TLS, as its server, and calls :meth:`ServerHandshake.tls_started`."""

    anonymous: bool


@dataclass(frozen=True, slots=True)
class VncProof:
    """The answer to a challenge: only whoever knows the password gives it."""

    challenge: bytes = field(repr=False)
    response: bytes = field(repr=False)

    def proves(self, username: str, password: str) -> bool:
        """Whether it is by somebody with this password; there is no user name in it."""
        return hmac.compare_digest(answer_challenge(to_bytes(password), self.challenge), self.response)


@dataclass(frozen=True, slots=True)
class PlainProof:
    """User name and password as they are."""

    username: bytes
    password: bytes = field(repr=False)

    def proves(self, username: str, password: str) -> bool:
        """Whether it is by this user with this password."""
        same_user = hmac.compare_digest(to_bytes(username), self.username)
        return hmac.compare_digest(to_bytes(password), self.password) and same_user


@dataclass(frozen=True, slots=True)
class ProofShown:
    """The driver calls :meth:`ServerHandshake.accept` or :meth:`ServerHandshake.refuse`."""

    proof: VncProof | PlainProof


@dataclass(frozen=True, slots=True)
class ClientReady:
    """The driver says what the screen is: :meth:`ServerHandshake.start`."""

    shared: bool
    "Whether the client lets others stay."


Event = VersionAgreed | TlsWanted | ProofShown | ClientReady


class ServerHandshake:
    """The machine.

    :param challenge: sixteen random bytes.
    :param version: the highest that is spoken.
    """

    def __init__(self, challenge: bytes, *, version: Version = Version.V3_8) -> None:
        if len(challenge) != CHALLENGE:
            raise LocalProtocolError(f"a challenge has {CHALLENGE} bytes")
        self._challenge = challenge
        self._highest = version
        self._steps = Steps()
        self._steps.expect(LINE, self._take_version)
        self._outbox = bytearray(version.line)
        self._events: list[Event] = []
        self._waiting: type[Event] | None = None
        self._methods: Sequence[Method] = ()
        self._username_length = 0
        self.is_refused = False
        "Whether the client has been told that it is not wanted; it is disconnected next."
        self.version = version
        "What was agreed on."
        self.method: Method | None = None
        "How the client logs in."

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Bytes of the client.

        :raises RemoteProtocolError: it does not keep to the protocol.
        """
        self._steps.receive(data)
        return self._take_events()

    def data_to_send(self) -> bytes:
        """For the client."""
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    @property
    def held_bytes(self) -> int:
        """Kept of a step that is not whole."""
        return len(self._steps.held)

    def take_leftover(self) -> bytes:
        """What came and is not ours: of TLS, or of the session."""
        return self._steps.take_rest()

    def offer(self, methods: Sequence[Method]) -> list[Event]:
        """Ways of logging in, best first; version 3.3 gets the first that it knows."""
        self._resume(VersionAgreed)
        self._methods = methods
        outside = list(dict.fromkeys(_outer(each) for each in methods))
        if self.version is Version.V3_3:
            self._decide([each for each in outside if each in (SecurityType.NONE, SecurityType.VNC_AUTH)])
        else:
            self._outbox += bytes((len(outside), *outside))
            self._steps.expect(1, self._take_choice)
        self._steps.advance()
        return self._take_events()

    def tls_started(self) -> list[Event]:
        """What follows is inside TLS."""
        self._resume(TlsWanted)
        self._ask_for_proof()
        self._steps.advance()
        return self._take_events()

    def accept(self) -> list[Event]:
        """The proof will do."""
        self._resume(ProofShown)
        self._let_in()
        self._steps.advance()
        return self._take_events()

    def start(self, init: ServerInit) -> None:
        """The client is in; what follows is the session's."""
        self._resume(ClientReady)
        self._outbox += init.encode()

    def refuse(self, reason: str) -> None:
        """Tell the client why it is not wanted, in place of an offer or a verdict; elsewhere it cannot be told."""
        words = reason.encode()
        explained = len(words).to_bytes(4) + words
        if self._waiting is VersionAgreed:
            self._outbox += (bytes(4) if self.version is Version.V3_3 else bytes(1)) + explained
        elif self._waiting is ProofShown:
            self._outbox += _REFUSED + (explained if self.version is Version.V3_8 else b"")
        else:
            return
        self._waiting = None
        self.is_refused = True

    def _resume(self, event: type[Event]) -> None:
        if self._waiting is not event:
            raise LocalProtocolError(f"this is no answer to {event.__name__}")
        self._waiting = None

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _stop(self, event: Event) -> None:
        self._events.append(event)
        self._waiting = type(event)

    # --- version and security type ---

    def _take_version(self, line: bytes) -> None:
        major, minor = decode_version(line)
        if major != 3 or minor < Version.V3_3:
            raise RemoteProtocolError(f"the viewer speaks version {major}.{minor} of RFB; 3.3 to 3.8 are known")
        best = Version.V3_8 if minor >= Version.V3_8 else Version.V3_7 if minor == Version.V3_7 else Version.V3_3
        self.version = min(best, self._highest)
        self._stop(VersionAgreed(self.version))

    def _decide(self, known: list[SecurityType]) -> None:
        """Version 3.3: the server alone chooses."""
        if not known:
            self._waiting = VersionAgreed
            self.refuse("this server needs a viewer of version 3.7 or later")
            return
        self._outbox += known[0].to_bytes(4)
        self._begin(known[0])

    def _take_choice(self, data: bytes) -> None:
        chosen = next((each for each in map(_outer, self._methods) if each == data[0]), None)
        if chosen is None:
            raise RemoteProtocolError(f"the viewer chose {method_name(data[0])}, which nobody offered")
        self._begin(chosen)

    def _begin(self, chosen: SecurityType) -> None:
        if chosen is SecurityType.VENCRYPT:
            self._outbox += _VENCRYPT
            self._steps.expect(2, self._take_vencrypt_version)
            return
        self.method = chosen
        self._ask_for_proof()

    # --- VeNCrypt ---

    def _take_vencrypt_version(self, data: bytes) -> None:
        if data != _VENCRYPT:
            self._outbox.append(0xFF)  # so says the protocol, before both hang up
            raise RemoteProtocolError(f"the viewer speaks version {data[0]}.{data[1]} of VeNCrypt; 0.2 is known")
        inside = [each for each in self._methods if isinstance(each, VeNCryptType)]
        self._outbox += bytes((0, len(inside))) + b"".join(each.to_bytes(4) for each in inside)
        self._steps.expect(4, self._take_vencrypt_choice)

    def _take_vencrypt_choice(self, data: bytes) -> None:
        number = int.from_bytes(data)
        chosen = next((each for each in self._methods if isinstance(each, VeNCryptType) and each == number), None)
        if chosen is None:
            raise RemoteProtocolError(f"the viewer chose {method_name(number)}, which nobody offered")
        self.method = chosen
        if chosen is VeNCryptType.PLAIN:
            self._ask_for_proof()
        else:
            self._outbox.append(1)
            self._stop(TlsWanted(anonymous=METHODS[chosen][0] is Cover.ANONYMOUS))

    # --- the proof ---

    def _ask_for_proof(self) -> None:
        if self.method is None:
            raise LocalProtocolError("no method is chosen yet")
        proof = METHODS[self.method][1]
        if proof is Proof.NONE:
            self._let_in()
        elif proof is Proof.VNC:
            self._outbox += self._challenge
            self._steps.expect(CHALLENGE, self._take_response)
        else:
            self._steps.expect(8, self._take_lengths)

    def _take_response(self, data: bytes) -> None:
        self._stop(ProofShown(VncProof(self._challenge, data)))

    def _take_lengths(self, data: bytes) -> None:
        username, password = int.from_bytes(data[:4]), int.from_bytes(data[4:])
        if max(username, password) > MAX_CREDENTIAL:
            raise DecodeError(f"a user name of {username} bytes and a password of {password}")
        self._username_length = username
        self._steps.expect(username + password, self._take_plain)

    def _take_plain(self, data: bytes) -> None:
        self._stop(ProofShown(PlainProof(data[: self._username_length], data[self._username_length :])))

    def _let_in(self) -> None:
        if self.method is not SecurityType.NONE or self.version is Version.V3_8:
            self._outbox += bytes(4)  # SecurityResult; older viewers expect none where nothing was to be proven
        self._steps.expect(1, self._take_init)

    def _take_init(self, data: bytes) -> None:
        self._stop(ClientReady(ClientInit.decode(data).shared))


def _outer(method: Method) -> SecurityType:
    return SecurityType.VENCRYPT if isinstance(method, VeNCryptType) else method
