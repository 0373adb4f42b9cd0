"""HPM.1 information: two components, and no upgrade."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.hpm import (
    ComponentProperties,
    ComponentProperty,
    FirmwareVersion,
    GetComponentProperties,
    GetPicmgProperties,
    GetUpgradeCapabilities,
    GetUpgradeStatus,
    PicmgProperties,
    UpgradeAbility,
    UpgradeCapabilities,
    UpgradeStatus,
)

NO_SUCH_COMPONENT: Final = 0x82
NO_SUCH_PROPERTY: Final = 0x83
DESCRIPTIONS: Final = (b"BMC", b"BIOS")  # 0 and 1
BIOS_VERSION: Final = FirmwareVersion(major=2, minor_bcd=0x10)
PICMG_2_3: Final = 0x32  # extension version, minor in the upper half


@handles(GetPicmgProperties)
def get_picmg_properties(
    bmc: BmcState, request: GetPicmgProperties, session: BmcSession, now: float
) -> PicmgProperties:
    """As an AdvancedTCA controller would say."""
    return PicmgProperties(version=PICMG_2_3, max_fru_id=max(bmc.fru), fru_id=0)


@handles(GetUpgradeCapabilities)
def get_capabilities(
    bmc: BmcState, request: GetUpgradeCapabilities, session: BmcSession, now: float
) -> UpgradeCapabilities:
    """Two components, and no wish to be upgraded."""
    return UpgradeCapabilities(
        abilities=UpgradeAbility.UPGRADE_UNDESIRABLE,
        upgrade_timeout=12,
        self_test_timeout=0,
        rollback_timeout=0,
        inaccessible_timeout=12,
        components=(1 << len(DESCRIPTIONS)) - 1,
    )


@handles(GetComponentProperties)
def get_component(
    bmc: BmcState, request: GetComponentProperties, session: BmcSession, now: float
) -> ComponentProperties:
    """Name and version of a component."""
    if request.component >= len(DESCRIPTIONS):
        raise Refused(NO_SUCH_COMPONENT)
    identity = bmc.config.identity
    version = FirmwareVersion(major=identity.firmware_major, minor_bcd=identity.firmware_minor_bcd)
    match request.selector:
        case ComponentProperty.GENERAL:
            return ComponentProperties(data=b"\0")
        case ComponentProperty.CURRENT_VERSION:
            return ComponentProperties(data=(BIOS_VERSION if request.component else version).encode())
        case ComponentProperty.DESCRIPTION:
            return ComponentProperties(data=DESCRIPTIONS[request.component].ljust(12, b"\0"))
    raise Refused(NO_SUCH_PROPERTY)


@handles(GetUpgradeStatus)
def get_status(bmc: BmcState, request: GetUpgradeStatus, session: BmcSession, now: float) -> UpgradeStatus:
    """Nothing is going on."""
    return UpgradeStatus(in_progress=0)
