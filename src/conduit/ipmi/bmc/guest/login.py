"""``login:`` and ``Password:``."""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

from conduit.ipmi.bmc.guest.computer import Kernel
from conduit.ipmi.bmc.guest.config import GuestUser
from conduit.ipmi.bmc.guest.editor import Ending, LineEditor
from conduit.ipmi.bmc.guest.files import FILES, issue
from conduit.ipmi.bmc.guest.keys import Typed

MAX_TRIES: Final = 3  # wrong passwords, then the banner comes again
NAME_SHOWN: Final = 32  # bytes of a wrong name that are kept


class Request(Enum):
    """What a program asks of the system."""

    LOG_IN = "somebody has logged in"
    LOG_OUT = "the shell has ended"
    REBOOT = "restart"
    POWER_OFF = "switch off"


class Program(Protocol):
    """What has the terminal while the system runs."""

    def show(self) -> None:
        """Write the prompt again, after something else was written."""
        ...

    def take(self, key: Typed, now: float) -> Request | None:
        """One key."""
        ...

    def advance(self, now: float) -> None:
        """Do what is due."""
        ...

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        ...


class Login:
    """Asks for name and password until they are right. :attr:`user` is who has logged in then."""

    def __init__(self, kernel: Kernel, now: float) -> None:
        self._kernel = kernel
        self._wire = kernel.computer.wire
        self._tries = 0
        self._refuse_at: float | None = None
        self._name: bytes | None = None
        self.user: GuestUser | None = None
        self._restart(now)

    def show(self) -> None:
        if self._refuse_at is None:
            self._editor.show()

    def take(self, key: Typed, now: float) -> Request | None:
        if self._refuse_at is not None:
            return None
        line = self._editor.take(key)
        if isinstance(line, Ending):
            self._restart(now)
        elif line is not None and self._name is None:
            self._take_name(line)
        elif line is not None:
            return self._take_password(line, now)
        return None

    def advance(self, now: float) -> None:
        if self._refuse_at is None or now < self._refuse_at:
            return
        self._refuse_at = None
        self._wire.write("\nLogin incorrect\n")
        if self._tries >= MAX_TRIES:
            self._restart(now)
        else:
            self._ask_name()

    def next_deadline(self) -> float | None:
        return self._refuse_at

    def _restart(self, now: float) -> None:
        self._tries = 0
        self._wire.line(f"\n{issue(self._kernel, now)}")
        self._ask_name()

    def _ask_name(self) -> None:
        self._name = None
        self._editor = LineEditor(self._wire, f"{self._kernel.computer.hostname} login: ")
        self._editor.show()

    def _take_name(self, line: bytes) -> None:
        self._name = line.strip()[:NAME_SHOWN] or None
        if self._name is not None:
            self._editor = LineEditor(self._wire, "Password: ", echo=False)
        else:
            self._editor = LineEditor(self._wire, f"{self._kernel.computer.hostname} login: ")
        self._editor.show()

    def _take_password(self, line: bytes, now: float) -> Request | None:
        for user in self._kernel.computer.config.users:
            if user.name == self._name and user.password == line:
                self.user = user
                self._wire.write(FILES["/etc/motd"](self._kernel, now))
                return Request.LOG_IN
        self._tries += 1
        self._refuse_at = now + self._kernel.computer.config.login_delay
        return None
