from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.commands.users import (
    GetUserAccess,
    GetUserName,
    PasswordOperation,
    SetUserAccess,
    SetUserName,
    SetUserPassword,
    UserAccess,
    UserName,
    UserState,
)
from conduit.ipmi.messages import PrivilegeLimit


def test_user_access_is_decoded_field_by_field() -> None:
    data = bytes.fromhex("0a 42 01 34")
    access = GetUserAccess(channel=1, user_id=2).decode_response(data)
    assert access == UserAccess(
        max_users=10,
        state=UserState.ENABLED,
        enabled_users=2,
        fixed_names=1,
        link_authentication=True,
        ipmi_messaging=True,
        privilege_limit=PrivilegeLimit.ADMINISTRATOR,
    )
    assert access.encode() == data


def test_a_callback_user_without_access_is_decoded() -> None:
    access = UserAccess.decode(bytes.fromhex("0a 82 01 4f"))
    assert access.callback_only
    assert not access.ipmi_messaging
    assert access.state is UserState.DISABLED
    assert access.privilege_limit is PrivilegeLimit.NO_ACCESS


def test_the_access_request_names_channel_and_user() -> None:
    assert GetUserAccess(channel=1, user_id=2).encode() == b"\x01\x02"
    assert GetUserAccess.decode(b"\x01\x02") == GetUserAccess(channel=1, user_id=2)


def test_access_is_set_in_three_bytes_without_a_session_limit() -> None:
    request = SetUserAccess(channel=1, user_id=2, privilege_limit=PrivilegeLimit.OPERATOR)
    assert request.encode() == b"\x91\x02\x03"
    assert SetUserAccess.decode(b"\x91\x02\x03") == request


def test_access_is_set_in_four_bytes_with_a_session_limit() -> None:
    request = SetUserAccess(
        channel=1,
        user_id=2,
        change_flags=False,
        callback_only=True,
        link_authentication=True,
        ipmi_messaging=False,
        privilege_limit=PrivilegeLimit.USER,
        session_limit=0,
    )
    assert request.encode() == b"\x61\x02\x02\x00"
    assert SetUserAccess.decode(b"\x61\x02\x02\x00") == request


def test_a_name_is_padded_with_nul_to_sixteen_bytes() -> None:
    assert UserName(name=b"admin").encode() == b"admin" + bytes(11)
    assert GetUserName(user_id=2).decode_response(b"admin" + bytes(11)) == UserName(name=b"admin")
    assert GetUserName(user_id=2).encode() == b"\x02"


def test_a_name_of_sixteen_bytes_needs_no_nul() -> None:
    assert UserName.decode(b"0123456789abcdef").text == "0123456789abcdef"


def test_what_follows_a_names_nul_is_ignored() -> None:
    assert UserName.decode(b"admin\x00garbage\x00\x00\x00").text == "admin"


def test_a_name_that_is_no_text_is_escaped_and_an_erased_one_is_empty() -> None:
    assert UserName(name=b"a\xfeb").text == "a\\xfeb"
    assert UserName(name=b"\xff" * 16).text == ""


def test_a_name_is_set_in_seventeen_bytes() -> None:
    request = SetUserName(user_id=3, name=b"root")
    assert request.encode() == b"\x03root" + bytes(12)
    assert SetUserName.decode(request.encode()) == request


def test_a_short_password_is_set_in_eighteen_bytes() -> None:
    request = SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"secret")
    assert request.encode() == b"\x02\x02secret" + bytes(10)
    assert SetUserPassword.decode(request.encode()) == request


def test_a_long_password_is_tested_in_twenty_two_bytes() -> None:
    request = SetUserPassword(user_id=2, operation=PasswordOperation.TEST_PASSWORD, password=b"x" * 20, size=20)
    assert request.encode() == b"\x82\x03" + b"x" * 20
    assert SetUserPassword.decode(request.encode()) == request


@pytest.mark.parametrize("operation", [PasswordOperation.DISABLE_USER, PasswordOperation.ENABLE_USER])
def test_enabling_sends_the_field_but_does_not_need_it(operation: PasswordOperation) -> None:
    request = SetUserPassword(user_id=2, operation=operation)
    assert request.encode() == bytes((2, operation)) + bytes(16)
    assert SetUserPassword.decode(bytes((2, operation))) == request
    assert SetUserPassword.decode(request.encode()) == request


def test_setting_a_password_needs_all_of_it() -> None:
    with pytest.raises(DecodeError, match="truncated password"):
        SetUserPassword.decode(b"\x82\x02" + bytes(16))


def test_a_password_is_in_no_repr() -> None:
    request = SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"secret")
    assert "secret" not in repr(request)


def test_a_password_is_in_no_error() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"secret" * 4)
    assert "secret" not in str(caught.value)


BAD: list[Callable[[], Any]] = [
    lambda: GetUserAccess(user_id=0),
    lambda: GetUserAccess(user_id=64),
    lambda: SetUserAccess(user_id=1, privilege_limit=16),
    lambda: SetUserAccess(user_id=1, privilege_limit=4, session_limit=16),
    lambda: GetUserName(user_id=0),
    lambda: SetUserName(user_id=2, name=b"0123456789abcdefg"),
    lambda: SetUserName(user_id=2, name=b"a\0b"),
    lambda: UserName(name=b"0123456789abcdefg"),
    lambda: SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"x" * 17),
    lambda: SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"x" * 21, size=20),
    lambda: SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, password=b"x\0"),
    lambda: SetUserPassword(user_id=2, operation=PasswordOperation.SET_PASSWORD, size=18),
]


@pytest.mark.parametrize("build", BAD)
def test_what_no_user_can_be_is_our_callers_fault(build: Callable[[], Any]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (GetUserAccess, b"\x01\x00"),
        (SetUserAccess, b"\x91\x00\x04"),
        (GetUserName, b"\x00"),
        (SetUserName, bytes(17)),
        (SetUserPassword, bytes(18)),
    ],
)
def test_user_0_on_the_wire_is_the_peers_fault(command: type[Any], data: bytes) -> None:
    with pytest.raises(DecodeError, match="user ID is 0"):
        command.decode(data)
