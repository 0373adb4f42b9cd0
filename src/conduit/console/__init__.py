"""One serial console for many viewers: the protocol between viewers and the hub that owns the console."""

from __future__ import annotations

from conduit.console.hub import Hub
from conduit.console.messages import Attach, decode_from_hub, decode_from_viewer
from conduit.console.phases import Happening, Phase
from conduit.console.ring import Ring
from conduit.console.viewer import ViewerSession
from conduit.console.words import Cause, End, Mode, State

__all__ = [
    "Attach",
    "Cause",
    "End",
    "Happening",
    "Hub",
    "Mode",
    "Phase",
    "Ring",
    "State",
    "ViewerSession",
    "decode_from_hub",
    "decode_from_viewer",
]
