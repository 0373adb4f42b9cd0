"""The system event log (section 31)."""

from __future__ import annotations

from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.own_events import LOG_CLEARED
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.repository import WHOLE_RECORD
from conduit.ipmi.commands.sel import (
    AddSelEntry,
    ClearSel,
    DeleteSelEntry,
    ErasureProgress,
    GetSelAllocationInfo,
    GetSelEntry,
    GetSelInfo,
    PartialAddSelEntry,
    ReserveSel,
    SelAllocationInfo,
    SelEntry,
    SelErasure,
    SelInfo,
    SelRecordId,
    SelReservation,
)
from conduit.ipmi.commands.sel_time import (
    AuxiliaryLog,
    AuxiliaryLogStatus,
    GetAuxiliaryLogStatus,
    GetSelTime,
    GetSelTimeUtcOffset,
    SelTime,
    SelTimeUtcOffset,
    SetAuxiliaryLogStatus,
    SetSelTime,
    SetSelTimeUtcOffset,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.sel import RECORD_SIZE, SelRecord, decode_sel_record
from conduit.rmcp.command import NoData

PARTS_DO_NOT_FIT: Final = 0x80
MCA_COUNT: Final = 4  # bytes


@handles(GetSelInfo)
def get_sel_info(bmc: BmcState, request: GetSelInfo, session: BmcSession, now: float) -> SelInfo:
    """How full it is."""
    return bmc.event_log.info()


@handles(GetSelAllocationInfo)
def get_sel_allocation_info(
    bmc: BmcState, request: GetSelAllocationInfo, session: BmcSession, now: float
) -> SelAllocationInfo:
    """One unit a record."""
    log = bmc.event_log
    return SelAllocationInfo(units=log.capacity, unit_size=RECORD_SIZE, free_units=log.free, largest_free=log.free)


@handles(ReserveSel)
def reserve_sel(bmc: BmcState, request: ReserveSel, session: BmcSession, now: float) -> SelReservation:
    """A new reservation; the one before ends."""
    return SelReservation(reservation=bmc.event_log.reserve())


@handles(GetSelEntry)
def get_sel_entry(bmc: BmcState, request: GetSelEntry, session: BmcSession, now: float) -> SelEntry:
    """A record, or a part of it, for which one needs a reservation unless it is the first."""
    if request.offset:
        _check_reservation(bmc, request.reservation)
    found = bmc.event_log.find(request.record_id)
    if found is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    if request.offset >= RECORD_SIZE:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    record, following = found
    count = RECORD_SIZE if request.count == WHOLE_RECORD else request.count
    return SelEntry(next_record_id=following, data=record.encode()[request.offset : request.offset + count])


@handles(AddSelEntry)
def add_sel_entry(bmc: BmcState, request: AddSelEntry, session: BmcSession, now: float) -> SelRecordId:
    """Put it at the end."""
    return _add(bmc, request.record, now)


@handles(PartialAddSelEntry)
def partial_add_sel_entry(bmc: BmcState, request: PartialAddSelEntry, session: BmcSession, now: float) -> SelRecordId:
    """Collect the parts, and add the record with the last one."""
    _check_reservation(bmc, request.reservation)
    so_far = bmc.event_log.add_part(request.offset, request.data)
    if so_far is None:
        raise Refused(PARTS_DO_NOT_FIT)
    if not request.last:
        return SelRecordId(record_id=bmc.event_log.next_id())
    try:
        record = decode_sel_record(so_far)
    except DecodeError:
        raise Refused(PARTS_DO_NOT_FIT) from None
    return _add(bmc, record, now)


def _add(bmc: BmcState, record: SelRecord, now: float) -> SelRecordId:
    record_id = bmc.event_log.add(record, now)
    if record_id is None:
        raise Refused(CompletionCode.OUT_OF_SPACE)
    return SelRecordId(record_id=record_id)


@handles(DeleteSelEntry)
def delete_sel_entry(bmc: BmcState, request: DeleteSelEntry, session: BmcSession, now: float) -> SelRecordId:
    """Take it out, which ends the reservation."""
    _check_reservation(bmc, request.reservation)
    deleted = bmc.event_log.delete(request.record_id, now)
    if deleted is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    return SelRecordId(record_id=deleted)


@handles(ClearSel)
def clear_sel(bmc: BmcState, request: ClearSel, session: BmcSession, now: float) -> SelErasure:
    """At once. Whoever asks how far it is may do so without a reservation, for clearing has ended his."""
    if request.initiate:
        _check_reservation(bmc, request.reservation)
        bmc.event_log.clear(now)
        bmc.event_log.log(LOG_CLEARED, now)
    return SelErasure(progress=ErasureProgress.COMPLETED)


def _check_reservation(bmc: BmcState, reservation: int) -> None:
    if not bmc.event_log.is_reserved(reservation):
        raise Refused(CompletionCode.RESERVATION_CANCELED)


@handles(GetSelTime)
def get_sel_time(bmc: BmcState, request: GetSelTime, session: BmcSession, now: float) -> SelTime:
    """What the clock says."""
    return SelTime(timestamp=bmc.event_log.timestamp(now))


@handles(SetSelTime)
def set_sel_time(bmc: BmcState, request: SetSelTime, session: BmcSession, now: float) -> NoData:
    """Set the clock."""
    bmc.event_log.set_time(request.timestamp, now)
    return NoData()


@handles(GetSelTimeUtcOffset)
def get_sel_time_utc_offset(
    bmc: BmcState, request: GetSelTimeUtcOffset, session: BmcSession, now: float
) -> SelTimeUtcOffset:
    """As it was set."""
    return SelTimeUtcOffset(minutes=bmc.event_log.utc_offset)


@handles(SetSelTimeUtcOffset)
def set_sel_time_utc_offset(bmc: BmcState, request: SetSelTimeUtcOffset, session: BmcSession, now: float) -> NoData:
    """Keep it."""
    bmc.event_log.utc_offset = request.minutes
    return NoData()


@handles(GetAuxiliaryLogStatus)
def get_auxiliary_log_status(
    bmc: BmcState, request: GetAuxiliaryLogStatus, session: BmcSession, now: float
) -> AuxiliaryLogStatus:
    """Of the MCA log, which nobody writes to but Set Auxiliary Log Status."""
    if request.log != AuxiliaryLog.MCA:
        raise Refused(CompletionCode.NOT_PRESENT)
    return bmc.machine_check_log


@handles(SetAuxiliaryLogStatus)
def set_auxiliary_log_status(bmc: BmcState, request: SetAuxiliaryLogStatus, session: BmcSession, now: float) -> NoData:
    """Keep it."""
    if request.log != AuxiliaryLog.MCA:
        raise Refused(CompletionCode.NOT_PRESENT)
    if len(request.status.data) < MCA_COUNT:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID)
    bmc.machine_check_log = request.status
    return NoData()
