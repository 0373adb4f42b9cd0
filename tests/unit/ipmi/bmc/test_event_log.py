"""The event log by itself: bounded, IDs that never repeat, reservations, a clock."""

from __future__ import annotations

from conduit.ipmi.bmc.event_log import MAX_RECORD_ID, MAX_RESERVATION, EventLog
from conduit.ipmi.bmc.own_events import LOG_CLEARED
from conduit.ipmi.records.sel import OemTimedRecord, OtherRecord
from conduit.ipmi.records.timestamps import UNSPECIFIED


def filled(count: int, capacity: int = 8) -> EventLog:
    log = EventLog(capacity)
    for second in range(count):
        log.log(LOG_CLEARED, float(second))
    return log


def test_records_get_ids_and_the_time_since_the_start() -> None:
    log = filled(3)
    assert [(record.record_id, record.timestamp) for record in log] == [(1, 0), (2, 1), (3, 2)]
    assert len(log) == 3


def test_a_clock_that_was_set_gives_its_time() -> None:
    log = EventLog()
    log.set_time(1_700_000_000, 10.0)
    assert log.timestamp(15.5) == 1_700_000_005
    assert log.timestamp(-2e9) == 0


def test_a_full_log_loses_events_and_says_so_until_it_is_cleared() -> None:
    log = filled(9)
    assert (len(log), log.lost, log.info().overflow, log.free) == (8, 1, True, 0)
    log.clear(20.0)
    assert (len(log), log.info().overflow, log.info().erased) == (0, False, 20)


def test_ids_go_round_past_those_in_use() -> None:
    log = filled(2)
    log._last_id = MAX_RECORD_ID
    assert log.log(LOG_CLEARED, 3.0) == 3


def test_first_last_and_next() -> None:
    log = filled(3)
    assert [log.find(record_id) for record_id in (0, 0xFFFF)] == [log.find(1), log.find(3)]
    assert [found[1] for record_id in (1, 2, 3) if (found := log.find(record_id))] == [2, 3, 0xFFFF]
    assert log.find(9) is None
    assert filled(0).find(0) is None


def test_a_deleted_record_is_gone_and_ends_the_reservation() -> None:
    log = filled(3)
    reservation = log.reserve()
    assert log.is_reserved(reservation)
    assert log.delete(2, 5.0) == 2
    assert not log.is_reserved(reservation)
    assert [record.record_id for record in log] == [1, 3]
    assert log.delete(2, 5.0) is None


def test_what_is_newer_than_a_record() -> None:
    log = filled(3)
    assert [record.record_id for record in log.after(1)] == [2, 3]
    assert [record.record_id for record in log.after(77)] == [1, 2, 3]
    assert filled(0).newest is None


def test_only_records_whose_type_has_a_time_get_one() -> None:
    log = EventLog()
    log.add(OemTimedRecord(record_type=0xC0, manufacturer_id=1, data=bytes(6)), 0.0)
    log.add(OtherRecord(record_type=0xE0, data=bytes(13)), 0.0)
    assert [record.timestamp for record in log] == [0, UNSPECIFIED]


def test_reservations_are_never_0() -> None:
    log = EventLog()
    log._reservation = MAX_RESERVATION
    assert log.reserve() == 1


def test_parts_must_fit_to_each_other() -> None:
    log = EventLog()
    assert log.add_part(0, b"12345678") == b"12345678"
    assert log.add_part(8, b"abcdefgh") == b"12345678abcdefgh"
    assert log.add_part(16, b"x") is None
    assert log.add_part(5, b"x") is None
    assert log.add_part(0, b"again") == b"again"
