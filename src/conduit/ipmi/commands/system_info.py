"""What the system's software told the BMC of itself: names and versions (sections 22.14a and 22.14b).

Parameters are carried as bytes; strings come in blocks of sixteen that a higher layer joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.parameters import ParameterValue, Selectors, SetParameter
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
class SystemInfo(ParameterValue):
    """One parameter, or one block of it; section 22.14b."""

    data: bytes = b""
    "The parameter's bytes; a string's begin with the number of the block. Empty if only the revision was asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSystemInfo(Selectors, Command[SystemInfo]):
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
    revision_only: bool = False
    "Ask for no data."

    def __post_init__(self) -> None:
        check_range("parameter", self.parameter, 0, 0xFF)
        Selectors.__post_init__(self)

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
class SetSystemInfo(SetParameter, Command[NoData]):
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
    WHAT: ClassVar[str] = "parameter"
    NUMBERS: ClassVar[type[IntEnum]] = SystemInfoParameter

    parameter: SystemInfoParameter | int
    "0 to 255."


__all__ = ["GetSystemInfo", "SetSystemInfo", "SystemInfo", "SystemInfoParameter"]
