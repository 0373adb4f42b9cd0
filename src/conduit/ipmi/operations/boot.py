"""Saying from where the system starts, and asking what was said."""

from __future__ import annotations

from typing import Final

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.boot import GetSystemBootOptions, SetSystemBootOptions
from conduit.ipmi.commands.boot_options import BootFlags, BootInfoAcknowledge, BootOption, BootParameter, SetInProgress
from conduit.ipmi.commands.parameters import SetProgress

SET_IN_PROGRESS_CODE: Final = 0x81


async def read_boot_flags(bmc: Bmc) -> BootFlags:
    """What the next start does differently; with ``valid`` False nothing.

    :raises ConduitError: as :meth:`Bmc.request`.
    """
    answer = await bmc.request(GetSystemBootOptions(parameter=BootParameter.BOOT_FLAGS))
    option = answer.option
    if not isinstance(option, BootFlags):
        raise DecodeError("the BMC answered with another boot option than the boot flags")
    return BootFlags() if answer.invalid else option


async def set_boot_flags(bmc: Bmc, flags: BootFlags) -> None:
    """Set the boot flags the way that all firmware understands: announced, unacknowledged, and concluded.

    :raises CompletionCodeError: the BMC refuses; whatever happens, "set in progress" is not left behind.
    """
    announced = await _set_if_possible(bmc, SetInProgress(state=SetProgress.IN_PROGRESS))
    try:
        await _set_if_possible(bmc, BootInfoAcknowledge(write_mask=0x1F))
        await bmc.request(SetSystemBootOptions.of(flags))
    finally:
        if announced:
            await _set_if_possible(bmc, SetInProgress(state=SetProgress.COMPLETE))


async def _set_if_possible(bmc: Bmc, option: BootOption) -> bool:
    """Set a parameter that a BMC may lack.

    :raises CompletionCodeError: somebody else is setting boot options.
    """
    try:
        await bmc.request(SetSystemBootOptions.of(option))
    except CompletionCodeError as error:
        if error.code == SET_IN_PROGRESS_CODE:
            raise
        return False
    return True
