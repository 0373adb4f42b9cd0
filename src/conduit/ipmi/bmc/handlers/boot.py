"""Boot options (sections 28.12 and 28.13)."""

from __future__ import annotations

from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.boot import GetSystemBootOptions, SetSystemBootOptions, SystemBootOptions
from conduit.ipmi.commands.boot_options import (
    BootFlags,
    BootInfoAcknowledge,
    BootParameter,
    SetInProgress,
    ValidBitClearing,
)
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

UNKNOWN_PARAMETER: Final = 0x80
SOMEBODY_ELSE: Final = 0x81  # is setting boot options
MAILBOX_BLOCK: Final = 16  # bytes
# Parameters that are kept and not looked into: size of each, its block selector apart.
KEPT: Final = {
    BootParameter.SERVICE_PARTITION_SELECTOR: 1,
    BootParameter.SERVICE_PARTITION_SCAN: 1,
    BootParameter.INITIATOR_INFO: 9,
    BootParameter.INITIATOR_MAILBOX: MAILBOX_BLOCK,
}


@handles(GetSystemBootOptions)
def get_boot_options(
    bmc: BmcState, request: GetSystemBootOptions, session: BmcSession, now: float
) -> SystemBootOptions:
    """One parameter, as it was set or as it is by default."""
    machine = bmc.machine
    match request.parameter:
        case BootParameter.SET_IN_PROGRESS:
            data = SetInProgress(state=_progress(bmc)).encode()
        case BootParameter.VALID_BIT_CLEARING:
            data = machine.keep_flags.encode()
        case BootParameter.BOOT_INFO_ACKNOWLEDGE:
            data = machine.acknowledged.encode()
        case BootParameter.BOOT_FLAGS:
            data = machine.boot_flags.encode()
        case _:
            data = _kept(bmc, request.parameter, request.set_selector)
    return SystemBootOptions(parameter=request.parameter, data=data, invalid=request.parameter in bmc.invalid_options)


@handles(SetSystemBootOptions)
def set_boot_options(bmc: BmcState, request: SetSystemBootOptions, session: BmcSession, now: float) -> NoData:
    """Take one parameter over."""
    if request.data:
        try:
            _set(bmc, request, session, now)
        except DecodeError:
            raise Refused(CompletionCode.DATA_LENGTH_INVALID) from None
    elif request.parameter not in BootParameter.__members__.values():
        raise Refused(UNKNOWN_PARAMETER)
    (bmc.invalid_options.add if request.invalid else bmc.invalid_options.discard)(int(request.parameter))
    return NoData()


def _set(bmc: BmcState, request: SetSystemBootOptions, session: BmcSession, now: float) -> None:
    """:raises DecodeError: too few bytes."""
    machine, data = bmc.machine, request.data
    match request.parameter:
        case BootParameter.SET_IN_PROGRESS:
            _set_progress(bmc, SetInProgress.decode(data), session)
        case BootParameter.VALID_BIT_CLEARING:
            machine.keep_flags = ValidBitClearing.decode(data)
        case BootParameter.BOOT_INFO_ACKNOWLEDGE:
            machine.acknowledged = _acknowledge(machine.acknowledged, data)
        case BootParameter.BOOT_FLAGS:
            machine.set_boot_flags(BootFlags.decode(data), now)
        case BootParameter.INITIATOR_MAILBOX:
            bmc.boot_parameters[int(request.parameter), data[0]] = data[1:].ljust(MAILBOX_BLOCK, b"\0")[:MAILBOX_BLOCK]
        case _:
            size = KEPT.get(BootParameter(request.parameter)) if request.parameter in KEPT else None
            if size is None:
                raise Refused(UNKNOWN_PARAMETER)
            bmc.boot_parameters[int(request.parameter), 0] = data.ljust(size, b"\0")[:size]


def _kept(bmc: BmcState, parameter: int, set_selector: int) -> bytes:
    if parameter not in KEPT:
        raise Refused(UNKNOWN_PARAMETER)
    mailbox = parameter == BootParameter.INITIATOR_MAILBOX
    block = set_selector if mailbox else 0
    data = bmc.boot_parameters.get((int(parameter), block), bytes(KEPT[BootParameter(parameter)]))
    return bytes((block,)) + data if mailbox else data


def _acknowledge(old: BootInfoAcknowledge, data: bytes) -> BootInfoAcknowledge:
    """Only the bits under the write mask change, and the mask itself is not kept."""
    new = BootInfoAcknowledge.decode(data)
    bits = old.encode()[1] & ~new.write_mask | new.encode()[1] & new.write_mask
    return BootInfoAcknowledge.decode(bytes((0, bits)))


def _progress(bmc: BmcState) -> SetProgress:
    """In progress as long as the session that said so lives: a console that dies must not lock the rest out."""
    return SetProgress.IN_PROGRESS if bmc.boot_setter in bmc.sessions else SetProgress.COMPLETE


def _set_progress(bmc: BmcState, request: SetInProgress, session: BmcSession) -> None:
    if request.state == SetProgress.IN_PROGRESS:
        if bmc.boot_setter in bmc.sessions and bmc.boot_setter != session.session_id:
            raise Refused(SOMEBODY_ELSE)
        bmc.boot_setter = session.session_id
    elif request.state == SetProgress.COMPLETE:
        bmc.boot_setter = 0
    else:  # nothing is set aside here, so there is nothing to commit
        raise Refused(CompletionCode.INVALID_FIELD)
