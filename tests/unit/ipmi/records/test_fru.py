from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.records.fru import FruHeader, FruInventory, decode_fru, replace_area
from conduit.ipmi.records.fru_areas import (
    BoardArea,
    ChassisArea,
    ChassisType,
    ProductArea,
    area_length,
    minutes_of,
    seal_area,
)
from conduit.ipmi.records.fru_fields import FieldEncoding, FruField, bcd_plus, decode_fields, encode_fields, six_bit
from conduit.ipmi.records.fru_multi import (
    AccessType,
    BaseCompatibility,
    ExtendedCompatibility,
    ManagementAccess,
    MultiRecord,
    OemRecord,
    RecordType,
    decode_records,
    encode_records,
)
from conduit.ipmi.records.fru_power import DcLoad, DcOutput, PowerSupply

CHASSIS = ChassisArea(
    chassis_type=ChassisType.RACK_MOUNT_CHASSIS, part_number=FruField.of("C-1"), serial_number=FruField.of("SC1")
)
BOARD = BoardArea(minutes=1440, manufacturer=FruField.of("Maker"), product_name=FruField.of("Board"))
PRODUCT = ProductArea(manufacturer=FruField.of("Maker"), name=FruField.of("Server"), custom=(FruField.of("more"),))
SUPPLY = PowerSupply(capacity=800, hot_swap=True, peak_watts=850, hold_up=2, combined_voltage_1=2)
OUTPUT = DcOutput(number=1, standby=True, nominal=-1200, lowest=-1260, highest=-1140, most_current=500)
LOAD = DcLoad(number=2, nominal=500, lowest=475, highest=525, least_current=10, most_current=2000)
RECORDS = tuple(
    MultiRecord.of(body)
    for body in (
        SUPPLY,
        OUTPUT,
        LOAD,
        ManagementAccess(access_type=AccessType.SYSTEM_NAME, value=b"box\0"),
        BaseCompatibility(manufacturer_id=343, entity_id=7, base=1, code_start=2, mask=b"\x01"),
        ExtendedCompatibility(manufacturer_id=343, entity_id=7, base=1, code_start=2),
    )
)
ALL = FruInventory(internal=b"private", chassis=CHASSIS, board=BOARD, product=PRODUCT, records=RECORDS)


def sound() -> bytes:
    return ALL.encode()


def without_header(inventory: FruInventory) -> FruInventory:
    return replace(inventory, header=FruHeader())


def test_everything_survives_being_stored() -> None:
    found = decode_fru(sound() + b"\xff" * 64)
    assert found.notes == ()
    assert without_header(found) == ALL


def test_an_empty_inventory_is_a_header() -> None:
    assert FruInventory().encode() == bytes.fromhex("01 00 00 00 00 00 00 ff")
    assert decode_fru(FruInventory().encode()).notes == ()


# The example of the type/length byte in the definition's section 13: "IPMI" in six bits is 29 DC A6.
def test_six_bit_text_is_packed_as_the_definition_shows() -> None:
    field = six_bit("IPMI")
    assert field.encode() == bytes.fromhex("83 29 dc a6")
    assert field.text() == "IPMI"


@pytest.mark.parametrize("text", ["", "A", "AB", "ABC", "0123456789"])
def test_packed_texts_come_back(text: str) -> None:
    assert six_bit(text).text() == text
    digits = text.replace("A", "1").replace("B", "2").replace("C", "-")
    assert bcd_plus(digits).text() == digits


def test_bcd_plus_has_digits_space_dash_and_stop() -> None:
    assert bcd_plus("12-3.").encode() == bytes.fromhex("43 12 b3 ca")


def test_binary_is_shown_in_hex() -> None:
    assert FruField(b"\x01\xff", FieldEncoding.BINARY).text() == "01 ff"


def test_the_language_says_how_text_is_read() -> None:
    assert FruField.of("Gr\u00f6\u00dfe").raw == b"Gr\xf6\xdfe"
    assert FruField.of("\u4e2d\u6587", language=3).text(3) == "\u4e2d\u6587"
    assert FruField(b"abc").text(3) == "abc"  # an odd number of bytes is no UTF-16
    assert FruField(b"padded \0\0").text() == "padded"


def test_a_lone_character_is_not_taken_for_the_end() -> None:
    assert FruField.of("A").encode() == b"\xc2A "
    with pytest.raises(LocalProtocolError, match="end of the fields"):
        FruField(b"A")


@pytest.mark.parametrize(
    "build",
    [
        lambda: FruField(b"x" * 64),
        lambda: FruField.of("\u4e2d"),
        lambda: six_bit("lower"),
        lambda: bcd_plus("12A"),
        lambda: bcd_plus("1:"),
        lambda: ChassisArea(chassis_type=256),
        lambda: BoardArea(minutes=1 << 24),
        lambda: BoardArea(language=256),
        lambda: ProductArea(language=-1),
        lambda: minutes_of(datetime(1995, 1, 1, tzinfo=UTC)),
        lambda: FruHeader(board=7),
        lambda: FruHeader(board=2048),
        lambda: PowerSupply(capacity=4096),
        lambda: DcOutput(number=16, nominal=0, lowest=0, highest=0),
        lambda: MultiRecord(record_type=0, body=bytes(256)),
        lambda: OemRecord(manufacturer_id=1 << 24),
        lambda: seal_area(bytes(2040)),
        lambda: PRODUCT.with_field("colour", FruField.of("red")),
    ],
)
def test_what_cannot_be_stored_is_our_callers_fault(build: Callable[[], Any]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_areas_know_their_names_and_dates() -> None:
    assert CHASSIS.type_text == "rack mount chassis"
    assert BOARD.manufactured == datetime(1996, 1, 2, tzinfo=UTC)
    assert BoardArea().manufactured is None
    assert minutes_of(datetime(1996, 1, 2, tzinfo=UTC)) == 1440
    assert BOARD.with_field("file_id", FruField.of("f1")).named()["file_id"].text() == "f1"


@pytest.mark.parametrize("area", [CHASSIS, BOARD, PRODUCT])
def test_areas_round_trip(area: Any) -> None:
    assert type(area).decode(area.encode()) == area
    assert len(area.encode(64)) == 64


# --- broken ones: skipped with a note, the rest is there ---


def spoiled(offset: int, value: int) -> bytes:
    data = bytearray(sound())
    data[offset] = value
    return bytes(data)


def test_an_area_with_a_wrong_checksum_is_left_out_and_the_rest_is_there() -> None:
    board = decode_fru(sound()).header.board
    found = decode_fru(spoiled(board + 9, 0x21))
    assert found.board is None
    assert found.notes == ("board: wrong checksum",)
    assert (found.chassis, found.product, found.records) == (CHASSIS, PRODUCT, RECORDS)
    lenient = decode_fru(spoiled(board + 9, 0x21), verify=False)
    assert lenient.board is not None
    assert lenient.notes == ("board: wrong checksum",)


def test_an_area_that_runs_past_the_end_is_left_out() -> None:
    found = decode_fru(sound()[: decode_fru(sound()).header.product + 8])
    assert found.product is None
    assert found.chassis == CHASSIS
    assert any(note.startswith("product: truncated") for note in found.notes)


def test_areas_of_another_version_or_of_no_length_are_left_out() -> None:
    board = decode_fru(sound()).header.board
    assert decode_fru(spoiled(board, 2)).notes == ("board: unknown area format version 2",)
    assert decode_fru(spoiled(board + 1, 0)).notes == ("board: an area of no length",)


def test_fields_without_an_end_are_read_as_far_as_they_go() -> None:
    area, notes = ProductArea.decode_with_notes(
        seal_area(b"\x19" + FruField.of("Maker").encode() + b"\xc2ab" + b"\xc5")
    )
    assert area.manufacturer.text() == "Maker"
    assert area.name.text() == "ab"
    assert notes == ["field 3 runs past the end of the area"]
    assert decode_fields(encode_fields([FruField.of("ab")])[:-1])[1].endswith("(C1h is missing)")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"\x01", "header: truncated FRU header"),
        (b"\xff" * 64, "header: nothing was ever written here"),
        (bytes(64), "header: nothing was ever written here"),
        (b"\x02" + bytes(7), "header: unknown format version 2"),
        (b"\x01" + bytes(7), "header: wrong checksum"),
    ],
)
def test_what_has_no_header_has_nothing_but_a_note(data: bytes, note: str) -> None:
    found = decode_fru(data)
    assert found == FruInventory(notes=(note,))


def test_a_header_with_a_wrong_checksum_is_believed_only_when_asked() -> None:
    found = decode_fru(spoiled(7, 0), verify=False)
    assert found.notes == ("header: wrong checksum",)
    assert found.board == BOARD
    with pytest.raises(DecodeError, match="wrong checksum"):
        FruHeader.decode(b"\x01" + bytes(7))
    assert FruHeader.decode(FruHeader(board=8).encode()) == FruHeader(board=8)


def test_internal_use_past_the_end_is_noted() -> None:
    found = decode_fru(FruHeader(internal=64).encode())
    assert (found.internal, found.notes) == (None, ("internal use: starts past the end",))


def test_a_record_with_a_wrong_body_is_skipped_and_the_chain_goes_on() -> None:
    data = bytearray(encode_records(RECORDS[:3]))
    data[5] ^= 1
    records, notes = decode_records(bytes(data))
    assert records == RECORDS[1:3]
    assert notes == ["record 1: wrong checksum"]
    assert len(decode_records(bytes(data), verify=False)[0]) == 3


def test_a_record_that_is_too_short_for_its_type_is_skipped() -> None:
    short = MultiRecord(record_type=RecordType.POWER_SUPPLY, body=b"\1")
    records, notes = decode_records(encode_records((short, RECORDS[1])))
    assert records == RECORDS[1:2]
    assert notes == ["record 1: truncated power supply record"]
    with pytest.raises(DecodeError):
        short.record  # noqa: B018 - reading it is the test


def test_a_wrong_header_ends_the_chain() -> None:
    data = bytearray(encode_records(RECORDS[:2]))
    data[0] = 9
    assert decode_records(bytes(data)) == ((), ["record 1 and those after it: wrong checksum of a header"])
    assert decode_records(b"")[1] == ["record 1 and those after it: truncated multirecord header"]


def test_records_say_what_they_are() -> None:
    assert [record.record for record in RECORDS[:3]] == [SUPPLY, OUTPUT, LOAD]
    oem = MultiRecord.of(OemRecord(manufacturer_id=343, data=b"x"), 0xC1)
    assert isinstance(oem.record, OemRecord)
    assert oem.record.manufacturer is not None
    assert MultiRecord.of(OemRecord(manufacturer_id=1)).record_type == 0xC0
    assert MultiRecord(record_type=0x20, body=b"?").record == b"?"
    assert ManagementAccess(access_type=AccessType.SYSTEM_UNIQUE_ID, value=b"\1\2").text == "0102"
    assert ManagementAccess(access_type=2, value=b"box\0").text == "box"


# --- editing ---


def test_a_change_that_fits_changes_its_area_alone() -> None:
    old = sound()
    changed = PRODUCT.with_field("name", FruField.of("Box"))
    new = replace_area(old, "product", changed)
    header = decode_fru(old).header
    assert len(new) == len(old)
    assert new[: header.product] == old[: header.product]
    assert new[header.records :] == old[header.records :]
    assert decode_fru(new).product == changed


def test_a_change_that_does_not_fit_moves_what_comes_after_it() -> None:
    changed = CHASSIS.with_field("serial_number", FruField.of("S" * 60))
    new = replace_area(sound() + b"\xff" * 64, "chassis", changed)
    assert decode_fru(new).chassis == changed
    assert decode_fru(new).records == RECORDS


def test_what_does_not_fit_is_refused() -> None:
    changed = CHASSIS.with_field("serial_number", FruField.of("S" * 60))
    with pytest.raises(LocalProtocolError, match="has no room"):
        replace_area(sound(), "chassis", changed)
    with pytest.raises(LocalProtocolError, match="broken areas cannot be moved"):
        replace_area(spoiled(decode_fru(sound()).header.board + 9, 0x21) + bytes(64), "chassis", changed)
    with pytest.raises(LocalProtocolError, match="no product area"):
        replace_area(FruInventory(chassis=CHASSIS).encode(), "product", PRODUCT)
    assert area_length(CHASSIS.encode()) == len(CHASSIS.encode())
