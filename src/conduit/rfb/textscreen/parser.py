"""Terminal output as actions: text, control characters, and what escape sequences ask for (ECMA-48, DEC's VT500).

Text may be cut anywhere. Strings (titles, device control) are passed over, however long they are; nothing is kept but
the parameters of one sequence.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from conduit._machine import Label

MAX_PARAMETERS: Final = 32
MAX_VALUE: Final = 9999
MAX_INTERMEDIATES: Final = 4


class Text(NamedTuple):
    """Characters to show."""

    text: str


class Control(NamedTuple):
    """A control character."""

    character: str


class Escape(NamedTuple):
    """ESC, perhaps characters from space to slash, and a final one."""

    name: str
    "All that follows ESC."


class Csi(NamedTuple):
    """A control sequence."""

    name: str
    "Its private marker, its intermediate characters, and its final one."
    parameters: tuple[int, ...]
    "What is not given is 0."


Action = Text | Control | Escape | Csi


class State(Label):
    """Where the parser is."""

    GROUND = "between sequences"
    ESCAPE = "behind ESC"
    CSI = "in a control sequence"
    STRING = "in a string that nobody reads"
    STRING_ESCAPE = "behind ESC in a string"


class Kind(Label):
    """What a character may mean in a sequence."""

    CONTROL = "a control character that is carried out at once"
    CANCEL = "CAN or SUB: the sequence is over"
    ESC = "ESC"
    INTERMEDIATE = "space to slash"
    PARAMETER = "a digit, a colon or a semicolon"
    PRIVATE = "< to ?"
    CSI = "["
    STRING = "P, X, ], ^ or _: a string begins"
    BELL = "BEL, which ends strings too"
    FINAL = "anything else"


# Where each kind leads. An absent pair leaves the parser where it is.
TRANSITIONS: Final[Mapping[tuple[State, Kind], State]] = {
    (State.ESCAPE, Kind.CANCEL): State.GROUND,
    (State.ESCAPE, Kind.CSI): State.CSI,
    (State.ESCAPE, Kind.STRING): State.STRING,
    (State.ESCAPE, Kind.PARAMETER): State.GROUND,
    (State.ESCAPE, Kind.PRIVATE): State.GROUND,
    (State.ESCAPE, Kind.FINAL): State.GROUND,
    (State.CSI, Kind.CANCEL): State.GROUND,
    (State.CSI, Kind.ESC): State.ESCAPE,
    (State.CSI, Kind.CSI): State.GROUND,
    (State.CSI, Kind.STRING): State.GROUND,
    (State.CSI, Kind.FINAL): State.GROUND,
    (State.STRING, Kind.BELL): State.GROUND,
    (State.STRING, Kind.CANCEL): State.GROUND,
    (State.STRING, Kind.ESC): State.STRING_ESCAPE,
    (State.STRING_ESCAPE, Kind.BELL): State.GROUND,
    (State.STRING_ESCAPE, Kind.CANCEL): State.GROUND,
    (State.STRING_ESCAPE, Kind.CSI): State.CSI,
    (State.STRING_ESCAPE, Kind.STRING): State.STRING,
    (State.STRING_ESCAPE, Kind.INTERMEDIATE): State.GROUND,
    (State.STRING_ESCAPE, Kind.PARAMETER): State.GROUND,
    (State.STRING_ESCAPE, Kind.PRIVATE): State.GROUND,
    (State.STRING_ESCAPE, Kind.FINAL): State.GROUND,
}

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_STRING_STARTS: Final = "PX]^_"


def kind_of(character: str) -> Kind:
    """What it may mean in a sequence."""
    if character < " ":
        return {"\x1b": Kind.ESC, "\x18": Kind.CANCEL, "\x1a": Kind.CANCEL, "\x07": Kind.BELL}.get(
            character, Kind.CONTROL
        )
    if character <= "/":
        return Kind.INTERMEDIATE
    if character <= ";":
        return Kind.PARAMETER
    if character <= "?":
        return Kind.PRIVATE
    return Kind.CSI if character == "[" else Kind.STRING if character in _STRING_STARTS else Kind.FINAL


class Parser:
    """Bytes in, actions out."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._state = State.GROUND
        self._name = ""
        self._parameters = ""

    def receive(self, data: bytes) -> list[Action]:
        """What *data* asks for."""
        actions: list[Action] = []
        text = self._decoder.decode(data)
        at = 0
        while at < len(text):
            if self._state is State.GROUND:
                found = _CONTROLS.search(text, at)
                end = found.start() if found else len(text)
                if end > at:
                    actions.append(Text(text[at:end]))
                if found:
                    self._control(text[end], actions)
                at = end + 1
            else:
                self._step(text[at], actions)
                at += 1
        return actions

    def _control(self, character: str, actions: list[Action]) -> None:
        if character == "\x1b":
            self._begin(State.ESCAPE)
        else:
            actions.append(Control(character))

    def _begin(self, state: State) -> None:
        self._state, self._name, self._parameters = state, "", ""

    def _step(self, character: str, actions: list[Action]) -> None:
        """One character of a sequence."""
        kind, state = kind_of(character), self._state
        target = TRANSITIONS.get((state, kind), state)
        if state in (State.STRING, State.STRING_ESCAPE):
            self._begin(target)
        elif kind in (Kind.CONTROL, Kind.BELL):
            actions.append(Control(character))
        elif target is State.GROUND and kind is not Kind.CANCEL:
            self._state = State.GROUND
            actions.append(self._finish(state, character))
        elif target is not state or kind is Kind.ESC:
            self._begin(target)
        elif kind in (Kind.INTERMEDIATE, Kind.PRIVATE):
            self._name = (self._name + character)[:MAX_INTERMEDIATES]
        else:
            self._parameters = (self._parameters + character)[: MAX_PARAMETERS * len(str(MAX_VALUE))]

    def _finish(self, state: State, final: str) -> Action:
        name = self._name + final
        return Escape(name) if state is State.ESCAPE else Csi(name, _numbers(self._parameters))


def _numbers(text: str) -> tuple[int, ...]:
    """``1;;31`` as numbers."""
    if not text:
        return ()
    parts = re.split("[;:]", text)[:MAX_PARAMETERS]
    return tuple(min(int(part or 0), MAX_VALUE) for part in parts)
