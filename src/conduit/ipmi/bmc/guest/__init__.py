"""What lives on the virtual machine's serial port: firmware, boot loader, and a small system to log in to."""

from __future__ import annotations

from conduit.ipmi.bmc.guest.config import GuestConfig, GuestUser
from conduit.ipmi.bmc.guest.guest import Guest, PortGuest

__all__ = ["Guest", "GuestConfig", "GuestUser", "PortGuest"]
