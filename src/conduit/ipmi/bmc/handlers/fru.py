"""FRU inventory (section 34)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.fru import FruMemory
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.fru import (
    FruAreaInfo,
    FruData,
    FruWritten,
    GetFruInventoryAreaInfo,
    ReadFruData,
    WriteFruData,
)
from conduit.ipmi.completion_codes import CompletionCode

BUSY: Final = 0x81


def _memory(bmc: BmcState, fru_id: int) -> FruMemory:
    memory = bmc.fru.get(fru_id)
    if memory is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    return memory


def _free_memory(bmc: BmcState, fru_id: int) -> FruMemory:
    """The memory, unless its bus is busy."""
    memory = _memory(bmc, fru_id)
    if memory.busy:
        memory.busy -= 1
        raise Refused(BUSY)
    return memory


@handles(GetFruInventoryAreaInfo)
def get_area_info(bmc: BmcState, request: GetFruInventoryAreaInfo, session: BmcSession, now: float) -> FruAreaInfo:
    """Size and kind of access."""
    return FruAreaInfo(size=len(_memory(bmc, request.fru_id).data), by_words=bmc.config.fru.by_words)


@handles(ReadFruData)
def read_fru_data(bmc: BmcState, request: ReadFruData, session: BmcSession, now: float) -> FruData:
    """A piece of it, or less at the end."""
    unit = 1 + bmc.config.fru.by_words
    memory = _free_memory(bmc, request.fru_id)
    if request.count * unit > bmc.config.fru.max_read:
        raise Refused(CompletionCode.CANNOT_RETURN_THAT_MUCH)
    data = memory.read(request.offset * unit, request.count * unit)
    if not data:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return FruData(returned=len(data) // unit, data=data)


@handles(WriteFruData)
def write_fru_data(bmc: BmcState, request: WriteFruData, session: BmcSession, now: float) -> FruWritten:
    """Overwrite a piece."""
    unit = 1 + bmc.config.fru.by_words
    memory = _free_memory(bmc, request.fru_id)
    if len(request.data) > bmc.config.fru.max_read or len(request.data) % unit:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID)
    if not memory.write(request.offset * unit, request.data):
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return FruWritten(written=len(request.data) // unit)
