"""``conduit tunnel``: TCP through one outbound connection, like ``ssh -R``."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.lazy import LazyGroup, Part

__all__ = ["command"]

PARTS: Final = {
    "dial": Part("conduit.cli.tunnel.dial", "Connect to a Gateway, and let it reach what is named."),
    "keys": Part("conduit.cli.tunnel.keys", "Make a throw-away CA and certificates, for trying it out."),
    "listen": Part("conduit.cli.tunnel.listen", "Be the Gateway: take Agents, and forward TCP ports to them."),
}

EPILOG: Final = """\
\b
Try it on one machine:
  conduit tunnel keys /tmp/keys
  conduit tunnel listen --keys /tmp/keys --listen 127.0.0.1:7443 --forward 127.0.0.1:8080=web
  conduit tunnel dial 127.0.0.1:7443 --keys /tmp/keys --expose web=127.0.0.1:80
"""


@click.command(cls=LazyGroup, parts=PARTS, epilog=EPILOG)
def command() -> None:
    """TCP through one outbound connection: the Agent dials out, the Gateway opens streams to it."""
