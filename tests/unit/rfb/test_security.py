from __future__ import annotations

import pytest

from conduit.errors import AuthenticationError, LocalProtocolError, NegotiationError
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.security import (
    METHOD_WORDS,
    Credentials,
    LoginRules,
    choose,
    choose_inside,
    method_name,
    method_names,
    parse_method,
    refusal,
)

NOBODY = Credentials()
PASSWORD = Credentials(password="geheim")
USER = Credentials("admin", "geheim")
N, V, T, VC = SecurityType.NONE, SecurityType.VNC_AUTH, SecurityType.TLS, SecurityType.VENCRYPT
TYPES = VeNCryptType


@pytest.mark.parametrize("word", METHOD_WORDS)
def test_methods_have_words(word: str) -> None:
    assert method_name(parse_method(word.upper())) == word


def test_unknown_methods_have_none() -> None:
    with pytest.raises(LocalProtocolError, match="x509-plain"):
        parse_method("rot13")
    assert method_names([5, 77]) == "ra2, type 77"
    assert method_names([]) == "nothing"


@pytest.mark.parametrize(
    ("credentials", "rules", "allowed"),
    [
        (NOBODY, LoginRules(), [TYPES.X509_NONE, N]),
        (PASSWORD, LoginRules(), [TYPES.X509_VNC, V]),
        (USER, LoginRules(), [TYPES.X509_PLAIN, TYPES.X509_VNC, V]),
        (USER, LoginRules(is_covered=True), [TYPES.X509_PLAIN, TYPES.X509_VNC, TYPES.PLAIN, V]),
        (PASSWORD, LoginRules(anonymous_tls=True), [TYPES.X509_VNC, TYPES.TLS_VNC, T, V]),
        (USER, LoginRules(methods=(N,)), [N]),
        (USER, LoginRules(methods=(TYPES.TLS_PLAIN, V), without_vencrypt=True), [V]),
        (NOBODY, LoginRules(may_ask=True), [TYPES.X509_NONE, TYPES.X509_PLAIN, TYPES.X509_VNC, N, V]),
        (PASSWORD, LoginRules(may_ask=True), [TYPES.X509_PLAIN, TYPES.X509_VNC, V]),
    ],
)
def test_what_is_allowed_fits_the_credentials_best_first(
    credentials: Credentials, rules: LoginRules, allowed: list[int]
) -> None:
    assert rules.allowed(credentials) == allowed


def test_a_password_rules_none_out() -> None:
    assert choose([N], LoginRules().allowed(PASSWORD)) is None
    assert choose([N], LoginRules(methods=(N,)).allowed(PASSWORD)) is N


def test_vencrypt_is_tried_where_something_inside_is_allowed() -> None:
    assert choose([N, V, VC], LoginRules().allowed(PASSWORD)) is VC
    assert choose([N, V, VC], LoginRules(methods=(V, TYPES.X509_VNC)).allowed(PASSWORD)) is V
    assert choose_inside([258, 261], LoginRules().allowed(PASSWORD)) is TYPES.X509_VNC
    assert choose_inside([258], LoginRules().allowed(PASSWORD)) is None


def test_inside_of_tls_are_none_and_vnc() -> None:
    assert LoginRules().allowed_inside_tls(USER) == [V]
    assert LoginRules().allowed_inside_tls(NOBODY) == [N]


@pytest.mark.parametrize(
    ("offered", "rules", "credentials", "kind", "says"),
    [
        ([N], LoginRules(), PASSWORD, NegotiationError, "offers none, though a password is set"),
        ([V], LoginRules(), NOBODY, AuthenticationError, "wants a password, and none is set"),
        ([TYPES.X509_PLAIN], LoginRules(), PASSWORD, AuthenticationError, "a user name as well"),
        ([TYPES.TLS_VNC], LoginRules(), PASSWORD, NegotiationError, "does not say who it is"),
        ([T], LoginRules(), PASSWORD, NegotiationError, "does not say who it is"),
        ([TYPES.PLAIN, 5], LoginRules(), USER, NegotiationError, "everybody on the way would read the password"),
        ([5, 30], LoginRules(), USER, NegotiationError, "ra2, apple: nothing of that is known"),
        ([N, V], LoginRules(methods=(TYPES.X509_VNC,)), USER, NegotiationError, "none, vnc; allowed is only x509-vnc"),
    ],
)
def test_a_refusal_says_what_would_help(
    offered: list[int], rules: LoginRules, credentials: Credentials, kind: type[Exception], says: str
) -> None:
    error = refusal(offered, rules, credentials)
    assert type(error) is kind
    assert says in str(error)
    assert "geheim" not in str(error) + repr(credentials)
