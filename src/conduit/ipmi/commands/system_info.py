"""What the system's software told the BMC of itself: names and versions (sections 22.14a and 22.14b).

Parameters are carried as bytes; strings come in blocks of sixteen that a higher layer joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


class SystemInfoParameter(IntEnum):
    """Parameters of the system; C0h to FFh are OEM."""

    SET_IN_PROGRESS = 0
    FIRMWARE_VERSION = 1
    SYSTEM_NAME = 2
    PRIMARY_OS_NAME = 3
    OS_NAME = 4
    OS_VERSION = 5
    BMC_URL = 6
    HYPERVISOR_URL = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInfo:
    """One parameter, or one block of it; section 22.14b."""

    revision: int = 0x11
    "Present revision in the high half, the oldest it is compatible with in the low one; 0 to 255."
    data: bytes = b""
    "The parameter's bytes; a string's begin with the number of the block. Empty if only the revision was asked for."

    def __post_init__(self) -> None:
        check_range("parameter revision", self.revision, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.revision,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(revision=reader.u8("parameter revision"), data=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSystemInfo(Command[SystemInfo]):
    """Get System Info Parameters; section 22.14b."""

    netfn = NetFn.APP
    command = 0x59
    privilege = Privilege.USER
    safe = True
    response = SystemInfo
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC does not have this parameter"}

    parameter: SystemInfoParameter | int
    "0 to 255."
    set_selector: int = 0
    "Block of a string, 0 to 255."
    block_selector: int = 0
    "0 to 255; 0 if the parameter has no such thing."
    revision_only: bool = False
    "Ask for no data."

    def __post_init__(self) -> None:
        check_range("parameter", self.parameter, 0, 0xFF)
        check_range("set selector", self.set_selector, 0, 0xFF)
        check_range("block selector", self.block_selector, 0, 0xFF)

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.revision_only << 7, self.parameter, self.set_selector, self.block_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags, parameter, set_selector, block_selector = Reader(data).take(4, "system info request")
        return cls(
            parameter=known(SystemInfoParameter, parameter),
            set_selector=set_selector,
            block_selector=block_selector,
            revision_only=bool(flags & 0x80),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSystemInfo(Command[NoData]):
    """Set System Info Parameters; section 22.14a."""

    netfn = NetFn.APP
    command = 0x58
    privilege = Privilege.ADMINISTRATOR
    # Safe: the same block again changes nothing; "set in progress" again is at worst refused with 81h.
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the BMC does not have this parameter",
        0x81: "somebody else is setting parameters",
        0x82: "this parameter cannot be written",
    }

    parameter: SystemInfoParameter | int
    "0 to 255."
    data: bytes
    "The parameter's bytes."

    def __post_init__(self) -> None:
        check_range("parameter", self.parameter, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.parameter,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(parameter=known(SystemInfoParameter, reader.u8("parameter")), data=reader.rest())


__all__ = ["GetSystemInfo", "SetSystemInfo", "SystemInfo", "SystemInfoParameter"]
