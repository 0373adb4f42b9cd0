"""Platform event filtering and alerting: the commands (section 30)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.parameters import ParameterValue, Selectors, SetParameter
from conduit.ipmi.commands.pef_filters import ALL_ACTIONS, PefAction
from conduit.ipmi.commands.pef_parameters import PefSetting, decode_pef_setting
from conduit.ipmi.commands.pef_selectors import PefParameter
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.timestamps import UNSPECIFIED
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

POSTPONE_DISABLED: Final = 0x00
POSTPONE_INDEFINITELY: Final = 0xFE
POSTPONE_STATUS: Final = 0xFF
_PARAMETER_ERRORS: Final = {
    0x80: "the BMC does not have this parameter",
    0x81: "somebody else is setting parameters",
    0x82: "this parameter cannot be written",
    0x83: "this parameter cannot be read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PefCapabilities:
    """What the BMC can do about events; section 30.1."""

    version: int = 0x51
    "BCD, low digit first: 51h is 1.5."
    supported_actions: PefAction
    oem_filtering: bool = False
    "It can filter records of OEM types."
    filters: int
    "Entries of the event filter table, 0 to 255."

    def __post_init__(self) -> None:
        check_range("version", self.version, 0, 0xFF)
        check_range("PEF actions", self.supported_actions, 0, ALL_ACTIONS)
        check_range("filters", self.filters, 0, 0xFF)

    @property
    def version_text(self) -> str:
        """``1.5``."""
        return f"{self.version & 0x0F}.{self.version >> 4}"

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.version, self.oem_filtering << 7 | self.supported_actions, self.filters))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        version, actions, filters = Reader(data).take(3, "PEF capabilities")
        return cls(
            version=version,
            supported_actions=PefAction(actions & ALL_ACTIONS),
            oem_filtering=bool(actions & 0x80),
            filters=filters,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPefCapabilities(Command[PefCapabilities]):
    """Get PEF Capabilities; section 30.1."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x10
    privilege = Privilege.USER
    safe = True
    response = PefCapabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class PefPostponeTimer:
    """How long the BMC still leaves events to software; section 30.2."""

    seconds: int
    "0 to 255; 0 is not at all, FEh for good."

    def __post_init__(self) -> None:
        check_range("postpone timer", self.seconds, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.seconds,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(seconds=Reader(data).u8("postpone timer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPefPostponeTimer(Command[PefPostponeTimer]):
    """Let software look at events before the BMC does; section 30.2."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x11
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = PefPostponeTimer

    seconds: int = POSTPONE_STATUS
    "0 to 255; 0 is not at all, FEh for good, FFh only asks."

    def __post_init__(self) -> None:
        check_range("postpone timer", self.seconds, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.seconds,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(seconds=Reader(data).u8("postpone timer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPefConfiguration(SetParameter, Command[NoData]):
    """Set PEF Configuration Parameters; section 30.3."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x12
    privilege = Privilege.ADMINISTRATOR
    # Safe: the same value again changes nothing; "set in progress" again is at worst refused with 81h.
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = _PARAMETER_ERRORS
    WHAT: ClassVar[str] = "PEF parameter"
    NUMBERS: ClassVar[type[IntEnum]] = PefParameter
    LAST: ClassVar[int] = 0x7F

    parameter: PefParameter | int
    "0 to 127."
    data: bytes
    "The parameter's bytes, its set and block selectors first if it has those."

    @classmethod
    def of(cls, setting: PefSetting) -> Self:
        """The request that sets *setting*."""
        return cls(parameter=setting.PARAMETER, data=setting.encode())


class PefConfiguration(ParameterValue):
    """One PEF parameter; section 30.4. It does not say which: the request knows."""

    __slots__ = ()

    def setting(self, parameter: int) -> PefSetting | bytes:
        """The parameter as an object, or its bytes if it has no class.

        :raises DecodeError: the bytes are too few.
        """
        return decode_pef_setting(parameter, self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPefConfiguration(Selectors, Command[PefConfiguration]):
    """Get PEF Configuration Parameters; section 30.4."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x13
    privilege = Privilege.OPERATOR
    safe = True
    response = PefConfiguration
    errors: ClassVar[dict[int, str]] = _PARAMETER_ERRORS

    parameter: PefParameter | int
    "0 to 127."
    revision_only: bool = False

    def __post_init__(self) -> None:
        check_range("PEF parameter", self.parameter, 0, 0x7F)
        Selectors.__post_init__(self)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.revision_only << 7 | self.parameter, self.set_selector, self.block_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        head, set_selector, block_selector = Reader(data).take(3, "PEF parameter request")
        return cls(
            parameter=known(PefParameter, head & 0x7F),
            revision_only=bool(head & 0x80),
            set_selector=set_selector,
            block_selector=block_selector,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLastProcessedEvent(Command[NoData]):
    """Say up to which record events have been dealt with; section 30.5."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x14
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {0x81: "the log is being cleared; try again"}

    by_bmc: bool = False
    "Dealt with by the BMC; False: by software."
    record_id: int
    "0 to 0xFFFF."

    def __post_init__(self) -> None:
        check_range("record ID", self.record_id, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.by_bmc,)) + self.record_id.to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(by_bmc=bool(reader.u8("whose record ID") & 0x01), record_id=reader.u16le("record ID"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LastProcessedEvent:
    """Up to which record events have been dealt with; section 30.6. Record IDs are 0 to 0xFFFF; FFFFh is none."""

    added: int = UNSPECIFIED
    "Timestamp of the newest record."
    newest: int = 0xFFFF
    by_software: int = 0xFFFF
    processed: int = 0xFFFF
    "By the BMC."

    def __post_init__(self) -> None:
        check_range("timestamp", self.added, 0, 0xFFFF_FFFF)
        check_range("record ID", self.newest, 0, 0xFFFF)
        check_range("record ID", self.by_software, 0, 0xFFFF)
        check_range("record ID", self.processed, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Ten bytes."""
        ids = (self.newest, self.by_software, self.processed)
        return self.added.to_bytes(4, "little") + b"".join(number.to_bytes(2, "little") for number in ids)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(
            added=reader.u32le("timestamp"),
            newest=reader.u16le("record ID"),
            by_software=reader.u16le("record ID"),
            processed=reader.u16le("record ID"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLastProcessedEvent(Command[LastProcessedEvent]):
    """Get Last Processed Event ID; section 30.6."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x15
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = LastProcessedEvent
    errors: ClassVar[dict[int, str]] = {0x81: "the log is being cleared; try again"}


__all__ = [
    "ArmPefPostponeTimer",
    "GetLastProcessedEvent",
    "GetPefCapabilities",
    "GetPefConfiguration",
    "LastProcessedEvent",
    "PefCapabilities",
    "PefConfiguration",
    "PefPostponeTimer",
    "SetLastProcessedEvent",
    "SetPefConfiguration",
]
