"""How a client gets in (sans-IO): version, security type, proof, ServerInit (RFC 6143, sections 7.1 to 7.3; VeNCrypt).

The driver carries bytes, starts TLS when it is told to, and asks for a password where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from conduit.errors import AuthenticationError, DisplayRefused, LocalProtocolError, NegotiationError
from conduit.rfb.des import CHALLENGE, answer_challenge
from conduit.rfb.messages import ClientInit
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.security import (
    METHODS,
    Cover,
    Credentials,
    LoginRules,
    Method,
    Proof,
    choose,
    choose_inside,
    method_name,
    refusal,
    to_bytes,
)
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.steps import Steps
from conduit.rfb.versions import LINE, REPEATER, Version, agree, decode_version

MAX_REASON: Final = 1024  # bytes of a refusal's words that are read
MAX_CREDENTIAL: Final = 1023  # bytes of a user name or a password; TigerVNC takes no more
REPEATER_MESSAGE: Final = 250  # bytes in which a repeater is told whom we want, filled up with zeros
_VENCRYPT: Final = b"\x00\x02"  # version 0.2


@dataclass(frozen=True, slots=True)
class TlsNeeded:
    """TLS starts here: the driver wraps the connection, and calls :meth:`ClientHandshake.tls_started`."""

    anonymous: bool
    "Whether the server has no certificate."


@dataclass(frozen=True, slots=True)
class CredentialsNeeded:
    """The driver asks somebody, and calls :meth:`ClientHandshake.give`."""

    username: bool
    "Whether a user name is wanted as well."


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """We are in."""

    init: ServerInit


Event = TlsNeeded | CredentialsNeeded | LoggedIn


class UselessVeNCrypt(NegotiationError):
    """VeNCrypt was chosen, and there is nothing inside that may be used, while there is outside."""


def encode_repeater_id(repeater_id: str) -> bytes:
    """What a repeater of UltraVNC is told (mode II): ``ID:`` and the id, then zeros.

    :raises LocalProtocolError: that is no id.
    """
    if not repeater_id.isascii() or not repeater_id.isprintable() or not 0 < len(repeater_id) <= REPEATER_MESSAGE - 4:
        raise LocalProtocolError(f"a repeater's id has 1 to {REPEATER_MESSAGE - 4} printable characters of ASCII")
    return f"ID:{repeater_id}".encode().ljust(REPEATER_MESSAGE, b"\0")


class ClientHandshake:
    """The machine.

    :param shared: whether other viewers of the same server may stay.
    :param repeater_id: which server a repeater of UltraVNC connects us with, if there is one on the way.
    :raises LocalProtocolError: *repeater_id* is none.
    """

    def __init__(
        self, credentials: Credentials, rules: LoginRules, *, shared: bool = True, repeater_id: str = ""
    ) -> None:
        self._repeater_message = encode_repeater_id(repeater_id) if repeater_id else b""
        self._credentials = credentials
        self._rules = rules
        self._shared = shared
        self._steps = Steps()
        self._steps.expect(LINE, self._take_version)
        self._outbox = bytearray()
        self._events: list[Event] = []
        self._waiting: type[Event] | None = None
        self._failure: type[DisplayRefused | AuthenticationError] | None = (
            None  # once the server has said no, and before it has said why
        )
        self._was_repeated = False
        self._in_tls = False
        self._has_proven = False
        self._is_in = False
        self.version = Version.V3_8
        "What was agreed on."
        self.server_version = (0, 0)
        "What the server said."
        self.offered: tuple[int, ...] = ()
        "Security types of the server."
        self.offered_inside: tuple[int, ...] = ()
        "What VeNCrypt, or TLS, had inside."
        self.method: Method | None = None
        "How we log in."

    @property
    def is_in_tls(self) -> bool:
        """Whether the handshake has started TLS."""
        return self._in_tls

    @property
    def awaits_judgement(self) -> bool:
        """Whether the server has our proof, and has not said what it thinks of it."""
        return self._has_proven and not self._is_in

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Bytes of the server.

        :raises DisplayRefused: it wants nobody, and why.
        :raises AuthenticationError: it does not believe us, or wants what we do not have.
        :raises NegotiationError: nothing that it offers may be used.
        :raises RemoteProtocolError: it does not keep to the protocol.
        """
        self._steps.receive(data)
        return self._take_events()

    def receive_eof(self) -> None:
        """The server has closed the connection, and that is too early.

        :raises DisplayRefused: always, or
        :raises AuthenticationError: with what has come of its reason, or it went when it had our proof: some say so
            that a password is wrong.
        """
        if self._failure is not None:
            self._refuse(self._steps.held)
        early = "the server closed the connection before the login was over"
        if self.awaits_judgement:
            raise AuthenticationError(f"{early}: the password may be wrong")
        raise DisplayRefused(f"{early}: it may have another viewer, or be starting")

    def data_to_send(self) -> bytes:
        """For the server."""
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

    def tls_started(self) -> list[Event]:
        """What follows is inside TLS."""
        self._resume(TlsNeeded)
        self._in_tls = True
        if self.method is SecurityType.TLS:
            self._steps.expect(1, self._take_count)
        else:
            self._prove()
        self._steps.advance()
        return self._take_events()

    def give(self, credentials: Credentials) -> list[Event]:
        """What was asked for."""
        self._resume(CredentialsNeeded)
        self._credentials = credentials
        self._prove()
        self._steps.advance()
        return self._take_events()

    def _resume(self, event: type[Event]) -> None:
        if self._waiting is not event:
            raise LocalProtocolError(f"nobody asked for {event.__name__}")
        self._waiting = None

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _stop(self, event: Event) -> None:
        self._events.append(event)
        self._waiting = type(event)

    # --- version and security type ---

    def _take_version(self, line: bytes) -> None:
        self.server_version = decode_version(line)
        if self.server_version == REPEATER:
            self._ask_repeater()
            return
        self.version = agree(self.server_version)
        self._outbox += self.version.line
        if self.version is Version.V3_3:
            self._steps.expect(4, self._take_decision)
        else:
            self._steps.expect(1, self._take_count)

    def _ask_repeater(self) -> None:
        """Whom we want; what follows comes from there, and begins with a version again."""
        if not self._repeater_message:
            raise NegotiationError("this is a repeater of UltraVNC: it wants to know the id of the server behind it")
        if self._was_repeated:
            raise NegotiationError("the repeater of UltraVNC leads to another one")
        self._was_repeated = True
        self._outbox += self._repeater_message
        self._steps.expect(LINE, self._take_version)

    def _take_decision(self, data: bytes) -> None:
        """Version 3.3: the server alone decides."""
        number = int.from_bytes(data)
        if not number:
            self._expect_reason(DisplayRefused)
            return
        self.offered = (number,)
        self._begin(self._choose())

    def _take_count(self, data: bytes) -> None:
        if data[0]:
            self._steps.expect(data[0], self._take_types)
        else:
            self._expect_reason(DisplayRefused)

    def _take_types(self, data: bytes) -> None:
        if self._in_tls:
            self.offered_inside = tuple(data)
        else:
            self.offered = tuple(data)
        chosen = self._choose()
        self._outbox.append(chosen)
        self._begin(chosen)

    def _choose(self) -> SecurityType:
        """:raises NegotiationError: nothing may be chosen."""
        if self._in_tls:
            offered, allowed = self.offered_inside, self._rules.allowed_inside_tls(self._credentials)
        else:
            offered, allowed = self.offered, self._rules.allowed(self._credentials)
        chosen = choose(offered, allowed)
        if chosen is None:
            raise refusal(offered, self._rules, self._credentials)
        return chosen

    def _begin(self, chosen: SecurityType) -> None:
        if chosen is SecurityType.VENCRYPT:
            self._steps.expect(2, self._take_vencrypt_version)
            return
        self.method = chosen
        if chosen is SecurityType.TLS:
            self._stop(TlsNeeded(anonymous=True))
        else:
            self._prove()

    # --- VeNCrypt ---

    def _take_vencrypt_version(self, data: bytes) -> None:
        if data < _VENCRYPT:
            raise NegotiationError(f"the server speaks version {data[0]}.{data[1]} of VeNCrypt; 0.2 is known")
        self._outbox += _VENCRYPT
        self._steps.expect(1, self._take_vencrypt_answer)

    def _take_vencrypt_answer(self, data: bytes) -> None:
        if data[0]:
            raise NegotiationError("the server does not speak version 0.2 of VeNCrypt, which it offered")
        self._steps.expect(1, self._take_vencrypt_count)

    def _take_vencrypt_count(self, data: bytes) -> None:
        if not data[0]:
            raise NegotiationError("the server offers VeNCrypt, and nothing inside it")
        self._steps.expect(4 * data[0], self._take_vencrypt_types)

    def _take_vencrypt_types(self, data: bytes) -> None:
        offered = tuple(int.from_bytes(data[at : at + 4]) for at in range(0, len(data), 4))
        self.offered_inside = offered
        allowed = self._rules.allowed(self._credentials)
        method = choose_inside(offered, allowed)
        if method is None:
            self._give_up_on_vencrypt(offered, allowed)
        self.method = method
        self._outbox += method.to_bytes(4)
        if method is VeNCryptType.PLAIN:
            self._prove()
        else:
            self._steps.expect(1, self._take_vencrypt_consent)

    def _give_up_on_vencrypt(self, offered: tuple[int, ...], allowed: list[Method]) -> NoReturn:
        why = refusal(offered, self._rules, self._credentials)
        outside = [each for each in allowed if isinstance(each, SecurityType) and each in self.offered]
        if outside:
            raise UselessVeNCrypt(str(why)) from why
        raise why

    def _take_vencrypt_consent(self, data: bytes) -> None:
        if data[0] != 1:
            raise NegotiationError(f"the server refuses {self._name}, which it offered")
        self._stop(TlsNeeded(anonymous=METHODS[self._chosen][0] is Cover.ANONYMOUS))

    # --- the proof ---

    @property
    def _chosen(self) -> Method:
        if self.method is None:
            raise LocalProtocolError("no method is chosen yet")
        return self.method

    @property
    def _name(self) -> str:
        return method_name(self._chosen)

    def _prove(self) -> None:
        proof = METHODS[self._chosen][1]
        if proof is Proof.NONE:
            self._await_result()
        elif self._lacks(proof):
            self._stop(CredentialsNeeded(username=proof is Proof.PLAIN))
        elif proof is Proof.PLAIN:
            self._say_password()
        else:
            self._steps.expect(CHALLENGE, self._answer)

    def _lacks(self, proof: Proof) -> bool:
        return self._credentials.password is None or (proof is Proof.PLAIN and not self._credentials.username)

    def _answer(self, challenge: bytes) -> None:
        self._has_proven = True
        self._outbox += answer_challenge(to_bytes(self._credentials.password or ""), challenge)
        self._await_result()

    def _say_password(self) -> None:
        username, password = to_bytes(self._credentials.username), to_bytes(self._credentials.password or "")
        if max(len(username), len(password)) > MAX_CREDENTIAL:
            raise LocalProtocolError(f"a user name or a password of more than {MAX_CREDENTIAL} bytes")
        self._has_proven = True
        self._outbox += len(username).to_bytes(4) + len(password).to_bytes(4) + username + password
        self._await_result()

    # --- the answer ---

    def _await_result(self) -> None:
        if self.method is SecurityType.NONE and self.version < Version.V3_8:
            self._enter()  # nothing to tell, and older servers do not
        else:
            self._steps.expect(4, self._take_result)

    def _take_result(self, data: bytes) -> None:
        if not any(data):
            self._enter()
            return
        failure = AuthenticationError if self._has_proven else DisplayRefused
        if self.version is Version.V3_8:
            self._expect_reason(failure)
        else:
            self._failure = failure
            self._refuse(b"")

    def _expect_reason(self, failure: type[DisplayRefused | AuthenticationError]) -> None:
        self._failure = failure
        self._steps.expect(4, self._take_reason_length)

    def _take_reason_length(self, data: bytes) -> None:
        self._steps.expect(min(int.from_bytes(data), MAX_REASON), self._refuse)

    def _refuse(self, words: bytes) -> NoReturn:
        failure = self._failure or DisplayRefused
        said = legible(words)
        text = "the server refuses the login" if failure is AuthenticationError else "the server refuses the connection"
        raise failure(f"{text}: {said}" if said else text)

    def _enter(self) -> None:
        self._is_in = True
        self._outbox += ClientInit(self._shared).encode()
        self._steps.expect(ServerInit.HEAD.size, self._take_init)

    def _take_init(self, head: bytes) -> None:
        rest = ServerInit.needed(head) - len(head)
        self._steps.expect(rest, lambda name: self._finish(ServerInit.decode(head + name)))

    def _finish(self, init: ServerInit) -> None:
        self._events.append(LoggedIn(init))


def legible(words: bytes) -> str:
    """What a server says, in one line that does no harm to a terminal; QEMU ends it with a NUL."""
    text = words.decode(errors="replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
