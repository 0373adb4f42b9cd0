"""What a console says of itself, in one line each."""

from __future__ import annotations

from typing import Final

from conduit.cli.moments import ago
from conduit.cli.render import printable
from conduit.console.messages import Attached, Ended, Gap, Refused, StateChanged, ViewersChanged, WriterChanged
from conduit.console.viewer import ViewerSession
from conduit.console.words import Cause, State
from conduit.services.console_client import ConsoleViewing, Event, Lost, Resumed

STATES: Final = {
    State.CONNECTING: "connecting",
    State.LIVE: "live",
    State.RECONNECTING: "the BMC has dropped the console; trying to come back",
    State.SERVER_OFF: "the server is off; the console stays open, and will show the boot",
    State.UNREACHABLE: "the BMC does not answer; the server itself may be running",
    State.BUSY: "the BMC's only console is taken by somebody else",
    State.ENDED: "ended",
}
LASTING: Final = (State.RECONNECTING, State.UNREACHABLE, State.BUSY)
WORTH_A_WORD: Final = 5.0  # seconds
CAUSES: Final = {
    Cause.BMC: "nobody heard the server",
    Cause.HISTORY: "it is older than what the Agent keeps",
    Cause.SLOW: "this terminal was too slow",
    Cause.RESTART: "the Agent was not running",
}


def words_for(event: Event, viewer: ViewerSession) -> str:
    """A line, or nothing for what needs none."""
    match event:
        case Attached():
            text = _attached(event)
        case Gap():
            text = _gap(event)
        case StateChanged():
            text = _state(event, event.since_ms / 1000)
        case WriterChanged():
            text = _writer(event, viewer)
        case Refused():
            text = event.text or "not sent"
        case Ended():
            text = ""  # whoever runs the console says it last
        case ViewersChanged():
            text = ""
        case Lost():
            text = _lost(event)
        case Resumed():
            text = _resumed(event)
        case _:
            text = ""
    return printable(" ".join(text.split()))


def _attached(message: Attached) -> str:
    others = message.viewers - 1
    return f"{others} other{'s' * (others != 1)} look{'s' * (others == 1)} too" if others > 0 else ""


def _state(message: StateChanged, seconds: float) -> str:
    """What it is, and for how long it has been so when that is worth a word."""
    text = STATES[message.state] if message.state is State.LIVE or not message.text else message.text
    held = f"by {message.holder}" if message.holder and message.holder not in text else ""
    lasts = f"for {ago(seconds)}" if seconds >= WORTH_A_WORD and message.state in LASTING else ""
    more = " ".join(filter(None, (held, lasts)))
    return text.rstrip(".") + (f" ({more})" if more else "")


def _gap(gap: Gap) -> str:
    because = CAUSES[gap.cause]
    if gap.bytes:
        return f"{gap.bytes} bytes are missing here: {because}"
    length = f" for {gap.ms / 1000:.1f} s" if gap.ms else ""
    return f"output may be missing here: {because}{length}"


def _writer(message: WriterChanged, viewer: ViewerSession) -> str:
    if message.asking is not None and viewer.is_writer:
        name = message.asking.name or "somebody"
        seconds = message.asking.ms / 1000
        return f"{name} asks for the keyboard, and gets it in {seconds:.0f} s: ^]g gives it, ^]n keeps it"
    if message.asking is not None:
        return ""
    if viewer.is_writer:
        return "you have the keyboard"
    return f"{message.name or 'somebody'} has the keyboard: ^]w asks for it" if message.viewer else "nobody types: ^]w"


def _lost(event: Lost) -> str:
    again = f"trying again in {event.delay:.1f} s"
    return f"connection lost ({event.reason.rstrip('.')}); {again}" if event.first else f"{event.reason}; {again}"


def _resumed(event: Resumed) -> str:
    if event.new_epoch:
        return f"back after {event.seconds:.1f} s; the Agent has forgotten what was before, so output may be missing"
    missing = f"{event.missing} bytes missed" if event.missing else "nothing missed"
    return f"resumed after {event.seconds:.1f} s, {missing}"


def why_not_sent(viewing: ConsoleViewing) -> str:
    """Why typing is of no use now."""
    viewer = viewing.viewer
    if not viewing.is_connected:
        return "not sent: there is no connection"
    if not viewer.is_live:
        state = viewer.state
        text = "not live" if state is None else _state(state, viewing.in_state_for())
        return printable(f"not sent: {text}")
    writer = viewer.writer
    name = None if writer is None else writer.name
    return printable(f"not sent: {name or 'somebody else'} has the keyboard (^]w asks for it)")
