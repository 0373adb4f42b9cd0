"""Who a BMC and its machine are, as far as the BMC tells: identification, GUID, FRU, console, DCMI."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from conduit.errors import CompletionCodeError, DecodeError, PeerTimeoutError, RemoteProtocolError
from conduit.ipmi.commands.app import DeviceId, GetDeviceId
from conduit.ipmi.commands.dcmi import DcmiParameter, GetDcmiCapabilities
from conduit.ipmi.commands.guid import GetSystemGuid
from conduit.ipmi.commands.sol import GetSolConfiguration, SolEnable
from conduit.ipmi.operations.asked import Asked
from conduit.ipmi.operations.fru import read_fru
from conduit.ipmi.records.fru import FruInventory

FIRST_WITH_SOL: Final = 2  # major version of IPMI
T = TypeVar("T")


@dataclass(slots=True)
class Identity:
    """What is not known is None."""

    device: DeviceId
    guid: uuid.UUID | None = None
    "The system's."
    fru: FruInventory | None = None
    "The machine's own, FRU 0."
    sol_enabled: bool | None = None
    "None too where the BMC has no serial over LAN."
    dcmi: str | None = None
    "Version, such as ``1.5``."


async def read_identity(bmc: Asked) -> Identity:
    """Ask for all of it; what the BMC refuses, or garbles, it does not have.

    Some BMCs are silent where others say that they do not know a command: then the rest is left out.

    :raises: as ``Bmc.request`` for the first command, Get Device ID; later when the connection is lost.
    """
    identity = Identity(await bmc.request(GetDeviceId()))
    try:
        await _read_rest(bmc, identity)
    except PeerTimeoutError:
        return identity
    return identity


async def _read_rest(bmc: Asked, identity: Identity) -> None:
    guid = await _if_known(bmc.request(GetSystemGuid()))
    identity.guid = None if guid is None or not any(guid.raw) else guid.uuid()
    fru = await _if_known(read_fru(bmc))
    identity.fru = None if fru is None else fru.inventory
    if identity.device.ipmi_major >= FIRST_WITH_SOL:
        identity.sol_enabled = await _if_known(_sol_enabled(bmc))
    dcmi = await _if_known(bmc.request(GetDcmiCapabilities(parameter=DcmiParameter.SUPPORTED)))
    identity.dcmi = None if dcmi is None else f"{dcmi.major}.{dcmi.minor}"


async def _sol_enabled(bmc: Asked) -> bool:
    answer = await bmc.request(GetSolConfiguration(selector=SolEnable.SELECTOR))
    return SolEnable.decode(answer.data).enabled


async def _if_known(asked: Awaitable[T]) -> T | None:
    """None where the BMC has no answer."""
    try:
        return await asked
    except (CompletionCodeError, DecodeError, RemoteProtocolError):
        return None
