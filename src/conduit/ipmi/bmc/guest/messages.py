"""What the system says while it starts and stops, with the share of the time at which it does."""

from __future__ import annotations

from typing import Final, NamedTuple

from conduit.ipmi.bmc.guest.computer import Computer

RELEASE: Final = "6.1.0-conduit"
BUILD: Final = "#1 SMP PREEMPT_DYNAMIC"


class Message(NamedTuple):
    """One line."""

    share: float
    "0 to 1, of the time that the start takes."
    text: str
    kernel: bool = True
    "Whether the kernel says it; services say the others."


def boot_messages(computer: Computer, command_line: str) -> list[Message]:
    """From the loader to just before the login prompt."""
    lines = _kernel_lines(computer, command_line)
    kernel = [Message(0.65 * number / len(lines), line) for number, line in enumerate(lines)]
    services = [f"[  \x1b[32mOK\x1b[0m  ] {line}" for line in SERVICES]
    return kernel + [
        Message(0.65 + 0.35 * number / len(services), line, kernel=False) for number, line in enumerate(services)
    ]


def _kernel_lines(computer: Computer, command_line: str) -> list[str]:
    config = computer.config
    kib = config.memory * 1024
    return [
        f"Linux version {RELEASE} (conduit@build) {BUILD}",
        f"Command line: BOOT_IMAGE=/vmlinuz {command_line}",
        "BIOS-provided physical RAM map:",
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
        f"BIOS-e820: [mem 0x0000000000100000-{config.memory * (1 << 20) - 1:#018x}] usable",
        "SMBIOS 3.0 present.",
        "DMI: Conduit Virtual Machine, firmware 1.0",
        "tsc: 2400.000 MHz processor",
        f"Memory: {kib - kib // 40}K/{kib}K available",
        f"smp: {config.processors} CPUs brought up",
        "NET: Registered PF_NETLINK/PF_ROUTE protocol family",
        "PCI: Using configuration type 1 for base access",
        "clocksource: Switched to clocksource tsc",
        "Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled",
        "00:03: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A",
        "printk: console [ttyS0] enabled",
        "ipmi_si: KCS interface at I/O 0xca2",
        "ipmi_si IPI0001:00: the BMC is there (device ID 0x20)",
        "virtio_net virtio0 eth0: link is up, 10 Gb/s",
        "virtio_blk virtio1: [vda] 134217728 512-byte blocks (64.0 GiB)",
        " vda: vda1 vda2",
        "EXT4-fs (vda1): mounted filesystem with ordered data mode",
        "Run /sbin/init as init process",
    ]


SERVICES: Final = (
    "Mounted /boot.",
    "Started the journal.",
    "Reached target Local File Systems.",
    "Started network configuration.",
    "Reached target Network is Online.",
    "Started the secure shell server.",
    "Started the IPMI event daemon.",
    "Reached target Multi-User System.",
)

STOPS: Final = (
    "Stopped target Multi-User System.",
    "Stopped the IPMI event daemon.",
    "Stopped the secure shell server.",
    "Stopped target Network is Online.",
    "Stopped network configuration.",
    "Stopped the journal.",
    "Unmounted /boot.",
    "Reached target Unmount All Filesystems.",
    "Reached target {target}.",
)


def stop_messages(target: str, last: str) -> list[Message]:
    """Everything stops.

    :param target: what is reached in the end.
    :param last: the kernel's last words.
    """
    lines = [f"[  \x1b[32mOK\x1b[0m  ] {line.format(target=target)}" for line in STOPS]
    messages = [Message(0.85 * number / len(lines), line, kernel=False) for number, line in enumerate(lines)]
    return [*messages, Message(0.9, last)]
