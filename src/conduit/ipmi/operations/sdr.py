"""Reading all sensor data records of a BMC, however little it gives at once and however often they change meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.repository import FIRST_RECORD, LAST_RECORD, WHOLE_RECORD
from conduit.ipmi.commands.sdr import (
    NO_TIME,
    GetSdr,
    GetSdrRepositoryInfo,
    ReserveSdrRepository,
    SdrPart,
    SdrRepositoryInfo,
)
from conduit.ipmi.commands.sdr_device import GetDeviceSdr, GetDeviceSdrInfo, ReserveDeviceSdrRepository
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.operations.sdr_cache import SdrCache
from conduit.ipmi.records.sdr import Named, Record, Sensor, decode_record
from conduit.ipmi.records.sdr_fields import HEADER_SIZE
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor

MAX_RECORDS: Final = 4096  # more than any BMC has; one that never ends is cut off there
MAX_RENEWALS: Final = 32  # reservations in one reading: a BMC whose repository changes all the time is given up
READ_SIZES: Final = (WHOLE_RECORD, 64, 32, 22, 16, 8)  # bytes asked for at once: the next less when one is refused
TOO_MUCH: Final = frozenset(
    {
        CompletionCode.DATA_LENGTH_INVALID,
        CompletionCode.FIELD_TOO_LONG,
        CompletionCode.PARAMETER_OUT_OF_RANGE,
        CompletionCode.CANNOT_RETURN_THAT_MUCH,
        CompletionCode.RESPONSE_UNAVAILABLE,
        CompletionCode.UNSPECIFIED,
    }
)
"What BMCs answer when they are asked for more than they can send."
NO_REPOSITORY: Final = frozenset(
    {CompletionCode.INVALID_COMMAND, CompletionCode.INVALID_FOR_LUN, CompletionCode.NOT_PRESENT}
)

ReadT = TypeVar("ReadT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """All records of a BMC."""

    raw: tuple[bytes, ...]
    "As they were read, broken ones too."
    records: tuple[Record, ...]
    "Those that make sense."
    notes: tuple[str, ...] = ()
    "What was skipped, and why."
    from_cache: bool = False

    @classmethod
    def of(cls, raw: tuple[bytes, ...], notes: tuple[str, ...] = (), *, from_cache: bool = False) -> Repository:
        """Decodes what can be decoded; the rest is noted."""
        records: list[Record] = []
        found = list(notes)
        for data in raw:
            try:
                records.append(decode_record(data))
            except DecodeError as error:
                number = int.from_bytes(data[:2], "little")
                found.append(f"record {number:#06x} was skipped: {error.what}")
        return cls(raw=raw, records=tuple(records), notes=tuple(found), from_cache=from_cache)

    @property
    def sensors(self) -> Iterator[Sensor]:
        """The records of sensors."""
        for record in self.records:
            if isinstance(record, FullSensor | CompactSensor | EventOnlySensor):
                yield record

    @property
    def named(self) -> Iterator[Named]:
        """The records that have a name."""
        for record in self.records:
            if isinstance(record, Named):
                yield record


async def repository_info(bmc: Bmc) -> SdrRepositoryInfo | None:
    """What the BMC says of its repository; None if it has none.

    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    try:
        return await bmc.request(GetSdrRepositoryInfo())
    except CompletionCodeError as error:
        if error.code in NO_REPOSITORY:
            return None
        raise


async def read_repository(bmc: Bmc, *, cache: SdrCache | None = None) -> Repository:
    """All records: of the repository or, where the BMC has none, of its own device.

    A broken record is skipped with a note.

    :param cache: takes them from there if they have not changed since, and puts them there if they have.
    :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
    """
    info = await repository_info(bmc)
    if info is None:
        raw, notes = await _Reading(bmc, device=True).read_all()
        return Repository.of(raw, notes)
    if cache is None or NO_TIME in (info.added_at, info.erased_at):
        raw, notes = await _Reading(bmc, device=False).read_all()
        return Repository.of(raw, notes)
    key = await cache.key(bmc)
    cached = await cache.load(key, info)
    if cached is not None:
        return Repository.of(cached, from_cache=True)
    raw, notes = await _Reading(bmc, device=False).read_all()
    if not notes:
        await cache.store(key, info, raw)
    return Repository.of(raw, notes)


async def count_device_sensors(bmc: Bmc) -> int:
    """How many sensors the device itself has. :raises ConduitError: as for any request."""
    return (await bmc.request(GetDeviceSdrInfo())).count


class _Reading:
    """One reading of all records: the reservation it has, the piece that the BMC can send."""

    def __init__(self, bmc: Bmc, *, device: bool) -> None:
        self._bmc = bmc
        self._device = device
        self._sizes = list(READ_SIZES)
        self._reservation: int | None = None  # made when needed: whole records are read without
        self._renewals = 0
        self._notes: list[str] = []

    async def read_all(self) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
        """The records, and what is to be said about them."""
        found: dict[int, bytes] = {}
        record_id = FIRST_RECORD
        while record_id != LAST_RECORD:
            if record_id in found or len(found) >= MAX_RECORDS:
                self._notes.append(f"reading ended: record {record_id:#06x} comes again, or there are too many")
                break
            try:
                following, data = await self._read_record(record_id)
            except CompletionCodeError as error:
                if not found or error.code == CompletionCode.RESERVATION_CANCELED:
                    raise
                self._notes.append(f"reading ended at record {record_id:#06x}: {error.text}")
                break
            found[record_id] = data
            record_id = following
        return tuple(data for data in found.values() if data), tuple(self._notes)

    async def _reserved(self) -> int:
        if self._reservation is None:
            self._reservation = await self._reserve()
        return self._reservation

    async def _reserve(self) -> int:
        command = ReserveDeviceSdrRepository() if self._device else ReserveSdrRepository()
        try:
            return (await self._bmc.request(command)).reservation
        except CompletionCodeError as error:
            if error.code not in NO_REPOSITORY:
                raise
            return 0  # few BMCs have no reservations, and then want none

    async def _read_record(self, record_id: int) -> tuple[int, bytes]:
        """The next record's ID and this record, which starts anew each time the reservation is lost."""
        while True:
            try:
                return await self._read_pieces(record_id)
            except CompletionCodeError as error:
                if error.code != CompletionCode.RESERVATION_CANCELED or self._renewals >= MAX_RENEWALS:
                    raise
                self._renewals += 1
                self._reservation = await self._reserve()

    async def _read_pieces(self, record_id: int) -> tuple[int, bytes]:
        part = await self._read(record_id, 0, WHOLE_RECORD)
        data = part.data
        while len(data) < (wanted := _size(data)):
            more = (await self._read(record_id, len(data), wanted - len(data))).data
            if not more:
                self._notes.append(f"record {record_id:#06x} ends after {len(data)} of {wanted} bytes")
                break
            data += more
        return part.next_record, data[: _size(data)]

    async def _read(self, record_id: int, offset: int, left: int) -> SdrPart:
        """A piece as big as the BMC gives, and not more than is left."""
        kind = GetDeviceSdr if self._device else GetSdr
        while True:
            count = min(self._sizes[0], left)
            reservation = 0 if count == WHOLE_RECORD else await self._reserved()
            command = kind(reservation=reservation, record_id=record_id, offset=offset, count=count)
            try:
                return await self._bmc.request(command)
            except CompletionCodeError as error:
                if error.code not in TOO_MUCH or len(self._sizes) == 1:
                    raise
                self._shrink(count)

    def _shrink(self, refused: int) -> None:
        """Ask for less than that from now on."""
        smaller = [size for size in self._sizes if size < refused]
        self._sizes = smaller or self._sizes[-1:]


def _size(data: bytes) -> int:
    """How long the record says it is; a header if that is not there yet."""
    return HEADER_SIZE + data[4] if len(data) >= HEADER_SIZE else HEADER_SIZE
