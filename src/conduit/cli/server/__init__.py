"""``conduit server``: the servers that somebody rents, through Manager and Gateway."""

from __future__ import annotations

from typing import Final

from conduit.cli.lazy import Part
from conduit.cli.nouns import Noun

__all__ = ["command"]

PARTS: Final = {
    "boot": Part("conduit.cli.server.boot", "What a server boots from."),
    "console": Part("conduit.cli.server.console", "The serial console, on this terminal."),
    "events": Part("conduit.cli.server.facts", "The BMC's event log.", "events_command"),
    "identify": Part("conduit.cli.server.boot", "Blink, so that somebody finds it.", "identify_command"),
    "info": Part("conduit.cli.server.facts", "What the BMC says of itself and of the system.", "info_command"),
    "list": Part("conduit.cli.server.listing", "Your servers.", "list_command"),
    "power": Part("conduit.cli.server.power", "Power: its state, and its control."),
    "screenshot": Part("conduit.cli.server.display", "A picture of the screen.", "screenshot_command"),
    "sensors": Part("conduit.cli.server.facts", "Temperatures, voltages, fans and the rest.", "sensors_command"),
    "show": Part("conduit.cli.server.listing", "What is known about a server.", "show_command"),
    "type": Part("conduit.cli.server.display", "Type on the screen's keyboard.", "type_command"),
    "vnc": Part("conduit.cli.server.display", "The screen, in a browser or any VNC viewer.", "vnc_command"),
}

command = Noun(
    "server",
    parts=PARTS,
    example="server list",
    help="Your servers: power, sensors, events, boot device, console, screen.",
)
