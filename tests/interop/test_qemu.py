"""A real virtual machine behind our BMC: power, serial port and display of QEMU."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import trio

from conduit.errors import TransportError
from conduit.ipmi.bmc import PowerCommand, PowerState, Timings, UserConfig, qemu
from conduit.ipmi.bmc.qemu import QemuConfig, find_qemu, run_qemu
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.client import open_bmc
from conduit.ipmi.commands import ChassisControlAction

pytestmark = [pytest.mark.interop, pytest.mark.slow]

LIMIT: Final = 30.0  # seconds; it may run without KVM
ADMIN: Final = UserConfig(name=b"admin", password=b"secret")


async def free_port() -> int:
    with trio.socket.socket() as sock:
        await sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_power_serial_and_display_are_qemus(peer: Callable[[str], Path]) -> None:
    program = str(peer("qemu-system-x86_64"))
    config = QemuConfig(program=program, vnc_port=await free_port(), memory=64)
    async with open_virtual_bmc(users=(ADMIN,), timings=Timings(post=0.1)) as served, trio.open_nursery() as nursery:
        nursery.start_soon(run_qemu, served, config)
        async with (
            open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc,
            bmc.console() as console,
        ):
            for action in (ChassisControlAction.ON, ChassisControlAction.RESET):
                await bmc.control_chassis(action)
                said = b""
                with trio.fail_after(LIMIT):
                    while b"No bootable device" not in said:
                        said += await console.receive_some()
                assert b"SeaBIOS" in said
            async with await trio.open_tcp_stream("127.0.0.1", config.vnc_port) as display:
                assert (await display.receive_some()).startswith(b"RFB 003.")
            await bmc.control_chassis(ChassisControlAction.OFF)
            with trio.fail_after(LIMIT):
                while await answers(config.vnc_port):  # noqa: ASYNC110 - a process has no event
                    await trio.sleep(0.05)
        nursery.cancel_scope.cancel()


async def test_what_firmware_says_first_waits_for_who_is_slow_to_listen(
    peer: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "POLL", 3.0)  # by then SeaBIOS has said all that it says
    config = QemuConfig(program=str(peer("qemu-system-x86_64")), vnc_port=await free_port(), memory=64)
    async with open_virtual_bmc(users=(ADMIN,), timings=Timings(post=0.1)) as served, trio.open_nursery() as nursery:
        async with (
            open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc,
            bmc.console() as console,
        ):
            await bmc.control_chassis(ChassisControlAction.ON)
            nursery.start_soon(run_qemu, served, config)
            said = b""
            with trio.fail_after(LIMIT):
                while b"No bootable device" not in said:
                    said += await console.receive_some()
            assert b"SeaBIOS" in said
        nursery.cancel_scope.cancel()


# A boot sector: whenever the line status register of COM1 (3FDh) tells of a break, it writes a "#" to COM1 (3F8h).
BREAK_TELLER: Final = bytes.fromhex("BAFD03 EC A810 74FB BAF803 B023 EE EBF0").ljust(510, b"\0") + b"\x55\xaa"


async def test_break_reaches_qemus_serial_port(peer: Callable[[str], Path], tmp_path: Path) -> None:
    image = tmp_path / "break.img"
    image.write_bytes(BREAK_TELLER)
    os.truncate(image, 16 << 20)  # SeaBIOS reads nothing from a disk of less than a cylinder
    config = QemuConfig(program=str(peer("qemu-system-x86_64")), image=image, vnc_port=await free_port(), memory=64)
    async with open_virtual_bmc(users=(ADMIN,), timings=Timings(post=0.1)) as served, trio.open_nursery() as nursery:
        nursery.start_soon(run_qemu, served, config)
        async with (
            open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc,
            bmc.console() as console,
        ):
            await bmc.control_chassis(ChassisControlAction.ON)
            said = b""
            with trio.fail_after(LIMIT):
                while b"Booting from Hard Disk" not in said:
                    said += await console.receive_some()
                assert b"#" not in said
                while b"#" not in said:
                    await console.send_break()  # again, as the boot sector may not have begun
                    with trio.move_on_after(1):
                        said += await console.receive_some()
        nursery.cancel_scope.cancel()


async def answers(port: int) -> bool:
    try:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True


async def test_machine_is_off_when_qemu_cannot_start(peer: Callable[[str], Path]) -> None:
    config = QemuConfig(program=str(peer("qemu-system-x86_64")), image=Path("/nowhere/disk"), vnc_port=5999)
    async with open_virtual_bmc(users=(ADMIN,), timings=Timings(power_on=0)) as served:
        served.bmc.state.machine.command(PowerCommand.ON, trio.current_time())
        assert served.bmc.state.machine.state is PowerState.POST
        with pytest.raises(TransportError, match=r"QEMU did not start: .*disk"), trio.fail_after(LIMIT):
            await run_qemu(served, config)


def test_missing_qemu_is_named_with_its_package() -> None:
    with pytest.raises(TransportError, match="qemu-none is not installed; on Debian"):
        find_qemu("qemu-none")
