"""The display of a virtual BMC's machine: what its serial port says, what is typed at it, and power."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from conduit._trio import open_background_nursery
from conduit.ipmi.bmc import BmcConfig, Timings, VirtualBmc
from conduit.ipmi.bmc.guest.config import GuestConfig
from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.display import Display, open_display
from conduit.virtual.screen import VirtualScreen

FAST = Timings(power_on=0.0, power_off=0.0, post=0.2, soft_shutdown=0.1, cycle=0.1)


class Machine:
    """A served BMC and its screen."""

    def __init__(self, served: ServedBmc) -> None:
        self.served = served
        self.screen = VirtualScreen(served, name="node1")
        self.port = 0

    def command(self, command: PowerCommand) -> None:
        self.served.bmc.state.machine.command(command, trio.current_time())
        self.served.wake()

    @property
    def text(self) -> str:
        return self.screen.display.terminal.text()

    async def shows(self, words: str) -> None:
        await self.until(lambda: words in self.text)

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(10):
            while not condition():  # noqa: ASYNC110 - a screen has no event
                await trio.sleep(0.01)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Display]:
        async with open_display(DisplayAddress("127.0.0.1", self.port)) as display:
            yield display


@asynccontextmanager
async def machine(*, running: bool = True, enabled: bool = True) -> AsyncIterator[Machine]:
    guest = GuestConfig(enabled=enabled, loader=0.1, boot=0.1)
    config = BmcConfig(running=running, timings=FAST, guest=guest)
    async with open_background_nursery() as nursery:
        served = await nursery.start(serve, VirtualBmc(config, entropy=secrets.token_bytes), "127.0.0.1", 0)
        made = Machine(served)
        made.port = await nursery.start(made.screen.server.serve, "127.0.0.1", 0)
        yield made


async def test_somebody_logs_in_at_the_display_and_the_serial_port_shows_it_too() -> None:
    async with machine() as made, made.watched() as display:
        await made.shows("login:")
        await display.type_text("root\nconduit\n", pause=0.0)
        await made.shows("root@node1:~#")
        picture = await display.refresh()
        made.screen.display.refresh()
        assert picture == made.screen.display.picture
        assert b"root@node1:~#" in made.served.bmc.state.sol.port.sol_read(1 << 16)


async def test_a_machine_without_power_is_dark_and_takes_no_keys() -> None:
    async with machine() as made, made.watched() as display:
        await made.shows("login:")
        await display.refresh()
        made.command(PowerCommand.OFF)
        await made.until(lambda: not any(display.framebuffer.pixels))
        await display.type_text("x", pause=0.0)
        await display.refresh()
        assert made.served.bmc.state.sol.port.typed == 0


async def test_a_start_is_seen_from_firmware_to_login() -> None:
    async with machine(running=False) as made, made.watched() as display:
        assert not any((await display.refresh()).pixels)
        made.command(PowerCommand.ON)
        await made.shows("Conduit Virtual Firmware")
        await display.press("F2")
        await made.shows("Conduit Virtual Firmware 1.0: setup")
        await display.press("Escape")
        await made.shows("login:")
        assert "setup" not in made.text


async def test_ctrl_alt_del_restarts_the_machine() -> None:
    async with machine() as made, made.watched() as display:
        await made.shows("login:")
        await display.press("ctrl+alt+delete")
        await made.shows("Start caused by")


async def test_a_machine_that_nobody_watches_has_no_pixels() -> None:
    async with machine() as made:
        async with made.watched() as display:
            await display.refresh()
            assert made.screen.display._picture is not None
        await made.until(lambda: made.screen.display._picture is None)


async def test_what_something_else_on_the_port_writes_is_seen_and_its_bell_is_heard() -> None:
    async with machine(enabled=False) as made, made.watched() as display:
        port = made.served.bmc.state.sol.port
        port.host_write(b"a program\a")
        await made.shows("a program")
        await display.click(3, 4)
        await display.type_text("typed", pause=0.0)
        await made.until(lambda: port.typed == 5)
        assert port.host_read(100) == b"typed"
