"""The display of a virtual BMC's machine: what is on its serial port, as its VGA console would show it.

Whatever lives on the port is seen: the guest, a program, a peer. What is typed at the display arrives there as if
typed on a keyboard.
"""

from __future__ import annotations

from conduit.ipmi.bmc.serve import ServedBmc
from conduit.ipmi.bmc.virtual_machine import Boot
from conduit.rfb.audience import Audience
from conduit.rfb.messages import ExtendedKeyEvent, KeyEvent
from conduit.rfb.server import Access, RfbServer
from conduit.rfb.text_display import TextDisplay
from conduit.rfb.text_keyboard import TextKeyboard
from conduit.rfb.viewing import Input


class VirtualScreen:
    """Follows a served BMC's machine from now on; :attr:`server` shows it.

    :param name: of the machine.
    """

    def __init__(self, served: ServedBmc, *, name: str, access: Access | None = None) -> None:
        state = served.bmc.state
        self._served = served
        self._machine = state.machine
        self._port = state.sol.port
        self._keyboard = TextKeyboard()
        self.display = TextDisplay(name, is_on=self._machine.is_on)
        self.server = RfbServer(
            Audience(self.display), access, on_input=self._take_input, on_viewers=self._count_viewers
        )
        self._bells = 0
        self._boot: Boot | None = self._last_boot
        self._port.tap = self._receive
        self._machine.on_change = self._follow

    @property
    def _last_boot(self) -> Boot | None:
        return self._machine.boots[-1] if self._machine.boots else None

    def _receive(self, data: bytes) -> None:
        """The machine has written to its serial port."""
        display = self.display
        display.receive(data)
        if display.terminal.bells != self._bells:
            self._bells = display.terminal.bells
            self.server.audience.ring()
        self.server.stir()

    def _follow(self) -> None:
        """Without power it is dark, and a machine that starts begins with an empty screen."""
        boot = self._last_boot
        if self._machine.is_on != self.display.is_on or boot is not self._boot:
            self._boot = boot
            self.display.switch(on=self._machine.is_on)
            self.server.stir()

    def _take_input(self, done: Input) -> None:
        if not isinstance(done, KeyEvent | ExtendedKeyEvent):
            return  # a text console has no pointer
        data = self._keyboard.receive(done)
        if data and self._machine.is_on:
            self._port.sol_write(data)
            self._served.wake()

    def _count_viewers(self) -> None:
        if not self.server.audience.seats:
            self.display.forget_picture()
