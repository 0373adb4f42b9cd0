"""The system event log of a BMC as an operator uses it: read, follow, clear, save, set its clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import trio

from conduit.errors import CompletionCodeError, DecodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.repository import FIRST_RECORD, LAST_RECORD
from conduit.ipmi.commands.sel import (
    AddSelEntry,
    ClearSel,
    ErasureProgress,
    GetSelEntry,
    GetSelInfo,
    ReserveSel,
    SelEntry,
)
from conduit.ipmi.commands.sel_time import GetSelTime, SetSelTime
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.records.sel import (
    OEM_TIMED,
    OEM_UNTIMED,
    RECORD_SIZE,
    SYSTEM_EVENT,
    SelRecord,
    decode_sel_record,
)
from conduit.ipmi.records.timestamps import timestamp_of

PART: Final = 8  # bytes at once, of a BMC that does not return a whole record
MAX_RESERVATIONS: Final = 8  # for one record, if others take them away
MAX_RESTARTS: Final = 8  # of a reading, if records are deleted meanwhile
MAX_RECORDS: Final = 0xFFFF
CLEAR_POLL: Final = 0.5  # seconds
CLEAR_PATIENCE: Final = 60.0  # seconds that clearing may take
POLL: Final = 2.0  # seconds between two looks of a follower

_TOO_MUCH: Final = frozenset({CompletionCode.CANNOT_RETURN_THAT_MUCH, CompletionCode.FIELD_TOO_LONG})


@dataclass(slots=True, kw_only=True)
class SelContents:
    """What was read."""

    records: list[SelRecord] = field(default_factory=list)
    "Oldest first."
    notes: list[str] = field(default_factory=list)
    "What was wrong with the log: broken records, which were skipped, and loops."


async def read_sel(bmc: Bmc) -> SelContents:
    """All records, also while others add and delete some.

    :raises: as :meth:`Bmc.request`.
    """
    contents = SelContents()
    seen: set[int] = set()
    for _ in range(MAX_RESTARTS):
        if await _read_on(bmc, FIRST_RECORD, seen, contents):
            return contents
    contents.notes.append("records kept being deleted while the log was read; some may be missing")
    return contents


async def _read_on(bmc: Bmc, record_id: int, seen: set[int], contents: SelContents) -> bool:
    """Read from *record_id* to the end, leaving out what was *seen*; False if the way was lost to a deletion."""
    on_this_way: set[int] = set()
    while record_id != LAST_RECORD and len(on_this_way) < MAX_RECORDS:
        if record_id in on_this_way:
            contents.notes.append(f"the log runs in a circle at record {record_id:#06x}; the rest was not read")
            return True
        on_this_way.add(record_id)
        entry = await _read_entry(bmc, record_id)
        if entry is None:
            return record_id == FIRST_RECORD  # empty, or the next one is gone
        _take(entry, record_id, seen, contents)
        record_id = entry.next_record_id
    return True


def _take(entry: SelEntry, record_id: int, seen: set[int], contents: SelContents) -> None:
    try:
        record = decode_sel_record(entry.data)
    except DecodeError as error:
        contents.notes.append(f"record {record_id:#06x} is broken: {error.what}")
        return
    if record.record_id not in seen:
        seen.add(record.record_id)
        contents.records.append(record)


async def _read_entry(bmc: Bmc, record_id: int) -> SelEntry | None:
    """One record, in parts if the BMC wants it so; None if there is none of that ID."""
    try:
        return await bmc.request(GetSelEntry(record_id=record_id))
    except CompletionCodeError as error:
        if error.code == CompletionCode.NOT_PRESENT:
            return None
        if error.code not in _TOO_MUCH:
            raise
    for attempt in range(MAX_RESERVATIONS):
        try:
            return await _read_parts(bmc, record_id)
        except CompletionCodeError as error:
            if error.code == CompletionCode.NOT_PRESENT:
                return None
            if error.code != CompletionCode.RESERVATION_CANCELED or attempt == MAX_RESERVATIONS - 1:
                raise
    return None  # pragma: no cover  # the last attempt returns or raises


async def _read_parts(bmc: Bmc, record_id: int) -> SelEntry:
    reservation = (await bmc.request(ReserveSel())).reservation
    data, following = b"", LAST_RECORD
    while len(data) < RECORD_SIZE:
        command = GetSelEntry(reservation=reservation, record_id=record_id, offset=len(data), count=PART)
        part = await bmc.request(command)
        if not part.data:
            break  # the record is shorter than it should be, which decoding it will tell
        data, following = data + part.data[:PART], part.next_record_id
    return SelEntry(next_record_id=following, data=data)


class SelFollower(AsyncIterator[SelRecord]):
    """Yields records as they come, for ever. It survives a cleared log: what comes after that is new.

    :param interval: seconds between two looks.
    :param from_start: yield what is there already, too.
    """

    def __init__(self, bmc: Bmc, *, interval: float = POLL, from_start: bool = False) -> None:
        self._bmc = bmc
        self._interval = interval
        self._from_start = from_start
        self._last: tuple[int, bytes] | None = None
        self._known: set[bytes] = set()
        self._ready: list[SelRecord] = []
        self._begun = False
        self.notes: list[str] = []
        "What was wrong with the log."

    async def __anext__(self) -> SelRecord:
        while not self._ready:
            if self._begun:
                await trio.sleep(self._interval)
            await self._look()
        return self._ready.pop(0)

    async def _look(self) -> None:
        if not self._begun:
            self._begun = True
            await self._read_all(quiet=not self._from_start)
        elif self._last is None:
            await self._read_all(quiet=False)
        else:
            await self._read_new(*self._last)

    async def _read_new(self, last_id: int, last_data: bytes) -> None:
        """What follows the last record; all anew if that is not there any more, or is another."""
        entry = await _read_entry(self._bmc, last_id)
        if entry is None or entry.data[:RECORD_SIZE] != last_data:
            await self._read_all(quiet=False)
        elif entry.next_record_id != LAST_RECORD:
            contents = SelContents()
            complete = await _read_on(self._bmc, entry.next_record_id, {last_id}, contents)
            self._yield(contents, quiet=False)
            if not complete:
                await self._read_all(quiet=False)

    async def _read_all(self, *, quiet: bool) -> None:
        contents = await read_sel(self._bmc)
        self._known &= {record.encode() for record in contents.records}
        self._last = None
        self._yield(contents, quiet=quiet)

    def _yield(self, contents: SelContents, *, quiet: bool) -> None:
        self.notes += contents.notes
        for record in contents.records:
            data = record.encode()
            if data not in self._known and not quiet:
                self._ready.append(record)
            self._known.add(data)
            self._last = record.record_id, data


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearRequest:
    """The first of the two times that one asks for the log to be cleared."""

    reservation: int
    entries: int
    "Records that will be gone."
    added: int
    "Timestamp of the newest."


async def prepare_clear(bmc: Bmc) -> ClearRequest:
    """Ask to clear the log, which changes nothing yet. :raises: as :meth:`Bmc.request`."""
    reservation = (await bmc.request(ReserveSel())).reservation
    info = await bmc.request(GetSelInfo())
    return ClearRequest(reservation=reservation, entries=info.entries, added=info.added)


async def clear_sel(bmc: Bmc, asked: ClearRequest | None = None, *, confirm: bool = False) -> int:
    """Take all records out, and wait until they are; returns how many there were.

    :param asked: what :func:`prepare_clear` returned; the log is cleared only if it did not grow since.
    :param confirm: True does without the question.
    :raises LocalProtocolError: nobody asked twice, or the log is another by now.
    :raises: as :meth:`Bmc.request`.
    """
    if asked is None and not confirm:
        raise LocalProtocolError(
            "a log is cleared only when asked twice: pass prepare_clear()'s result or confirm=True"
        )
    now = await prepare_clear(bmc)
    if asked is not None and (asked.entries, asked.added) != (now.entries, now.added):
        raise LocalProtocolError("the log has changed since you asked to clear it; look at it again")
    answer = await bmc.request(ClearSel(reservation=now.reservation, initiate=True))
    with trio.move_on_after(CLEAR_PATIENCE):
        while answer.progress == ErasureProgress.IN_PROGRESS:
            await trio.sleep(CLEAR_POLL)
            reservation = (await bmc.request(ReserveSel())).reservation
            answer = await bmc.request(ClearSel(reservation=reservation))
        return now.entries
    raise PeerTimeoutError(f"the log is not cleared after {CLEAR_PATIENCE:g} s")


def pack_records(records: Iterable[SelRecord]) -> bytes:
    """Records as a file: 16 bytes each as the BMC sends them, nothing between, as ``ipmitool sel writeraw`` has it."""
    return b"".join(record.encode() for record in records)


def unpack_records(data: bytes) -> list[SelRecord]:
    """The records in such a file.

    :raises LocalProtocolError: it is none: its size is no multiple of 16, or it begins with no event.
    """
    if len(data) % RECORD_SIZE:
        raise LocalProtocolError(
            f"a file of SEL records has a multiple of {RECORD_SIZE} bytes, this one has {len(data)}"
        )
    records = [decode_sel_record(data[start : start + RECORD_SIZE]) for start in range(0, len(data), RECORD_SIZE)]
    if records and records[0].record_type not in (SYSTEM_EVENT, *OEM_TIMED, *OEM_UNTIMED):
        raise LocalProtocolError(f"no file of SEL records: it begins with one of type {records[0].record_type:#04x}")
    return records


async def restore_records(bmc: Bmc, records: Iterable[SelRecord]) -> int:
    """Add records to the log, and return how many; the BMC gives them new IDs, and most give them the present time.

    :raises: as :meth:`Bmc.request`, e.g. because the log is full.
    """
    count = 0
    for record in records:
        await bmc.request(AddSelEntry(record=record))
        count += 1
    return count


async def sel_time(bmc: Bmc) -> datetime | None:
    """The log's clock, in UTC; None if nobody has set it. :raises: as :meth:`Bmc.request`."""
    return (await bmc.request(GetSelTime())).time


async def set_sel_time(bmc: Bmc, time: datetime) -> None:
    """Set the log's clock. :raises: as :meth:`Bmc.request`."""
    await bmc.request(SetSelTime(timestamp=timestamp_of(time)))
