"""The system event log of a virtual BMC, and its clock. Bounded: when it is full, events are lost and that is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from conduit.ipmi.commands.repository import FIRST_RECORD, LAST_RECORD
from conduit.ipmi.commands.sel import SelInfo
from conduit.ipmi.records.events import BMC, Event, Generator
from conduit.ipmi.records.sel import RECORD_SIZE, OtherRecord, SelRecord, SystemEventRecord
from conduit.ipmi.records.timestamps import UNSPECIFIED

DEFAULT_CAPACITY: Final = 512  # records
MAX_CAPACITY: Final = 4095  # records; their bytes fit the sixteen bits of Get SEL Info
MAX_RECORD_ID: Final = 0xFFFE
MAX_RESERVATION: Final = 0xFFFF


class EventLog:
    """Records by ID, oldest first.

    :param capacity: most records, 1 to 4095.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._records: dict[int, SelRecord] = {}
        self._following: dict[int, int] = {}  # ID to the next one's; made again after a change
        self._last_id = 0
        self._reservation = 0
        self._reserved = False
        self._partial = b""
        self._clock: float | None = None  # on the caller's clock, when ours said 0
        self._added = self._erased = UNSPECIFIED
        self._overflow = False
        self.utc_offset: int | None = None
        "Minutes, as somebody set it."
        self.lost = 0
        "Events that found no room."

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[SelRecord]:
        return iter(tuple(self._records.values()))

    # --- time ---

    def timestamp(self, now: float) -> int:
        """What the clock says: seconds since 1970 once it was set, before that since it was first looked at."""
        if self._clock is None:
            self._clock = now
        return max(0, min(int(now - self._clock), UNSPECIFIED - 1))

    def set_time(self, timestamp: float, now: float) -> None:
        """Set the clock."""
        self._clock = now - timestamp

    # --- additions ---

    def log(self, event: Event, now: float, generator: Generator = BMC) -> int | None:
        """Add an event; its record's ID, or None if the log is full."""
        return self.add(SystemEventRecord(event=event, generator=generator), now)

    def add(self, record: SelRecord, now: float) -> int | None:
        """Add a record, which gets a new ID, and a time if its type has one; None if the log is full."""
        if len(self._records) >= self._capacity:
            self._overflow = True
            self.lost += 1
            return None
        record_id, time = self.next_id(), self.timestamp(now)
        if isinstance(record, OtherRecord):
            self._records[record_id] = replace(record, record_id=record_id)
        else:
            self._records[record_id] = replace(record, record_id=record_id, timestamp=time)
        self._last_id, self._added = record_id, time
        self._following.clear()
        return record_id

    def next_id(self) -> int:
        """The ID that the next record gets: never 0, never FFFFh, never one in use."""
        candidate = self._last_id
        while True:
            candidate = candidate % MAX_RECORD_ID + 1
            if candidate not in self._records:
                return candidate

    def add_part(self, offset: int, part: bytes) -> bytes | None:
        """Collect a record in parts: all there is of it so far, or None if this one does not fit to the others."""
        if not offset:
            self._partial = b""
        if offset != len(self._partial) or offset + len(part) > RECORD_SIZE:
            self._partial = b""
            return None
        self._partial += part
        return self._partial

    # --- reading and taking out ---

    def find(self, record_id: int) -> tuple[SelRecord, int] | None:
        """A record, and the ID of the next one; 0 is the oldest, FFFFh the newest. None if there is no such record."""
        if not self._following and self._records:
            ids = list(self._records)
            self._following = dict(zip(ids, [*ids[1:], LAST_RECORD], strict=True))
        if record_id in (FIRST_RECORD, LAST_RECORD) and self._records:
            record_id = next(iter(self._records)) if record_id == FIRST_RECORD else next(reversed(self._records))
        record = self._records.get(record_id)
        return None if record is None else (record, self._following[record_id])

    def after(self, record_id: int) -> list[SelRecord]:
        """The records newer than that one; all of them if it is not there any more."""
        ids = list(self._records)
        start = ids.index(record_id) + 1 if record_id in self._records else 0
        return [self._records[one] for one in ids[start:]]

    def delete(self, record_id: int, now: float) -> int | None:
        """Take a record out; its ID, or None if there is no such record."""
        found = self.find(record_id)
        if found is None:
            return None
        del self._records[found[0].record_id]
        self._changed(now)
        return found[0].record_id

    def clear(self, now: float) -> None:
        """Take all records out."""
        self._records.clear()
        self._overflow = False
        self._changed(now)

    def _changed(self, now: float) -> None:
        self._erased = self.timestamp(now)
        self._following.clear()
        self.cancel_reservation()

    # --- reservations ---

    def reserve(self) -> int:
        """A new reservation, which ends the one before."""
        self._reservation = self._reservation % MAX_RESERVATION + 1
        self._reserved = True
        return self._reservation

    def is_reserved(self, reservation: int) -> bool:
        """Whether this is the present reservation."""
        return self._reserved and reservation == self._reservation

    def cancel_reservation(self) -> None:
        """There is none any more."""
        self._reserved = False
        self._partial = b""

    # --- what the BMC reports ---

    @property
    def free(self) -> int:
        """Records that there is room for."""
        return self._capacity - len(self._records)

    @property
    def capacity(self) -> int:
        """Most records."""
        return self._capacity

    @property
    def newest(self) -> SelRecord | None:
        """The newest record."""
        return next(reversed(self._records.values()), None)

    def info(self) -> SelInfo:
        """How full it is, when it changed, what it can do."""
        return SelInfo(
            entries=len(self._records),
            free_bytes=self.free * RECORD_SIZE,
            added=self._added,
            erased=self._erased,
            overflow=self._overflow,
            can_delete=True,
            can_partial_add=True,
            can_reserve=True,
            can_allocation_info=True,
        )
