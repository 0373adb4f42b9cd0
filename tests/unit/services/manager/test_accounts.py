"""Accounts: passwords, log-ins, refresh tokens."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from conduit.errors import CallError
from conduit.services.manager.accounts import MIN_PASSWORD
from conduit.services.manager.refreshing import GRACE, REFRESH_LIFE
from conduit.services.manager.schema import customers, refresh_tokens
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code
from tests.fakes.manager import PASSWORD, TestManager


async def test_the_right_password_logs_in_whatever_the_case_of_the_email(test_manager: TestManager) -> None:
    account = await test_manager.account("Alice@Acme.Example")
    assert account.email == "alice@acme.example"
    found, _ = await test_manager.manager.accounts.log_in(" ALICE@acme.example ", PASSWORD)
    assert found == account


@pytest.mark.parametrize("email", ["alice@acme.example", "nobody@acme.example", "", "'; DROP TABLE customers; --"])
async def test_a_wrong_password_and_an_unknown_email_are_refused_alike(test_manager: TestManager, email: str) -> None:
    await test_manager.account()
    with pytest.raises(CallError) as refused:
        await test_manager.manager.accounts.log_in(email, Secret("wrong wrong wrong"))
    assert (refused.value.code, refused.value.message) == (Code.UNAUTHENTICATED, "wrong email or password")


async def test_no_password_and_no_token_is_in_the_database(test_manager: TestManager) -> None:
    await test_manager.account()
    _, refresh = await test_manager.manager.accounts.log_in("alice@acme.example", PASSWORD)

    def everything(connection: sa.Connection) -> str:
        return repr([connection.execute(sa.select(table)).all() for table in (customers, refresh_tokens)])

    kept = await test_manager.manager.database.run(everything)
    assert PASSWORD.reveal() not in kept
    assert refresh.token.reveal() not in kept


@pytest.mark.parametrize("password", ["", "a" * (MIN_PASSWORD - 1), "a" * 257])
async def test_some_passwords_are_no_passwords(test_manager: TestManager, password: str) -> None:
    with pytest.raises(CallError, match="characters"):
        await test_manager.manager.accounts.create("a@b.c", Secret(password))


@pytest.mark.parametrize("email", ["", "a", "@", "a b@c.d", "a@" + "b" * 300])
async def test_some_emails_are_no_emails(test_manager: TestManager, email: str) -> None:
    with pytest.raises(CallError, match="no email address"):
        await test_manager.manager.accounts.create(email, PASSWORD)


async def test_an_email_has_one_account(test_manager: TestManager) -> None:
    await test_manager.account()
    with pytest.raises(CallError, match="already"):
        await test_manager.account()


async def test_a_refresh_token_is_given_for_the_next(test_manager: TestManager) -> None:
    account = await test_manager.account()
    accounts = test_manager.manager.accounts
    _, refresh = await accounts.log_in(account.email, PASSWORD)
    for _ in range(3):
        found, refresh = await accounts.refresh(refresh.token)
        assert found == account


async def test_a_refresh_token_that_comes_twice_ends_its_log_in_and_no_other(test_manager: TestManager) -> None:
    account = await test_manager.account()
    accounts = test_manager.manager.accounts
    _, first = await accounts.log_in(account.email, PASSWORD)
    _, other = await accounts.log_in(account.email, PASSWORD)
    _, second = await accounts.refresh(first.token)
    test_manager.clock.now += GRACE + 1
    for token in (first.token, second.token):  # the thief's copy, then the owner's
        with pytest.raises(CallError, match="log in again"):
            await accounts.refresh(token)
    await accounts.refresh(other.token)


async def test_a_refresh_token_ends_by_age_by_logging_out_and_is_nothing_when_made_up(
    test_manager: TestManager,
) -> None:
    account = await test_manager.account()
    accounts = test_manager.manager.accounts
    _, left = await accounts.log_in(account.email, PASSWORD)
    await accounts.log_out(left.token)
    await accounts.log_out(Secret("never was"))
    _, old = await accounts.log_in(account.email, PASSWORD)
    test_manager.clock.now += REFRESH_LIFE + 1
    for token in (left.token, old.token, Secret("made up"), Secret("")):
        with pytest.raises(CallError):
            await accounts.refresh(token)


async def test_a_new_password_ends_all_sessions(test_manager: TestManager) -> None:
    account = await test_manager.account()
    accounts = test_manager.manager.accounts
    _, refresh = await accounts.log_in(account.email, PASSWORD)
    await accounts.set_password(account.id, Secret("another password"))
    with pytest.raises(CallError):
        await accounts.refresh(refresh.token)
    with pytest.raises(CallError):
        await accounts.log_in(account.email, PASSWORD)
    (revocation,) = await test_manager.manager.revocations_after(0)
    assert (revocation.kind, revocation.target) == ("customer", account.id)


async def test_nobodys_password_and_sessions_cannot_be_changed(test_manager: TestManager) -> None:
    with pytest.raises(CallError, match="no such customer"):
        await test_manager.manager.accounts.set_password("nobody", PASSWORD)
    with pytest.raises(CallError, match="no such customer"):
        await test_manager.manager.accounts.end_sessions("nobody")


@pytest.mark.parametrize("by", ["id", "email"])
async def test_sessions_are_ended_by_id_and_by_email(test_manager: TestManager, by: str) -> None:
    account = await test_manager.account()
    accounts = test_manager.manager.accounts
    _, refresh = await accounts.log_in(account.email, PASSWORD)
    await accounts.end_sessions(getattr(account, by))
    with pytest.raises(CallError):
        await accounts.refresh(refresh.token)
    (revocation,) = await test_manager.manager.revocations_after(0)
    assert revocation.target == account.id
