"""Which way of logging in is taken: what is allowed, best first, and nothing less than was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from conduit.errors import AuthenticationError, LocalProtocolError, NegotiationError
from conduit.rfb.names import SecurityType, VeNCryptType

Method = SecurityType | VeNCryptType


class Proof(Enum):
    """What a client shows."""

    NONE = "none"
    VNC = "vnc"
    PLAIN = "plain"


class Cover(Enum):
    """What a listener on the way sees."""

    X509 = "x509"
    "TLS with a server whose certificate says who it is."
    ANONYMOUS = "tls"
    "TLS with whoever answers."
    BARE = "bare"
    "Everything."


METHODS: Final[dict[Method, tuple[Cover, Proof]]] = {
    VeNCryptType.X509_NONE: (Cover.X509, Proof.NONE),
    VeNCryptType.X509_VNC: (Cover.X509, Proof.VNC),
    VeNCryptType.X509_PLAIN: (Cover.X509, Proof.PLAIN),
    VeNCryptType.TLS_NONE: (Cover.ANONYMOUS, Proof.NONE),
    VeNCryptType.TLS_VNC: (Cover.ANONYMOUS, Proof.VNC),
    VeNCryptType.TLS_PLAIN: (Cover.ANONYMOUS, Proof.PLAIN),
    SecurityType.NONE: (Cover.BARE, Proof.NONE),
    SecurityType.VNC_AUTH: (Cover.BARE, Proof.VNC),
    VeNCryptType.PLAIN: (Cover.BARE, Proof.PLAIN),
}
_BY_PARTS: Final = {parts: method for method, parts in METHODS.items()}
_BEST_FIRST: Final = (Proof.PLAIN, Proof.VNC)
_WORDS: Final[dict[str, Method]] = {
    "none": SecurityType.NONE,
    "vnc": SecurityType.VNC_AUTH,
    "plain": VeNCryptType.PLAIN,
    "tls": SecurityType.TLS,
    "tls-none": VeNCryptType.TLS_NONE,
    "tls-vnc": VeNCryptType.TLS_VNC,
    "tls-plain": VeNCryptType.TLS_PLAIN,
    "x509-none": VeNCryptType.X509_NONE,
    "x509-vnc": VeNCryptType.X509_VNC,
    "x509-plain": VeNCryptType.X509_PLAIN,
}
METHOD_WORDS: Final = tuple(_WORDS)
_NAMES: Final = {method: word for word, method in _WORDS.items()} | {
    SecurityType.VENCRYPT: "vencrypt",
    SecurityType.RA2: "ra2",
    SecurityType.RA2NE: "ra2ne",
    SecurityType.TIGHT: "tight",
    SecurityType.SASL: "sasl",
    SecurityType.APPLE: "apple",
    SecurityType.MS_LOGON_2: "ms-logon-2",
    VeNCryptType.TLS_SASL: "tls-sasl",
    VeNCryptType.X509_SASL: "x509-sasl",
}


def parse_method(word: str) -> Method:
    """The method that people call *word*.

    :raises LocalProtocolError: there is none.
    """
    method = _WORDS.get(word.lower())
    if method is None:
        raise LocalProtocolError(f"{word!r} is no way of logging in; there are {', '.join(METHOD_WORDS)}")
    return method


def method_name(number: int) -> str:
    """What people call it."""
    return _NAMES.get(number, f"type {number}")  # type: ignore[call-overload, no-any-return]  # both enums are ints


def method_names(numbers: Iterable[int]) -> str:
    """The same for many, for a sentence."""
    return ", ".join(method_name(number) for number in numbers) or "nothing"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in; without a password only where none is wanted."""

    username: str = ""
    password: str | None = field(default=None, repr=False)


def to_bytes(text: str) -> bytes:
    """A user name or password as the server gets it: UTF-8, and bytes that were no UTF-8 as they were."""
    return text.encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRules:
    """What a client consents to."""

    methods: tuple[Method, ...] = ()
    "These and no others, best first; empty is what fits the credentials."
    anonymous_tls: bool = False
    "Whether TLS will do with a server that does not say who it is."
    is_covered: bool = False
    "Whether all of it happens inside TLS anyway, so that a password may be said as it is."
    may_ask: bool = False
    "Whether a person can be asked for what is missing."
    without_vencrypt: bool = False
    "Whether that was tried, and is of no use."

    def allowed(self, credentials: Credentials) -> list[Method]:
        """Best first."""
        methods = list(self.methods) or self._fitting(credentials)
        return [each for each in methods if not (self.without_vencrypt and isinstance(each, VeNCryptType))]

    def _fitting(self, credentials: Credentials) -> list[Method]:
        proofs = self._proofs(credentials)
        methods: list[Method] = [_BY_PARTS[Cover.X509, proof] for proof in proofs]
        if self.anonymous_tls:
            methods += [_BY_PARTS[Cover.ANONYMOUS, proof] for proof in proofs]
            methods.append(SecurityType.TLS)
        return methods + [
            _BY_PARTS[Cover.BARE, proof] for proof in proofs if proof is not Proof.PLAIN or self.is_covered
        ]

    def _proofs(self, credentials: Credentials) -> list[Proof]:
        if credentials.password is None:
            return [Proof.NONE, *(_BEST_FIRST if self.may_ask else ())]
        return [proof for proof in _BEST_FIRST if proof is not Proof.PLAIN or credentials.username or self.may_ask]

    def allowed_inside_tls(self, credentials: Credentials) -> list[Method]:
        """The same, once the type TLS has been chosen."""
        return [_BY_PARTS[Cover.BARE, proof] for proof in self._proofs(credentials) if proof is not Proof.PLAIN]


def choose(offered: Collection[int], allowed: Iterable[Method]) -> SecurityType | None:
    """The security type that leads to the best of what is allowed, if any does; VeNCrypt is tried where it might."""
    for method in allowed:
        number = SecurityType.VENCRYPT if isinstance(method, VeNCryptType) else method
        if number in offered:
            return number
    return None


def choose_inside(offered: Collection[int], allowed: Iterable[Method]) -> VeNCryptType | None:
    """The same inside VeNCrypt."""
    return next((each for each in allowed if isinstance(each, VeNCryptType) and each in offered), None)


def refusal(offered: Collection[int], rules: LoginRules, credentials: Credentials) -> Exception:
    """Why nothing of what is offered may be used, and what would change that."""
    what = f"the server offers {method_names(offered)}"
    if rules.methods:
        return NegotiationError(f"{what}; allowed is only {method_names(rules.methods)}")
    proofs = {parts[1] for method, parts in METHODS.items() if method in offered}
    if proofs == {Proof.NONE} and credentials.password is not None:
        return NegotiationError(f"{what}, though a password is set: leave it out, or allow the method by name")
    if proofs and Proof.NONE not in proofs and credentials.password is None and not rules.may_ask:
        return AuthenticationError(f"{what}: it wants a password, and none is set")
    if proofs == {Proof.PLAIN} and not credentials.username:
        return AuthenticationError(f"{what}: it wants a user name as well as a password")
    covers = {parts[0] for method, parts in METHODS.items() if method in offered}
    if SecurityType.TLS in offered or Cover.ANONYMOUS in covers:
        return NegotiationError(f"{what}: that is TLS with a server that does not say who it is; allow it if you must")
    if VeNCryptType.PLAIN in offered:
        return NegotiationError(f"{what}: everybody on the way would read the password; allow it by name if you must")
    return NegotiationError(f"{what}: nothing of that is known here")
