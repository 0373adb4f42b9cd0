"""What is used of what a BMC offers, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import NegotiationError
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.negotiation import choose_auth_type, choose_suite
from conduit.rmcp.packets import AuthType
from conduit.rmcp.workarounds import Workaround

SECRET = Credentials(password=b"secret")


@pytest.mark.parametrize(
    ("listed", "chosen"), [({0, 1, 2, 3, 17}, 17), ({0, 3, 8, 12}, 3), ({2, 16}, 16), ({1, 11}, 11), ({4, 5}, 4)]
)
def test_strongest_listed_suite_is_chosen(listed: set[int], chosen: int) -> None:
    assert choose_suite(listed) == chosen


@pytest.mark.property
@given(st.sets(st.integers(0, 255)))
def test_a_suite_that_proves_nothing_or_protects_nothing_is_never_chosen(listed: set[int]) -> None:
    strong = {number for number in listed if number in SUITES and not SUITES[number].is_weak}
    if not strong:
        with pytest.raises(NegotiationError, match="none of which authenticates every packet"):
            choose_suite(listed)
    else:
        assert choose_suite(listed) in strong


@pytest.mark.parametrize(
    ("offered", "chosen"), [({0, 1, 2, 4}, AuthType.MD5), ({0, 1, 4}, AuthType.MD2), ({2, 5}, AuthType.MD5)]
)
def test_digest_is_chosen_before_anything_else(offered: set[int], chosen: AuthType) -> None:
    assert choose_auth_type(offered, SECRET) is chosen


@pytest.mark.parametrize(
    ("offered", "named"), [({4}, "STRAIGHT_PASSWORD"), ({0}, "NONE"), ({0, 4}, "NONE, STRAIGHT"), (set(), "nothing")]
)
def test_password_is_not_given_away_unasked(offered: set[int], named: str) -> None:
    with pytest.raises(NegotiationError, match=rf"only unprotected IPMI 1\.5 log-ins \({named}"):
        choose_auth_type(offered, SECRET)


def test_without_a_password_there_is_nothing_to_give_away() -> None:
    assert choose_auth_type({0, 4}, Credentials()) is AuthType.STRAIGHT_PASSWORD
    assert choose_auth_type({0}, Credentials()) is AuthType.NONE


@pytest.mark.parametrize("wanted", [0, 1, 2, 4])
def test_type_asked_for_is_used_if_offered(wanted: int) -> None:
    credentials = Credentials(password=b"secret", auth_type=wanted)
    assert choose_auth_type({wanted}, credentials) == wanted


def test_type_not_offered_is_refused_with_the_workaround_for_bmcs_that_lie() -> None:
    with pytest.raises(NegotiationError, match="does not offer auth type MD5; try workaround authcap"):
        choose_auth_type({1}, Credentials(password=b"secret", auth_type=2))


def test_authcap_uses_the_type_asked_for_although_it_is_not_offered() -> None:
    lied_to = Credentials(password=b"secret", auth_type=2, workarounds=frozenset({Workaround.AUTHCAP}))
    assert choose_auth_type({1}, lied_to) == AuthType.MD5


def test_oem_log_in_alone_points_at_its_workarounds() -> None:
    with pytest.raises(NegotiationError, match="try workaround supermicro or quanta"):
        choose_auth_type({5}, SECRET)


@pytest.mark.parametrize("workaround", [Workaround.SUPERMICRO, Workaround.QUANTA])
def test_oem_log_in_is_used_under_its_workaround_if_offered(workaround: Workaround) -> None:
    credentials = Credentials(password=b"secret", workarounds=frozenset({workaround}))
    assert choose_auth_type({2, 5}, credentials) is AuthType.OEM
    assert choose_auth_type({2}, credentials) is AuthType.MD5
