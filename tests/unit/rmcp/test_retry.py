"""Retry policies: what the numbers mean."""

from __future__ import annotations

import math

import pytest

from conduit.errors import LocalProtocolError
from conduit.rmcp.retry import DEFAULT_RETRY, RetryPolicy, retry_policy


def test_each_wait_is_longer_than_the_one_before() -> None:
    policy = RetryPolicy(timeout=0.5, retries=3, backoff=2)
    assert policy.delays == (0.5, 1.0, 2.0, 4.0)
    assert policy.total == 7.5


def test_no_repeats_leave_one_wait() -> None:
    assert RetryPolicy(timeout=2, retries=0).delays == (2,)


def test_default_gives_up_after_fifteen_seconds() -> None:
    assert DEFAULT_RETRY.total == pytest.approx(15.07, abs=0.01)
    assert len(DEFAULT_RETRY.delays) == 7


@pytest.mark.parametrize(
    ("timeout", "retries", "backoff"), [(0, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, 0.9), (math.nan, 1, 1)]
)
def test_impossible_policy_is_refused(timeout: float, retries: int, backoff: float) -> None:
    with pytest.raises(LocalProtocolError, match="timeout > 0, retries >= 0 and backoff >= 1"):
        retry_policy(timeout, retries, backoff)


def test_equal_policies_are_one_object() -> None:
    assert retry_policy(1.0, 2, 1.5) is retry_policy(1.0, 2, 1.5)
    assert retry_policy(1.0, 2, 1.5) == RetryPolicy(timeout=1.0, retries=2, backoff=1.5)
