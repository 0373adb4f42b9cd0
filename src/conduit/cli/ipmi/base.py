"""What all commands share: ``--output`` and ``-v`` also after the command, an example in every help, numbers in hex."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import asyncclick as click

from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Format

VERBOSITY: Final = "conduit.cli.ipmi.verbose"  # keys in a context's meta, which all contexts share
OUTPUT: Final = "conduit.cli.ipmi.output"
HELP_NAMES: Final = ["-h", "--help"]


def _set_output(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    ctx.meta[OUTPUT] = Format(value.lower())
    if isinstance(ctx.obj, Settings):
        ctx.obj = replace(ctx.obj, output=ctx.meta[OUTPUT])


def _add_verbosity(ctx: click.Context, _: click.Parameter, value: int) -> None:
    ctx.meta[VERBOSITY] = ctx.meta.get(VERBOSITY, 0) + value
    if value and isinstance(ctx.obj, Settings):
        ctx.obj = replace(ctx.obj, verbose=ctx.meta[VERBOSITY])


def output_option() -> click.Option:
    """``--output``, which is taken before and after the command; the last one counts."""
    return click.Option(
        ["--output"],
        type=click.Choice([format_.value for format_ in Format], case_sensitive=False),
        expose_value=False,
        callback=_set_output,
        help="How to show results (table).",
    )


def verbose_option() -> click.Option:
    """``-v``, likewise; each one adds to the others."""
    return click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_add_verbosity,
        help="Say how each session came about; -vv also logs, and shows where an unexpected error comes from.",
    )


class Leaf(click.Command):
    """A command.

    :param example: what one would type after ``conduit ipmi -H HOST -U USER -E``.
    """

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:  # Any: whatever click.Command takes
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += [output_option(), verbose_option()]
        self.context_settings.setdefault("help_option_names", HELP_NAMES)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_example(self.example, formatter)
        super().format_epilog(ctx, formatter)


class Noun(click.Group):
    """A group of commands about one thing. Underscores are as good as hyphens in the names of commands."""

    command_class = Leaf
    group_class = type

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:  # Any: whatever click.Group takes
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += [output_option(), verbose_option()]
        self.context_settings.setdefault("help_option_names", HELP_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, cmd_name.replace("_", "-"))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_example(self.example, formatter)
        super().format_epilog(ctx, formatter)


def _write_example(example: str, formatter: click.HelpFormatter) -> None:
    if example:
        with formatter.section("Example"):
            formatter.write_text(f"conduit ipmi -H bmc.example -U admin -E {example}")


class Number(click.ParamType[int]):
    """An integer in decimal or, with ``0x``, in hex. Octal, which ipmitool takes, is refused: it is never meant."""

    name = "number"

    def __init__(self, low: int, high: int, what: str) -> None:
        self._low, self._high, self._what = low, high, what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """:raises click.BadParameter: not a number, or out of range."""
        number = value if isinstance(value, int) else parse_number(value)
        if number is None or not self._low <= number <= self._high:
            self.fail(f"{value!r} is not {self._what}, {self._low} to {self._high}", param, ctx)
        return number


def parse_number(text: str) -> int | None:
    """A number in decimal or hex, or None."""
    digits, base = (text[2:], 16) if text[:2] in ("0x", "0X") else (text, 10)
    if not digits.isascii() or not digits.isalnum():
        return None
    if base == 10 and re.fullmatch("0+[1-9][0-9]+|0+[89]", digits):
        return None  # 010 is ten to some and eight to others
    try:
        return int(digits, base)
    except ValueError:
        return None


CHANNEL: Final = Number(0, 15, "a channel")
USER_ID: Final = Number(1, 63, "a user ID")
BYTE: Final = Number(0, 255, "a byte")
