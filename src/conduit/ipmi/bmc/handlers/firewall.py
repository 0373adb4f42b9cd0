"""The firmware firewall (section 21): says truly which commands there are. None of them can be switched off."""

from __future__ import annotations

from conduit.ipmi.bmc.handlers.channel import resolve
from conduit.ipmi.bmc.handlers.registry import HANDLERS, Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.commands.firewall import (
    LUNS,
    MASK_SIZE,
    SUBFUNCTIONS_SIZE,
    CommandMask,
    CommandsAddress,
    GetCommandEnables,
    GetCommandSupport,
    GetConfigurableCommands,
    GetConfigurableSubfunctions,
    GetNetFnSupport,
    GetSubfunctionEnables,
    GetSubfunctionSupport,
    LunSupport,
    NetFnSupport,
    SetCommandEnables,
    SetSubfunctionEnables,
    SubfunctionMask,
)
from conduit.rmcp.command import NoData

CANNOT_SWITCH_OFF = 0x80
ALL_ON = b"\xff" * SUBFUNCTIONS_SIZE


def _mask(of: CommandsAddress, body: bytes) -> bytes:
    """A bit for each command that has a handler."""
    resolve(of.channel)
    bits = 0
    for netfn, command, group in HANDLERS:
        here = netfn | 1 == of.netfn | 1 and not of.lun and (command >= 0x80) == of.upper
        if here and (group is None or body[:1] == bytes((group,))):
            bits |= 1 << (command & 0x7F)
    return bits.to_bytes(MASK_SIZE, "little")


@handles(GetNetFnSupport)
def get_netfn_support(bmc: BmcState, request: GetNetFnSupport, session: BmcSession, now: float) -> NetFnSupport:
    """LUN 0 has all there is."""
    resolve(request.channel)
    pairs = sum(1 << pair for pair in {netfn // 2 for netfn, _, _ in HANDLERS})
    none = (LunSupport.NONE,) * (LUNS - 1)
    return NetFnSupport(luns=(LunSupport.BASE, *none), pairs=(pairs, 0, 0, 0))


@handles(GetCommandSupport)
def get_command_support(bmc: BmcState, request: GetCommandSupport, session: BmcSession, now: float) -> CommandMask:
    """A bit for each command that is *not* there."""
    return CommandMask(mask=bytes(~byte & 0xFF for byte in _mask(request.of, request.body)))


@handles(GetConfigurableCommands)
def get_configurable(bmc: BmcState, request: GetConfigurableCommands, session: BmcSession, now: float) -> CommandMask:
    """None."""
    resolve(request.of.channel)
    return CommandMask(mask=bytes(MASK_SIZE))


@handles(GetCommandEnables)
def get_enables(bmc: BmcState, request: GetCommandEnables, session: BmcSession, now: float) -> CommandMask:
    """All that are there."""
    return CommandMask(mask=_mask(request.of, request.body))


@handles(SetCommandEnables)
def set_enables(bmc: BmcState, request: SetCommandEnables, session: BmcSession, now: float) -> NoData:
    """Leaving everything on is all that can be done."""
    if request.mask != _mask(request.of, request.body):
        raise Refused(CANNOT_SWITCH_OFF)
    return NoData()


@handles(GetSubfunctionSupport)
def get_subfunctions(bmc: BmcState, request: GetSubfunctionSupport, session: BmcSession, now: float) -> SubfunctionMask:
    """A command that is there has all of its functions."""
    return SubfunctionMask(mask=bytes(SUBFUNCTIONS_SIZE))


@handles(GetConfigurableSubfunctions)
def get_configurable_subfunctions(
    bmc: BmcState, request: GetConfigurableSubfunctions, session: BmcSession, now: float
) -> SubfunctionMask:
    """None."""
    return SubfunctionMask(mask=bytes(SUBFUNCTIONS_SIZE))


@handles(GetSubfunctionEnables)
def get_subfunction_enables(
    bmc: BmcState, request: GetSubfunctionEnables, session: BmcSession, now: float
) -> SubfunctionMask:
    """All."""
    return SubfunctionMask(mask=ALL_ON)


@handles(SetSubfunctionEnables)
def set_subfunction_enables(bmc: BmcState, request: SetSubfunctionEnables, session: BmcSession, now: float) -> NoData:
    """Leaving everything on is all that can be done."""
    if request.mask[:SUBFUNCTIONS_SIZE] != ALL_ON:
        raise Refused(CANNOT_SWITCH_OFF)
    return NoData()
