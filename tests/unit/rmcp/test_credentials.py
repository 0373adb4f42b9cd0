"""Credentials: limits, and secrets that stay out of sight."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.privilege import Privilege


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"username": bytes(17)}, "the user name has 17 bytes; IPMI takes at most 16"),
        ({"password": bytes(21)}, "the password has 21 bytes; IPMI takes at most 20"),
        ({"kg": bytes(21)}, "the BMC key Kg has 21 bytes; IPMI takes at most 20"),
        ({"cipher_suite": 20}, "there is no cipher suite 20; take one of 0 to 19"),
        ({"auth_type": 6}, r"there is no IPMI 1\.5 auth type 6"),
    ],
)
def test_what_the_protocol_cannot_carry_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        Credentials(**fields)


def test_longest_fields_and_last_numbers_are_taken() -> None:
    taken = Credentials(username=bytes(16), password=bytes(20), kg=bytes(20), cipher_suite=19, auth_type=5)
    assert (len(taken.username), len(taken.password), len(taken.kg)) == (16, 20, 20)
    assert (taken.cipher_suite, taken.auth_type) == (19, 5)


def test_secrets_are_not_in_repr() -> None:
    shown = repr(Credentials(username=b"admin", password=b"hunter2", kg=b"master-key"))
    assert "admin" in shown
    assert "hunter2" not in shown
    assert "master-key" not in shown


def test_role_asks_for_look_up_by_name_unless_told_otherwise() -> None:
    assert Credentials(privilege=Privilege.OPERATOR).role == 0x13
    assert Credentials(privilege=Privilege.OPERATOR, name_only=False).role == 0x03


def test_interface_is_chosen_by_the_bmc_unless_told_otherwise() -> None:
    assert Credentials().interface is Interface.AUTO
