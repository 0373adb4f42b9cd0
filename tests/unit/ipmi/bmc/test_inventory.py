"""FRU, firmware firewall and HPM.1 as a virtual BMC has them, asked by a console of ours."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc import HANDLERS, FruConfig, Identity
from conduit.ipmi.bmc.fru import FruMemory
from conduit.ipmi.commands import (
    ComponentProperty,
    GetCommandEnables,
    GetCommandSupport,
    GetComponentProperties,
    GetConfigurableCommands,
    GetConfigurableSubfunctions,
    GetFruInventoryAreaInfo,
    GetNetFnSupport,
    GetPicmgProperties,
    GetSubfunctionEnables,
    GetSubfunctionSupport,
    GetUpgradeCapabilities,
    GetUpgradeStatus,
    ReadFruData,
    SetCommandEnables,
    SetSubfunctionEnables,
    UpgradeStatus,
    WriteFruData,
)
from conduit.ipmi.commands.firewall import CommandsAddress, LunSupport
from conduit.ipmi.commands.hpm import ComponentProperties
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.fru import decode_fru
from tests.wired import Console, Wire, make_bmc


def console_of(**changes: Any) -> Console:  # Any: as make_bmc
    return Wire(make_bmc(**changes)).connect()


@pytest.fixture
def console() -> Console:
    return console_of()


def everything(console: Console, fru_id: int = 0) -> bytes:
    size = console.ask(GetFruInventoryAreaInfo(fru_id=fru_id)).size
    return b"".join(
        console.ask(ReadFruData(fru_id=fru_id, offset=offset, count=128)).data for offset in range(0, size, 128)
    )


def test_the_machine_says_what_the_configuration_says() -> None:
    fru = FruConfig(serial_number="SN-1", product_name="Box", asset_tag="A-7")
    inventory = decode_fru(everything(console_of(fru=fru)))
    assert inventory.notes == ()
    assert inventory.product is not None
    assert inventory.product.serial_number.text() == "SN-1"
    assert inventory.product.name.text() == "Box"
    assert inventory.product.asset_tag.text() == "A-7"


def test_serial_numbers_are_made_of_the_guid() -> None:
    inventory = decode_fru(everything(console_of(identity=Identity(guid=bytes(15) + b"\x5a"))))
    assert inventory.product is not None
    assert inventory.product.serial_number.text() == "00000000005A"


def test_the_power_supply_has_records_and_may_be_missing(console: Console) -> None:
    assert len(decode_fru(everything(console, 1)).records) == 3
    wire = Wire(make_bmc(fru=FruConfig(supply=False)))
    without = wire.connect()
    assert without.code(GetFruInventoryAreaInfo(fru_id=1)) == 0xCB
    records = wire.bmc.state.sdrs
    assert (records.id_of("PSU FRU"), records.id_of("Builtin FRU")) == (0, 31)


def test_reads_are_bounded_and_end_at_the_end(console: Console) -> None:
    assert console.code(ReadFruData(offset=0, count=241)) == 0xCA
    assert console.ask(ReadFruData(offset=1020, count=128)).returned == 4
    assert console.code(ReadFruData(offset=1024, count=1)) == 0xC9
    assert console.code(ReadFruData(fru_id=9, offset=0, count=1)) == 0xCB


def test_writes_stay_and_do_not_leave_the_memory(console: Console) -> None:
    assert console.ask(WriteFruData(offset=1000, data=b"note")).written == 4
    assert console.ask(ReadFruData(offset=1000, count=4)).data == b"note"
    assert console.code(WriteFruData(offset=1022, data=b"note")) == 0xC9


def test_access_by_words_counts_in_words() -> None:
    console = console_of(fru=FruConfig(by_words=True))
    assert console.ask(GetFruInventoryAreaInfo()).by_words
    console.ask(WriteFruData(offset=500, data=b"note"))
    answer = console.ask(ReadFruData(offset=500, count=2))
    assert (answer.returned, answer.data) == (2, b"note")
    assert console.code(WriteFruData(offset=500, data=b"odd")) == 0xC7


def test_a_busy_memory_says_so_as_often_as_asked(console: Console) -> None:
    console.wire.bmc.state.fru[0].busy = 1
    assert console.code(ReadFruData(offset=0, count=1)) == 0x81
    assert console.code(ReadFruData(offset=0, count=1)) == 0


def test_texts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LocalProtocolError):
        FruConfig(product_name="x" * 64)
    with pytest.raises(LocalProtocolError, match="more than 8"):
        FruMemory("it", bytes(9), 8)


# --- firmware firewall ---


def test_the_firewall_knows_exactly_the_commands_that_are_handled(console: Console) -> None:
    support = console.ask(GetNetFnSupport())
    assert support.luns[0] is LunSupport.BASE
    assert support.netfns() == sorted({netfn for netfn, _, _ in HANDLERS})
    for netfn in support.netfns():
        for upper in (False, True):
            of = CommandsAddress(netfn=netfn, upper=upper)
            answer = console.ask(GetCommandSupport(of=of))
            found = {128 * upper + place for place in range(128) if not answer.bit(place)}
            wanted = {number for where, number, group in HANDLERS if where == netfn and group is None}
            assert found == {number for number in wanted if (number >= 128) == upper}


def test_commands_of_a_group_are_found_by_its_number(console: Console) -> None:
    of = CommandsAddress(netfn=NetFn.GROUP_EXTENSION)
    assert not console.ask(GetCommandSupport(of=of, body=b"\0")).bit(0x2E)
    assert console.ask(GetCommandSupport(of=of)).bit(0x2E)


def test_nothing_can_be_switched_off(console: Console) -> None:
    of = CommandsAddress(netfn=NetFn.APP)
    assert console.ask(GetConfigurableCommands(of=of)).mask == bytes(16)
    enabled = console.ask(GetCommandEnables(of=of)).mask
    assert console.code(SetCommandEnables(of=of, mask=enabled)) == 0
    assert console.code(SetCommandEnables(of=of, mask=bytes(16))) == 0x80


def test_commands_have_all_their_functions(console: Console) -> None:
    of = CommandsAddress(netfn=NetFn.APP)
    assert console.ask(GetSubfunctionSupport(of=of, number=1)).mask == bytes(4)
    assert console.ask(GetConfigurableSubfunctions(of=of, number=1)).mask == bytes(4)
    enabled_functions = console.ask(GetSubfunctionEnables(of=of, number=1)).mask
    assert enabled_functions == b"\xff" * 4
    assert console.code(SetSubfunctionEnables(of=of, number=1, mask=enabled_functions)) == 0
    assert console.code(SetSubfunctionEnables(of=of, number=1, mask=bytes(8))) == 0x80


# --- HPM.1 ---


def test_two_components_have_names_and_versions() -> None:
    console = console_of(identity=Identity(firmware_major=3, firmware_minor_bcd=0x07))
    assert console.ask(GetUpgradeCapabilities()).component_ids == [0, 1]
    texts = [
        console.ask(GetComponentProperties(component=number, selector=ComponentProperty.DESCRIPTION)).text
        for number in (0, 1)
    ]
    assert texts == ["BMC", "BIOS"]
    version = GetComponentProperties(component=0, selector=ComponentProperty.CURRENT_VERSION)
    assert console.ask(version).version.text == "3.07"
    general = GetComponentProperties(component=0, selector=ComponentProperty.GENERAL)
    assert console.ask(general) == ComponentProperties(data=b"\0")
    assert console.code(GetComponentProperties(component=2, selector=ComponentProperty.GENERAL)) == 0x82
    assert console.code(GetComponentProperties(component=0, selector=0xC0)) == 0x83


def test_nothing_is_being_upgraded(console: Console) -> None:
    assert console.ask(GetUpgradeStatus()) == UpgradeStatus(in_progress=0)
    assert console.ask(GetPicmgProperties()).max_fru_id == 1
