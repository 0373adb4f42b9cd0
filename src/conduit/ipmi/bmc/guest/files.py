"""The few files that the system has, made when they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conduit.ipmi.bmc.guest.computer import Kernel
from conduit.ipmi.bmc.guest.config import DEFAULT_USERS
from conduit.ipmi.bmc.guest.messages import BUILD, RELEASE

Content = Callable[[Kernel, float], str]

README: Final = """\
This is a small system inside a virtual BMC. It is there so that a serial console
has something to show: type help for what it understands.

`reboot` and `poweroff` change the power state that the BMC reports.
A break and then h within five seconds lists the SysRq keys.
"""


def issue(kernel: Kernel, now: float) -> str:
    """What stands above the login prompt; the password is told where it is everybody's."""
    computer = kernel.computer
    users = computer.config.users
    hint = f"Log in as {users[0].name.decode()}, password {users[0].password.decode()}.\n"
    return f"Conduit Linux 1.0 {computer.hostname} ttyS0\n" + (hint if users == DEFAULT_USERS else "")


def _cpuinfo(kernel: Kernel, now: float) -> str:
    return "".join(
        f"processor\t: {number}\nmodel name\t: Conduit Virtual CPU @ 2.40GHz\ncpu MHz\t\t: 2400.000\n\n"
        for number in range(kernel.computer.config.processors)
    )


def _meminfo(kernel: Kernel, now: float) -> str:
    total, used = memory(kernel)
    return f"MemTotal:     {total:>10} kB\nMemFree:      {total - used:>10} kB\nMemAvailable: {total - used:>10} kB\n"


def memory(kernel: Kernel) -> tuple[int, int]:
    """KiB there are, and KiB in use."""
    total = kernel.computer.config.memory * 1024
    return total, total // 40


def _passwd(kernel: Kernel, now: float) -> str:
    users = kernel.computer.config.users
    return "".join(
        f"{user.name.decode(errors='replace')}:x:{number and 999 + number}:{number and 999 + number}::/root:/bin/sh\n"
        for number, user in enumerate(users)
    )


FILES: Final[dict[str, Content]] = {
    "/etc/hostname": lambda kernel, now: f"{kernel.computer.hostname}\n",
    "/etc/issue": issue,
    "/etc/motd": lambda kernel, now: "Type help for what this system understands.\n",
    "/etc/os-release": lambda kernel, now: 'NAME="Conduit Linux"\nVERSION="1.0"\nID=conduit\n',
    "/etc/passwd": _passwd,
    "/proc/cmdline": lambda kernel, now: f"BOOT_IMAGE=/vmlinuz {kernel.command_line}\n",
    "/proc/cpuinfo": _cpuinfo,
    "/proc/meminfo": _meminfo,
    "/proc/uptime": lambda kernel, now: f"{kernel.uptime(now):.2f} {kernel.uptime(now) * 0.97:.2f}\n",
    "/proc/version": lambda kernel, now: f"Linux version {RELEASE} {BUILD}\n",
    "/root/README": lambda kernel, now: README,
    "/var/log/messages": lambda kernel, now: "".join(f"{line}\n" for line in kernel.log),
}


def entries(path: str) -> list[str] | None:
    """Names in a directory, directories with a slash; None if there is no such directory."""
    prefix = path.rstrip("/") + "/"
    below = [name.removeprefix(prefix) for name in FILES if name.startswith(prefix)]
    if not below:
        return None
    return sorted({name if "/" not in name else name.partition("/")[0] + "/" for name in below})


def resolve(path: str, directory: str) -> str:
    """An absolute path without dots."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{directory}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
