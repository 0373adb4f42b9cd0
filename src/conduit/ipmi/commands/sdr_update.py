"""The SDR repository's update mode, in which some BMCs want to be before records change (sections 33.19 and 33.20)."""

from __future__ import annotations

from dataclasses import dataclass

from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterSdrUpdateMode(Command[NoData]):
    """Enter SDR Repository Update Mode; section 33.19. Who reads records meanwhile may be refused."""

    netfn = NetFn.STORAGE
    command = 0x2A
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitSdrUpdateMode(Command[NoData]):
    """Exit SDR Repository Update Mode; section 33.20."""

    netfn = NetFn.STORAGE
    command = 0x2B
    privilege = Privilege.OPERATOR
    safe = True
    response = NoData


__all__ = ["EnterSdrUpdateMode", "ExitSdrUpdateMode"]
