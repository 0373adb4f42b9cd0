"""Parts of a system: what a sensor or a device belongs to (section 39, table 43-13)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import SHARED, check_range

_NAMES: Final = (
    "unspecified", "other", "unknown", "processor", "disk", "peripheral bay", "management module", "system board",
    "memory module", "processor module", "power supply", "add-in card", "front panel board", "back panel board",
    "power system board", "drive backplane", "internal expansion board", "other system board", "processor board",
    "power unit", "power module", "power distribution board", "chassis back panel board", "system chassis",
    "sub-chassis", "other chassis board", "disk drive bay", "peripheral bay", "device bay", "fan", "cooling unit",
    "cable", "memory device", "system management software", "system firmware", "operating system", "system bus",
    "group", "remote management device", "external environment", "battery", "processing blade", "connectivity switch",
    "processor and memory module", "I/O module", "processor and I/O module", "management controller firmware",
    "IPMI channel", "PCI bus", "PCI Express bus", "SCSI bus", "SATA or SAS bus", "front side bus", "clock",
    "reserved", "air inlet",
)  # fmt: skip
_DCMI: Final = {0x40: "air inlet", 0x41: "processor", 0x42: "system board"}


def entity_name(entity_id: int) -> str:
    """An entity ID in words."""
    if entity_id < len(_NAMES):
        return _NAMES[entity_id]
    if entity_id in _DCMI:
        return _DCMI[entity_id]
    if 0x90 <= entity_id <= 0xAF:
        return f"chassis-specific ({entity_id:#04x})"
    if 0xB0 <= entity_id <= 0xCF:
        return f"board-set specific ({entity_id:#04x})"
    return f"OEM ({entity_id:#04x})" if entity_id >= 0xD0 else f"unknown ({entity_id:#04x})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One part."""

    entity_id: int = 0
    "0 to 255."
    instance: int = 1
    "0 to 127; from 60h on relative to the device."
    logical: bool = False
    "A container of others, and no thing by itself."

    def __post_init__(self) -> None:
        check_range("entity ID", self.entity_id, 0, 0xFF)
        check_range("entity instance", self.instance, 0, 0x7F)

    @property
    def text(self) -> str:
        """Number and instance, as ipmitool writes them: ``3.1``."""
        return f"{self.entity_id}.{self.instance}"

    @property
    def name(self) -> str:
        """In words: ``processor 1``."""
        return f"{entity_name(self.entity_id)} {self.instance}"

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.entity_id, self.logical << 7 | self.instance))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: two bytes are not there."""
        return cls._of(*reader.take(2, "entity"))

    @classmethod
    @functools.lru_cache(SHARED)
    def _of(cls, entity_id: int, instance: int) -> Self:
        return cls(entity_id=entity_id, instance=instance & 0x7F, logical=bool(instance & 0x80))
