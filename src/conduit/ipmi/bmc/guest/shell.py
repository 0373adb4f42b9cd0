"""A small shell: enough commands to see that a console works, and two that switch the machine off."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from conduit.ipmi.bmc.guest.computer import Kernel
from conduit.ipmi.bmc.guest.editor import CLEAR_SCREEN, Ending, LineEditor
from conduit.ipmi.bmc.guest.files import FILES, entries, memory, resolve
from conduit.ipmi.bmc.guest.keys import Typed
from conduit.ipmi.bmc.guest.login import Request
from conduit.ipmi.bmc.guest.messages import BUILD, RELEASE

HOME: Final = "/root"
WORD: Final = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s'"]+)""")
LIST_WIDTH: Final = 80  # columns


class Shell:
    """Reads lines and carries them out, for one user."""

    def __init__(self, kernel: Kernel, user: str) -> None:
        self.kernel = kernel
        self.user = user
        self.directory = HOME
        self.history: list[bytes] = []
        self.wire = kernel.computer.wire
        self._ask()

    def show(self) -> None:
        self._editor.show()

    def take(self, key: Typed, now: float) -> Request | None:
        line = self._editor.take(key)
        if line is None:
            return None
        if line is Ending.END_OF_FILE:
            self.wire.write("logout\n")
            return Request.LOG_OUT
        request = self._run(line, now) if isinstance(line, bytes) else None
        if request is None:
            self._ask()
        return request

    def advance(self, now: float) -> None:
        return

    def next_deadline(self) -> float | None:
        return None

    def _ask(self) -> None:
        place = "~" + self.directory.removeprefix(HOME) if self.directory.startswith(HOME) else self.directory
        prompt = f"{self.user}@{self.kernel.computer.hostname}:{place}# "
        self._editor = LineEditor(self.wire, prompt, history=self.history)
        self._editor.show()

    def _run(self, line: bytes, now: float) -> Request | None:
        words = split_words(line.decode(errors="replace"))
        if not words:
            return None
        command = COMMANDS.get(words[0])
        if command is None:
            self.wire.write(f"sh: {words[0]}: not found; try help\n")
            return None
        return command.action(self, words[1:], now)


def split_words(line: str) -> list[str]:
    """Words of a line; quotes keep spaces."""
    return ["".join(found.groups(default="")) for found in WORD.finditer(line)]


class Command(NamedTuple):
    """Something to type."""

    action: Callable[[Shell, Sequence[str], float], Request | None]
    help: str


def _says(text: Callable[[Shell, Sequence[str], float], str], help_: str) -> Command:
    """A command that only writes."""

    def action(shell: Shell, words: Sequence[str], now: float) -> None:
        shell.wire.write(text(shell, words, now))

    return Command(action, help_)


def _asks(request: Request, help_: str) -> Command:
    """A command that the system carries out."""
    return Command(lambda shell, words, now: request, help_)


def _help(shell: Shell, words: Sequence[str], now: float) -> str:
    return "".join(f"  {name:<10}{command.help}\n" for name, command in sorted(COMMANDS.items()))


def _uname(shell: Shell, words: Sequence[str], now: float) -> str:
    if "-a" in words:
        return f"Linux {shell.kernel.computer.hostname} {RELEASE} {BUILD} x86_64 GNU/Linux\n"
    return f"{RELEASE}\n" if "-r" in words else "Linux\n"


def _uptime(shell: Shell, words: Sequence[str], now: float) -> str:
    seconds = int(shell.kernel.uptime(now))
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    clock = shell.kernel.computer.wall_clock(now)
    for_days = f"{days} day{'s' * (days != 1)}, " if days else ""
    return f" {clock:%H:%M:%S} up {for_days}{hours:2}:{minutes:02},  1 user,  load average: 0.00, 0.01, 0.05\n"


def _date(shell: Shell, words: Sequence[str], now: float) -> str:
    return f"{shell.kernel.computer.wall_clock(now):%a %b %e %H:%M:%S UTC %Y}\n"


def _ls(shell: Shell, words: Sequence[str], now: float) -> str:
    paths = [word for word in words if not word.startswith("-")] or ["."]
    return "".join(_list(shell, path, now, long="-l" in words) for path in paths)


def _list(shell: Shell, path: str, now: float, *, long: bool) -> str:
    whole = resolve(path, shell.directory)
    if whole in FILES:
        return f"{path}\n"
    names = entries(whole)
    if names is None:
        return f"ls: {path}: no such file or directory\n"
    if not long:
        return "  ".join(names) + "\n"
    lines = []
    for name in names:
        size = 4096 if name.endswith("/") else len(FILES[resolve(name, whole)](shell.kernel, now).encode())
        mode = "drwxr-xr-x" if name.endswith("/") else "-rw-r--r--"
        lines.append(f"{mode} root root {size:>8} {name}\n")
    return "".join(lines)


def _cat(shell: Shell, words: Sequence[str], now: float) -> str:
    texts = []
    for word in words:
        path = resolve(word, shell.directory)
        if path in FILES:
            texts.append(FILES[path](shell.kernel, now))
        else:
            reason = "no such file or directory" if entries(path) is None else "is a directory"
            texts.append(f"cat: {word}: {reason}\n")
    return "".join(texts)


def _cd(shell: Shell, words: Sequence[str], now: float) -> str:
    path = resolve(words[0] if words else HOME, shell.directory)
    if entries(path) is None:
        return f"cd: {path}: no such directory\n"
    shell.directory = path
    return ""


def _free(shell: Shell, words: Sequence[str], now: float) -> str:
    total, used = memory(shell.kernel)
    head = f"{'':6}{'total':>12}{'used':>12}{'free':>12}\n"
    return f"{head}{'Mem:':6}{total:>12}{used:>12}{total - used:>12}\n{'Swap:':6}{0:>12}{0:>12}{0:>12}\n"


PROCESSES: Final = ((1, "?", "/sbin/init"), (2, "?", "[kthreadd]"), (211, "?", "journald"), (305, "?", "sshd"))


def _ps(shell: Shell, words: Sequence[str], now: float) -> str:
    running = (*PROCESSES, (412, "ttyS0", "-sh"), (440, "ttyS0", "ps"))
    return "    PID TTY      COMMAND\n" + "".join(f"{pid:>7} {tty:<8} {name}\n" for pid, tty, name in running)


def _history(shell: Shell, words: Sequence[str], now: float) -> str:
    lines = (line.decode(errors="replace") for line in shell.history)
    return "".join(f"{number:>4}  {line}\n" for number, line in enumerate(lines, start=1))


COMMANDS: Final[dict[str, Command]] = {
    "cat": _says(_cat, "show files"),
    "cd": _says(_cd, "change the directory"),
    "clear": _says(lambda shell, words, now: CLEAR_SCREEN, "clear the screen"),
    "date": _says(_date, "date and time"),
    "dmesg": _says(lambda shell, words, now: "".join(f"{line}\n" for line in shell.kernel.log), "kernel messages"),
    "echo": _says(lambda shell, words, now: " ".join(words) + "\n", "say something"),
    "exit": _asks(Request.LOG_OUT, "log out"),
    "free": _says(_free, "memory, in KiB"),
    "help": _says(_help, "this list"),
    "history": _says(_history, "lines typed so far"),
    "hostname": _says(lambda shell, words, now: f"{shell.kernel.computer.hostname}\n", "name of this machine"),
    "ls": _says(_ls, "list files"),
    "poweroff": _asks(Request.POWER_OFF, "shut down and switch the machine off"),
    "ps": _says(_ps, "processes"),
    "pwd": _says(lambda shell, words, now: f"{shell.directory}\n", "the directory"),
    "reboot": _asks(Request.REBOOT, "shut down and start again"),
    "uname": _says(_uname, "name of the system; -a for more"),
    "uptime": _says(_uptime, "how long the system has been up"),
    "whoami": _says(lambda shell, words, now: f"{shell.user}\n", "who is logged in"),
}
