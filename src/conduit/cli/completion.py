"""``conduit completion``: scripts that make a shell complete our commands."""

from __future__ import annotations

import asyncclick as click
from asyncclick.shell_completion import get_completion_class

__all__ = ["command"]

VARIABLE = "_CONDUIT_COMPLETE"


@click.command(
    "completion",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Example: eval "$(conduit completion bash)"',
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
async def command(ctx: click.Context, shell: str) -> None:
    """Print a script that makes SHELL complete our commands and options.

    For bash and zsh put `eval "$(conduit completion bash)"` into ~/.bashrc or
    ~/.zshrc; for fish, `conduit completion fish | source` into config.fish.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "conduit", VARIABLE).source())
