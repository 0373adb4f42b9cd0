"""The guest from power on to power off, as one sees it on the serial port."""

from __future__ import annotations

import math

import pytest

from conduit.ipmi.bmc.guest import Guest, GuestConfig, GuestUser, PortGuest
from conduit.ipmi.bmc.power_states import PowerCommand, PowerState
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.virtual_machine import Timings, VirtualMachine
from conduit.ipmi.commands import BootDevice, BootFlags, ConsoleRedirection, RestartCause, Verbosity

UP = b"\x1b[A"
DOWN = b"\x1b[B"


class Bench:
    """A machine with its guest, and a clock that goes from deadline to deadline."""

    def __init__(self, *, running: bool = False, timings: Timings | None = None, config: GuestConfig | None = None):
        self.machine = VirtualMachine(timings or Timings(), running=running)
        self.guest = Guest(self.machine, config)
        self.now = 1000.0
        self.machine.advance(self.now)
        self.pause(0)

    def pause(self, seconds: float) -> str:
        """Let time pass; what was said meanwhile."""
        until, said = self.now + seconds, b""
        while True:
            deadlines = [self.machine.next_deadline(), self.guest.next_deadline()]
            due = min((when for when in deadlines if when is not None), default=math.inf)
            if due > until:
                break
            self.now = max(self.now, due)
            self.machine.advance(self.now)
            self.guest.handle_deadline(self.now)
            said += self.guest.data_to_send()
        self.now = until
        return said.decode()

    def type(self, data: bytes) -> str:
        self.guest.receive(data, self.now)
        return self.guest.data_to_send().decode() + self.pause(0)

    def send_break(self) -> str:
        self.guest.send_break(self.now)
        return self.guest.data_to_send().decode()

    def command(self, command: PowerCommand) -> str:
        self.machine.command(command, self.now)
        return self.pause(0)

    def sysrq(self, key: bytes) -> str:
        self.guest.send_break(self.now)
        return self.type(key)

    def log_in(self) -> str:
        return self.type(b"root\rconduit\r")

    def power(self) -> PowerState:
        return self.machine.state


def lines(text: str) -> list[str]:
    return [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]


def test_the_whole_start_from_power_on_to_the_login_prompt() -> None:
    bench = Bench()
    bench.command(PowerCommand.ON)
    said = lines(bench.pause(10))
    places = [
        next(number for number, line in enumerate(said) if start in line)
        for start in (
            "Conduit Virtual Firmware",
            "Start caused by: Chassis Control command",
            "Memory ................ 16384 MiB OK",
            "Press F2",
            "Booting from disk (vda)",
            "|*Conduit Linux  ",
            "The first entry starts in 1 s",
            "Loading Conduit Linux ...",
            "[    0.000000] Linux version",
            "[    1.243478] Run /sbin/init",
            "Reached target Multi-User System.",
            "Log in as root, password conduit.",
        )
    ]
    assert places == sorted(places)
    assert said[-1] == "node1 login: "
    assert max(len(line) for line in said) <= 80 + len("\x1b[32m\x1b[0m")
    assert bench.guest.next_deadline() is None


def test_the_same_clock_gives_the_same_bytes() -> None:
    runs = []
    for _ in range(2):
        bench = Bench()
        bench.command(PowerCommand.ON)
        runs.append(bench.pause(10) + bench.log_in() + bench.type(b"date\ruptime\rdmesg\r"))
    assert runs[0] == runs[1]
    assert "Thu Jan  1 00:00:" in runs[0]


def test_post_is_as_far_as_the_machine_says() -> None:
    bench = Bench(timings=Timings(power_on=0, post=6))
    bench.command(PowerCommand.ON)
    said = bench.pause(1.5)
    assert "Processors ............ " in said
    assert "started" not in said
    assert "Storage" not in said


def test_machine_that_needs_no_time_for_post_shows_it_all_the_same() -> None:
    bench = Bench(timings=Timings(power_on=0, post=0), config=GuestConfig(loader=0, boot=0))
    said = bench.command(PowerCommand.ON)
    assert "Storage" in said
    assert said.endswith("node1 login: ")


def started(flags: BootFlags, config: GuestConfig | None = None) -> Bench:
    bench = Bench(timings=Timings(power_on=0, post=1), config=config)
    bench.machine.set_boot_flags(flags, bench.now)
    bench.command(PowerCommand.ON)
    return bench


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (BootDevice.NONE, ["Booting from disk (vda) ..."]),
        (BootDevice.PXE, ["Booting from network (PXE) ...", "PXE: loading", "ip=dhcp"]),
        (BootDevice.CDROM, ["Booting from CD-ROM ...", "|*Conduit Linux from CD-ROM", "root=/dev/sr0"]),
        (BootDevice.DISK_SAFE, ["|*Conduit Linux (recovery mode)", "single", "Recovery mode", "root@node1:~# "]),
        (BootDevice.FLOPPY, ["boot flags ask for floppy, which has no medium", "Booting from disk (vda) ..."]),
        (0xC, ["boot flags ask for unknown (0x0c), which has no medium", "Booting from disk (vda) ..."]),
    ],
)
def test_the_boot_flags_are_heeded(device: int, expected: list[str]) -> None:
    said = started(BootFlags(valid=True, device=device)).pause(10)
    assert [text for text in expected if text not in said] == []


def test_recovery_goes_on_to_the_login_prompt() -> None:
    bench = started(BootFlags(valid=True, device=BootDevice.DISK_SAFE))
    bench.pause(10)
    assert bench.type(b"exit\r").endswith("node1 login: ")


def test_firmware_is_silent_quiet_or_forgetful_if_the_flags_say_so() -> None:
    silent = started(BootFlags(valid=True, console_redirection=ConsoleRedirection.SUPPRESS)).pause(2)
    assert "Firmware" not in silent
    assert "Boot loader" in silent
    bench = Bench(timings=Timings(power_on=0.1, post=1))
    bench.machine.set_boot_flags(BootFlags(valid=True, verbosity=Verbosity.QUIET, clear_cmos=True), bench.now)
    bench.command(PowerCommand.ON)
    quiet = bench.pause(1)
    assert "Conduit Virtual Firmware" in quiet
    assert "Settings cleared" in quiet
    assert "Memory" not in quiet


def test_setup_by_boot_flag_changes_the_boot_device() -> None:
    bench = started(BootFlags(valid=True, device=BootDevice.BIOS_SETUP))
    screen = bench.pause(2)
    assert "Conduit Virtual Firmware 1.0: setup" in screen
    assert {len(line) for line in lines(screen.split("\x1b[H")[-1]) if line} == {80}
    assert "> network (PXE)" in bench.type(DOWN)
    assert "> disk (vda)" in bench.type(UP + b"x\t")
    assert "> network (PXE)" in bench.type(DOWN)
    bench.send_break()
    said = bench.type(b"\x1b[21~")
    assert "Saved, restarting" in said
    assert "Booting from network" in bench.pause(5)


def test_setup_by_key_and_left_without_saving() -> None:
    bench = started(BootFlags())
    bench.pause(0.5)
    assert bench.type(b"x") == ""
    bench.send_break()
    assert "Entering setup" in bench.type(b"\x1bOQ")
    bench.pause(2)
    bench.type(DOWN + b"\x1b")
    assert "Not saved" in bench.pause(0.2)
    assert "Booting from disk" in bench.pause(2)


def test_menu_waits_for_whoever_touches_a_key() -> None:
    bench = started(BootFlags())
    bench.pause(1.5)
    assert "Up and Down choose" in bench.type(b" ")
    assert "login" not in bench.pause(60)
    assert "|*Conduit Linux (recovery mode)" in bench.type(DOWN)
    assert "|*Conduit Linux  " in bench.type(UP)
    assert "Loading Conduit Linux ..." in bench.type(b"\r")


def test_break_enters_the_menu() -> None:
    bench = started(BootFlags())
    bench.pause(1.5)
    assert "Up and Down choose" in bench.send_break()
    assert bench.pause(60) == ""


@pytest.mark.parametrize("seconds", [0.5, 1.5])
@pytest.mark.parametrize("device", [BootDevice.NONE, BootDevice.PXE])
def test_ctrl_alt_del_resets_whatever_is_no_system_yet(seconds: float, device: BootDevice) -> None:
    bench = started(BootFlags(valid=True, persistent=True, device=device))
    bench.pause(seconds)
    bench.send_break()
    bench.type(b"x")
    assert "Conduit Virtual Firmware" in bench.type(b"\x1bR\x1br\x1bR")
    assert len(bench.machine.boots) == 2
    assert bench.machine.restart_cause.cause == RestartCause.SOFT_RESET


# --- the system ---


def test_system_that_ran_before_shows_its_login_prompt() -> None:
    bench = Bench(running=True)
    assert "node1 login: " in bench.type(b"\r")
    assert "node1 login: " in bench.type(b"\x03")
    bench.log_in()
    assert "[    0.000000] Linux version" in bench.type(b"dmesg\r")
    assert "up  0:05" in bench.type(b"uptime\r")


def test_login_right_wrong_and_three_times_wrong() -> None:
    config = GuestConfig(users=(GuestUser(name=b"alice", password=b"wonder"),))
    bench = Bench(running=True, config=config)
    assert "password" not in bench.type(b"\r")
    for _ in range(3):
        said = bench.type(b"root\rconduit\r")
        assert "conduit" not in said
        assert bench.type(b"typed meanwhile") == ""
        assert "Login incorrect" in bench.pause(2)
    assert "alice@node1:~# " in bench.type(b"alice\rwonder\r")
    assert "alice\r\n" in bench.type(b"whoami\r")


def test_prompt_comes_again_after_a_kernel_message_unless_a_password_was_wrong() -> None:
    bench = Bench(running=True)
    bench.type(b"root\rwrong\r")
    assert bench.command(PowerCommand.INTERRUPT).endswith("going on\r\n")
    bench.pause(2)
    bench.type(b"ro")
    assert bench.command(PowerCommand.INTERRUPT).endswith("going on\r\nnode1 login: ro")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"help", "poweroff  shut down and switch the machine off"),
        (b"uname", "Linux\r\n"),
        (b"uname -r", "6.1.0-conduit"),
        (b"uname -a", "Linux node1 6.1.0-conduit"),
        (b"hostname", "node1\r\n"),
        (b"date", "2026\r\n"),
        (b"ls /", "etc/  proc/  root/  var/"),
        (b"ls -l /etc", "-rw-r--r-- root root        6 hostname"),
        (b"ls -l /var", "drwxr-xr-x root root     4096 log/"),
        (b"ls /etc/motd", "/etc/motd\r\n"),
        (b"ls /nowhere", "no such file or directory"),
        (b"ls", "README\r\n"),
        (b"cat README", "This is a small system"),
        (b"cat /etc /nowhere", "cat: /etc: is a directory\r\ncat: /nowhere: no such file"),
        (b"cat /etc/hostname /etc/passwd /etc/os-release", "root:x:0:0"),
        (b"cat /proc/cpuinfo /proc/meminfo /proc/uptime /proc/version /proc/cmdline", "MemTotal:       16777216 kB"),
        (b"cat /var/log/messages", "Linux version"),
        (b"cd /etc; pwd", "cd: /etc;: no such directory"),
        (b"cd ../etc", "root@node1:/etc# "),
        (b"pwd", "/root\r\n"),
        (b"cd", "root@node1:~# "),
        (b"echo 'a  b' \"c\" d", "a  b c d\r\n"),
        (b"free", "Mem:      16777216"),
        (b"ps", "412 ttyS0    -sh"),
        (b"clear", "\x1b[2J"),
        (b"nonsense", "sh: nonsense: not found; try help"),
        (b"", "root@node1:~# "),
    ],
)
def test_a_command_of_the_shell(line: bytes, answer: str) -> None:
    bench = Bench(running=True)
    bench.log_in()
    assert answer in bench.type(line + b"\r")


def test_shell_keeps_a_history_and_ends_with_exit_or_ctrl_d() -> None:
    bench = Bench(running=True)
    bench.log_in()
    bench.type(b"hostname")
    assert bench.command(PowerCommand.INTERRUPT).endswith("root@node1:~# hostname")
    bench.type(b"\r")
    assert "hostname\r\nnode1" in bench.type(UP + b"\r")
    assert "   2  history" in bench.type(b"history\r")
    assert "^C" in bench.type(b"half\x03")
    assert bench.type(b"\x04").endswith("node1 login: ")
    bench.log_in()
    assert bench.type(b"exit\r").endswith("node1 login: ")


def test_uptime_counts_days() -> None:
    bench = Bench(running=True)
    bench.log_in()
    bench.pause(86_400)
    assert "up 1 day,  0:05" in bench.type(b"uptime\r")
    bench.pause(86_400)
    assert "up 2 days,  0:05" in bench.type(b"uptime\r")


def test_reboot_stops_everything_and_resets_the_machine() -> None:
    bench = Bench(running=True)
    bench.log_in()
    assert "the system restarts now" in bench.type(b"reboot\r")
    said = bench.pause(2)
    assert said.index("Stopped the journal.") < said.index("reboot: Restarting system") < said.index("Firmware")
    assert bench.machine.restart_cause.cause == RestartCause.SOFT_RESET
    assert bench.pause(10).endswith("node1 login: ")


def test_poweroff_switches_the_machine_off() -> None:
    bench = Bench(running=True)
    bench.log_in()
    bench.type(b"poweroff\r")
    assert bench.power() is PowerState.SHUTTING_DOWN
    assert bench.type(b"too late") == ""
    assert "reboot: Power down" in bench.pause(2)
    assert bench.power() is PowerState.OFF
    assert bench.type(b"anybody?\r") == ""
    bench.send_break()
    assert bench.pause(100) == ""


def test_soft_shutdown_by_the_bmc_and_a_power_off_in_its_middle() -> None:
    bench = Bench(running=True)
    assert "the system switches off now" in bench.command(PowerCommand.SOFT)
    assert "Stopped the journal" not in bench.pause(0.1)
    assert bench.command(PowerCommand.OFF) == ""
    assert bench.pause(10) == ""


def test_power_off_turns_a_restart_around() -> None:
    bench = Bench(running=True)
    assert "restarts" in bench.type(b"\x1bR\x1br\x1bR")
    assert bench.type(b"\x1bR\x1br\x1bR") == ""
    assert "switches off" in bench.command(PowerCommand.SOFT)
    bench.pause(3)
    assert bench.power() is PowerState.OFF


@pytest.mark.parametrize(
    ("key", "answer", "state"),
    [
        (b"s", "sysrq: Emergency sync complete", PowerState.RUNNING),
        (b"U", "sysrq: Emergency remount read-only complete", PowerState.RUNNING),
        (b"m", "sysrq: 4194304 pages of RAM", PowerState.RUNNING),
        (b"h", "sysrq: HELP", PowerState.RUNNING),
        (b"?", "sysrq: HELP", PowerState.RUNNING),
        (b"b", "Firmware", PowerState.POST),
        (b"o", "", PowerState.OFF),
    ],
)
def test_a_sysrq_key_after_a_break(key: bytes, answer: str, state: PowerState) -> None:
    bench = Bench(running=True)
    assert answer in bench.sysrq(key)
    assert bench.power() is state


def test_break_counts_for_five_seconds_and_for_letters() -> None:
    bench = Bench(running=True)
    bench.send_break()
    bench.pause(6)
    assert bench.type(b"b") == "b"
    assert "Password" in bench.sysrq(b"\r")
    assert bench.power() is PowerState.RUNNING


def test_software_cannot_do_what_the_machine_refuses() -> None:
    bench = Bench(running=True)
    bench.machine.lose_mains(bench.now)
    bench.guest.computer.command(PowerCommand.RESET, bench.now)
    assert bench.power() is PowerState.OFF


def test_keys_during_the_start_are_lost() -> None:
    bench = started(BootFlags())
    bench.pause(2.5)
    assert "Linux version" in "".join(bench.guest._stage._kernel.log)  # type: ignore[attr-defined]  # the system
    assert bench.type(b"abc") == ""
    bench.send_break()
    assert "sysrq: HELP" in bench.type(b"h")
    assert bench.pause(5).endswith("node1 login: ")


# --- on a port ---


def test_guest_on_a_port_keeps_breaks_in_their_place() -> None:
    port, machine = SerialPort(), VirtualMachine(running=True)
    inhabitant = PortGuest(Guest(machine), port)
    assert inhabitant.next_deadline() == -math.inf
    inhabitant.advance(0.0)
    assert inhabitant.next_deadline() is None
    port.sol_write(b"\r")
    port.sol_break()
    port.sol_write(b"h")
    assert inhabitant.next_deadline() == -math.inf
    inhabitant.advance(1.0)
    assert b"sysrq: HELP" in port.sol_read(10_000)


def test_guest_waits_for_room_in_the_port() -> None:
    port, machine = SerialPort(room=10), VirtualMachine(running=True)
    port.watch(cts=True, dcd=True)
    inhabitant = PortGuest(Guest(machine), port)
    said = b""
    for second in range(20):
        inhabitant.advance(float(second))
        said += port.sol_read(10)
    assert said.endswith(b"node1 login: ")
