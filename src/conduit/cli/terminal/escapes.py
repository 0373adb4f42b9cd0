"""What somebody types at a console terminal that is for us and not for the machine. Pure: bytes in, actions out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from conduit.errors import LocalProtocolError

MENU_KEY: Final = 0x1D  # Ctrl+]
SUSPEND_KEY: Final = 0x1A  # Ctrl+Z
LINE_ENDS: Final = b"\r\n"


class Action(Enum):
    """What is to be done."""

    QUIT = "quit"
    BREAK = "break"
    HELP = "help"
    STATUS = "status"
    SUSPEND = "suspend"
    MENU = "menu"
    "Ctrl+] was typed: say which keys may follow."
    ASK = "ask for the keyboard"
    GIVE = "give the keyboard"
    KEEP = "keep the keyboard"
    TAKE = "take the keyboard"
    RESUME = "resume"
    "A key that the menu does not have: the console goes on."


HELP: Final = """\
After Enter:  {e}.  quit    {e}B  break    {e}?  this help    {e}^Z  suspend    {e}{e}  {e} itself
Any time:     ^]q quit    ^]b break    ^]? this help    ^]s status    ^]]  ^] itself
All else, Ctrl+C too, goes to the machine."""
MENU: Final = "q quit, b break, s status, ? help, ] sends Ctrl+]; any other key goes on"
SHARED_HELP: Final = """
A console that others look at too:  ^]w ask for the keyboard    ^]t take it    ^]g give it    ^]n keep it"""
SHARED_MENU: Final = f"w ask for the keyboard, t take it, g give it, n keep it, {MENU}"

_AFTER_ESCAPE: Final = {
    ord("."): Action.QUIT,
    ord("B"): Action.BREAK,
    ord("?"): Action.HELP,
    SUSPEND_KEY: Action.SUSPEND,
}
_IN_MENU: Final = {
    ord("q"): Action.QUIT,
    ord("b"): Action.BREAK,
    ord("?"): Action.HELP,
    ord("s"): Action.STATUS,
}
_IN_SHARED_MENU: Final = {
    **_IN_MENU,
    ord("w"): Action.ASK,
    ord("t"): Action.TAKE,
    ord("g"): Action.GIVE,
    ord("n"): Action.KEEP,
}

Step = bytes | Action
"Bytes for the machine, or something to do."


def parse_escape(text: str) -> int:
    """The escape character that *text* names.

    :raises LocalProtocolError: not one printable ASCII character.
    """
    if len(text) != 1 or not text.isascii() or not text.isprintable() or text == " ":
        raise LocalProtocolError(f"an escape character is one printable character, such as ~; {text!r} is not")
    return ord(text)


@dataclass(slots=True)
class EscapeParser:
    """Finds escapes in what is typed, however it is cut into pieces.

    :param escape: the character that counts at the start of a line; None leaves everything to the machine, Ctrl+] too.
    :param shared: others may look at the console too, and one of all has the keyboard.
    """

    escape: int | None = ord("~")
    shared: bool = False
    _at_line_start: bool = True
    _escaped: bool = False
    _in_menu: bool = False

    def feed(self, data: bytes) -> list[Step]:
        """The steps that *data* makes, in order."""
        if self.escape is None:
            return [data] if data else []
        steps: list[Step] = []
        plain = bytearray()
        for byte in data:
            step = self._take(byte)
            if isinstance(step, bytes):
                plain += step
                continue
            if plain:
                steps.append(bytes(plain))
                plain.clear()
            steps.append(step)
        return [*steps, bytes(plain)] if plain else steps

    @property
    def help(self) -> str:
        """All escapes."""
        return HELP.format(e=chr(self.escape or 0)) + (SHARED_HELP if self.shared else "")

    @property
    def menu(self) -> str:
        """What may follow Ctrl+]."""
        return SHARED_MENU if self.shared else MENU

    def _take(self, byte: int) -> Step:
        if self._in_menu:
            return self._choose(byte)
        if self._escaped:
            return self._end_escape(byte)
        if byte == MENU_KEY:
            self._in_menu = True
            return Action.MENU
        if byte == self.escape and self._at_line_start:
            self._escaped = True
            return b""
        self._at_line_start = byte in LINE_ENDS
        return bytes((byte,))

    def _choose(self, byte: int) -> Step:
        self._in_menu = False
        if byte in (MENU_KEY, ord("]")):
            return bytes((MENU_KEY,))
        return (_IN_SHARED_MENU if self.shared else _IN_MENU).get(byte, Action.RESUME)

    def _end_escape(self, byte: int) -> Step:
        self._escaped = False
        action = _AFTER_ESCAPE.get(byte)
        if action is not None:
            return action  # and the next character still stands at the start of a line
        self._at_line_start = byte in LINE_ENDS
        return bytes((byte,)) if byte == self.escape else bytes((self.escape or 0, byte))
