"""A text screen: the terminal that a serial port's output goes to, and its picture."""

from __future__ import annotations

from conduit.rfb.textscreen.picture import Picture
from conduit.rfb.textscreen.terminal import COLUMNS, ROWS, Terminal

__all__ = ["COLUMNS", "ROWS", "Picture", "Terminal"]
