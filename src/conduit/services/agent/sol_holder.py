"""Who has a BMC's serial console, in words, as far as the BMC tells."""

from __future__ import annotations

from conduit.ipmi import Bmc
from conduit.ipmi.commands import GetPayloadInstanceInfo, GetSessionInfo, LanPeer


async def find_sol_holder(bmc: Bmc, *, instance: int = 1) -> str | None:
    """The address of whose session has it, or None where the BMC does not tell.

    :raises ConduitError: it does not answer, or does not know the commands.
    """
    owner = await bmc.request(GetPayloadInstanceInfo(instance=instance))
    if not owner.session_id:
        return None
    info = await bmc.request(GetSessionInfo(session_id=owner.session_id))
    peer = info.session.peer if info.session is not None else None
    return str(peer.address) if isinstance(peer, LanPeer) else None
