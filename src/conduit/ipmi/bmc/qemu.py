"""A real virtual machine behind a virtual BMC: QEMU's power follows the BMC's, its serial port is the BMC's.

The BMC's machine stays the master: QEMU is started, reset, asked to shut down and ended as that one changes. If QEMU
ends by itself (its system has switched off), the BMC's machine is switched off too.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from conduit._trio import open_background_nursery
from conduit.errors import TransportError
from conduit.ipmi.bmc.power_states import HAS_POWER, PowerCommand, PowerState
from conduit.ipmi.bmc.serial_pipes import HostEnd, end_process, pump
from conduit.ipmi.bmc.serve import ServedBmc
from conduit.ipmi.bmc.virtual_machine import NotPossibleError
from conduit.ipmi.commands.boot_options import BootDevice

logger = logging.getLogger(__name__)

PROGRAM: Final = "qemu-system-x86_64"
POLL: Final = 0.05  # seconds between looks at the machine
START_WITHIN: Final = 10.0  # seconds for QEMU to open its sockets
QUIT_WITHIN: Final = 2.0  # seconds to end when told to
LOG: Final = "log"  # what QEMU says, in the folder of its sockets
CHARDEV: Final = "serial"  # what QEMU calls the serial port
MAX_LINE: Final = 1 << 16  # bytes of one QMP message
FIRST_VNC_PORT: Final = 5900  # VNC display 0

# QEMU's letters for what the boot flags ask for; `once`, as the flags do it again if they are persistent.
BOOT_LETTERS: Final = {BootDevice.PXE: "n", BootDevice.DISK: "c", BootDevice.CDROM: "d", BootDevice.REMOTE_CDROM: "d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuConfig:
    """How QEMU is started."""

    image: Path | None = None
    "Disk image; the machine has no disk without one."
    memory: int = 256
    "MiB."
    vnc_port: int = FIRST_VNC_PORT
    "TCP port on loopback for the display, 5900 or more."
    program: str = PROGRAM


def find_qemu(program: str = PROGRAM) -> str:
    """Its path. :raises TransportError: it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise TransportError(f"{program} is not installed; on Debian it is in the package qemu-system-x86")
    return path


def command_line(path: str, config: QemuConfig, folder: Path, device: int) -> list[str]:
    """The words that start QEMU. SeaBIOS shows itself on the serial port, as graphics=off has it do.

    QEMU waits for who listens to the serial port, as otherwise the first words could be lost, and opens QMP after that.
    """
    words = [path, "-machine", "pc,graphics=off,accel=kvm:tcg", "-m", str(config.memory), "-no-user-config"]
    words += ["-nodefaults", "-vga", "std", "-display", f"vnc=127.0.0.1:{config.vnc_port - FIRST_VNC_PORT}"]
    words += ["-chardev", f"socket,id={CHARDEV},path={folder / 'serial'},server=on,wait=on"]
    words += ["-serial", f"chardev:{CHARDEV}"]
    words += ["-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"]
    words += ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile="]
    if config.image is not None:
        words += ["-drive", f"file={str(config.image).replace(',', ',,')},if=virtio"]
    if device in BOOT_LETTERS:
        words += ["-boot", f"once={BOOT_LETTERS[BootDevice(device)]}"]
    return words


class Qmp:
    """QEMU's control socket: a JSON object a line."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""
        self._turn = trio.Lock()

    async def start(self) -> None:
        """Take the greeting and begin."""
        await self._read()
        await self.execute("qmp_capabilities")

    async def execute(self, command: str, **arguments: str) -> Any:
        """Run a command, after those of other tasks; its result, whose type depends on the command.

        :raises trio.BrokenResourceError: QEMU has ended, or refuses.
        """
        async with self._turn:
            await self._stream.send_all(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            while True:
                answer = await self._read()
                if "error" in answer:
                    raise trio.BrokenResourceError(f"{command}: {answer['error']}")
                if "return" in answer:
                    return answer["return"]

    async def send_break(self) -> None:
        """A break on the serial port. :raises: as :meth:`execute`."""
        await self.execute("chardev-send-break", id=CHARDEV)

    async def _read(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            data = await self._stream.receive_some(4096)
            if not data or len(self._buffer) > MAX_LINE:
                raise trio.BrokenResourceError("QEMU's control socket is closed")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


async def run_qemu(served: ServedBmc, config: QemuConfig) -> None:
    """Keep a QEMU as the BMC's machine has power, until cancelled.

    :raises TransportError: QEMU is not installed, or does not start.
    """
    path = find_qemu(config.program)
    state = served.bmc.state
    end = HostEnd(state.sol.port)
    while True:
        while state.machine.state not in HAS_POWER:  # noqa: ASYNC110 - the machine is no task and has no event
            await trio.sleep(POLL)
        device = state.machine.boots[-1].flags.device if state.machine.boots else BootDevice.NONE
        with tempfile.TemporaryDirectory(prefix="conduit-qemu-") as folder:
            await _run_once(command_line(path, config, Path(folder), device), Path(folder), served, end)


async def _run_once(words: Sequence[str], folder: Path, served: ServedBmc, end: HostEnd) -> None:
    """One QEMU, from power on to power off."""
    with (folder / LOG).open("wb") as log:
        process: trio.Process = await trio.lowlevel.open_process(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    machine = served.bmc.state.machine
    try:
        async with (
            await _connect(process, folder / "serial") as line,
            await _connect(process, folder / "qmp") as control,
        ):
            qmp = Qmp(control)
            try:
                await qmp.start()
            except trio.BrokenResourceError as error:  # it opens its sockets before it looks at its disk
                raise await _did_not_start(folder) from error
            await _live(process, served, qmp, pump_serial=partial(pump, end, line, qmp.send_break))
    except (trio.BrokenResourceError, OSError) as error:
        logger.info("QEMU: %s", error)
    finally:
        await end_process(process)
    if machine.state in HAS_POWER:
        _switch_off(served)


async def _live(
    process: trio.Process, served: ServedBmc, qmp: Qmp, *, pump_serial: Callable[[], Awaitable[None]]
) -> None:
    """As long as QEMU runs and the machine has power; then tell QEMU to quit."""
    async with open_background_nursery() as nursery:
        nursery.start_soon(_wait_for_end, process, nursery.cancel_scope)
        nursery.start_soon(pump_serial)
        await _follow(served, qmp)
        with trio.move_on_after(QUIT_WITHIN):
            await qmp.execute("quit")
            await process.wait()


async def _wait_for_end(process: trio.Process, scope: trio.CancelScope) -> None:
    await process.wait()
    scope.cancel()


def _switch_off(served: ServedBmc) -> None:
    """QEMU has switched itself off: so has the machine."""
    try:
        served.bmc.state.machine.command(PowerCommand.OFF, trio.current_time())
    except NotPossibleError:
        return
    served.wake()


async def _connect(process: trio.Process, path: Path) -> trio.SocketStream:
    """A socket that QEMU opens as it starts.

    :raises TransportError: it did not.
    """
    with trio.move_on_after(START_WITHIN):
        while process.poll() is None:
            try:
                return await trio.open_unix_socket(str(path))
            except OSError:
                await trio.sleep(POLL)
    raise await _did_not_start(path.parent)


async def _did_not_start(folder: Path) -> TransportError:
    """With the last line that it said."""
    said = await trio.Path(folder / LOG).read_text(errors="replace")
    reason = said.strip().splitlines()[-1:] or ["it opens no control socket"]
    return TransportError(f"QEMU did not start: {reason[0]}")


async def _follow(served: ServedBmc, qmp: Qmp) -> None:
    """Do to QEMU what is done to the machine, until that has no power any more."""
    machine = served.bmc.state.machine
    boot, interrupts, asked = machine.boots[-1:], machine.interrupts, False
    while machine.state in HAS_POWER:
        if machine.boots[-1:] != boot:
            boot, asked = machine.boots[-1:], False
            await qmp.execute("system_reset")
        if machine.interrupts != interrupts:
            interrupts = machine.interrupts
            await qmp.execute("inject-nmi")
        if machine.state is PowerState.SHUTTING_DOWN and not asked:
            asked = True
            await qmp.execute("system_powerdown")
        await trio.sleep(POLL)
