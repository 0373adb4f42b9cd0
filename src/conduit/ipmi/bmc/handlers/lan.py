"""LAN configuration (section 23)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.handlers.channel import resolve
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.lan_settings import READ_ONLY_PARAMETERS
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.commands.lan import (
    LAN_PARAMETERS,
    BmcArpStatus,
    GetLanConfiguration,
    GetLanStatistics,
    LanConfiguration,
    LanStatistics,
    SetLanConfiguration,
    SuspendBmcArps,
)
from conduit.ipmi.commands.lan_access import AuthTypeEnables, LanSetInProgress
from conduit.ipmi.commands.lan_ipv6 import Ipv6AddressStatus, Ipv6StaticAddress
from conduit.ipmi.commands.lan_parameters import AddressSource, ArpControl, IpAddressSource
from conduit.ipmi.commands.lan_shapes import BlocksShape, LanParameter, LanValue
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData

UNKNOWN_PARAMETER: Final = 0x80
SOMEBODY_ELSE: Final = 0x81
CANNOT_WRITE: Final = 0x82


def _require_lan(channel: int) -> None:
    if resolve(channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)


@handles(GetLanConfiguration)
def get_lan_configuration(
    bmc: BmcState, request: GetLanConfiguration, session: BmcSession, now: float
) -> LanConfiguration:
    """One parameter."""
    _require_lan(request.channel)
    if request.parameter == LanParameter.SET_IN_PROGRESS:
        value: LanValue | None = LanSetInProgress(state=_progress(bmc))
    elif bmc.lan.has(request.parameter):
        value = bmc.lan.get_for(session.session_id, request.parameter, request.set_selector)
    else:
        raise Refused(UNKNOWN_PARAMETER)
    if value is None or (isinstance(value, BlocksShape) and value.block != request.block_selector):
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    return LanConfiguration(data=b"" if request.revision_only else value.encode())


@handles(SetLanConfiguration)
def set_lan_configuration(bmc: BmcState, request: SetLanConfiguration, session: BmcSession, now: float) -> NoData:
    """Take one parameter over; within "set in progress" of a BMC that can roll back, only once it is committed."""
    _require_lan(request.channel)
    try:
        if request.parameter == LanParameter.SET_IN_PROGRESS:
            _set_progress(bmc, LanSetInProgress.decode(request.data), session)
            return NoData()
        if not bmc.lan.has(request.parameter):
            raise Refused(UNKNOWN_PARAMETER)
        if request.parameter in READ_ONLY_PARAMETERS:
            raise Refused(CANNOT_WRITE)
        value = LAN_PARAMETERS[request.parameter].decode(request.data)
    except DecodeError:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID) from None
    bmc.lan.set(_checked(bmc, value), later=bmc.config.network.rollback and bmc.lan.setter == session.session_id)
    return NoData()


def _checked(bmc: BmcState, value: LanValue) -> LanValue:
    """*value* as it is kept. :raises Refused: it is none that this BMC takes."""
    if bmc.lan.get(value.PARAMETER, value.encode()[0]) is None:
        raise Refused(CompletionCode.PARAMETER_OUT_OF_RANGE)
    match value:
        case AuthTypeEnables():
            possible = sum(1 << kind for kind in bmc.config.lan.auth_types)
            if any(level & ~possible for level in value.levels):
                raise Refused(CompletionCode.INVALID_FIELD)
        case IpAddressSource() if value.source not in (AddressSource.STATIC, AddressSource.DHCP, AddressSource.BIOS):
            raise Refused(CompletionCode.INVALID_FIELD)
        case Ipv6StaticAddress():
            return replace(value, status=Ipv6AddressStatus.ACTIVE if value.enabled else Ipv6AddressStatus.DISABLED)
    return value


def _progress(bmc: BmcState) -> SetProgress:
    """In progress as long as the session that said so lives."""
    return SetProgress.IN_PROGRESS if bmc.lan.setter in bmc.sessions else SetProgress.COMPLETE


def _set_progress(bmc: BmcState, request: LanSetInProgress, session: BmcSession) -> None:
    lan = bmc.lan
    if lan.setter in bmc.sessions and lan.setter != session.session_id:
        raise Refused(SOMEBODY_ELSE)
    match request.state:
        case SetProgress.IN_PROGRESS:
            lan.discard()  # of a session that died
            lan.setter = session.session_id
        case SetProgress.COMPLETE:
            lan.discard()
            lan.setter = 0
        case SetProgress.COMMIT_WRITE if bmc.config.network.rollback:
            lan.commit()
        case _:
            raise Refused(CompletionCode.INVALID_FIELD)


@handles(SuspendBmcArps)
def suspend_arps(bmc: BmcState, request: SuspendBmcArps, session: BmcSession, now: float) -> BmcArpStatus:
    """Note it; loopback needs no ARP."""
    _require_lan(request.channel)
    bmc.lan.suspended = ArpControl(responses=request.suspend_responses, gratuitous=request.suspend_gratuitous)
    control = bmc.lan.get(LanParameter.ARP_CONTROL)
    allowed = control if isinstance(control, ArpControl) else ArpControl()
    return BmcArpStatus(
        responses=allowed.responses and not request.suspend_responses,
        gratuitous=allowed.gratuitous and not request.suspend_gratuitous,
    )


@handles(GetLanStatistics)
def get_statistics(bmc: BmcState, request: GetLanStatistics, session: BmcSession, now: float) -> LanStatistics:
    """Datagrams, as the machine that carries them counts them."""
    _require_lan(request.channel)
    received = min(bmc.datagrams - bmc.datagrams_cleared, 0xFFFF)
    if request.clear:
        bmc.datagrams_cleared = bmc.datagrams
    return LanStatistics(ip_received=received, udp_received=received, rmcp_received=received, ip_sent=received)
