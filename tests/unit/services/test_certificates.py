"""Certificates of machines, and the tokens that show them."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import AuthenticationError, LocalProtocolError
from conduit.services.certificates import (
    BACKDATE,
    GATEWAY_NAME,
    LIFE,
    Authority,
    Identity,
    certificate_from_pem,
    check_name,
    key_from_pem,
    key_to_pem,
    new_key,
    request_certificate,
    to_pem,
    verify,
)
from conduit.services.clock import MAX_SKEW
from conduit.services.machine_tokens import LIFE as TOKEN_LIFE
from conduit.services.machine_tokens import machine_token, verify_machine_token

NOW = 1_800_000_000.0
CA = Authority.create(NOW)
KEY = new_key()
AGENT = Identity("agent", "ams1-a")
CERTIFICATE = CA.issue(request_certificate(KEY), AGENT, NOW)


def test_a_certificate_tells_whose_it_is() -> None:
    assert verify(CERTIFICATE, CA.certificate, NOW) == AGENT


def test_only_a_gateways_certificate_has_the_name_that_agents_look_for() -> None:
    gateway = CA.issue(request_certificate(new_key()), Identity("gateway", "gw1"), NOW)
    names = gateway.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [GATEWAY_NAME]
    names = CERTIFICATE.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == []


@pytest.mark.parametrize("when", [NOW - BACKDATE - 1, NOW + LIFE + 1])
def test_a_certificate_is_good_for_a_day(when: float) -> None:
    with pytest.raises(AuthenticationError, match="expired"):
        verify(CERTIFICATE, CA.certificate, when)


def test_another_authoritys_certificate_is_not_believed() -> None:
    other = Authority.create(NOW)
    with pytest.raises(AuthenticationError, match="not from our CA"):
        verify(other.issue(request_certificate(KEY), AGENT, NOW), CA.certificate, NOW)


def test_the_authoritys_own_certificate_is_no_machines() -> None:
    with pytest.raises(AuthenticationError):
        verify(CA.certificate, CA.certificate, NOW)


def test_a_request_must_be_signed_by_its_own_key() -> None:
    request = bytearray(request_certificate(KEY))
    request[-1] ^= 1
    for each in (bytes(request), b"", b"nonsense"):
        with pytest.raises(AuthenticationError):
            CA.issue(each, AGENT, NOW)


def test_keys_and_certificates_survive_a_file() -> None:
    again = Authority.from_pem(to_pem(CA.certificate).encode(), key_to_pem(CA.key))
    assert verify(again.issue(request_certificate(KEY), AGENT, NOW), CA.certificate, NOW) == AGENT


@pytest.mark.parametrize("read", [key_from_pem, certificate_from_pem])
def test_what_is_no_key_or_certificate_is_refused(read: object) -> None:
    with pytest.raises(AuthenticationError):
        read(b"nonsense")  # type: ignore[operator]


@given(st.text(max_size=80))
def test_an_identity_is_read_or_refused(uri: str) -> None:
    try:
        identity = Identity.parse(uri)
    except AuthenticationError:
        return
    assert str(identity) == uri


@pytest.mark.parametrize("name", ["", "A", "-a", "a/b", "a b", "a" * 64, "é"])
def test_some_names_are_no_machines(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_name(name)


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_machines_token_tells_who_signed_it() -> None:
    machine = verify_machine_token(machine_token(CERTIFICATE, KEY, NOW), CA.certificate, NOW)
    assert machine.identity == AGENT
    assert machine.serial == CERTIFICATE.serial_number
    assert machine.certified_at == NOW


def test_the_certificate_alone_is_not_enough() -> None:
    with pytest.raises(AuthenticationError, match="not valid"):
        verify_machine_token(machine_token(CERTIFICATE, new_key(), NOW), CA.certificate, NOW)


@pytest.mark.parametrize("when", [NOW + TOKEN_LIFE + MAX_SKEW + 1, NOW - MAX_SKEW - 1])
def test_a_machines_token_is_for_now(when: float) -> None:
    with pytest.raises(AuthenticationError, match="clocks"):
        verify_machine_token(machine_token(CERTIFICATE, KEY, NOW), CA.certificate, when)


def test_a_machine_of_another_authority_is_nobody() -> None:
    other = Authority.create(NOW)
    token = machine_token(other.issue(request_certificate(KEY), AGENT, NOW), KEY, NOW)
    with pytest.raises(AuthenticationError, match="not from our CA"):
        verify_machine_token(token, CA.certificate, NOW)


@given(st.text(max_size=100))
def test_whatever_comes_as_a_machines_token_is_refused_and_no_more(token: str) -> None:
    with pytest.raises(AuthenticationError):
        verify_machine_token(token, CA.certificate, NOW)
