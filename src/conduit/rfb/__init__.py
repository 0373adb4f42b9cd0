"""RFB, the protocol of remote displays (VNC, RFC 6143): log in, look, type, record, relay, share and serve.

``open_display`` is the way in::

    async with open_display("bmc.example", password=secret) as display:
        picture = await display.screenshot()

Each name is loaded when it is first used: codecs and machines are of use without Trio, and much without Pillow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # what is loaded late has types all the same
    from conduit._lease import Lease, Move
    from conduit.rfb.addresses import DisplayAddress
    from conduit.rfb.display import Display, open_display
    from conduit.rfb.framebuffer import Framebuffer
    from conduit.rfb.hub import DisplayHub, open_hub
    from conduit.rfb.login import LoginOptions, open_connection
    from conduit.rfb.recording import Recording
    from conduit.rfb.relay import Relay
    from conduit.rfb.security import Credentials, LoginRules
    from conduit.rfb.server import RfbServer
    from conduit.rfb.trust import Trust
    from conduit.rfb.viewer_filter import ViewerRules

__all__ = [
    "Credentials",
    "Display",
    "DisplayAddress",
    "DisplayHub",
    "Framebuffer",
    "Lease",
    "LoginOptions",
    "LoginRules",
    "Move",
    "Recording",
    "Relay",
    "RfbServer",
    "Trust",
    "ViewerRules",
    "open_connection",
    "open_display",
    "open_hub",
]

_HOMES: Final = {
    "Credentials": "conduit.rfb.security",
    "Display": "conduit.rfb.display",
    "DisplayAddress": "conduit.rfb.addresses",
    "DisplayHub": "conduit.rfb.hub",
    "Framebuffer": "conduit.rfb.framebuffer",
    "Lease": "conduit._lease",
    "LoginOptions": "conduit.rfb.login",
    "LoginRules": "conduit.rfb.security",
    "Move": "conduit._lease",
    "Recording": "conduit.rfb.recording",
    "Relay": "conduit.rfb.relay",
    "RfbServer": "conduit.rfb.server",
    "Trust": "conduit.rfb.trust",
    "ViewerRules": "conduit.rfb.viewer_filter",
    "open_connection": "conduit.rfb.login",
    "open_display": "conduit.rfb.display",
    "open_hub": "conduit.rfb.hub",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for and no more."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
