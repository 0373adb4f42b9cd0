"""System info parameters (sections 22.14a and 22.14b): kept, not looked into."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.system_info import GetSystemInfo, SetSystemInfo, SystemInfo, SystemInfoParameter
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

UNKNOWN_PARAMETER: Final = 0x80
BLOCK: Final = 16  # bytes of a string
MAX_BLOCKS: Final = 16  # of one string


@handles(GetSystemInfo)
def get_system_info(bmc: BmcState, request: GetSystemInfo, session: BmcSession, now: float) -> SystemInfo:
    """One parameter, or one block of a string."""
    if request.parameter not in SystemInfoParameter.__members__.values():
        raise Refused(UNKNOWN_PARAMETER)
    if request.revision_only:
        return SystemInfo()
    if request.parameter == SystemInfoParameter.SET_IN_PROGRESS:
        return SystemInfo(data=bmc.system_info.get((0, 0), b"\0"))
    if request.set_selector >= MAX_BLOCKS:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    block = bmc.system_info.get((int(request.parameter), request.set_selector), bytes(BLOCK))
    return SystemInfo(data=bytes((request.set_selector,)) + block)


@handles(SetSystemInfo)
def set_system_info(bmc: BmcState, request: SetSystemInfo, session: BmcSession, now: float) -> NoData:
    """Take one over."""
    if request.parameter not in SystemInfoParameter.__members__.values():
        raise Refused(UNKNOWN_PARAMETER)
    if not request.data:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID)
    if request.parameter == SystemInfoParameter.SET_IN_PROGRESS:
        bmc.system_info[0, 0] = request.data[:1]
        return NoData()
    block, text = request.data[0], request.data[1:]
    if block >= MAX_BLOCKS or len(text) > BLOCK:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    bmc.system_info[int(request.parameter), block] = text.ljust(BLOCK, b"\0")
    return NoData()
