"""Errors of several tasks at once: what leaves a nursery."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from conduit._trio import as_one, first_leaf, open_background_nursery
from conduit.errors import LocalProtocolError, RemoteProtocolError, TransportError

Raise = Callable[[], BaseException]


async def fail(error: BaseException) -> None:
    raise error


async def fail_both(first: BaseException, second: BaseException, *kinds: type[Exception]) -> None:
    """The block's failure, and that of its task in the same turn."""
    with as_one(*kinds):
        async with open_background_nursery() as nursery:
            nursery.start_soon(fail, second)
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
            await fail(first)


async def test_who_share_a_thing_say_once_that_it_is_gone() -> None:
    with pytest.raises(TransportError) as caught:
        await fail_both(TransportError("one"), TransportError("two"), TransportError)
    assert str(caught.value) in ("one", "two")


async def test_an_error_that_nobody_counted_on_hides_nothing() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await fail_both(TransportError("gone"), ZeroDivisionError(), TransportError)
    assert {type(error) for error in caught.value.exceptions} == {TransportError, ZeroDivisionError}


async def test_a_lone_error_is_itself_whatever_it_is() -> None:
    async def fail_alone(error: BaseException) -> None:
        with as_one(TransportError):
            async with open_background_nursery() as nursery:
                nursery.start_soon(fail, error)
                await trio.sleep_forever()

    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught:
        await fail_alone(error)
    assert caught.value is error


async def test_why_it_failed_is_kept() -> None:
    cause = OSError("reset by peer")
    error = TransportError("gone")
    error.__cause__ = cause
    with pytest.raises(TransportError) as caught:
        await fail_both(error, error, TransportError)
    assert caught.value.__cause__ is cause


async def test_errors_of_several_kinds_leave_as_one_of_them() -> None:
    with pytest.raises((TransportError, RemoteProtocolError)):
        await fail_both(TransportError("gone"), RemoteProtocolError("odd"), TransportError, RemoteProtocolError)


def test_the_first_of_a_group_in_groups() -> None:
    first, second = LocalProtocolError("a"), LocalProtocolError("b")
    assert first_leaf(ExceptionGroup("", [ExceptionGroup("", [first]), second])) is first
    assert first_leaf(second) is second
