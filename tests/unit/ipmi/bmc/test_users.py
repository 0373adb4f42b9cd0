from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc.users import LockOut, LockOutPolicy, Rights, User, UserTable
from conduit.ipmi.messages import PrivilegeLimit

LAN = 1


def make_user(user_id: int = 2, name: bytes = b"ann", limit: int = PrivilegeLimit.OPERATOR) -> User:
    rights = {LAN: Rights(limit=limit, messaging=True)}
    return User(user_id=user_id, name=name, password=b"hush", enabled=True, rights=rights)


def test_the_table_has_its_slots_and_no_more() -> None:
    table = UserTable(3, [make_user()])
    assert len(table) == 3
    assert [user.name for user in table] == [b"", b"ann", b""]
    assert table.get(4) is None
    assert table.enabled_count() == 1
    for slots, users in ((0, []), (64, []), (1, [make_user()])):
        with pytest.raises(LocalProtocolError):
            UserTable(slots, users)


def test_users_are_found_by_name_and_by_limit() -> None:
    table = UserTable(3, [make_user(), make_user(3, limit=PrivilegeLimit.USER)])
    assert table.find(b"ann", LAN) is table.get(2)
    assert table.find(b"ann", LAN, PrivilegeLimit.USER) is table.get(3)
    assert table.find(b"ann", LAN, PrivilegeLimit.ADMINISTRATOR) is None
    assert table.find(b"ann", 7) is None
    assert table.find(b"bob", LAN) is None


@pytest.mark.parametrize(
    ("enabled", "messaging", "limit"),
    [(False, True, 4), (True, False, 4), (True, True, PrivilegeLimit.NO_ACCESS), (True, True, 0)],
)
def test_who_may_not_log_in(enabled: bool, messaging: bool, limit: int) -> None:
    user = make_user(limit=limit)
    user.enabled = enabled
    user.on(LAN).messaging = messaging
    assert not user.may_log_in(LAN)


def test_a_nameless_slot_is_nobody_but_the_first() -> None:
    assert make_user(1, b"").may_log_in(LAN)
    assert not make_user(2, b"").may_log_in(LAN)


def test_names() -> None:
    table = UserTable(3, [make_user()])
    first, second, third = table
    assert not table.rename(first, b"root")
    assert table.rename(first, b"")
    assert table.rename(second, b"ann")
    assert not table.rename(third, b"ann")
    assert not table.rename(third, b"x" * 17)
    assert table.rename(third, b"bob")


def test_passwords() -> None:
    user = make_user()
    assert user.has_password(b"hush")
    assert not user.has_password(b"hus")
    user.set_password(b"x" * 20, 20)
    assert user.has_password(b"x" * 20)
    assert not user.has_password(b"x" * 16)
    for size in (16, 18):
        with pytest.raises(LocalProtocolError):
            user.set_password(b"x" * 17, size)
    assert "xxx" not in repr(user)


def test_lock_out_comes_after_enough_failures_in_a_row_and_goes() -> None:
    lock_out = LockOut(LockOutPolicy(attempts=3, window=10, duration=5))
    for when in (0, 1):
        lock_out.record(2, when, succeeded=False)
    lock_out.record(2, 2, succeeded=True)
    for when in (3, 4):
        lock_out.record(2, when, succeeded=False)
    assert not lock_out.is_locked_out(2, 4)
    lock_out.record(2, 5, succeeded=False)
    assert lock_out.is_locked_out(2, 9.9)
    assert not lock_out.is_locked_out(3, 9.9)
    assert not lock_out.is_locked_out(2, 10)


def test_old_failures_do_not_count_and_a_reset_forgets_all() -> None:
    lock_out = LockOut(LockOutPolicy(attempts=2, window=10, duration=5))
    for when in (0, 20, 40):
        lock_out.record(2, when, succeeded=False)
    assert not lock_out.is_locked_out(2, 40)
    lock_out.record(2, 41, succeeded=False)
    assert lock_out.is_locked_out(2, 41)
    lock_out.clear()
    assert not lock_out.is_locked_out(2, 41)


def test_lock_out_can_be_off() -> None:
    lock_out = LockOut(LockOutPolicy(attempts=0))
    for _ in range(100):
        lock_out.record(2, 0, succeeded=False)
    assert not lock_out.is_locked_out(2, 0)
