"""What arguments of every noun have in common."""

from __future__ import annotations

import math
from typing import Any

import asyncclick as click


class Seconds(click.FloatRange):
    """A time in seconds within a range; "nan", which every range lets through, is none."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """:raises click.BadParameter: not a number, or out of range."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return super().convert(number, param, ctx)


class WholeNumber(click.IntRange):
    """A whole number within a range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """:raises click.BadParameter: not a whole number, or out of range."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        return super().convert(number, param, ctx)


def to_bytes(text: str) -> bytes:
    """A name or password as the BMC gets it: UTF-8, and bytes that were no UTF-8 as they were."""
    return text.encode(errors="surrogateescape")
