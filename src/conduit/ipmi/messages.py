"""Names that all IPMI commands share: network functions, channels, privilege limits, raw responses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

PRIMARY_IPMB_CHANNEL: Final = 0x00
PRESENT_CHANNEL: Final = 0x0E  # "the one this request came in on" (table 6-1)
SYSTEM_INTERFACE_CHANNEL: Final = 0x0F


class NetFn(IntEnum):
    """Network functions of requests; a response's is one more (table 5-1)."""

    CHASSIS = 0x00
    BRIDGE = 0x02
    SENSOR_EVENT = 0x04
    APP = 0x06
    FIRMWARE = 0x08
    STORAGE = 0x0A
    TRANSPORT = 0x0C
    GROUP_EXTENSION = 0x2C
    "The first data byte names the group, e.g. DCh for DCMI."
    OEM_GROUP = 0x2E
    "The first three data bytes are the manufacturer's IANA number."


class PrivilegeLimit(IntEnum):
    """The most that a user or a channel may ask for: session privileges and, for users, none at all (section 22.26)."""

    CALLBACK = 0x1
    USER = 0x2
    OPERATOR = 0x3
    ADMINISTRATOR = 0x4
    OEM = 0x5
    NO_ACCESS = 0xF


@dataclass(frozen=True, slots=True, kw_only=True)
class RawData:
    """The body of a response whose bytes belong to somebody else: a bridged device, a bus."""

    data: bytes = b""
    "As received."

    def encode(self) -> bytes:
        """The bytes unchanged."""
        return self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The bytes unchanged; nothing in them can be wrong here."""
        return cls(data=bytes(data))
