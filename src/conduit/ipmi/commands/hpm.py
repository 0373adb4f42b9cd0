"""What PICMG's HPM.1 says of upgradable firmware: information, no upgrade (HPM.1 R1.0, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

PICMG: Final = 0x00  # group
COMPONENTS: Final = 8
DESCRIPTION_SIZE: Final = 12  # bytes, NUL padded


@dataclass(frozen=True, slots=True, kw_only=True)
class PicmgProperties:
    """Which PICMG extension a controller has (PICMG 3.0, table 3-11)."""

    version: int
    "Bits 3:0 major, 7:4 minor; 0 to 255."
    max_fru_id: int
    "0 to 255."
    fru_id: int
    "The controller's own, 0 to 255."

    def __post_init__(self) -> None:
        check_range("extension version", self.version, 0, 0xFF)
        check_range("greatest FRU ID", self.max_fru_id, 0, 0xFF)
        check_range("FRU ID", self.fru_id, 0, 0xFF)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.version, self.max_fru_id, self.fru_id))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        version, max_fru_id, fru_id = Reader(data).take(3, "PICMG properties")
        return cls(version=version, max_fru_id=max_fru_id, fru_id=fru_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPicmgProperties(Command[PicmgProperties]):
    """Get PICMG Properties."""

    netfn = NetFn.GROUP_EXTENSION
    group = PICMG
    command = 0x00
    privilege = Privilege.USER
    safe = True
    response = PicmgProperties


class UpgradeAbility(IntFlag):
    """HPM.1 table 3-3, byte 4."""

    SELF_TEST = 0x01
    AUTOMATIC_ROLLBACK = 0x02
    MANUAL_ROLLBACK = 0x04
    SERVICES_AFFECTED = 0x08
    DEFERRED_ACTIVATION = 0x10
    UPGRADE_UNDESIRABLE = 0x20
    AUTOMATIC_ROLLBACK_OVERRIDDEN = 0x40
    DEGRADED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeCapabilities:
    """What can be upgraded, and how long it may take; table 3-3. Timeouts are in units of 5 s."""

    version: int = 0
    "Of HPM.1, 0 to 255."
    abilities: UpgradeAbility
    upgrade_timeout: int
    "0 to 255."
    self_test_timeout: int
    "0 to 255."
    rollback_timeout: int
    "0 to 255."
    inaccessible_timeout: int
    "How long the controller may be silent, 0 to 255."
    components: int
    "A bit for each of eight, 0 to 255."

    def __post_init__(self) -> None:
        for what, value in (
            ("HPM.1 version", self.version),
            ("upgrade timeout", self.upgrade_timeout),
            ("self test timeout", self.self_test_timeout),
            ("rollback timeout", self.rollback_timeout),
            ("inaccessibility timeout", self.inaccessible_timeout),
            ("components", self.components),
        ):
            check_range(what, value, 0, 0xFF)

    @property
    def component_ids(self) -> list[int]:
        """Those that are there."""
        return [number for number in range(COMPONENTS) if self.components >> number & 1]

    def encode(self) -> bytes:
        """Seven bytes."""
        return bytes(
            (
                self.version,
                self.abilities,
                self.upgrade_timeout,
                self.self_test_timeout,
                self.rollback_timeout,
                self.inaccessible_timeout,
                self.components,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        version, abilities, upgrade, self_test, rollback, silent, components = Reader(data).take(7, "capabilities")
        return cls(
            version=version,
            abilities=UpgradeAbility(abilities),
            upgrade_timeout=upgrade,
            self_test_timeout=self_test,
            rollback_timeout=rollback,
            inaccessible_timeout=silent,
            components=components,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUpgradeCapabilities(Command[UpgradeCapabilities]):
    """Get Target Upgrade Capabilities; section 3.2."""

    netfn = NetFn.GROUP_EXTENSION
    group = PICMG
    command = 0x2E
    privilege = Privilege.USER
    safe = True
    response = UpgradeCapabilities


class ComponentProperty(IntEnum):
    """Property selectors (table 3-5); C0h to FFh are OEM."""

    GENERAL = 0
    CURRENT_VERSION = 1
    DESCRIPTION = 2
    ROLLBACK_VERSION = 3
    DEFERRED_VERSION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareVersion:
    """Six bytes of the version properties (table 3-5)."""

    major: int
    "0 to 127."
    minor_bcd: int
    "Two BCD digits, 0 to 255; FFh is unspecified."
    auxiliary: bytes = bytes(4)
    "Four bytes."

    def __post_init__(self) -> None:
        check_range("major version", self.major, 0, 0x7F)
        check_range("minor version", self.minor_bcd, 0, 0xFF)
        check_size("auxiliary version", self.auxiliary, 4, 4)

    @property
    def text(self) -> str:
        """E.g. ``1.07``."""
        return f"{self.major}.{self.minor_bcd:02x}"

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes((self.major, self.minor_bcd)) + self.auxiliary

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        major, minor = reader.take(2, "firmware version")
        return cls(major=major & 0x7F, minor_bcd=minor, auxiliary=reader.take(4, "auxiliary version"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentProperties:
    """One property's bytes; which it is, only the request says."""

    data: bytes

    @property
    def version(self) -> FirmwareVersion:
        """The bytes as a version. :raises DecodeError: too few."""
        return FirmwareVersion.decode(self.data)

    @property
    def text(self) -> str:
        """The bytes as a description."""
        return self.data[:DESCRIPTION_SIZE].partition(b"\0")[0].decode("latin-1").rstrip()

    def encode(self) -> bytes:
        """The bytes unchanged."""
        return self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The bytes unchanged; which property they are is not known here."""
        return cls(data=bytes(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetComponentProperties(Command[ComponentProperties]):
    """Get Component Properties; section 3.3."""

    netfn = NetFn.GROUP_EXTENSION
    group = PICMG
    command = 0x2F
    privilege = Privilege.USER
    safe = True
    response = ComponentProperties

    component: int
    "0 to 7."
    selector: ComponentProperty | int
    "0 to 255."

    def __post_init__(self) -> None:
        check_range("component", self.component, 0, 0xFF)
        check_range("property selector", self.selector, 0, 0xFF)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.component, self.selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        component, selector = Reader(data).take(2, "component property")
        return cls(component=component, selector=_selector(selector))


def _selector(number: int) -> ComponentProperty | int:
    return ComponentProperty(number) if number <= ComponentProperty.DEFERRED_VERSION else number


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeStatus:
    """How far the last long command has come; section 3.13."""

    in_progress: int
    "The command's number, 0 to 255."
    last_code: int = 0
    "Its completion code, 0 to 255; 80h while it runs."
    percent: int | None = None
    "0 to 127; controllers may leave it out."

    def __post_init__(self) -> None:
        check_range("command in progress", self.in_progress, 0, 0xFF)
        check_range("completion code", self.last_code, 0, 0xFF)
        check_range("percentage", self.percent or 0, 0, 0x7F)

    def encode(self) -> bytes:
        """Two bytes, or three."""
        head = bytes((self.in_progress, self.last_code))
        return head if self.percent is None else head + bytes((self.percent,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        in_progress, last = reader.take(2, "upgrade status")
        percent = reader.u8() & 0x7F if reader.remaining else None
        return cls(in_progress=in_progress, last_code=last, percent=percent)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUpgradeStatus(Command[UpgradeStatus]):
    """Get Upgrade Status; section 3.13."""

    netfn = NetFn.GROUP_EXTENSION
    group = PICMG
    command = 0x34
    privilege = Privilege.USER
    safe = True
    response = UpgradeStatus


__all__ = [
    "ComponentProperties",
    "ComponentProperty",
    "FirmwareVersion",
    "GetComponentProperties",
    "GetPicmgProperties",
    "GetUpgradeCapabilities",
    "GetUpgradeStatus",
    "PicmgProperties",
    "UpgradeAbility",
    "UpgradeCapabilities",
    "UpgradeStatus",
]
