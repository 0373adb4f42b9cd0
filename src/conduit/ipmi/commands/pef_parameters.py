"""PEF configuration parameters: the switches, the GUID of traps, the table of all that have a class (table 30-6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Self
from uuid import UUID

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.commands.parameters import ProgressShape
from conduit.ipmi.commands.pef_alerting import AlertPolicy, AlertStringBlock, AlertStringKey
from conduit.ipmi.commands.pef_filters import ALL_ACTIONS, NO_ACTION, EventFilter, FilterData1, PefAction
from conduit.ipmi.commands.pef_selectors import PefParameter


class PefSetInProgress(ProgressShape):
    """A lock among those who set parameters; parameter 0."""

    __slots__ = ()
    PARAMETER: ClassVar[PefParameter] = PefParameter.SET_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class PefControl:
    """The main switches; parameter 1."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.CONTROL

    enabled: bool = False
    "Events are filtered at all."
    log_actions: bool = False
    "An action that was taken is an event itself."
    startup_delay: bool = False
    "Nothing is filtered for a while after power on."
    alert_startup_delay: bool = False
    "No alert goes out for a while after power on."

    def encode(self) -> bytes:
        """One byte."""
        late = self.alert_startup_delay << 3 | self.startup_delay << 2
        return bytes((late | self.log_actions << 1 | self.enabled,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        flags = Reader(data).u8("PEF control")
        return cls(
            enabled=bool(flags & 0x01),
            log_actions=bool(flags & 0x02),
            startup_delay=bool(flags & 0x04),
            alert_startup_delay=bool(flags & 0x08),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PefActions:
    """Which actions may be taken, whatever the filters want; parameter 2."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.ACTION_GLOBAL_CONTROL

    enabled_actions: PefAction = NO_ACTION

    def __post_init__(self) -> None:
        check_range("PEF actions", self.enabled_actions, 0, ALL_ACTIONS)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.enabled_actions,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(enabled_actions=PefAction(Reader(data).u8("PEF actions") & ALL_ACTIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class PefSystemGuid:
    """The GUID that traps carry; parameter 10."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.SYSTEM_GUID

    used: bool = False
    "Traps carry this one, not that of Get System GUID."
    raw: bytes = bytes(16)
    "As it travels."

    def __post_init__(self) -> None:
        check_size("the GUID", self.raw, 16, 16)

    @property
    def uuid(self) -> UUID:
        """In the order of a trap, which is RFC 4122's."""
        return UUID(bytes=self.raw)

    def encode(self) -> bytes:
        """Seventeen bytes."""
        return bytes((self.used,)) + self.raw

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(used=bool(reader.u8("GUID use") & 0x01), raw=reader.take(16, "GUID"))


PefSetting = (
    PefSetInProgress
    | PefControl
    | PefActions
    | EventFilter
    | FilterData1
    | AlertPolicy
    | PefSystemGuid
    | AlertStringKey
    | AlertStringBlock
)
"A parameter that has a class; the others are one byte each, a count or a delay in seconds."

PEF_SETTINGS: Final[Mapping[int, type[PefSetting]]] = MappingProxyType(
    {
        kind.PARAMETER: kind
        for kind in (
            PefSetInProgress,
            PefControl,
            PefActions,
            EventFilter,
            FilterData1,
            AlertPolicy,
            PefSystemGuid,
            AlertStringKey,
            AlertStringBlock,
        )
    }
)


def decode_pef_setting(parameter: int, data: bytes) -> PefSetting | bytes:
    """The parameter's bytes as an object, or as they are if it has no class.

    :raises DecodeError: and nothing else, whatever *data* holds.
    """
    kind = PEF_SETTINGS.get(parameter)
    return data if kind is None else kind.decode(data)


__all__ = [
    "PefActions",
    "PefControl",
    "PefSetInProgress",
    "PefSetting",
    "PefSystemGuid",
]
