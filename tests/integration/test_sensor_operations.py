"""Records and sensors as operators read them, on a virtual BMC and on ones that are not as good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from conduit.errors import CompletionCodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.sensor_specs import SensorConfig
from conduit.ipmi.bmc.serve import ServedBmc, open_virtual_bmc
from conduit.ipmi.client import Bmc, open_bmc
from conduit.ipmi.commands import (
    GetDeviceSdr,
    GetSdr,
    GetSdrRepositoryInfo,
    GetSensorReading,
    GetSensorReadingFactors,
    GetSensorThresholds,
    RawReading,
    RawThresholds,
    ReserveDeviceSdrRepository,
    ReserveSdrRepository,
    SdrPart,
    SdrReservation,
    SensorFactors,
    SensorFlags,
)
from conduit.ipmi.exchange import BMC, Hop, Target
from conduit.ipmi.operations.sdr import MAX_RENEWALS, Repository, read_repository
from conduit.ipmi.operations.sdr_cache import SdrCache, default_folder
from conduit.ipmi.operations.sensors import (
    KnownSensor,
    SensorKind,
    SensorReading,
    Status,
    known_sensors,
    read_hysteresis,
    read_sensor,
    read_sensors,
    sensor_finder,
    set_thresholds,
)
from conduit.ipmi.records.conversion import Conversion, Factors
from conduit.ipmi.records.events import Generator
from conduit.ipmi.records.id_strings import IdString
from conduit.ipmi.records.sdr import OemRecord
from conduit.ipmi.records.sdr_fields import Owner, Sharing
from conduit.ipmi.records.sdr_sensors import CompactSensor, EventOnlySensor, FullSensor, SensorTraits
from conduit.ipmi.records.sel import SystemEventRecord
from conduit.ipmi.records.thresholds import ThresholdMask, Thresholds
from conduit.rmcp.command import Command

ADMIN = UserConfig(name=b"admin", password=b"secret")
RECORDS = tuple(OemRecord(record_id=number, manufacturer_id=1, data=bytes(40)).encode() for number in range(1, 6))


def config(**changes: Any) -> BmcConfig:
    return BmcConfig(users=(ADMIN,), running=True, **changes)


def log_in(served: ServedBmc) -> Any:
    return open_bmc(served.host, port=served.port, username="admin", password="secret")


class PaperBmc:
    """A BMC that gives its records as it is told; it counts what it is asked."""

    def __init__(self, answer: Callable[[Command[Any]], Any]) -> None:
        self._answer = answer
        self.asked: list[Command[Any]] = []

    async def request(self, command: Command[Any], *, target: Target = BMC) -> Any:
        self.asked.append(command)
        await trio.lowlevel.checkpoint()
        answer = self._answer(command)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            raise CompletionCodeError(answer, netfn=command.netfn, command=command.command, text="no")
        return answer

    @property
    def as_bmc(self) -> Bmc:
        return cast("Bmc", self)


def give(request: GetSdr | GetDeviceSdr, records: tuple[bytes, ...] = RECORDS, most: int = 255) -> Any:
    """Records by place, and no more than so many bytes at once."""
    place = max(request.record_id, 1) - 1
    data = records[place]
    count = len(data) - request.offset if request.count == 0xFF else request.count
    if count > most:
        return 0xCA
    following = place + 2 if place + 1 < len(records) else 0xFFFF
    return SdrPart(next_record=following, data=data[request.offset : request.offset + count])


def repository_of(reading: Callable[[GetSdr], Any]) -> PaperBmc:
    def answer(command: Command[Any]) -> Any:
        if isinstance(command, GetSdr):
            return reading(command)
        return SdrReservation(reservation=1) if isinstance(command, ReserveSdrRepository) else 0

    return PaperBmc(lambda command: INFO if isinstance(command, GetSdrRepositoryInfo) else answer(command))


INFO = GetSdrRepositoryInfo().decode_response(bytes.fromhex("51 0500 0010 01000000 ffffffff 02"))


# --- reading records ---


@pytest.mark.parametrize("limit", [16, 22, 64, 260])
async def test_all_records_are_read_however_little_comes_at_once(limit: int) -> None:
    async with open_virtual_bmc(config(sdr_read_limit=limit)) as served, log_in(served) as bmc:
        repository = await read_repository(bmc)
        assert (len(repository.raw), len(repository.records), repository.notes) == (33, 33, ())
        assert len(list(repository.named)) == 32


async def test_a_refused_size_is_not_asked_for_again() -> None:
    bmc = repository_of(lambda request: give(request, most=20))
    repository = await read_repository(bmc.as_bmc)
    assert repository.raw == RECORDS
    counts = [command.count for command in bmc.asked if isinstance(command, GetSdr)]
    assert counts[:4] == [0xFF, 64, 32, 22]
    assert max(counts[4:]) == 16


async def test_a_bmc_that_refuses_every_size_fails() -> None:
    bmc = repository_of(lambda request: 0xCA)
    with pytest.raises(CompletionCodeError):
        await read_repository(bmc.as_bmc)


async def test_a_lost_reservation_is_renewed_and_the_record_read_anew() -> None:
    lost = iter([False, False, True, False, True])

    def answer(request: GetSdr) -> Any:
        return 0xC5 if request.reservation and next(lost, False) else give(request, most=16)

    bmc = repository_of(answer)
    assert (await read_repository(bmc.as_bmc)).raw == RECORDS
    assert sum(isinstance(command, ReserveSdrRepository) for command in bmc.asked) == 3


async def test_a_repository_that_changes_all_the_time_is_given_up() -> None:
    bmc = repository_of(lambda request: 0xC5)
    with pytest.raises(CompletionCodeError):
        await read_repository(bmc.as_bmc)
    assert sum(isinstance(command, ReserveSdrRepository) for command in bmc.asked) == MAX_RENEWALS


async def test_records_that_follow_each_other_in_a_circle_are_read_once() -> None:
    def answer(request: GetSdr) -> SdrPart:
        part: SdrPart = give(request)
        return part if part.next_record != 0xFFFF else SdrPart(next_record=2, data=part.data)

    repository = await read_repository(repository_of(answer).as_bmc)
    assert repository.raw == RECORDS
    assert "comes again" in repository.notes[0]


async def test_a_record_that_cannot_be_read_ends_the_reading_with_a_note() -> None:
    repository = await read_repository(
        repository_of(lambda request: 0xCB if request.record_id == 3 else give(request)).as_bmc
    )
    assert repository.raw == RECORDS[:2]
    assert repository.notes == ("reading ended at record 0x0003: no",)


async def test_a_record_shorter_than_it_says_is_kept_and_noted() -> None:
    short = (RECORDS[0], RECORDS[1][:20])
    repository = await read_repository(repository_of(lambda request: give(request, short)).as_bmc)
    assert repository.notes == ("record 0x0002 ends after 20 of 48 bytes",)


async def test_a_broken_record_is_skipped_with_a_note() -> None:
    broken = (RECORDS[0], bytes.fromhex("0200 51 01 03 20 00 01"), RECORDS[2])
    repository = await read_repository(repository_of(lambda request: give(request, broken)).as_bmc)
    assert [record.record_id for record in repository.records] == [1, 3]
    assert repository.notes == ("record 0x0002 was skipped: truncated entity",)


async def test_a_bmc_without_a_repository_has_its_devices_records() -> None:
    def answer(command: Command[Any]) -> Any:
        if isinstance(command, GetDeviceSdr):
            return give(command)
        return SdrReservation(reservation=1) if isinstance(command, ReserveDeviceSdrRepository) else 0xC1

    assert (await read_repository(PaperBmc(answer).as_bmc)).raw == RECORDS


# --- the cache ---


async def test_records_come_from_the_cache_until_they_change(tmp_path: Path) -> None:
    cache = SdrCache(tmp_path / "sdr")
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        first = await read_repository(bmc, cache=cache)
        second = await read_repository(bmc, cache=cache)
        assert (first.from_cache, second.from_cache, first.records) == (False, True, second.records)
        served.bmc.state.sdrs.delete(1, 77)
        assert not (await read_repository(bmc, cache=cache)).from_cache
        (file,) = (tmp_path / "sdr").iterdir()
        for rubbish in ("", "{", "[]", '{"format": 1}', file.read_text().replace('"records": ["', '"records": ["zz')):
            file.write_text(rubbish)
            assert not (await read_repository(bmc, cache=cache)).from_cache
        assert (await read_repository(bmc, cache=cache)).from_cache


async def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        for _ in range(2):
            assert not (await read_repository(bmc, cache=SdrCache(tmp_path / "file" / "sdr"))).from_cache


def test_the_cache_is_where_caches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/caches")
    assert default_folder() == Path("/var/caches/conduit/sdr")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache/conduit/sdr"


# --- readings ---


async def readings_of(bmc: Bmc, **options: Any) -> dict[str, SensorReading]:
    return {reading.name: reading async for reading in read_sensors(bmc, **options)}


async def test_sensors_have_values_units_states_and_thresholds() -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        served.bmc.state.sensors.inject("12V", 12.06)
        served.bmc.state.sensors.inject("CPU Margin", -7)
        found = await readings_of(bmc)
    assert len(found) == 29
    rail, margin = found["12V"], found["CPU Margin"]
    assert (rail.value, rail.unit, rail.status, rail.kind) == (12.06, "V", Status.OK, SensorKind.THRESHOLD)
    assert (rail.thresholds.lower_critical, rail.thresholds.upper_critical) == (10.8, 13.2)
    assert (margin.value, margin.status, margin.states) == (-7, Status.NON_CRITICAL, ("upper non critical",))
    assert found["PS1 Status"].states == ("present",)
    assert (found["NMI"].kind, found["NMI"].status) == (SensorKind.EVENT_ONLY, Status.UNAVAILABLE)


async def test_only_the_named_sensors_are_asked_for() -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        assert list(await readings_of(bmc, names=["fan1", "FAN3"], live_thresholds=False)) == ["FAN1", "FAN3"]


async def test_without_power_there_is_no_reading() -> None:
    async with open_virtual_bmc(BmcConfig(users=(ADMIN,))) as served, log_in(served) as bmc:
        reading = (await readings_of(bmc, names=["CPU Temp"]))["CPU Temp"]
    assert (reading.value, reading.status) == (None, Status.UNAVAILABLE)
    assert reading.thresholds.upper_critical == 90


async def test_thresholds_that_are_set_hold_and_have_effect() -> None:
    pump = SensorConfig(name="Pump", value=50, m=2, lower_critical=10)
    async with open_virtual_bmc(config(sensors=(pump,))) as served, log_in(served) as bmc:
        repository = await read_repository(bmc)
        (known,) = [one for one in known_sensors(repository.sensors) if one.name == "Pump"]
        assert await set_thresholds(bmc, known, Thresholds(lower_critical=60.6)) == Thresholds(lower_critical=60.0)
        assert (await read_sensor(bmc, known)).status is Status.CRITICAL
        assert await read_hysteresis(bmc, known) == (2.0, 2.0)
        with pytest.raises(LocalProtocolError, match="Pump: upper critical cannot be set"):
            await set_thresholds(bmc, known, Thresholds(upper_critical=5.0))


FULL = FullSensor(
    traits=SensorTraits(number=1, sensor_type=1, reading_mask=0x1212),
    limits=bytes((0, 10, 0, 0, 90, 0)),
    name=IdString.of("T"),
)


def sensor(record: Any) -> KnownSensor:
    (known, *_) = known_sensors([record])
    return known


async def read_on_paper(record: Any, answer: Callable[[Command[Any]], Any]) -> SensorReading:
    return await read_sensor(PaperBmc(answer).as_bmc, sensor(record))


@pytest.mark.parametrize(
    ("raw", "status"), [(5, Status.CRITICAL), (10, Status.CRITICAL), (50, Status.OK), (95, Status.CRITICAL)]
)
async def test_where_the_bmc_does_not_compare_we_do(raw: int, status: Status) -> None:
    def answer(command: Command[Any]) -> Any:
        return RawReading(reading=raw) if isinstance(command, GetSensorReading) else 0xC1

    assert (await read_on_paper(FULL, answer)).status is status


async def test_a_bmc_that_keeps_its_thresholds_to_itself_has_those_of_the_record() -> None:
    reading = await read_on_paper(FULL, lambda c: RawReading() if isinstance(c, GetSensorReading) else 0xC1)
    assert reading.thresholds == Thresholds(lower_critical=10.0, upper_critical=90.0)


async def test_non_linear_sensors_have_factors_for_each_reading() -> None:
    record = FullSensor(traits=FULL.traits, conversion=Conversion(linearization=0x70), name=FULL.name)
    answers = {
        GetSensorReading: RawReading(reading=7, states=0),
        GetSensorThresholds: RawThresholds(),
        GetSensorReadingFactors: SensorFactors(factors=Factors(m=3, b=1)),
    }
    bmc = PaperBmc(lambda command: answers[type(command)])
    reading = await read_sensor(bmc.as_bmc, sensor(record))
    assert reading.value == 22
    assert bmc.asked[-1] == GetSensorReadingFactors(number=1, reading=7)
    with pytest.raises(LocalProtocolError):
        await set_thresholds(bmc.as_bmc, sensor(record), Thresholds(upper_critical=1.0))


@pytest.mark.parametrize("answer", [0xCB, 0xC1])
async def test_a_sensor_that_is_refused_has_a_note_and_spoils_no_other(answer: int) -> None:
    reading = await read_on_paper(FULL, lambda _: answer)
    assert (reading.status, reading.value) == (Status.UNAVAILABLE, None)
    assert "no" in reading.note


async def test_a_silent_bmc_is_an_error_and_a_silent_satellite_a_note() -> None:
    silence = PeerTimeoutError("silence")
    with pytest.raises(PeerTimeoutError):
        await read_on_paper(FULL, lambda _: silence)
    owner = Owner(address=0x2C, channel=6, lun=1)
    record = FullSensor(traits=SensorTraits(owner=owner, number=1, sensor_type=1), name=FULL.name)
    assert sensor(record).target == Target(0x2C, 1, (Hop(6, 0x2C),))
    assert (await read_on_paper(record, lambda _: silence)).note == "silence"


async def test_software_is_not_asked() -> None:
    record = FullSensor(traits=SensorTraits(owner=Owner(address=0x41), number=1, sensor_type=1), name=FULL.name)
    assert "software" in (await read_on_paper(record, lambda _: 0xFF)).note


@pytest.mark.parametrize(
    ("states", "status"),
    [(0, Status.OK), (0b10, Status.NON_CRITICAL), (0b100, Status.CRITICAL), (0b1000000, Status.NON_RECOVERABLE)],
)
async def test_states_that_are_severities_are_the_status(states: int, status: Status) -> None:
    record = CompactSensor(traits=SensorTraits(number=1, sensor_type=8, event_type=7), name=FULL.name)
    assert (await read_on_paper(record, lambda _: RawReading(states=states))).status is status


async def test_a_reading_that_is_not_scanned_is_none() -> None:
    def not_scanned(command: Command[Any]) -> Any:
        if isinstance(command, GetSensorReading):
            return RawReading(flags=SensorFlags.EVENTS_ENABLED, reading=3)
        return RawThresholds()

    reading = await read_on_paper(FULL, not_scanned)
    assert reading.value is None


def test_sensors_that_share_a_record_are_many() -> None:
    shared = CompactSensor(
        traits=SensorTraits(number=254, sensor_type=0x0D, event_type=0x6F),
        sharing=Sharing(count=3, instance_increments=True, offset=1),
        name=IdString.of("Bay "),
    )
    found = [(one.name, one.number, one.entity.instance) for one in known_sensors([shared])]
    assert found == [("Bay 1", 254, 1), ("Bay 2", 255, 2), ("Bay 3", 0, 3)]
    events = EventOnlySensor(number=3, sensor_type=0x12, event_type=0x6F, owner=Owner(lun=2))
    assert sensor(events).target == Target(lun=2)


async def test_a_compact_sensor_has_no_hysteresis_to_speak_of() -> None:
    record = CompactSensor(traits=SensorTraits(number=1, sensor_type=8, event_type=0x6F))
    bmc = PaperBmc(lambda _: 0xC1)
    assert await read_hysteresis(bmc.as_bmc, sensor(record)) == (None, None)
    assert await read_hysteresis(bmc.as_bmc, sensor(FULL)) == (0, 0)  # the record's
    assert ThresholdMask.UPPER_CRITICAL in FULL.thresholds.mask
    assert Repository.of(()).records == ()


async def test_an_event_is_told_with_its_sensors_name_and_unit() -> None:
    async with open_virtual_bmc(config()) as served, log_in(served) as bmc:
        find = sensor_finder((await read_repository(bmc)).sensors)
        served.bmc.state.sensors.inject("FAN2", 1200)
        await bmc.device_id()
        record = served.bmc.state.event_log.newest
        assert isinstance(record, SystemEventRecord)
        text = record.describe(find)
    assert text.startswith("FAN2: ")
    assert text.endswith("reading 1200 < threshold 1500 RPM")
    known = find(Generator(), 15)
    assert known is not None
    assert (known.name, known.unit, known.value(1)) == ("PS1 Status", "", None)
    assert find(Generator(), 0x9F) is None
