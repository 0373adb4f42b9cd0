"""What somebody may do with a server; tokens carry these names. What no permission names is refused."""

from __future__ import annotations

import enum
from typing import Final


class Permission(enum.StrEnum):
    """One right."""

    POWER_READ = "power:read"
    POWER_WRITE = "power:write"
    CONSOLE_READ = "console:read"
    CONSOLE_WRITE = "console:write"
    VNC_READ = "vnc:read"
    VNC_WRITE = "vnc:write"
    SENSORS_READ = "sensors:read"
    EVENTS_READ = "events:read"
    BOOT_WRITE = "boot:write"
    MEDIA_WRITE = "media:write"
    REDFISH_READ = "redfish:read"
    REDFISH_WRITE = "redfish:write"
    IPMI_PROXY = "ipmi:proxy"
    ADMIN_ALL = "admin:all"


OWNER: Final = frozenset(
    {
        Permission.POWER_READ,
        Permission.POWER_WRITE,
        Permission.CONSOLE_READ,
        Permission.CONSOLE_WRITE,
        Permission.VNC_READ,
        Permission.VNC_WRITE,
        Permission.SENSORS_READ,
        Permission.EVENTS_READ,
        Permission.BOOT_WRITE,
    }
)
"What the owner of a server may do with it."

STAFF: Final = frozenset(OWNER | {Permission.ADMIN_ALL})
"What staff may do with every server."
