"""A machine in text mode as viewers see it: its terminal, drawn when somebody looks; dark without power."""

from __future__ import annotations

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import Area
from conduit.rfb.textscreen import Picture, Terminal


class TextDisplay:
    """A :class:`~conduit.rfb.audience.Source`. As long as nobody looks it costs its characters and no pixels.

    :param name: of the machine.
    """

    def __init__(self, name: str = "", *, is_on: bool = True) -> None:
        self.name = name
        self.terminal = Terminal()
        self._drawing = Picture(self.terminal)
        self._picture: Framebuffer | None = None
        self._is_on = is_on
        self._is_fresh = False  # all of it is to be drawn

    @property
    def is_on(self) -> bool:
        """Whether there is power."""
        return self._is_on

    @property
    def picture(self) -> Framebuffer:
        """As it was when :meth:`refresh` was last called."""
        if self._picture is None:
            self._picture = Framebuffer(self._drawing.width, self._drawing.height)
            self._is_fresh = True
        return self._picture

    def receive(self, data: bytes) -> None:
        """The machine has written this."""
        if self._is_on:
            self.terminal.receive(data)

    def switch(self, *, on: bool) -> None:
        """Power comes or goes, or the machine starts again; what was to be seen is gone."""
        self._is_on = on
        self._is_fresh = True
        self.terminal.reset()

    def refresh(self) -> list[Area]:
        """Draw what has changed, and say where."""
        picture = self.picture
        is_fresh, self._is_fresh = self._is_fresh, False
        if not self._is_on:
            if not is_fresh:
                return []
            picture.fill(picture.whole, bytes(4))
            return [picture.whole]
        rows = self._drawing.redraw() if is_fresh else self._drawing.draw()
        areas = []
        for y, pixels in rows.items():
            area = Area(0, y, picture.width, len(pixels) // picture.width // 4)
            picture.blit(area, pixels)
            areas.append(area)
        return areas

    def forget_picture(self) -> None:
        """Nobody looks any more."""
        self._picture = None
