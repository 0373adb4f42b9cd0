"""The event log as operators use it, on a virtual BMC and on one that is not as good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from conduit.errors import CompletionCodeError, LocalProtocolError, PeerTimeoutError
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.client import Bmc, open_bmc
from conduit.ipmi.commands import (
    AlertPolicy,
    ClearSel,
    EventFilter,
    GetPefConfiguration,
    GetSelEntry,
    PefControl,
    PlatformEvent,
    ReserveSel,
    SelEntry,
    SelErasure,
    SelInfo,
    SelReservation,
    SetPefConfiguration,
)
from conduit.ipmi.operations.pef import read_pef, write_pef
from conduit.ipmi.operations.sel import (
    CLEAR_PATIENCE,
    SelFollower,
    clear_sel,
    pack_records,
    prepare_clear,
    read_sel,
    restore_records,
    sel_time,
    unpack_records,
)
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import OtherRecord, SelRecord
from conduit.rmcp.command import Command
from tests.wired import ADMIN

MEMORY = Event.decode(bytes.fromhex("040c536f00ffff"))


def record(number: int, mark: int = 0) -> OtherRecord:
    return OtherRecord(record_id=number, record_type=0xE0, data=bytes((mark,)) * 13)


class FakeBmc:
    """A log of whatever shape, and whatever happens to it after each command; no network."""

    def __init__(self, *records: SelRecord) -> None:
        self.records: dict[int, bytes] = {one.record_id: one.encode() for one in records}
        self.links: dict[int, int] = {}
        self.whole = True
        self.after: Callable[[int], None] = lambda count: None
        self.refuse: dict[type[Any], int] = {}
        self.erasures = [1]
        self.commands: list[Command[Any]] = []
        self.reservation = 0

    async def request(self, command: Command[Any]) -> Any:  # Any: each command has its own response
        await trio.lowlevel.checkpoint()
        self.commands.append(command)
        try:
            return self._answer(command)
        finally:
            self.after(len(self.commands))

    def _answer(self, command: Command[Any]) -> Any:
        if type(command) in self.refuse:
            raise self._refusal(command, self.refuse[type(command)])
        match command:
            case ReserveSel():
                self.reservation += 1
                return SelReservation(reservation=self.reservation)
            case GetSelEntry():
                return self._entry(command)
            case ClearSel():
                self.records.clear()
                return SelErasure(progress=self.erasures.pop(0) if len(self.erasures) > 1 else self.erasures[0])
            case _:
                return SelInfo(entries=len(self.records), free_bytes=0)

    def _entry(self, command: GetSelEntry) -> SelEntry:
        if command.count == 0xFF and not self.whole:
            raise self._refusal(command, 0xCA)
        if command.offset and command.reservation != self.reservation:
            raise self._refusal(command, 0xC5)
        ids = list(self.records)
        number = ids[0] if command.record_id == 0 and ids else command.record_id
        if number not in self.records:
            raise self._refusal(command, 0xCB)
        place = ids.index(number) + 1
        following = self.links.get(number, ids[place] if place < len(ids) else 0xFFFF)
        return SelEntry(next_record_id=following, data=self.records[number][command.offset :][: command.count])

    @staticmethod
    def _refusal(command: Command[Any], code: int) -> CompletionCodeError:
        return CompletionCodeError(code, netfn=command.netfn, command=command.command, text="no")

    @property
    def bmc(self) -> Bmc:
        return cast(Bmc, self)


async def ids(fake: FakeBmc) -> tuple[list[int], list[str]]:
    contents = await read_sel(fake.bmc)
    return [one.record_id for one in contents.records], contents.notes


async def test_an_empty_log_has_no_records() -> None:
    assert await ids(FakeBmc()) == ([], [])


async def test_a_bmc_that_returns_no_whole_records_is_read_in_parts() -> None:
    fake = FakeBmc(record(1), record(2))
    fake.whole = False
    assert await ids(fake) == ([1, 2], [])


async def test_a_reservation_that_others_take_is_taken_back() -> None:
    fake = FakeBmc(record(1))
    fake.whole = False

    def rob(count: int) -> None:
        if count == 3:
            fake.reservation += 1

    fake.after = rob
    assert await ids(fake) == ([1], [])


async def test_a_reservation_that_others_always_take_is_an_error() -> None:
    fake = FakeBmc(record(1))
    fake.whole = False

    def rob(count: int) -> None:
        fake.reservation += 1

    fake.after = rob
    with pytest.raises(CompletionCodeError):
        await read_sel(fake.bmc)


async def test_a_record_deleted_meanwhile_costs_no_other() -> None:
    fake = FakeBmc(*(record(number) for number in range(1, 6)))

    def delete(count: int) -> None:
        if count == 2:
            fake.records.pop(3, None)

    fake.after = delete
    assert await ids(fake) == ([1, 2, 4, 5], [])


async def test_a_log_that_never_rests_is_read_as_far_as_possible() -> None:
    fake = FakeBmc(record(1), record(2))
    fake.links = {1: 77}
    found, notes = await ids(fake)
    assert found == [1]
    assert "kept being deleted" in notes[0]


async def test_a_log_that_runs_in_a_circle_is_left() -> None:
    fake = FakeBmc(record(1), record(2))
    fake.links = {2: 1}
    found, notes = await ids(fake)
    assert found == [1, 2]
    assert "circle" in notes[0]


@pytest.mark.parametrize("whole", [True, False])
async def test_a_broken_record_is_skipped_with_a_note(whole: bool) -> None:
    fake = FakeBmc(record(1), record(2), record(3))
    fake.records[2] = fake.records[2][:11]
    fake.whole = whole
    found, notes = await ids(fake)
    assert found == [1, 3]
    assert "0x0002" in notes[0]


async def test_other_errors_go_to_the_caller() -> None:
    fake = FakeBmc(record(1))
    fake.refuse[GetSelEntry] = 0x81
    with pytest.raises(CompletionCodeError):
        await read_sel(fake.bmc)


async def test_a_follower_yields_what_is_new_and_survives_a_cleared_log(autojump_clock: MockClock) -> None:
    fake = FakeBmc(record(1), record(2))

    def change(count: int) -> None:
        if count == 3:
            fake.records |= {3: record(3).encode(), 4: record(4).encode()}
        if count == 8:
            fake.records = {}
        if count == 12:
            fake.records = {1: record(1, mark=9).encode()}
        if count == 16:
            fake.records[1] = record(1, mark=8).encode()

    fake.after = change
    follower = SelFollower(fake.bmc)
    with trio.fail_after(100):
        found = [(await anext(follower)) for _ in range(4)]
    assert [(one.record_id, one.encode()[3]) for one in found] == [(3, 0), (4, 0), (1, 9), (1, 8)]


async def test_a_follower_may_begin_with_what_is_there(autojump_clock: MockClock) -> None:
    follower = SelFollower(FakeBmc(record(1), record(2)).bmc, from_start=True)
    assert [(await anext(follower)).record_id for _ in range(2)] == [1, 2]


async def test_a_follower_reads_all_anew_when_its_way_is_lost(autojump_clock: MockClock) -> None:
    fake = FakeBmc(record(1))
    follower = SelFollower(fake.bmc)

    def change(count: int) -> None:
        if count == 2:
            fake.links, fake.records[3] = {1: 77}, record(3).encode()
        if count == 6:
            fake.links = {}

    fake.after = change
    with trio.fail_after(100):
        assert (await anext(follower)).record_id == 3


async def test_a_log_is_cleared_only_when_asked_twice(autojump_clock: MockClock) -> None:
    fake = FakeBmc(record(1), record(2))
    with pytest.raises(LocalProtocolError, match="asked twice"):
        await clear_sel(fake.bmc)
    asked = await prepare_clear(fake.bmc)
    fake.records[3] = record(3).encode()
    with pytest.raises(LocalProtocolError, match="changed"):
        await clear_sel(fake.bmc, asked)
    fake.erasures = [0, 0, 1]
    assert await clear_sel(fake.bmc, await prepare_clear(fake.bmc)) == 3
    assert not fake.records
    assert await clear_sel(fake.bmc, confirm=True) == 0


async def test_a_log_that_is_never_cleared_is_given_up(autojump_clock: MockClock) -> None:
    fake = FakeBmc(record(1))
    fake.erasures = [0]
    started = trio.current_time()
    with pytest.raises(PeerTimeoutError):
        await clear_sel(fake.bmc, confirm=True)
    assert trio.current_time() - started == pytest.approx(CLEAR_PATIENCE, abs=1)


def test_a_file_of_records_is_sixteen_bytes_each() -> None:
    records = [record(1), record(2)]
    assert unpack_records(pack_records(records)) == records
    with pytest.raises(LocalProtocolError, match="multiple of 16"):
        unpack_records(b"x")
    with pytest.raises(LocalProtocolError, match="it begins with one of type 0x4c"):
        unpack_records(b"\x7fELF" * 8)


async def test_filters_that_cannot_be_read_are_noted() -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as served, console(served) as bmc:
        configured = await read_pef(bmc)
        assert (len(configured.filters), len(configured.policies), configured.notes) == (16, 8, [])
        served.bmc.state.pef.filters.pop(7)
        configured = await read_pef(bmc)
        assert len(configured.filters) == 15
        assert configured.notes[0].startswith("filter 7: ")


async def test_settings_are_written_under_the_lock() -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as served, console(served) as bmc:
        await write_pef(bmc, [PefControl(enabled=True), EventFilter(number=9), AlertPolicy(number=1)])
        assert served.bmc.state.pef.control.enabled
        with pytest.raises(CompletionCodeError):
            await write_pef(bmc, [EventFilter(number=99)])
        assert (await bmc.request(GetPefConfiguration(parameter=0))).data == b"\0"


@pytest.mark.parametrize("code", [0x80, 0x81])
async def test_a_bmc_without_the_lock_is_written_without(code: int) -> None:
    fake = FakeBmc()
    fake.refuse[SetPefConfiguration] = code
    with pytest.raises(CompletionCodeError) as caught:
        await write_pef(fake.bmc, [PefControl()])
    assert caught.value.code == code
    assert len(fake.commands) == (2 if code == 0x80 else 1)


def console(served: Any) -> Any:  # Any: a context manager of open_bmc
    return open_bmc(served.host, port=served.port, username="admin", password="secret")


async def test_the_whole_way_on_a_virtual_bmc() -> None:
    async with open_virtual_bmc(users=(ADMIN,)) as served, console(served) as bmc:
        assert await sel_time(bmc) is not None
        await bmc.request(PlatformEvent(event=MEMORY))
        (event,) = (await read_sel(bmc)).records
        assert event.describe() == "Memory 0x53: correctable ECC error"
        assert await clear_sel(bmc, await prepare_clear(bmc)) == 1
        assert await restore_records(bmc, [event]) == 1
        cleared, restored = (await read_sel(bmc)).records
        assert cleared.describe() == "Event logging 0xa6: log cleared"
        assert restored.encode()[7:] == event.encode()[7:]
