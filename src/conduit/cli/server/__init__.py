"""``conduit server``: the servers that somebody rents, through Manager and Gateway."""

from __future__ import annotations

from typing import Final

from conduit.cli.lazy import Part
from conduit.cli.nouns import Noun

__all__ = ["command"]

PARTS: Final = {
    "list": Part("conduit.cli.server.listing", "Your servers.", "list_command"),
    "power": Part("conduit.cli.server.power", "Power: its state, and its control."),
    "show": Part("conduit.cli.server.listing", "What is known about a server.", "show_command"),
}

command = Noun(
    "server",
    parts=PARTS,
    example="server list",
    help="Your servers: power, sensors, events, boot device, console.",
)
