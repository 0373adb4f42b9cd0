"""What ``conduit tunnel`` tells while it runs: one line for each event, for people or as JSON."""

from __future__ import annotations

import json
import sys
from typing import Final

from conduit.tunnel.forward import Forwarded

WORDS: Final = {
    "ready": "ready {what} {address}",
    "connected": "connected {identity} {peer}",
    "lost": "lost {identity} {peer}: {reason}",
    "retry": "no tunnel: {reason}; next try in {seconds:.1f} s",
    "forwarded": "{name} {peer} sent {sent} got {got}{because}",
    "draining": "draining: nothing new is taken, what is open has {seconds:.0f} s; a second signal stops at once",
}


class Events:
    """Writes events to standard output, each at once.

    :param output: ``text`` or ``json``.
    """

    def __init__(self, output: str) -> None:
        self._as_json = output == "json"

    def say(self, event: str, **facts: str | float) -> None:
        """Tell one; *facts* are its keys in JSON."""
        if self._as_json:
            line = json.dumps({"event": event, **facts})
        else:
            failure = facts.get("failure")
            line = WORDS[event].format(**facts, because=f": {failure}" if failure else "")
        sys.stdout.write("".join(c if c.isprintable() else "?" for c in line) + "\n")
        sys.stdout.flush()

    def forwarded(self, one: Forwarded) -> None:
        """A connection has ended."""
        self.say(
            "forwarded",
            name=one.name,
            peer=one.peer,
            sent=one.to_tunnel,
            got=one.from_tunnel,
            failure=one.failure,
        )
