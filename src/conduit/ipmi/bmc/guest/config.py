"""How the guest on the serial port is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from conduit.ipmi._fields import check_range, check_size

DEFAULT_EPOCH: Final = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
MAX_NAME: Final = 32  # bytes
MAX_DELAY: Final = 3600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestUser:
    """Somebody who may log in on the console."""

    name: bytes = b"root"
    "1 to 32 bytes."
    password: bytes = field(default=b"conduit", repr=False)

    def __post_init__(self) -> None:
        check_size("a guest user's name", self.name, 1, MAX_NAME)


DEFAULT_USERS: Final = (GuestUser(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestConfig:
    """The system that the virtual machine runs."""

    enabled: bool = False
    "Whether it has the serial port; if not, the port is for whoever takes it. `conduit bmc sim` enables it."
    hostname: bytes = b"node1"
    users: tuple[GuestUser, ...] = DEFAULT_USERS
    loader: float = 1.0
    "Seconds that the boot loader's menu waits for a key."
    boot: float = 2.0
    "Seconds from the boot loader to the login prompt."
    login_delay: float = 1.0
    "Seconds after a wrong password."
    memory: int = 16_384
    "MiB."
    processors: int = 4
    epoch: float = DEFAULT_EPOCH
    "Seconds since 1970 at the moment when the guest's clock is first looked at."

    def __post_init__(self) -> None:
        check_size("a host name", self.hostname, 1, MAX_NAME)
        for name in ("loader", "boot", "login_delay"):
            check_range(name, getattr(self, name), 0, MAX_DELAY)
        check_range("memory", self.memory, 64, 1 << 24)
        check_range("processors", self.processors, 1, 1024)
        check_range("epoch", self.epoch, 0, 1 << 33)
