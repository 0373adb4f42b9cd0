"""Thresholds by their mask."""

from __future__ import annotations

from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds


def test_thresholds_are_found_by_mask_and_made_of_it() -> None:
    made = Thresholds(lower_critical=3, upper_non_recoverable=9)
    assert dict(made.items()) == {ThresholdMask.LOWER_CRITICAL: 3, ThresholdMask.UPPER_NON_RECOVERABLE: 9}
    assert Thresholds.of(dict(made.items())) == made
    assert made.mask == ThresholdMask.LOWER_CRITICAL | ThresholdMask.UPPER_NON_RECOVERABLE
