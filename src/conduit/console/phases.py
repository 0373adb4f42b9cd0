"""What a hub and its BMC are at: the legal moves, and what viewers are told of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit._machine import Label
from conduit.console.words import State


class Phase(Label):
    """How far the hub is with the console."""

    IDLE = "nobody looks, and the BMC's slot is free"
    CONNECTING = "the console is being opened"
    LIVE = "characters go both ways"
    SERVER_OFF = "the BMC has nothing to pass on"
    RECONNECTING = "the session is lost"
    UNREACHABLE = "the BMC does not answer, or says no"
    BUSY = "another system has the console"
    ENDED = "the hub is closed"


class Happening(Label):
    """What happens to it."""

    WANTED = "somebody looks"
    OPENED = "opened"
    OFF = "nothing to pass on"
    ON = "passes on again"
    LOST = "lost"
    FAILED = "fails"
    HELD = "is held"
    LEFT = "nobody looks any more"
    CLOSED = "closed"


_TRYING: Final = (Phase.CONNECTING, Phase.RECONNECTING, Phase.UNREACHABLE, Phase.BUSY)
TRANSITIONS: Final[Mapping[tuple[Phase, Happening], Phase]] = {
    (Phase.IDLE, Happening.WANTED): Phase.CONNECTING,
    **{(phase, Happening.OPENED): Phase.LIVE for phase in _TRYING},
    **{(phase, Happening.FAILED): Phase.UNREACHABLE for phase in _TRYING},
    **{(phase, Happening.HELD): Phase.BUSY for phase in _TRYING},
    (Phase.LIVE, Happening.OFF): Phase.SERVER_OFF,
    (Phase.SERVER_OFF, Happening.ON): Phase.LIVE,
    (Phase.LIVE, Happening.LOST): Phase.RECONNECTING,
    (Phase.SERVER_OFF, Happening.LOST): Phase.RECONNECTING,
    **{(phase, Happening.LEFT): Phase.IDLE for phase in Phase if phase not in (Phase.IDLE, Phase.ENDED)},
    **{(phase, Happening.CLOSED): Phase.ENDED for phase in Phase if phase is not Phase.ENDED},
}
STATES: Final[Mapping[Phase, State]] = {
    Phase.IDLE: State.CONNECTING,  # who sees it has just come
    Phase.CONNECTING: State.CONNECTING,
    Phase.LIVE: State.LIVE,
    Phase.SERVER_OFF: State.SERVER_OFF,
    Phase.RECONNECTING: State.RECONNECTING,
    Phase.UNREACHABLE: State.UNREACHABLE,
    Phase.BUSY: State.BUSY,
    Phase.ENDED: State.ENDED,
}
WORDS: Final[Mapping[Phase, str]] = {
    Phase.IDLE: "Opening the console.",
    Phase.CONNECTING: "Opening the console.",
    Phase.LIVE: "Live.",
    Phase.SERVER_OFF: "The server is off. The console stays open and will show the boot.",
    Phase.RECONNECTING: "The console's connection with the BMC is lost. Trying again.",
    Phase.UNREACHABLE: "The BMC does not answer. The server itself may be running.",
    Phase.BUSY: "The BMC allows one serial session, and another system holds it.",
    Phase.ENDED: "The console is closed.",
}
HEARING: Final = frozenset((Phase.LIVE, Phase.SERVER_OFF))
"What the server says while the hub is in another phase is lost."
