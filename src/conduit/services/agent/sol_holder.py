"""Who has a BMC's serial console, as far as the BMC tells."""

from __future__ import annotations

from dataclasses import dataclass

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi import Bmc
from conduit.ipmi.commands.payloads import GetPayloadInstanceInfo
from conduit.ipmi.commands.sessions import GetSessionInfo, LanPeer


@dataclass(frozen=True, slots=True)
class SolHolder:
    """Whose session has it."""

    address: str
    "Where that session comes from."
    is_from_here: bool = False
    "Whether this one comes from there too: it may be our own, of before we were killed."


async def find_sol_holder(bmc: Bmc, *, instance: int = 1) -> SolHolder | None:
    """None where the BMC does not tell.

    :raises ConduitError: it does not answer, or does not know the commands.
    """
    owner = await bmc.request(GetPayloadInstanceInfo(instance=instance))
    if not owner.session_id:
        return None
    theirs = await _address(bmc, GetSessionInfo(session_id=owner.session_id))
    if theirs is None:
        return None
    try:
        ours = await _address(bmc, GetSessionInfo())
    except (CompletionCodeError, DecodeError):
        ours = None
    return SolHolder(theirs, theirs == ours)


async def _address(bmc: Bmc, request: GetSessionInfo) -> str | None:
    info = await bmc.request(request)
    peer = info.session.peer if info.session is not None else None
    return str(peer.address) if isinstance(peer, LanPeer) else None
