"""The SDR repository (section 33)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sdr_repository import CAPACITY
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.repository import WHOLE_RECORD
from conduit.ipmi.commands.sdr import (
    AddSdr,
    ClearSdrRepository,
    DeleteSdr,
    GetSdr,
    GetSdrRepositoryAllocationInfo,
    GetSdrRepositoryInfo,
    PartialAddSdr,
    ReadRecord,
    ReserveSdrRepository,
    SdrAllocationInfo,
    SdrErasure,
    SdrPart,
    SdrRecordId,
    SdrRepositoryInfo,
    SdrReservation,
)
from conduit.ipmi.commands.sdr_device import (
    AgentStatus,
    DeviceSdrInfo,
    GetDeviceSdr,
    GetDeviceSdrInfo,
    GetSdrRepositoryTime,
    ReserveDeviceSdrRepository,
    RunInitializationAgent,
    SdrTime,
    SetSdrRepositoryTime,
)
from conduit.ipmi.commands.sdr_update import EnterSdrUpdateMode, ExitSdrUpdateMode
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.sdr_fields import MAX_RECORD
from conduit.rmcp.command import NoData

CONFIRMATION: Final = b"CLR"
LENGTH_DOES_NOT_FIT: Final = 0x80
UNIT: Final = 16  # bytes


@handles(GetSdrRepositoryInfo)
def get_repository_info(
    bmc: BmcState, request: GetSdrRepositoryInfo, session: BmcSession, now: float
) -> SdrRepositoryInfo:
    """How many records, since when."""
    return bmc.sdrs.info()


@handles(GetSdrRepositoryAllocationInfo)
def get_allocation_info(
    bmc: BmcState, request: GetSdrRepositoryAllocationInfo, session: BmcSession, now: float
) -> SdrAllocationInfo:
    """Space in units of sixteen bytes."""
    free = bmc.sdrs.free // UNIT
    return SdrAllocationInfo(
        units=CAPACITY // UNIT, unit_size=UNIT, free_units=free, largest_free=free, max_record=MAX_RECORD // UNIT
    )


@handles(ReserveSdrRepository)
def reserve(bmc: BmcState, request: ReserveSdrRepository, session: BmcSession, now: float) -> SdrReservation:
    """Needed to read a record from its middle, and to change anything."""
    return SdrReservation(reservation=bmc.sdrs.reserve())


@handles(GetSdr)
def get_sdr(bmc: BmcState, request: GetSdr, session: BmcSession, now: float) -> SdrPart:
    """A record, or a piece of it."""
    return _read(bmc, request)


def _read(bmc: BmcState, request: ReadRecord) -> SdrPart:
    if (request.offset or request.reservation) and not bmc.sdrs.is_reserved(request.reservation):
        raise Refused(CompletionCode.RESERVATION_CANCELED)
    found = bmc.sdrs.find(request.record_id)
    if found is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    _, record, next_record = found
    if request.offset >= len(record):
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    limit = bmc.config.sdr_read_limit
    count = len(record) - request.offset if request.count == WHOLE_RECORD else request.count
    if count > limit:
        raise Refused(CompletionCode.CANNOT_RETURN_THAT_MUCH)
    return SdrPart(next_record=next_record, data=record[request.offset : request.offset + count])


def _require_reservation(bmc: BmcState, reservation: int) -> None:
    if not bmc.sdrs.is_reserved(reservation):
        raise Refused(CompletionCode.RESERVATION_CANCELED)


@handles(AddSdr)
def add_sdr(bmc: BmcState, request: AddSdr, session: BmcSession, now: float) -> SdrRecordId:
    """A record that is not looked into."""
    return _added(bmc.sdrs.add(request.data, bmc.event_log.timestamp(now)), CompletionCode.DATA_LENGTH_INVALID)


def _added(record_id: int | None, code: int) -> SdrRecordId:
    if record_id is None:
        raise Refused(code)
    return SdrRecordId(record_id=record_id)


@handles(PartialAddSdr)
def partial_add_sdr(bmc: BmcState, request: PartialAddSdr, session: BmcSession, now: float) -> SdrRecordId:
    """A record in pieces, which has no ID before the last."""
    _require_reservation(bmc, request.reservation)
    record = bmc.sdrs.add_part(request.offset, request.data)
    if record is None:
        raise Refused(LENGTH_DOES_NOT_FIT)
    if not request.last:
        return SdrRecordId(record_id=0)
    return _added(bmc.sdrs.add(record, bmc.event_log.timestamp(now)), LENGTH_DOES_NOT_FIT)


@handles(DeleteSdr)
def delete_sdr(bmc: BmcState, request: DeleteSdr, session: BmcSession, now: float) -> SdrRecordId:
    """One record less."""
    _require_reservation(bmc, request.reservation)
    deleted = bmc.sdrs.delete(request.record_id, bmc.event_log.timestamp(now))
    return _added(deleted, CompletionCode.NOT_PRESENT)


@handles(ClearSdrRepository)
def clear_repository(bmc: BmcState, request: ClearSdrRepository, session: BmcSession, now: float) -> SdrErasure:
    """At once."""
    _require_reservation(bmc, request.reservation)
    if request.confirmation != CONFIRMATION:
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.initiate:
        bmc.sdrs.clear(bmc.event_log.timestamp(now))
    return SdrErasure()


@handles(GetSdrRepositoryTime)
def get_time(bmc: BmcState, request: GetSdrRepositoryTime, session: BmcSession, now: float) -> SdrTime:
    """The event log's: a BMC has one clock."""
    return SdrTime(time=bmc.event_log.timestamp(now))


@handles(SetSdrRepositoryTime)
def set_time(bmc: BmcState, request: SetSdrRepositoryTime, session: BmcSession, now: float) -> NoData:
    """Set it."""
    bmc.event_log.set_time(request.time, now)
    return NoData()


@handles(RunInitializationAgent)
def run_agent(bmc: BmcState, request: RunInitializationAgent, session: BmcSession, now: float) -> AgentStatus:
    """Nothing is to be done, so it is done."""
    return AgentStatus()


# --- the same records as those of a device ---


@handles(GetDeviceSdrInfo)
def get_device_sdr_info(bmc: BmcState, request: GetDeviceSdrInfo, session: BmcSession, now: float) -> DeviceSdrInfo:
    """How many."""
    return DeviceSdrInfo(count=min(len(bmc.sdrs) if request.records else len(list(bmc.sensors)), 0xFF))


@handles(GetDeviceSdr)
def get_device_sdr(bmc: BmcState, request: GetDeviceSdr, session: BmcSession, now: float) -> SdrPart:
    """A record, or a piece of it."""
    return _read(bmc, request)


@handles(ReserveDeviceSdrRepository)
def reserve_device(
    bmc: BmcState, request: ReserveDeviceSdrRepository, session: BmcSession, now: float
) -> SdrReservation:
    """The same reservation."""
    return SdrReservation(reservation=bmc.sdrs.reserve())


@handles(EnterSdrUpdateMode)
def enter_update_mode(bmc: BmcState, request: EnterSdrUpdateMode, session: BmcSession, now: float) -> NoData:
    """Note it, and end reservations: records are about to change."""
    bmc.sdrs.updating = True
    bmc.sdrs.cancel_reservation()
    return NoData()


@handles(ExitSdrUpdateMode)
def exit_update_mode(bmc: BmcState, request: ExitSdrUpdateMode, session: BmcSession, now: float) -> NoData:
    """Over."""
    bmc.sdrs.updating = False
    return NoData()
