"""The FRU memories of a virtual BMC: the machine's own and a power supply's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range
from conduit.ipmi.records.fru import FruInventory
from conduit.ipmi.records.fru_areas import BoardArea, ChassisArea, ChassisType, ProductArea
from conduit.ipmi.records.fru_fields import FruField
from conduit.ipmi.records.fru_multi import AccessType, ManagementAccess, MultiRecord
from conduit.ipmi.records.fru_power import DcOutput, PowerSupply

BUILTIN: Final = 0  # FRU IDs
SUPPLY: Final = 1
BUILTIN_SIZE: Final = 1024  # bytes
SUPPLY_SIZE: Final = 256
MAX_READ: Final = 240  # bytes; more does not fit into a response of 255
ERASED: Final = b"\xff"
MADE: Final = 13_148_640  # minutes after 1996-01-01: 2020-12-31


@dataclass(frozen=True, slots=True, kw_only=True)
class FruConfig:
    """What is printed on the machine. A text may have 63 characters of Latin-1."""

    manufacturer: str = "Conduit"
    product_name: str = "Virtual Server"
    product_version: str = "1.0"
    part_number: str = "CVS-1"
    serial_number: str = ""
    "Empty makes one of the GUID, so that many BMCs of one configuration have one each."
    asset_tag: str = ""
    board_name: str = "Virtual Board"
    board_part_number: str = "CVB-1"
    board_minutes: int = MADE
    "When the board was made, in minutes after 1996; 0 is unspecified."
    chassis_part_number: str = "CVC-1"
    supply: bool = True
    "Whether there is a power supply with a FRU of its own, number 1."
    max_read: int = MAX_READ
    "Bytes that one Read or Write FRU Data may have, 2 to 240; more is refused, as many BMCs do."
    by_words: bool = False
    "Access by words, as few BMCs have it."

    def __post_init__(self) -> None:
        check_range("max_read", self.max_read, 2, MAX_READ)
        check_range("board_minutes", self.board_minutes, 0, 0xFFFFFF)
        for text in (
            self.manufacturer,
            self.product_name,
            self.product_version,
            self.part_number,
            self.serial_number,
            self.asset_tag,
            self.board_name,
            self.board_part_number,
            self.chassis_part_number,
        ):
            FruField.of(text)


class FruMemory:
    """The bytes of one FRU."""

    def __init__(self, name: str, content: bytes, size: int) -> None:
        if len(content) > size:
            raise LocalProtocolError(f"the FRU information of {name} has {len(content)} bytes, more than {size}")
        self.name = name
        self.data = bytearray(content.ljust(size, ERASED))
        self.busy = 0
        "How many more requests it refuses as busy."

    def read(self, start: int, count: int) -> bytes:
        """*count* bytes from *start* on, or as many as there are."""
        return bytes(self.data[start : start + count])

    def write(self, start: int, data: bytes) -> bool:
        """Overwrite; False if it would go past the end."""
        if start + len(data) > len(self.data):
            return False
        self.data[start : start + len(data)] = data
        return True


def fru_memories(config: FruConfig, guid: bytes) -> Mapping[int, FruMemory]:
    """All FRUs by ID.

    :raises LocalProtocolError: texts are too long for the memories.
    """
    serial = config.serial_number or guid.hex()[-12:].upper()
    memories = {BUILTIN: FruMemory("Builtin FRU", _builtin(config, serial, guid).encode(), BUILTIN_SIZE)}
    if config.supply:
        memories[SUPPLY] = FruMemory("Power Supply 1", _supply(config, serial).encode(), SUPPLY_SIZE)
    return memories


def _builtin(config: FruConfig, serial: str, guid: bytes) -> FruInventory:
    maker = FruField.of(config.manufacturer)
    unique = ManagementAccess(access_type=AccessType.SYSTEM_UNIQUE_ID, value=guid)
    return FruInventory(
        records=(MultiRecord.of(unique),),
        chassis=ChassisArea(
            chassis_type=ChassisType.RACK_MOUNT_CHASSIS,
            part_number=FruField.of(config.chassis_part_number),
            serial_number=FruField.of(f"C{serial}"[:63]),
        ),
        board=BoardArea(
            minutes=config.board_minutes,
            manufacturer=maker,
            product_name=FruField.of(config.board_name),
            serial_number=FruField.of(f"B{serial}"[:63]),
            part_number=FruField.of(config.board_part_number),
        ),
        product=ProductArea(
            manufacturer=maker,
            name=FruField.of(config.product_name),
            part_number=FruField.of(config.part_number),
            version=FruField.of(config.product_version),
            serial_number=FruField.of(serial),
            asset_tag=FruField.of(config.asset_tag),
        ),
    )


def _supply(config: FruConfig, serial: str) -> FruInventory:
    supply = PowerSupply(
        capacity=800,
        peak_va=900,
        inrush_current=30,
        inrush_interval=5,
        low_voltage_1=9000,
        high_voltage_1=26400,
        low_frequency=47,
        high_frequency=63,
        dropout_tolerance=12,
        power_factor_correction=True,
        autoswitch=True,
        hot_swap=True,
        peak_watts=850,
        hold_up=1,
    )
    main = DcOutput(number=1, nominal=1200, lowest=1140, highest=1260, ripple=120, most_current=60_000)
    standby = DcOutput(number=2, standby=True, nominal=1200, lowest=1140, highest=1260, ripple=120, most_current=2_500)
    return FruInventory(
        product=ProductArea(
            manufacturer=FruField.of(config.manufacturer),
            name=FruField.of("Virtual Power Supply"),
            part_number=FruField.of("CVP-800"),
            version=FruField.of("1.0"),
            serial_number=FruField.of(f"P{serial}"[:63]),
        ),
        records=tuple(MultiRecord.of(record) for record in (supply, main, standby)),
    )
