"""The sensor data records of a virtual BMC: made of its sensors, read and changed under a reservation."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from conduit.ipmi.bmc.own_events import OWN_SENSORS
from conduit.ipmi.bmc.sensor_specs import Spec
from conduit.ipmi.bmc.sensors import LiveSensor, Sensors
from conduit.ipmi.commands.repository import FIRST_RECORD, LAST_RECORD
from conduit.ipmi.commands.sdr import RepositorySupport, SdrRepositoryInfo
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr import OemRecord, Record
from conduit.ipmi.records.sdr_fields import HEADER_SIZE, MAX_RECORD, Access, Capabilities, Initialization
from conduit.ipmi.records.sdr_locators import Controller, ControllerSupport, FruDevice
from conduit.ipmi.records.sdr_sensors import (
    AnalogFlags,
    CompactSensor,
    EventOnlySensor,
    FullSensor,
    Ranges,
    SensorTraits,
)
from conduit.ipmi.records.thresholds import ThresholdMask
from conduit.ipmi.records.units import AnalogFormat, SensorUnits

CAPACITY: Final = 0x10000  # bytes
MADE: Final = 0x6000_0000  # earliest time of the last addition: 2021
MADE_SPAN: Final = 0x100_0000  # seconds that depend on what the records are, so that a cache of others is not taken
SUPPORT: Final = (
    RepositorySupport.ALLOCATION_INFO
    | RepositorySupport.RESERVE
    | RepositorySupport.PARTIAL_ADD
    | RepositorySupport.DELETE
    | RepositorySupport.NON_MODAL_UPDATE
    | RepositorySupport.MODAL_UPDATE
)
BMC_SUPPORT: Final = (
    ControllerSupport.SENSORS
    | ControllerSupport.SDR_REPOSITORY
    | ControllerSupport.SEL
    | ControllerSupport.FRU
    | ControllerSupport.EVENT_GENERATOR
    | ControllerSupport.CHASSIS
    | ControllerSupport.BRIDGE
)
MANAGEMENT: Final = Entity(entity_id=6)
BUILTIN_FRU: Final = FruDevice(fru_id=0, entity=Entity(entity_id=7), name=IdString.of("Builtin FRU"))
SUPPLY_FRU: Final = FruDevice(fru_id=1, entity=Entity(entity_id=10), name=IdString.of("PSU FRU"))


class SdrRepository:
    """Whole records by ID, and who has reserved them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: dict[int, bytes] = {}
        for number, record in enumerate(records, start=1):
            self._records[number] = replace(record, record_id=number).encode()
        self._added_at = MADE + zlib.crc32(b"".join(self._records.values())) % MADE_SPAN
        self._erased_at = MADE
        self._reservation = 0
        self._valid = False
        self._partial: tuple[int, bytes] | None = None
        self.updating = False
        "Somebody has said that he changes records; others may do so all the same."

    def __len__(self) -> int:
        return len(self._records)

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return CAPACITY - sum(map(len, self._records.values()))

    def info(self) -> SdrRepositoryInfo:
        """How many, since when."""
        return SdrRepositoryInfo(
            record_count=len(self._records),
            free_space=min(self.free, 0xFFFE),
            added_at=self._added_at,
            erased_at=self._erased_at,
            support=SUPPORT,
        )

    def id_of(self, name: str) -> int:
        """ID of the record that ends with *name*, as those of sensors and devices do; 0 if there is none."""
        return next((number for number, record in self._records.items() if record.endswith(name.encode())), 0)

    def find(self, record_id: int) -> tuple[int, bytes, int] | None:
        """A record's ID, the record, the next one's ID; 0 finds the first, FFFFh the last."""
        ids = list(self._records)
        if ids and record_id in (FIRST_RECORD, LAST_RECORD):
            record_id = ids[0] if record_id == FIRST_RECORD else ids[-1]
        if record_id not in self._records:
            return None
        place = ids.index(record_id) + 1
        return record_id, self._records[record_id], ids[place] if place < len(ids) else LAST_RECORD

    # --- reservations ---

    def reserve(self) -> int:
        """A new reservation, which cancels the one before."""
        self._reservation = self._reservation % 0xFFFF + 1
        self._valid = True
        return self._reservation

    def is_reserved(self, reservation: int) -> bool:
        """Whether this reservation holds."""
        return self._valid and reservation == self._reservation

    def cancel_reservation(self) -> None:
        """Whoever has one must make a new one."""
        self._valid = False

    # --- changes ---

    def add(self, record: bytes, time: int) -> int | None:
        """A record with its header gets an ID; None if there is no room, or it is longer or shorter than it says."""
        if not HEADER_SIZE <= len(record) <= min(self.free, MAX_RECORD) or len(record) != HEADER_SIZE + record[4]:
            return None
        record_id = next((one for one in range(1, LAST_RECORD) if one not in self._records), 0)
        self._records[record_id] = record_id.to_bytes(2, "little") + record[2:]
        self._added_at = time
        self.cancel_reservation()
        return record_id

    def add_part(self, offset: int, part: bytes) -> bytes | None:
        """Collect a record: all there is of it, or None if this part does not follow the others."""
        collected = b"" if not offset else self._partial[1] if self._partial else b""
        if offset != len(collected) or offset + len(part) > MAX_RECORD:
            self._partial = None
            return None
        self._partial = (offset, collected + part)
        return self._partial[1]

    def delete(self, record_id: int, time: int) -> int | None:
        """Take a record out; its ID, or None if there is none."""
        found = self.find(record_id)
        if found is None:
            return None
        del self._records[found[0]]
        self._erased_at = time
        self.cancel_reservation()
        return found[0]

    def clear(self, time: int) -> None:
        """Take all of them out."""
        self._records.clear()
        self._erased_at = time
        self.cancel_reservation()


def make_records(sensors: Sensors, *, name: str, manufacturer_id: int, supply: bool = True) -> Iterator[Record]:
    """What a virtual BMC starts with: its sensors, those that only have events, itself, its inventories.

    :param supply: whether the power supply has one.
    """
    numbers = set()
    for sensor in sensors:
        numbers.add(sensor.spec.number)
        yield _full(sensor) if sensor.spec.is_threshold else _compact(sensor.spec)
    for number, kind in OWN_SENSORS.items():
        if number not in numbers:
            yield EventOnlySensor(
                number=number,
                entity=MANAGEMENT,
                sensor_type=kind.sensor_type,
                event_type=kind.event_type,
                name=IdString.of(kind.name),
            )
    yield Controller(notifications=0x20, support=BMC_SUPPORT, entity=MANAGEMENT, name=IdString.of(name))
    yield from (BUILTIN_FRU, SUPPLY_FRU) if supply else (BUILTIN_FRU,)
    yield OemRecord(manufacturer_id=manufacturer_id, data=b"conduit")


def _full(sensor: LiveSensor) -> FullSensor:
    spec = sensor.spec
    mask = sensor.limit_mask
    # Each threshold may be passed and left again, in either direction.
    low, high = mask & 0x07, mask >> 3 & 0x07
    events = sum(0b11 << 2 * place for place, one in enumerate(ThresholdMask) if one & mask)
    units = SensorUnits(analog_format=spec.conversion.analog_format, base=spec.unit, percentage=spec.percentage)
    return FullSensor(
        traits=SensorTraits(
            number=spec.number,
            entity=spec.entity,
            initialization=Initialization(0x7F | spec.settable << 7),
            capabilities=Capabilities(hysteresis=Access.SETTABLE, thresholds=Access.SETTABLE if mask else Access.NONE),
            sensor_type=spec.sensor_type,
            event_type=spec.event_type,
            assertion_mask=low << 12 | events,
            deassertion_mask=high << 12 | events,
            reading_mask=mask << 8 | mask,
            units=units,
        ),
        conversion=spec.conversion,
        ranges=_ranges(spec),
        limits=bytes(sensor.limits),
        positive_hysteresis=sensor.hysteresis[0],
        negative_hysteresis=sensor.hysteresis[1],
        name=IdString.of(spec.name),
    )


def _ranges(spec: Spec) -> Ranges:
    signed = spec.conversion.analog_format is AnalogFormat.TWOS_COMPLEMENT
    return Ranges(
        nominal=spec.conversion.raw(spec.nominal) if spec.nominal else 0,
        sensor_max=0x7F if signed else 0xFF,
        sensor_min=0x80 if signed else 0,
        flags=AnalogFlags.NOMINAL if spec.nominal else AnalogFlags(0),
    )


def _compact(spec: Spec) -> CompactSensor:
    return CompactSensor(
        traits=SensorTraits(
            number=spec.number,
            entity=spec.entity,
            sensor_type=spec.sensor_type,
            event_type=spec.event_type,
            assertion_mask=spec.states,
            deassertion_mask=spec.states,
            reading_mask=spec.states,
            units=SensorUnits(analog_format=AnalogFormat.NOT_ANALOG),
        ),
        name=IdString.of(spec.name),
    )
