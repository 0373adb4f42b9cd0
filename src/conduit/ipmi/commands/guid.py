"""GUIDs of controller and system, and the three byte orders in which BMCs send them (sections 20.8 and 22.14)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from conduit._wire import Reader
from conduit.errors import LocalProtocolError
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

GUID_SIZE: Final = 16  # bytes
# RFC 9562 also has a version 8, whose number looks like the variant bits that tell IPMI's order from SMBIOS's.
KNOWN_VERSIONS: Final = range(1, 8)


class GuidOrder(Enum):
    """How sixteen bytes make a UUID."""

    IPMI = "ipmi"
    "Table 20-10: all of it least significant byte first, so the reverse of RFC 4122."
    SMBIOS = "smbios"
    "The first three fields least significant byte first, the rest in reading order; many BMCs copy SMBIOS type 1."
    RFC4122 = "rfc4122"
    "Reading order: all of it most significant byte first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Guid:
    """A GUID as sent. The specification's order is :attr:`GuidOrder.IPMI`; real BMCs use all three."""

    raw: bytes
    "Sixteen bytes as received; RAKP messages authenticate these, whatever their order means."

    def __post_init__(self) -> None:
        if len(self.raw) != GUID_SIZE:
            raise LocalProtocolError("a GUID has sixteen bytes")

    @classmethod
    def from_uuid(cls, value: uuid.UUID, order: GuidOrder = GuidOrder.IPMI) -> Self:
        """The bytes that stand for *value* in *order*."""
        if order is GuidOrder.SMBIOS:
            return cls(raw=value.bytes_le)
        return cls(raw=value.bytes if order is GuidOrder.RFC4122 else value.bytes[::-1])

    def uuid(self, order: GuidOrder | None = None) -> uuid.UUID:
        """The UUID, read in *order*, or in the most plausible one."""
        order = order or self.likely_order
        if order is GuidOrder.SMBIOS:
            return uuid.UUID(bytes_le=self.raw)
        return uuid.UUID(bytes=self.raw if order is GuidOrder.RFC4122 else self.raw[::-1])

    @property
    def likely_order(self) -> GuidOrder:
        """The first order, of those in GuidOrder's sequence, that gives an RFC 4122 variant and a known version.

        Bytes never pass for both IPMI and SMBIOS order. A UUID in reading order passes for SMBIOS order by chance,
        seven times in sixteen: nothing in the bytes tells. No order fits: IPMI, the specification's.
        """
        for order in GuidOrder:
            value = self.uuid(order)
            if value.variant == uuid.RFC_4122 and value.version in KNOWN_VERSIONS:
                return order
        return GuidOrder.IPMI

    def encode(self) -> bytes:
        """Sixteen bytes."""
        return self.raw

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(raw=Reader(data).take(GUID_SIZE, "GUID"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeviceGuid(Command[Guid]):
    """The controller's own GUID; section 20.8."""

    netfn = NetFn.APP
    command = 0x08
    privilege = Privilege.USER
    safe = True
    response = Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSystemGuid(Command[Guid]):
    """The GUID of the system that the BMC manages, the one in RAKP message 2; section 22.14."""

    netfn = NetFn.APP
    command = 0x37
    privilege = Privilege.CALLBACK  # none in appendix G: it may also be sent before there is a session
    safe = True
    response = Guid


__all__ = ["GetDeviceGuid", "GetSystemGuid", "Guid", "GuidOrder"]
